/* vault.h - the vault as a whole: what the role's main runs and tests run in their own process.
 *
 *     vault_new(&config, &v, err);
 *     peer_new(loop, fd, vault_ops("gate"), v);
 */
#pragma once
#include "net/peer.h"

struct vault; /* opaque */

struct vault_config {
        struct loop *loop;
        int state_fd;                                        /* borrowed */
        const char *(*setting)(void *ctx, const char *name); /* "" when there is none */
        void *ctx;
};

MUST_CHECK int vault_new(const struct vault_config *c, struct vault **ret, struct err *err);
void vault_free(struct vault *v); /* NULL is fine; its peers are freed before */
DEFINE_CLEANUP(struct vault *, vault_free);
void vault_reload(struct vault *v);
/* What serve hands over: "desk", "credential", "ca". Owns fd. */
void vault_listener(struct vault *v, const char *name, int fd);
/* "api", "rag", "gate" or "launch": each has its own verbs; NULL for others. */
const struct peer_ops *vault_ops(const char *asker);
