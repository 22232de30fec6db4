/* ws.h - the server's end of a WebSocket (RFC 6455) that carries bytes: wslay does the framing,
 * this holds it to what a stream of ours is. No socket, no time.
 *
 *     r = ws_handshake(rq, "paddock-stream.1", err);     headers of the answer are added; -EINVAL
 *     struct ws *w = ws_new(sink, ctx);
 *     r = ws_feed(w, p, n);            payload of binary messages goes to sink, pings are answered
 *     ws_send(w, p, n);                one binary message
 *     ws_flush(w, &out);               what has to go over the wire, appended to out
 *     ws_end(w, WS_DONE, "");          a close frame, behind all that was sent
 *
 * The bounds of a client's messages mean nothing: what it sends is one stream of bytes. A message
 * of ours holds whole frames of the protocol.
 */
#pragma once
#include "base/buf.h"
#include "net/httpd.h"

enum ws_code { WS_DONE = 1000, WS_GOING = 1001, WS_PROTOCOL = 1002, WS_KIND = 1003, WS_BAD = 1008 };

struct ws;
/* Negative: no more is taken. */
typedef int (*ws_sink_fn)(void *ctx, const void *p, size_t n);

/* Is it asked for a WebSocket at all? */
bool ws_asked(const struct http_req *rq);
/* 0: the headers of the answer were added, http_upgrade(rq, "websocket", ...) may follow. */
MUST_CHECK int ws_handshake(struct http_req *rq, const char *protocol, struct err *err);
/* "258EAFA5..." over the key; the answer's Sec-WebSocket-Accept. */
void ws_accept(const char *key, char ret[29]);

struct ws *ws_new(ws_sink_fn sink, void *ctx); /* never NULL */
void ws_free(struct ws *w);                    /* NULL is fine */
/* -EPIPE: the peer has said goodbye, or broke the protocol: flush, then hang up. -ENOMEM. */
MUST_CHECK int ws_feed(struct ws *w, const void *p, size_t n);
MUST_CHECK int ws_send(struct ws *w, const void *p, size_t n);
void ws_ping(struct ws *w);
/* 0, or -E2BIG when `out` is full: the rest comes with the next call. */
MUST_CHECK int ws_flush(struct ws *w, struct buf *out);
/* So much waits to be flushed that nothing should be fed: a peer that pings and does not read. */
bool ws_busy(const struct ws *w);
/* The peer has said goodbye. */
bool ws_over(const struct ws *w);
void ws_end(struct ws *w, enum ws_code code, const char *reason);
