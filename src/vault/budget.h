/* budget.h - how much a sandbox (for its life), the sandboxes of one name and owner, an owner and a
 * route (for a day, UTC) have used, in requests, in tokens of every kind and in micro-dollars. Tokens
 * and money are reserved before a request goes up and settled when its response has told what it
 * used; the audit log has both, and is read again after a restart: what was reserved and never
 * settled is charged in full.
 */
#pragma once
#include "role/routes.h"

#define BUDGET_BUCKETS 4096

struct budget_entry;
struct budgets {
        struct budget_entry *buckets[BUDGET_BUCKETS];
        size_t n;
};
struct budget_who {
        const struct route *route;
        const char *sandbox, *owner;
        uint64_t day;     /* since 1970 */
        const char *name; /* of the sandbox; "" or NULL: none */
};
struct budget_sum {
        uint64_t requests, tokens, micro_usd;
};

void budgets_done(struct budgets *b);
bool budget_limited(const struct route *r);    /* it has a limit at all */
bool budget_counts_use(const struct route *r); /* of tokens or money: what a response tells */
/* -EDQUOT: whose limit would be passed in `why` (of 80 bytes); nothing is counted then. */
MUST_CHECK int budget_take(struct budgets *b, const struct budget_who *w,
                           const struct budget_sum *more, char why[80]);
/* One request in that minute. -EAGAIN: more than the route's rate. */
MUST_CHECK int budget_rate(struct budgets *b, const struct budget_who *w, uint64_t minute);
/* What it used beside what was reserved; requests are not settled. */
void budget_settle(struct budgets *b, const struct budget_who *w, const struct budget_sum *reserved,
                   const struct budget_sum *used);
/* As budget_take, without limits: what the log tells of the past. */
void budget_add(struct budgets *b, const struct budget_who *w, const struct budget_sum *more);
