/* route_call.h - one request of a role to a server outside, through vault: vault connects, adds the
 * key, checks and counts (VAULT_OPEN in link/vault.h); the role has neither a socket nor a key.
 *
 *     struct route_request q = {.route = "tei", .owner = "u1000", .method = "POST",
 *                               .path = "/v1/embeddings", .body = slice_of(json),
 *                               .fields = "content-type: application/json\r\n"};
 *     call = route_call_new(loop, role_peer(run, "vault"), &q, &ops, ctx);
 *
 * The answer is the upstream's own, status and body as they come (an event stream event by event);
 * what vault refuses is an answer too, with a JSON body that says why. `done` is called exactly once
 * unless the call is freed before; 0: the whole answer has come; else it has not (-EPIPE: vault went
 * away or the upstream was cut; -ENOENT: no such route for this role) and nothing of it is to be
 * relied upon. None of the functions is called from inside route_call_new.
 */
#pragma once
#include "net/h1.h"
#include "net/peer.h"

struct route_call; /* opaque */
struct route_request {
        const char *route, *owner; /* owner: on whose behalf; "" or NULL: Paddock's own */
        const char *method, *path; /* the path below the upstream, query and all */
        const char *fields;        /* "name: value\r\n"...; NULL: none */
        struct slice body;         /* data NULL: none */
};
struct route_call_ops {
        void (*head)(void *ctx, const struct h1_head *h); /* may be NULL; not the interim ones */
        void (*data)(void *ctx, struct slice data);       /* may be NULL */
        void (*done)(void *ctx, int status, const char *why); /* why: "" when 0 */
};

/* Copies q; ops and ctx outlive the call. vault may be NULL or dead: then `done` says so. Never
 * NULL; to be freed by the owner, in `done` or later; earlier it cancels, upstream too. */
struct route_call *route_call_new(struct loop *l, struct peer *vault, const struct route_request *q,
                                  const struct route_call_ops *ops, void *ctx);
/* On a stream that vault gave already; owns fd. */
struct route_call *route_call_on(struct loop *l, int fd, const struct route_request *q,
                                 const struct route_call_ops *ops, void *ctx);
void route_call_free(struct route_call *c); /* NULL is fine */
