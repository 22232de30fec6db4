/* channel.h - the socket of an attached client, which carries frames of net/stream.h: as they are
 * (`Upgrade: paddock-stream/1`), or as binary messages of a WebSocket (sub-protocol
 * `paddock-stream.1`), over TCP, TLS or a Unix socket.
 *
 *     r = channel_asked(rq, &kind, err);      what the request wants; -EINVAL
 *     channel_open(&ch, kind, fd);            owns fd
 *     r = channel_take(&ch, &in);             appends what came; 0, or negative: the client is gone
 *     r = channel_give(&ch, &out);            consumes what could be sent of whole frames
 *     channel_end(&ch, WS_DONE);              nothing follows; then wait for the client to close
 */
#pragma once
#include "net/ws.h"

enum channel_kind { CHANNEL_RAW, CHANNEL_WS };

struct channel {
        int fd; /* -1: not open */
        enum channel_kind kind;
        struct ws *ws;
        struct buf wire; /* WebSocket: what has to go out */
        struct buf *in;  /* during channel_take */
        uint64_t got;    /* bytes that came since the last ping */
        unsigned silent; /* pings since anything came */
};

/* 0 and the headers of the answer are added; -EINVAL with the reason. */
MUST_CHECK int channel_asked(struct http_req *rq, enum channel_kind *ret, struct err *err);
/* The word for http_upgrade. */
const char *channel_protocol(enum channel_kind kind);
void channel_init(struct channel *ch); /* not open */
MUST_CHECK int channel_open(struct channel *ch, enum channel_kind kind, int fd);
void channel_close(struct channel *ch); /* also one that is not open */
/* One read; `in` keeps what does not fit out of it by refusing: -ENOMEM. 1: something came. */
MUST_CHECK int channel_take(struct channel *ch, struct buf *in);
/* What came with the request. */
MUST_CHECK int channel_early(struct channel *ch, struct buf *in, const char *p, size_t n);
MUST_CHECK int channel_give(struct channel *ch, struct buf *out);
bool channel_pending(const struct channel *ch); /* bytes wait for the socket */
/* A peer that pings without reading is not read. */
bool channel_takes(const struct channel *ch);
/* Every CHANNEL_PING_MS; false: nothing has come for too long. No effect on a raw one. */
#define CHANNEL_PING_MS 20000
MUST_CHECK bool channel_ping(struct channel *ch);
/* Behind all that was given. */
void channel_end(struct channel *ch, enum ws_code code);
/* All is sent: the client is told that it may close. */
void channel_hang_up(struct channel *ch);
/* Reads and drops, until the client has closed: 0, or negative. */
MUST_CHECK int channel_drain(struct channel *ch);
