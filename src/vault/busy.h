/* busy.h - how many requests of a sandbox run on a route: what `concurrency` limits.
 *
 *     struct busy_slot *s = busy_take(&b, sandbox, route, limit);      NULL: as many run already
 *     busy_give(&b, s);
 */
#pragma once
#include "link/vault.h"

#define BUSY_BUCKETS 1024

struct busy_slot {
        struct busy_slot *next;
        uint64_t n, hash;
        char sandbox[ID_TEXT_LEN + 1], route[NAME_TEXT_MAX + 1];
};
struct busy {
        struct busy_slot *buckets[BUSY_BUCKETS];
};

/* limit 0: none. */
struct busy_slot *busy_take(struct busy *b, const char *sandbox, const char *route, uint64_t limit);
void busy_give(struct busy *b, struct busy_slot *s); /* NULL is fine */
