/* reach.h - a sandbox in network mode `proxy`, outwards: its listeners go to gate, what it may do to
 * vault, and both to keep, so that they are there again after any of them (or launch) was restarted.
 *
 * A struct box has one; all functions do nothing for a sandbox without.
 */
#pragma once
#include "box/listen.h"
#include "link/launch.h"
#include "net/peer.h"

struct box;
struct boxes;

struct reach {
        bool on;
        int listeners[LISTEN_PORTS]; /* -1: not there (yet) */
        int registration;            /* sealed memfd: an encoded vault_sandbox */
};

void reach_init(struct reach *r);
void reach_done(struct reach *r);
/* From the specification. */
MUST_CHECK int reach_prepare(struct reach *r, const struct launch_spec *spec, struct err *err);
/* The listeners have come from inside; taken from fds. -EPROTO when they are not expected. */
MUST_CHECK int reach_take(struct reach *r, int *fds, uint32_t n);
/* Before the command is released: tells keep, vault and gate; fn is called once for each question
 * asked, their number is returned. */
MUST_CHECK int reach_open(struct box *b, peer_answer_fn fn, struct err *err);
/* A sandbox of which launch knew nothing any more: asks keep for it. */
void reach_adopt(struct box *b);
/* Another policy: vault takes it, then keep, then rq is answered. */
void reach_replace(struct box *b, struct slice policy, struct peer_request *rq);
/* The sandbox is over. */
void reach_close(struct box *b);
/* A new link to that role is there. */
void boxes_vault_up(struct boxes *all);
void boxes_gate_up(struct boxes *all);
/* Tells vault that all sandboxes have been named, once that is so. */
void boxes_reach_synced(struct boxes *all);
void reach_keep(struct box *b); /* keep was restarted */
