/* probe.h - `paddock route test`: one real request on a route, and what is wrong in one sentence. It
 * passes all that a sandbox's request would (key and its binding, name, address, certificate, limits)
 * and has a line in the audit under "role:test". The key is not shown.
 */
#pragma once
#include "net/peer.h"
#include "vault/exchange.h"

/* Answers rq with a vault_tested. */
void probe_route(struct exchanges *all, struct peer_request *rq, const struct vault_open *q);
