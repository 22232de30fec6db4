/* desk.h - the vault's own socket: operators hand in secrets here (link/desk.h). */
#pragma once
#include "net/peer.h"
#include "vault/safe.h"

struct desk;
struct audit;
struct desk_config {
        struct loop *loop;
        uint32_t uid; /* who may come, beside root */
        /* The store; NULL with the reason while there is none (a credential that did not come). */
        struct safe *(*store)(void *ctx, struct err *err);
        /* Host and form of a route's secret when they were not given; false: no such route. */
        bool (*binding)(void *ctx, struct desk_secret *d);
        struct audit *(*audit)(void *ctx); /* NULL: there is none */
        void (*changed)(void *ctx, const char *verb, const char *name, bool done);
        void *ctx;
};
struct desk *desk_new(const struct desk_config *c);
void desk_listen(struct desk *d, int fd); /* owns fd */
void desk_free(struct desk *d);           /* NULL is fine */

/* ---- for those who come by another way (vault/post.c) ---- */
/* DESK_SET or DESK_ROTATE; `setter`: whose a file secret is that names nobody. It is told to
 * `changed`, done or not. */
MUST_CHECK int desk_store(struct desk *d, uint32_t verb, const char *setter,
                          const struct desk_secret *s, struct err *err);
MUST_CHECK int desk_remove(struct desk *d, const char *name, struct err *err);
/* The first of the secrets; -ENOKEY while the vault is locked. *ret may be NULL: none. */
MUST_CHECK int desk_first(struct desk *d, const struct secret **ret, struct err *err);
/* What seals them, NULL while there is none. */
const struct seal *desk_seal(struct desk *d);
