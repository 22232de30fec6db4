/* sse.h - server-sent events, read from a body as it comes. */
#pragma once
#include "base/buf.h"
#include "link/wire.h" /* struct slice */

struct sse {
        struct buf line, event, data;
};
struct sse_event {
        const char *event; /* "message" when it was not named */
        const char *data;  /* lines joined by newlines */
};

void sse_init(struct sse *s);
void sse_done(struct sse *s);
/* Consumes from *in. 1: *ret, valid until the next call; 0: give more; -EPROTO: a line or an event
 * too long. */
MUST_CHECK int sse_next(struct sse *s, struct slice *in, struct sse_event *ret);
