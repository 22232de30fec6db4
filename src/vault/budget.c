#include "vault/budget.h"
#include "base/mem.h"
#include "base/str.h"
#include <stdio.h>

#define ENTRIES_MAX 65536

enum scope { OF_BOX, OF_OWNER, OF_ROUTE, SCOPES };

struct budget_entry {
        struct budget_entry *next;
        enum scope scope;
        char name[NAME_TEXT_MAX + 1], route[NAME_TEXT_MAX + 1];
        uint64_t day, requests, micro_usd;
        uint64_t minute, in_minute; /* of a sandbox: against `rate` */
};

void budgets_done(struct budgets *b)
{
        while (b->first) {
                struct budget_entry *e = b->first;
                b->first = e->next;
                free(e);
        }
        b->n = 0;
}

static const struct route_limit *limit_of(const struct route *r, enum scope s)
{
        return s == OF_BOX ? &r->box : s == OF_OWNER ? &r->owner : &r->whole;
}

bool budget_limited(const struct route *r)
{
        bool some = false;
        for (enum scope s = OF_BOX; s < SCOPES; s++)
                some |= limit_of(r, s)->requests || limit_of(r, s)->micro_usd;
        return some;
}

bool budget_counts_money(const struct route *r)
{
        return r->meter != ROUTE_UNMETERED &&
               (r->box.micro_usd || r->owner.micro_usd || r->whole.micro_usd);
}

/* Yesterday's are of no more use. */
static void forget_old(struct budgets *b, uint64_t day)
{
        struct budget_entry **at = &b->first;
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

static struct budget_entry *entry(struct budgets *b, const struct budget_who *w, enum scope s)
{
        const char *name = s == OF_BOX ? w->sandbox : s == OF_OWNER ? w->owner : "";
        uint64_t day = s == OF_BOX ? 0 : w->day;
        for (struct budget_entry *e = b->first; e; e = e->next)
                if (e->scope == s && e->day == day && str_eq(e->name, name) &&
                    str_eq(e->route, w->route->name))
                        return e;
        if (b->n >= ENTRIES_MAX)
                forget_old(b, w->day);
        struct budget_entry *e = xcalloc(1, sizeof *e);
        *e = (struct budget_entry){.next = b->first, .scope = s, .day = day};
        snprintf(e->name, sizeof e->name, "%s", name);
        snprintf(e->route, sizeof e->route, "%s", w->route->name);
        b->first = e;
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

int budget_take(struct budgets *b, const struct budget_who *w, uint64_t requests,
                uint64_t micro_usd, char why[80])
{
        static const char *const whose[] = {"this sandbox", "its owner, today",
                                            "this route, today"};
        for (enum scope s = OF_BOX; s < SCOPES; s++) {
                const struct route_limit *l = limit_of(w->route, s);
                const struct budget_entry *e = entry(b, w, s);
                bool over = (l->requests && e->requests + requests > l->requests) ||
                            (l->micro_usd && e->micro_usd + micro_usd > l->micro_usd);
                if (!over)
                        continue;
                snprintf(why, 80, "spend limit reached (of %s)", whose[s]);
                return -EDQUOT;
        }
        budget_add(b, w, requests, micro_usd);
        return 0;
}

void budget_add(struct budgets *b, const struct budget_who *w, uint64_t requests,
                uint64_t micro_usd)
{
        for (enum scope s = OF_BOX; s < SCOPES; s++) {
                struct budget_entry *e = entry(b, w, s);
                e->requests += requests;
                e->micro_usd += micro_usd;
        }
}

void budget_settle(struct budgets *b, const struct budget_who *w, uint64_t reserved,
                   uint64_t micro_usd)
{
        for (enum scope s = OF_BOX; s < SCOPES; s++) {
                struct budget_entry *e = entry(b, w, s);
                uint64_t rest = e->micro_usd > reserved ? e->micro_usd - reserved : 0;
                e->micro_usd = rest + micro_usd;
        }
}
