#include "vault/price.h"
#include "base/mem.h"
#include "base/str.h"
#include <stdio.h>

/* The longest prefix that fits counts, so their order does not matter. */
static const struct price builtin[] = {
        {"claude-haiku-5-5", 0.50, 2.50, 0.625, 0.05}, /* the rate of long prompts */
        {"claude-haiku-4-5", 1, 5, 1.25, 0.10},        {"claude-3-5-haiku", 0.80, 4, 1, 0.08},
        {"claude-sonnet-5-5", 2, 10, 2.50, 0.10},      {"claude-sonnet-5", 2, 10, 2.50, 0.20},
        {"claude-sonnet-4", 3, 15, 3.75, 0.30},        {"claude-3-7-sonnet", 3, 15, 3.75, 0.30},
        {"claude-opus-5-5", 4, 20, 5, 0.20},           {"claude-opus-5", 5, 25, 6.25, 0.50},
        {"claude-opus-4", 5, 25, 6.25, 0.50},          {"claude-opus-4-0", 15, 75, 18.75, 1.50},
        {"claude-opus-4-1", 15, 75, 18.75, 1.50},      {"claude-fable-5", 10, 50, 12.50, 1.00},
        {"claude-mythos-5", 10, 50, 12.50, 1.00},      {"", 5, 25, 6.25, 0.50},
};

static int add_line(struct prices *p, const char *line)
{
        struct price x = {.model = ""};
        if (p->n + ARRAY_LEN(builtin) >= PRICES_MAX ||
            sscanf(line, "%63s %lf %lf %lf %lf", x.model, &x.input, &x.output, &x.cache_write,
                   &x.cache_read) != 5 ||
            !(x.input >= 0 && x.output >= 0 && x.cache_write >= 0 && x.cache_read >= 0))
                return -EINVAL;
        p->list[p->n++] = x;
        return 0;
}

int prices_init(struct prices *p, const char *list, struct err *err)
{
        auto_free char *copy = xstrdup(list);
        char *rest = copy;
        int r = 0;
        p->n = 0;
        for (char *line; (line = strsep(&rest, ","));)
                if (*line && add_line(p, line) < 0 && r == 0)
                        r = err_set(err, -EINVAL,
                                    "'%.64s' is no price, expected MODEL IN OUT WRITE READ", line);
        memcpy(&p->list[p->n], builtin, sizeof builtin);
        p->n += ARRAY_LEN(builtin);
        return r;
}

uint64_t price_of(const struct prices *p, const char *model, const struct usage *u)
{
        const struct price *best = &p->list[p->n - 1]; /* the one for every model */
        for (size_t i = 0; i < p->n; i++) {
                const struct price *x = &p->list[i];
                if (str_starts(model, x->model) && strlen(x->model) > strlen(best->model))
                        best = x;
        }
        double sum = (double)u->input * best->input + (double)u->output * best->output +
                     (double)u->cache_write * best->cache_write +
                     (double)u->cache_read * best->cache_read;
        return sum < 1e15 ? (uint64_t)(sum + 0.5) : 1000000000000000ull;
}
