/* The writers of h1.h. */
#include "net/h1.h"

int h1_put_request(struct buf *b, const char *method, const char *target)
{
        if (!h1_is_token(method) || !h1_is_target(target))
                return -EINVAL;
        return buf_addf(b, "%s %s HTTP/1.1\r\n", method, target);
}

int h1_put_status(struct buf *b, unsigned status, const char *reason)
{
        if (status < 100 || status > 599 || !h1_is_value(reason))
                return -EINVAL;
        return buf_addf(b, "HTTP/1.1 %u %s\r\n", status, reason);
}

int h1_put_field(struct buf *b, const char *name, const char *value)
{
        if (!h1_is_token(name) || !h1_is_value(value))
                return -EINVAL;
        size_t before = b->len;
        int r = buf_adds(b, name);
        r = r < 0 ? r : buf_add(b, ": ", 2);
        r = r < 0 ? r : buf_adds(b, value);
        r = r < 0 ? r : buf_add(b, "\r\n", 2);
        if (r < 0)
                b->len = before;
        return r;
}

int h1_put_end(struct buf *b)
{
        return buf_adds(b, "\r\n");
}

int h1_put_chunk(struct buf *b, const void *p, size_t n)
{
        size_t before = b->len;
        if (n == 0)
                return -EINVAL; /* would end the body */
        int r = buf_addf(b, "%zx\r\n", n);
        r = r < 0 ? r : buf_add(b, p, n);
        r = r < 0 ? r : buf_adds(b, "\r\n");
        if (r < 0)
                b->len = before;
        return r;
}

int h1_put_last_chunk(struct buf *b)
{
        return buf_adds(b, "0\r\n");
}
