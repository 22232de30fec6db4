/* role.h - the life of a role process: the same for keep, launch, vault, gate, api and rag.
 *
 *     static const struct role rag = { .name = "rag", .peers = peers, .start = rag_start, ... };
 *     int main(void) { return role_main(&rag); }
 *
 * role_main runs: descriptor 3 is the control link of serve (link/serve.h); logging is set up; the
 * SETTINGS message is read; the role's part of the confinement that can only be had after exec
 * (Landlock, seccomp; role/table.h has the row) is applied, and only then is the first byte of a
 * peer read; `start` is called; READY is sent; the loop runs until DRAIN is done or serve is gone.
 *
 * When another role restarts, serve sends a new link end: the old peer is freed (calls in flight
 * answered with -EPIPE or, where the end of the old link was not seen yet, -ECANCELED) and
 * `peer_up` is called with the new one.
 */
#pragma once
#include "net/loop.h"
#include "net/peer.h"

struct role_run; /* one per process */

struct role_peer {
        const char *name;           /* the other role */
        const struct peer_ops *ops; /* closed may be NULL: role_peer() then simply returns NULL */
};

struct role {
        const char *name;
        const struct role_peer *peers; /* ends with {NULL, NULL} */
        /* After confinement, before READY. ctx is given to every handler and callback below. */
        int (*start)(struct role_run *run, void **ret_ctx, struct err *err);
        void (*peer_up)(void *ctx, const char *name, struct peer *p); /* may be NULL */
        void (*listener)(void *ctx, const char *name, int fd);        /* owns fd; may be NULL */
        /* Asked to finish; calls role_drained() when nothing is in flight. NULL: at once. */
        void (*drain)(void *ctx);
        /* Settings were reloaded; read them again. May be NULL. */
        void (*reload)(void *ctx);
};

int role_main(const struct role *r); /* the exit status */

struct loop *role_loop(struct role_run *run);
/* The role's own directory, mode 0700 and empty at first: "/state" as an open descriptor. */
int role_state_fd(struct role_run *run);
/* The value of a configuration option as text, validated by serve; "" when there is none. Valid
 * until the next reload: keep a copy, not the pointer. */
const char *role_setting(struct role_run *run, const char *name);
uint64_t role_setting_u64(struct role_run *run, const char *name);
bool role_setting_bool(struct role_run *run, const char *name);
/* The live link to another role, or NULL while that role is away. */
struct peer *role_peer(struct role_run *run, const char *name);
struct peer *role_serve(struct role_run *run); /* the control link; only api asks there */
/* During drain: sandboxes end too (`paddock stop --all`). */
bool role_stopping_all(struct role_run *run);
void role_drained(struct role_run *run);
/* True when this installation runs as root; false: everything is one ordinary user's. */
bool role_rootful(struct role_run *run);
