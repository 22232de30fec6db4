/* dial.h - a TCP connection to a host that policy has allowed: resolved, every address checked
 * against the ranges that are never reached, connected to exactly what was checked.
 */
#pragma once
#include "vault/resolve.h"

struct dialer {
        struct loop *loop;
        struct resolver *resolver;
        struct networks private_ok; /* listed by the operator: reached although internal */
};
struct dial;

/* fd (owned by the callee from then on) or a negative errno with the reason: -EACCES when all its
 * addresses are internal, -ENOENT no such name, -ETIMEDOUT, or what connect(2) said. */
typedef void (*dial_fn)(void *ctx, int fd, const struct err *err);

/* host as host_canonical leaves it. fn is called once, from the loop, unless cancelled before. */
struct dial *dial_start(struct dialer *d, const char *host, bool literal, uint16_t port, dial_fn fn,
                        void *ctx);
void dial_cancel(struct dial *d); /* NULL is fine */
