/* egress.h - connections that gate asks for: each is decided here, by what launch said of the sandbox,
 * then resolved, checked and made; only then gate gets it.
 */
#pragma once
#include "link/vault.h"
#include "net/peer.h"
#include "role/routes.h"
#include "vault/audit.h"
#include "vault/boxes.h"
#include "vault/counters.h"
#include "vault/dial.h"

struct egress {
        struct vboxes *boxes;
        struct dialer *dialer;
        const struct routes *routes;
        struct counters *counters;
        struct audit *audit; /* NULL: none */
};

/* Answers rq. */
void egress_dial(struct egress *e, struct peer_request *rq, const struct vault_dial *q);
/* For vboxes.flow_ended; ctx: the egress. */
void egress_ended(void *egress, const struct flow *f, const struct flow_use *u, const char *why);
