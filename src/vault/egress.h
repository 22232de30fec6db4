/* egress.h - connections that gate asks for: each is decided here, by what launch said of the sandbox,
 * then resolved, checked and made; only then gate gets it.
 */
#pragma once
#include "link/vault.h"
#include "net/peer.h"
#include "vault/boxes.h"
#include "vault/dial.h"

struct wish;
struct egress {
        struct vboxes *boxes;
        struct dialer *dialer;
        struct wish *waiting; /* asked before launch had named all sandboxes */
        struct loop_timer *sync_timer;
};

/* Answers rq. */
void egress_dial(struct egress *e, struct peer_request *rq, const struct vault_dial *q);
/* launch has named a sandbox, or all of them (boxes->synced): those who waited are decided. */
void egress_known(struct egress *e);
void egress_done(struct egress *e);
