#include "vault/counters.h"
#include "base/str.h"
#include <stdio.h>

struct vault_counter *counter_of(struct counters *c, const char *route)
{
        if (c->n == 0)
                snprintf(c->list[c->n++].route, sizeof c->list[0].route, "-");
        for (size_t i = 0; i < c->n; i++)
                if (str_eq(c->list[i].route, route))
                        return &c->list[i];
        if (c->n == ARRAY_LEN(c->list) || !*route)
                return &c->list[0];
        struct vault_counter *k = &c->list[c->n++];
        snprintf(k->route, sizeof k->route, "%s", route);
        return k;
}

void counter_verdict(struct vault_counter *k, const char *verdict)
{
        if (verdict && str_eq(verdict, "allowed"))
                k->allowed++;
        else if (verdict && str_eq(verdict, "denied"))
                k->denied++;
        else
                k->failed++;
}
