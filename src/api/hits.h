/* hits.h - one question to rag, shared by search and ask. */
#pragma once
#include "api/call.h"
#include "link/rag.h"

struct found {
        json_t *hits;    /* borrowed */
        bool meaning;    /* searched by meaning too */
        double embedded; /* share of the passages that had a vector, 0 to 1 */
        uint64_t took_us;
};
typedef void (*hits_fn)(struct call *c, const struct found *f);
/* Reads the body (the text is in field `key`; limit, prefix, volume, explain), searches, calls fn; or
 * answers why not. */
void hits_ask(struct call *c, const char *key, hits_fn fn);
json_t *hit_object(const struct rag_hit *h, bool explain); /* a new reference */
