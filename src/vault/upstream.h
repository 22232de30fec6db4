/* upstream.h - connections to the upstreams of routes: dialed, TLS put on, kept for reuse.
 */
#pragma once
#include "net/tls.h"
#include "role/routes.h"
#include "vault/dial.h"

struct upstreams {
        struct dialer *dialer;   /* borrowed */
        struct tls_context *tls; /* made when it is first needed: it reads all authorities */
        int ca_fd;               /* further authorities; -1 */
        struct idle *first;
        size_t n_idle;
};
struct upcall; /* a connection on its way */
typedef void (*upstream_fn)(void *ctx, struct conn *c, const struct err *err);

/* A kept connection, NULL when there is none. */
struct conn *upstream_take(struct upstreams *u, const struct route *r);
/* A new one; fn is called once, from the loop, unless cancelled before. */
struct upcall *upstream_dial(struct upstreams *u, const struct route *r, upstream_fn fn, void *ctx);
void upstream_cancel(struct upcall *c); /* NULL is fine */
/* For another request later. */
void upstream_give(struct upstreams *u, const struct route *r, struct conn *c);
void upstreams_done(struct upstreams *u);
/* Why a connection does not work, as far as TLS says; "" else. */
const char *upstream_trouble(const struct route *r, const struct conn *c);
