#include "vault/busy.h"
#include "base/mem.h"
#include "base/str.h"
#include <stdio.h>

static uint64_t hash_of(const char *sandbox, const char *route)
{
        uint64_t h = 0xcbf29ce484222325ull;
        for (const char *s = sandbox; *s; s++)
                h = (h ^ (unsigned char)*s) * 0x100000001b3ull;
        for (const char *s = route; *s; s++)
                h = (h ^ (unsigned char)*s) * 0x100000001b3ull;
        return h ^ h >> 32;
}

struct busy_slot *busy_take(struct busy *b, const char *sandbox, const char *route, uint64_t limit)
{
        uint64_t h = hash_of(sandbox, route);
        struct busy_slot **bucket = &b->buckets[h % BUSY_BUCKETS], *s = *bucket;
        while (s && !(s->hash == h && str_eq(s->sandbox, sandbox) && str_eq(s->route, route)))
                s = s->next;
        if (s && limit && s->n >= limit)
                return NULL;
        if (!s) {
                s = xcalloc(1, sizeof *s);
                *s = (struct busy_slot){.next = *bucket, .hash = h};
                snprintf(s->sandbox, sizeof s->sandbox, "%s", sandbox);
                snprintf(s->route, sizeof s->route, "%s", route);
                *bucket = s;
        }
        s->n++;
        return s;
}

void busy_give(struct busy *b, struct busy_slot *s)
{
        if (!s || --s->n)
                return;
        struct busy_slot **at = &b->buckets[s->hash % BUSY_BUCKETS];
        while (*at != s)
                at = &(*at)->next;
        *at = s->next;
        free(s);
}
