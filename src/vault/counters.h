/* counters.h - what has passed since this vault started, by route; tunnels and plain requests through
 * the proxy together under "-". For /metrics of api.
 */
#pragma once
#include "base/limits.h"
#include "link/vault.h"
#include "role/routes.h"

struct counters {
        struct vault_counter list[ROUTES_MAX + 1];
        size_t n;
};

/* Never NULL: what comes when all places are taken is counted under "-". */
struct vault_counter *counter_of(struct counters *c, const char *route);
/* By the verdict of the audit line: allowed, denied; all else is failed. */
void counter_verdict(struct vault_counter *k, const char *verdict);
