/* peer.h - the other end of a link, on the event loop: calls with answers, handlers for its verbs.
 *
 * Life cycle: peer_new takes the descriptor; when the link ends (the other role died, or one side
 * broke the protocol) every call in flight gets exactly one answer with -EPIPE, then `closed` is
 * called once, from the loop. The owner may free the peer there or later.
 *
 *     peer_call(p, LAUNCH_CREATE, &req, fds, n, on_created, ctx);
 *
 * The reply callback is called once per part, the last time with more = false, or once with a
 * negative status and the reason in err. It is never called from inside peer_call.
 * A handler answers now or later, exactly once (peer_reply with more = false, or peer_fail). A part
 * that cannot be sent (a value that breaks its table, no descriptor left) becomes the failure that
 * ends the answer; the handler goes on to its last part all the same, unheard.
 *
 * A request beyond LINK_FLIGHT_MAX is refused with -EBUSY, one that cannot be sent with its errno
 * (through the callback). The answering side counts too: who has more open, or does not read his
 * answers, loses the link.
 */
#pragma once
#include "link/link.h"
#include "net/loop.h"

struct peer;
struct peer_request; /* one request being answered */

struct peer_answer {
        int status;      /* 0 or negative errno */
        const void *rep; /* the decoded struct, NULL when status < 0; lives during the call */
        int *fds;        /* take one with TAKE_FD; what is left is closed afterwards */
        uint32_t n_fds;
        bool more;             /* further parts follow */
        const struct err *err; /* set when status < 0 */
};
typedef void (*peer_answer_fn)(void *ctx, const struct peer_answer *a);

/* req is the decoded struct and lives during the call only; take descriptors with TAKE_FD. For an
 * event rq is NULL. */
typedef void (*peer_handler_fn)(void *ctx, struct peer_request *rq, const void *req, int *fds,
                                uint32_t n_fds);
struct peer_handler {
        uint32_t verb;
        peer_handler_fn fn;
};
struct peer_ops {
        const struct link_spec *spec;
        const struct peer_handler
                *handlers;         /* ends with {0, NULL}; NULL: this side answers nothing */
        void (*closed)(void *ctx); /* may be NULL */
};

/* Owns fd. ops and ctx outlive the peer. Never NULL. */
struct peer *peer_new(struct loop *l, int fd, const struct peer_ops *ops, void *ctx);
/* NULL is fine. Calls in flight are answered with -ECANCELED before it returns. */
void peer_free(struct peer *p);
bool peer_alive(const struct peer *p); /* NULL: false */
/* Asks; p must not be NULL. On a dead peer fn gets -EPIPE, from the loop as always. */
void peer_call(struct peer *p, uint32_t verb, const void *req, const int *fds, uint32_t n_fds,
               peer_answer_fn fn, void *ctx); /* borrows fds (they are duplicated) */
/* Sends an event; false when the link is gone. Borrows fds. */
bool peer_event(struct peer *p, uint32_t verb, const void *req, const int *fds, uint32_t n_fds);

void peer_reply(struct peer_request *rq, const void *rep, const int *fds, uint32_t n_fds,
                bool more);
PRINTF_LIKE(3, 4) void peer_fail(struct peer_request *rq, int code, const char *fmt, ...);
void peer_fail_err(struct peer_request *rq, const struct err *err);
/* True while the asker can still get an answer (a long job may stop early when not). */
bool peer_request_alive(const struct peer_request *rq);
