/* budget.h - how much a sandbox (for its life), an owner and a route (for a day, UTC) have used, in
 * requests and in micro-dollars. Money is reserved before a request goes up and settled when its
 * response has told what it cost; the audit log has both, and is read again after a restart: what was
 * reserved and never settled is charged in full.
 */
#pragma once
#include "role/routes.h"

struct budget_entry;
struct budgets {
        struct budget_entry *first;
        size_t n;
};
struct budget_who {
        const struct route *route;
        const char *sandbox, *owner;
        uint64_t day; /* since 1970 */
};

void budgets_done(struct budgets *b);
bool budget_limited(const struct route *r); /* it has a limit at all */
bool budget_counts_money(const struct route *r);
/* One request more, and money. -EDQUOT: whose limit is reached in `why` (of 80 bytes). */
MUST_CHECK int budget_take(struct budgets *b, const struct budget_who *w, uint64_t requests,
                           uint64_t micro_usd, char why[80]);
/* One request in that minute. -EAGAIN: more than the route's rate. */
MUST_CHECK int budget_rate(struct budgets *b, const struct budget_who *w, uint64_t minute);
/* What it cost beside what was reserved. */
void budget_settle(struct budgets *b, const struct budget_who *w, uint64_t reserved,
                   uint64_t micro_usd);
/* As budget_take, without limits: what the log tells of the past. */
void budget_add(struct budgets *b, const struct budget_who *w, uint64_t requests,
                uint64_t micro_usd);
