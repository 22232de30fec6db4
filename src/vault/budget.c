#include "vault/budget.h"
#include "base/mem.h"
#include "base/str.h"
#include <stdio.h>

#define ENTRIES_MAX 65536

enum scope { OF_BOX, OF_NAME, OF_OWNER, OF_ROUTE, SCOPES };

struct budget_entry {
        struct budget_entry *next;
        enum scope scope;
        char name[2 * NAME_TEXT_MAX + 2], route[NAME_TEXT_MAX + 1];
        uint64_t day;
        struct budget_sum sum;
        uint64_t minute, in_minute; /* of a sandbox: against `rate` */
};

void budgets_done(struct budgets *b)
{
        for (size_t i = 0; i < BUDGET_BUCKETS; i++)
                while (b->buckets[i]) {
                        struct budget_entry *e = b->buckets[i];
                        b->buckets[i] = e->next;
                        free(e);
                }
        b->n = 0;
}

static const struct route_limit *limit_of(const struct route *r, enum scope s)
{
        return s == OF_BOX     ? &r->box
               : s == OF_NAME  ? &r->named
               : s == OF_OWNER ? &r->owner
                               : &r->whole;
}

static bool limits(const struct route_limit *l)
{
        return l->requests || l->tokens || l->micro_usd;
}

bool budget_limited(const struct route *r)
{
        bool some = false;
        for (enum scope s = OF_BOX; s < SCOPES; s++)
                some |= limits(limit_of(r, s));
        return some;
}

bool budget_counts_use(const struct route *r)
{
        bool some = false;
        for (enum scope s = OF_BOX; s < SCOPES; s++)
                some |= limit_of(r, s)->micro_usd || limit_of(r, s)->tokens;
        return some && r->meter != ROUTE_UNMETERED;
}

/* Yesterday's are of no more use. */
static void forget_old(struct budgets *b, uint64_t day)
{
        for (size_t i = 0; i < BUDGET_BUCKETS; i++) {
                struct budget_entry **at = &b->buckets[i];
                while (*at) {
                        struct budget_entry *e = *at;
                        if (e->scope == OF_BOX || e->day >= day) {
                                at = &e->next;
                                continue;
                        }
                        *at = e->next;
                        free(e);
                        b->n--;
                }
        }
}

static uint64_t mix(uint64_t h, const char *s)
{
        for (; *s; s++)
                h = (h ^ (unsigned char)*s) * 0x100000001b3ull;
        return (h ^ 0xff) * 0x100000001b3ull;
}

/* What the scope counts under; false: this request has nothing of that scope. */
static bool key_of(const struct budget_who *w, enum scope s, char key[2 * NAME_TEXT_MAX + 2])
{
        size_t size = 2 * NAME_TEXT_MAX + 2;
        if (s == OF_NAME && !(w->name && *w->name))
                return false;
        if (s == OF_NAME)
                snprintf(key, size, "%s/%s", w->owner, w->name);
        else
                snprintf(key, size, "%s", s == OF_BOX ? w->sandbox : s == OF_OWNER ? w->owner : "");
        return true;
}

/* NULL: of no such scope. */
static struct budget_entry *entry(struct budgets *b, const struct budget_who *w, enum scope s)
{
        char key[2 * NAME_TEXT_MAX + 2];
        uint64_t day = s == OF_BOX ? 0 : w->day;
        if (!key_of(w, s, key))
                return NULL;
        uint64_t h = mix(mix(0xcbf29ce484222325ull + s + day * 31, key), w->route->name);
        struct budget_entry **bucket = &b->buckets[(h ^ h >> 32) % BUDGET_BUCKETS];
        for (struct budget_entry *e = *bucket; e; e = e->next)
                if (e->scope == s && e->day == day && str_eq(e->name, key) &&
                    str_eq(e->route, w->route->name))
                        return e;
        if (b->n >= ENTRIES_MAX)
                forget_old(b, w->day);
        struct budget_entry *e = xcalloc(1, sizeof *e);
        *e = (struct budget_entry){.next = *bucket, .scope = s, .day = day};
        memcpy(e->name, key, sizeof e->name);
        snprintf(e->route, sizeof e->route, "%s", w->route->name);
        *bucket = e;
        b->n++;
        return e;
}

int budget_rate(struct budgets *b, const struct budget_who *w, uint64_t minute)
{
        struct budget_entry *e = entry(b, w, OF_BOX);
        if (e->minute != minute)
                e->in_minute = 0;
        e->minute = minute;
        return w->route->rate && ++e->in_minute > w->route->rate ? -EAGAIN : 0;
}

static bool passes(uint64_t limit, uint64_t used, uint64_t more)
{
        return limit && used + more > limit;
}

int budget_take(struct budgets *b, const struct budget_who *w, const struct budget_sum *more,
                char why[80])
{
        static const char *const whose[] = {"this sandbox", "sandboxes of its name, today",
                                            "its owner, today", "this route, today"};
        for (enum scope s = OF_BOX; s < SCOPES; s++) {
                const struct route_limit *l = limit_of(w->route, s);
                const struct budget_entry *e = limits(l) ? entry(b, w, s) : NULL;
                if (!e || !(passes(l->requests, e->sum.requests, more->requests) ||
                            passes(l->tokens, e->sum.tokens, more->tokens) ||
                            passes(l->micro_usd, e->sum.micro_usd, more->micro_usd)))
                        continue;
                snprintf(why, 80, "spend limit reached (of %s)", whose[s]);
                return -EDQUOT;
        }
        budget_add(b, w, more);
        return 0;
}

void budget_add(struct budgets *b, const struct budget_who *w, const struct budget_sum *more)
{
        for (enum scope s = OF_BOX; s < SCOPES; s++) {
                struct budget_entry *e = limits(limit_of(w->route, s)) ? entry(b, w, s) : NULL;
                if (!e)
                        continue;
                e->sum.requests += more->requests;
                e->sum.tokens += more->tokens;
                e->sum.micro_usd += more->micro_usd;
        }
}

static uint64_t settled(uint64_t sum, uint64_t reserved, uint64_t used)
{
        return (sum > reserved ? sum - reserved : 0) + used;
}

void budget_settle(struct budgets *b, const struct budget_who *w, const struct budget_sum *reserved,
                   const struct budget_sum *used)
{
        for (enum scope s = OF_BOX; s < SCOPES; s++) {
                struct budget_entry *e = limits(limit_of(w->route, s)) ? entry(b, w, s) : NULL;
                if (!e)
                        continue;
                e->sum.tokens = settled(e->sum.tokens, reserved->tokens, used->tokens);
                e->sum.micro_usd = settled(e->sum.micro_usd, reserved->micro_usd, used->micro_usd);
        }
}
