/* relay.h - HTTP messages from one connection to another, one exchange after the other: requests
 * from `down` to `up`, responses back. Both sides are parsed by net/h1.h and written anew, so that
 * nothing passes that two programs could read differently; bodies go on as they come.
 *
 * The owner decides about heads:
 *     request    a request's head has come; it lives until the exchange is over. The owner calls
 *                relay_go (now or later) or relay_refuse.
 *     response   the head of a response, interim ones included: puts it into `out` by relay_put_*.
 *                Negative: it must not pass; the owner has called relay_refuse or gets `failed`.
 *     body       bytes that pass, for whoever reads along; may be NULL. Negative: cut here.
 *     trailer    true: that field of the trailers does not pass, as it would not in the head; fields
 *                about the connection never do. May be NULL.
 *     done       an exchange is over. `reusable`: up may carry another one. up may be taken away.
 *     failed     upstream ended or broke the protocol before a byte of the response went down: the
 *                owner answers by relay_refuse.
 *     ended      nothing more will happen: the owner frees the relay. Called last.
 * None of them but `ended` may free the relay.
 */
#pragma once
#include "net/conn.h"
#include "net/h1.h"

enum relay_state { RELAY_HEAD, RELAY_ASKED, RELAY_BODIES, RELAY_CLOSING };

struct relay_ops {
        void (*request)(void *ctx, const struct h1_head *h);
        int (*response)(void *ctx, const struct h1_head *h, struct buf *out);
        int (*body)(void *ctx, bool up, struct slice data);
        bool (*trailer)(void *ctx, bool up, const char *name);
        void (*done)(void *ctx, bool reusable);
        void (*failed)(void *ctx, const struct err *err);
        void (*ended)(void *ctx);
};

struct relay {
        const struct relay_ops *ops;
        void *ctx;
        struct conn *down, *up; /* owned; up may be NULL */
        struct h1 req, rsp;
        enum relay_state state;
        bool req_done, rsp_begun, rsp_done;
        bool keep_down; /* the client may send another request afterwards */
        bool req_chunked, rsp_chunked;
        bool req_trailers, rsp_trailers; /* passed, with the last chunk */
        bool up_keeps;                   /* the upstream said that it can go on */
        bool repeated;                   /* the request's end was read before */
        bool running;                    /* inside relay_run */
        struct loop_timer *linger; /* closing: the client may take its time to read the answer */
        bool lingered;
        uint64_t bytes_up, bytes_down; /* bodies of this exchange */
};

/* Takes over `down` and its callback. */
void relay_init(struct relay *r, struct conn *down, const struct relay_ops *ops, void *ctx);
void relay_done(struct relay *r);
/* Looks at both connections and does what can be done; `ended` may be called from inside. Both
 * connections' callback: conn_callback(up, relay_run, r). */
void relay_run(void *relay);

/* The head for upstream has been put into conn_out(up): bodies follow. Takes over up. `chunked`: the
 * request's body is, as relay_put_request says. */
void relay_go(struct relay *r, struct conn *up);
/* From inside `response` (which then returns -ECANCELED) or `failed`, while nothing of a response
 * has gone down and the request is out and had no body: it will be sent again. The owner calls
 * relay_go once more. */
bool relay_can_repeat(const struct relay *r);
void relay_repeat(struct relay *r);
/* Answers the client itself and closes: the bytes are a whole response. */
void relay_refuse(struct relay *r, const void *p, size_t n);
/* As relay_refuse behind a response that has begun: the client sees a cut, never a clean end. */
void relay_cut(struct relay *r);

/* True for fields that are about this connection and not about the message. */
bool relay_is_hop(const struct h1_head *h, const char *name);
/* Whether the response to a client of HTTP/1.`minor` is sent in chunks. Puts "transfer-encoding" and
 * "connection" as needed and the empty line. */
MUST_CHECK int relay_put_response_end(struct relay *r, const struct h1_head *h, struct buf *out);
MUST_CHECK int relay_put_request_end(const struct h1_head *h, struct buf *out);
/* All fields but those about the connection and those that `skip` names (may be NULL). */
MUST_CHECK int relay_put_fields(const struct h1_head *h, struct buf *out,
                                bool (*skip)(void *ctx, const char *name), void *ctx);
