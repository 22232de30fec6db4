/* boxes.h - the sandboxes that launch has registered, what each may do, and the connections that
 * were dialed for it.
 *
 * The vault keeps a copy of every connection's descriptor: so it sees the end of it, and may cut it
 * although the gate holds it too.
 */
#pragma once
#include "link/vault.h"
#include "net/loop.h"
#include "vault/policy.h"

#define VBOX_BUCKETS 1024

struct flow_use {
        uint64_t up, down, us; /* bytes of the sandbox and of the other side; how long */
};
struct vbox {
        struct vbox *next, **at;
        struct vbox *same_hash;
        struct vboxes *all;
        size_t n_flows;
        char id[ID_TEXT_LEN + 1];
        char owner[NAME_TEXT_MAX + 1];
        struct policy *policy;
        char *text; /* it was parsed from */
        size_t text_n;
        struct flow *flows;
};
struct flow;
struct vboxes {
        struct loop *loop;
        /* A connection is over: what it carried, and why when not by itself. May be NULL. */
        void (*flow_ended)(void *ctx, const struct flow *f, const struct flow_use *u,
                           const char *why);
        void *ctx;
        uint64_t idle_ms; /* a connection on which nothing moves for so long is cut; 0: never */
        struct loop_timer *look;
        size_t n_flows;
        struct vbox *first;
        struct vbox *buckets[VBOX_BUCKETS]; /* by id */
        size_t n;
        bool synced; /* launch has named all that run */
        struct vwait *waiting;
        struct loop_timer *sync_timer;
};

/* What one connection was for. */
struct flow {
        struct flow *next, **at;
        uint64_t began_us;
        struct vbox *box;
        int fd;
        struct loop_io *io;
        char host[HOST_TEXT_MAX + 1];
        bool literal;
        uint32_t port;
};

void vboxes_init(struct vboxes *v, struct loop *l);
void vboxes_done(struct vboxes *v);
struct vbox *vbox_find(struct vboxes *v, const char *id); /* NULL = unknown */
/* Adds or replaces; connections that the new policy does not allow are cut. */
MUST_CHECK int vboxes_add(struct vboxes *v, const struct vault_sandbox *s, struct err *err);
void vboxes_remove(struct vboxes *v, const char *id);
/* Calls fn as soon as it is known whether there is that sandbox: at once, when launch names it, or
 * when launch has named all (or does not come): a restarted vault knows none at first. */
void vboxes_when_known(struct vboxes *v, const char *id, void (*fn)(void *ctx), void *ctx);
void vboxes_synced(struct vboxes *v);
/* Cuts everything: whoever held the other copies is gone. */
void vboxes_cut_all(struct vboxes *v);
/* Notes a connection; keeps a copy of fd. */
MUST_CHECK int vbox_flow(struct vboxes *v, struct vbox *b, int fd, const char *host, bool literal,
                         uint32_t port);
