/* account.c - what a request uses, in tokens and money: reserved once the whole body is known, settled with its line in
 * the audit log, and found again there after a restart. */
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "vault/exchange_impl.h"
#include <stdio.h>

#define OUTPUT_GUESS 8192 /* tokens, where the request names more or nothing */
#define DAY_MS       86400000ull

static struct budget_who who_of(const struct exchange *x)
{
        return (struct budget_who){&x->route, x->sandbox, x->owner, x->day, x->name};
}

/* Before anything goes upstream: a vault that is killed under way finds it again. */
static int note_reserve(struct exchange *x, const struct budget_sum *s, char why[80])
{
        struct audit *a = x->all->audit;
        audit_begin(a, "reserve");
        audit_text(a, "sandbox", x->sandbox);
        audit_text(a, "owner", x->owner);
        if (x->name[0])
                audit_text(a, "name", x->name);
        audit_text(a, "route", x->route.name);
        if (s->requests)
                audit_number(a, "requests", s->requests);
        if (s->tokens) {
                audit_number(a, "tokens", s->tokens);
                audit_number(a, "micro_usd", s->micro_usd);
        }
        if (audit_end(a) == 0)
                return 0;
        snprintf(why, 80, "the audit log cannot be written");
        return -EIO;
}

int account_begin(struct exchange *x, char why[80])
{
        static const struct budget_sum one = {.requests = 1};
        x->day = clock_wall_ms() / DAY_MS;
        x->reserved = (struct budget_sum){0};
        x->reserved_all = false;
        struct budget_who w = who_of(x);
        if (x->route.rate && budget_rate(x->all->budgets, &w, clock_wall_ms() / 60000) < 0) {
                snprintf(why, 80, "too many requests a minute");
                return -EAGAIN;
        }
        if (!budget_limited(&x->route))
                return 0;
        int r = budget_take(x->all->budgets, &w, &one, why);
        return r < 0 ? r : note_reserve(x, &one, why);
}

static uint64_t tokens_of(const struct usage *u)
{
        return u->input + u->output + u->cache_write + u->cache_read;
}

int account_reserve(struct exchange *x, char why[80])
{
        uint64_t tokens = x->request.max_tokens;
        if (x->reserved_all || !budget_counts_use(&x->route))
                return 0;
        x->reserved_all = true;
        struct usage guess = {.input = x->relay.bytes_up / 4,
                              .output = tokens && tokens < OUTPUT_GUESS ? tokens : OUTPUT_GUESS};
        struct budget_sum s = {.tokens = tokens_of(&guess),
                               .micro_usd = price_of(x->all->prices, x->request.model, &guess)};
        struct budget_who w = who_of(x);
        int r = budget_take(x->all->budgets, &w, &s, why);
        if (r < 0)
                return r;
        x->reserved = s;
        return note_reserve(x, &s, why);
}

struct budget_sum account_settle(struct exchange *x)
{
        struct budget_sum used = {0};
        bool counts = x->route.meter != ROUTE_UNMETERED && x->meters;
        /* A stream that was cut said nothing about its end: some eight bytes of it a token. */
        bool whole = x->relay.rsp_done;
        if (counts && !whole && x->usage.output < x->relay.bytes_down / 8)
                x->usage.output = x->relay.bytes_down / 8;
        if (counts) {
                used.tokens = tokens_of(&x->usage);
                used.micro_usd = price_of(x->all->prices, x->request.model, &x->usage);
        }
        struct budget_who w = who_of(x);
        if (budget_limited(&x->route))
                budget_settle(x->all->budgets, &w, &x->reserved, &used);
        return used;
}

/* ---- after a restart ---- */

struct past {
        struct exchanges *all;
        char today[16];
        uint64_t day;
};

/* The value of "key":"..." or "key":123. A quote inside a value is always escaped. */
static bool field(const char *line, const char *key, char *dst, size_t size)
{
        char mark[32];
        snprintf(mark, sizeof mark, "\"%s\":", key);
        const char *p = strstr(line, mark);
        if (!p)
                return false;
        p += strlen(mark);
        bool text = *p == '"';
        p += text;
        snprintf(dst, size, "%.*s", (int)strcspn(p, text ? "\"" : ",}"), p);
        return true;
}

static uint64_t number(const char *line, const char *key)
{
        char text[32];
        uint64_t v = 0;
        return field(line, key, text, sizeof text) && str_to_u64(text, &v) == 0 ? v : 0;
}

static bool read_line(void *ctx, const char *p, size_t n)
{
        struct past *past = ctx;
        char line[AUDIT_LINE_MAX], kind[16], route[64], box[64], owner[64], ts[32];
        snprintf(line, sizeof line, "%.*s", (int)n, p);
        if (!field(line, "kind", kind, sizeof kind) || !field(line, "route", route, sizeof route) ||
            !field(line, "sandbox", box, sizeof box) ||
            !field(line, "owner", owner, sizeof owner) || !field(line, "ts", ts, sizeof ts))
                return true;
        const struct route *r = routes_find(past->all->routes, route);
        if (!r || !budget_limited(r))
                return true;
        uint64_t day = str_starts(ts, past->today) ? past->day : 0;
        char name[64] = "";
        field(line, "name", name, sizeof name);
        struct budget_who w = {r, box, owner, day, name};
        struct budget_sum told = {number(line, "requests"), number(line, "tokens"),
                                  number(line, "micro_usd")};
        if (str_eq(kind, "reserve")) {
                budget_add(past->all->budgets, &w, &told);
        } else if (str_eq(kind, "request")) {
                struct budget_sum reserved = {0, number(line, "reserved_tokens"),
                                              number(line, "reserved")};
                told.tokens = number(line, "input") + number(line, "output") +
                              number(line, "cache_write") + number(line, "cache_read");
                budget_settle(past->all->budgets, &w, &reserved, &told);
        }
        return true;
}

void account_recover(struct exchanges *all)
{
        struct past past = {.all = all, .day = clock_wall_ms() / DAY_MS};
        char now[25];
        bool needed = false;
        for (size_t i = 0; i < all->routes->n; i++)
                needed |= budget_limited(&all->routes->list[i]);
        if (!needed || !all->audit)
                return;
        snprintf(past.today, sizeof past.today, "%.10s", clock_text(now, clock_wall_ms()));
        if (audit_read(all->audit, 1, read_line, &past) < 0)
                log_error("budget.recover", kv("error", "the audit log cannot be read"));
}
