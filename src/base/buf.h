/* buf.h - bytes that grow up to a maximum given at birth.
 *
 * Used for everything whose size somebody else decides. A buffer never holds more than `max` bytes:
 * what would pass it is refused with -E2BIG and the buffer stays as it was. The content is kept
 * NUL-terminated (the NUL is not counted), so `data` may be read as text. One thread.
 *
 *     CLEANUP(buf_done) struct buf b;
 *     buf_init(&b, HTTP_BODY_MAX);
 *     r = buf_add(&b, p, n);             -E2BIG, -ENOMEM
 *     r = buf_addf(&b, "%d\n", 7);
 *     buf_consume(&b, 10);               drops the first ten bytes
 */
#pragma once
#include "base/err.h"

struct buf {
        char *data;      /* NULL while nothing was added; else NUL-terminated */
        size_t len;      /* bytes held */
        size_t cap, max; /* allocated, allowed (both without the NUL) */
        bool wipes;      /* holds a secret: no memory is given back before it is overwritten */
};

void buf_init(struct buf *b, size_t max); /* max > 0 */
void buf_done(struct buf *b);             /* frees; b may be initialised again */
void buf_clear(struct buf *b);            /* len = 0, memory kept */
MUST_CHECK int buf_add(struct buf *b, const void *p, size_t n);
MUST_CHECK int buf_adds(struct buf *b, const char *s);
MUST_CHECK PRINTF_LIKE(2, 3) int buf_addf(struct buf *b, const char *fmt, ...);
/* Makes room for n more bytes and returns where they go, or NULL (over max or no memory). The
 * caller then sets b->len. */
MUST_CHECK char *buf_room(struct buf *b, size_t n);
void buf_consume(struct buf *b, size_t n); /* n <= len */
/* The text, "" while empty; never NULL, valid until the next call. */
const char *buf_text(const struct buf *b);
/* Gives the memory to the caller (free()); b is empty afterwards. Never NULL. */
char *buf_take(struct buf *b);
