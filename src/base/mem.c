#include "base/mem.h"
#include <stdarg.h>
#include <stdio.h>

NORETURN static void no_memory(size_t size)
{
        fprintf(stderr, "out of memory asking for %zu bytes\n", size);
        abort();
}

void *xmalloc(size_t size)
{
        void *p = malloc(size ? size : 1);
        if (!p)
                no_memory(size);
        return p;
}

void *xcalloc(size_t n, size_t size)
{
        void *p = calloc(n ? n : 1, size ? size : 1);
        if (!p)
                no_memory(n);
        return p;
}

void *xrealloc(void *p, size_t size)
{
        void *q = realloc(p, size ? size : 1);
        if (!q)
                no_memory(size);
        return q;
}

char *xstrdup(const char *s)
{
        return xstrndup(s, strlen(s));
}

char *xstrndup(const char *s, size_t n)
{
        size_t len = strnlen(s, n);
        char *p = xmalloc(len + 1);
        memcpy(p, s, len);
        p[len] = '\0';
        return p;
}

char *xasprintf(const char *fmt, ...)
{
        va_list ap;
        char *s = NULL;
        va_start(ap, fmt);
        int n = vasprintf(&s, fmt, ap);
        va_end(ap);
        if (n < 0)
                no_memory(0);
        return s;
}

#ifdef PADDOCK_TORTURE
static long left;
static bool failed;

void mem_fail_nth(long n)
{
        left = n;
        failed = false;
}

bool mem_has_failed(void)
{
        return failed;
}

static bool fail_this_one(void)
{
        if (left > 0 && --left == 0)
                failed = true;
        else
                return false;
        return true;
}
#else
static bool fail_this_one(void)
{
        return false;
}
#endif

void *mem_try(size_t size)
{
        return fail_this_one() ? NULL : malloc(size ? size : 1);
}

void *mem_retry(void *p, size_t size)
{
        return fail_this_one() ? NULL : realloc(p, size ? size : 1);
}
