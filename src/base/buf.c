#include "base/buf.h"
#include "base/mem.h"
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

void buf_init(struct buf *b, size_t max)
{
        assert(max > 0 && max < SIZE_MAX / 4);
        *b = (struct buf){.max = max};
}

void buf_done(struct buf *b)
{
        if (b->wipes && b->data)
                explicit_bzero(b->data, b->cap + 1);
        free(b->data);
        *b = (struct buf){.max = b->max};
}

void buf_clear(struct buf *b)
{
        b->len = 0;
        if (b->data)
                b->data[0] = '\0';
}

static int grow(struct buf *b, size_t n)
{
        if (n > b->max - b->len)
                return -E2BIG;
        size_t need = b->len + n;
        if (b->data && need <= b->cap)
                return 0;
        size_t cap = b->cap ? b->cap : 64;
        while (cap < need)
                cap *= 2;
        if (cap > b->max)
                cap = b->max;
        char *p = b->wipes ? mem_retry(NULL, cap + 1) : mem_retry(b->data, cap + 1);
        if (!p)
                return -ENOMEM;
        if (b->wipes && b->data) { /* realloc would leave a copy behind */
                memcpy(p, b->data, b->len + 1);
                explicit_bzero(b->data, b->cap + 1);
                free(b->data);
        }
        b->data = p;
        b->cap = cap;
        return 0;
}

int buf_add(struct buf *b, const void *p, size_t n)
{
        int r = grow(b, n);
        if (r < 0)
                return r;
        if (n)
                memcpy(b->data + b->len, p, n);
        b->len += n;
        b->data[b->len] = '\0';
        return 0;
}

int buf_adds(struct buf *b, const char *s)
{
        return buf_add(b, s, strlen(s));
}

int buf_addf(struct buf *b, const char *fmt, ...)
{
        va_list ap;
        size_t room = b->data ? b->cap - b->len : 0;
        va_start(ap, fmt);
        int n = vsnprintf(b->data ? b->data + b->len : NULL, b->data ? room + 1 : 0, fmt, ap);
        va_end(ap);
        if (n < 0)
                return -EINVAL;
        if (b->data && (size_t)n <= room) {
                b->len += (size_t)n;
                return 0;
        }
        if (b->data)
                b->data[b->len] = '\0';
        int r = grow(b, (size_t)n);
        if (r < 0)
                return r;
        va_start(ap, fmt);
        vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
        va_end(ap);
        b->len += (size_t)n;
        return 0;
}

char *buf_room(struct buf *b, size_t n)
{
        return grow(b, n) < 0 ? NULL : b->data + b->len;
}

void buf_consume(struct buf *b, size_t n)
{
        assert(n <= b->len);
        if (!n)
                return;
        memmove(b->data, b->data + n, b->len - n);
        b->len -= n;
        b->data[b->len] = '\0';
}

const char *buf_text(const struct buf *b)
{
        return b->data ? b->data : "";
}

char *buf_take(struct buf *b)
{
        char *p = b->data ? b->data : xstrdup("");
        *b = (struct buf){.max = b->max};
        return p;
}
