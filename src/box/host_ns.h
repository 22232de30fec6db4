/* host_ns.h - the namespaces that launch works in: private to host.c. */
#pragma once
#include "box/host.h"

/* A mount namespace of our own; rootless a user namespace too, unless serve gave us one with further
 * ids. Sets h->state, own_mnt, own_uts and what ids there are. */
MUST_CHECK int host_namespaces(struct box_host *h, const struct host_options *o, struct err *err);
