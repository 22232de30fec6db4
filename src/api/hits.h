/* hits.h - one question to rag, shared by search and ask. */
#pragma once
#include "api/call.h"
#include "link/rag.h"

typedef void (*hits_fn)(struct call *c, json_t *hits, uint64_t took_us); /* borrows hits */
/* Reads the body (the text is in field `key`; limit, prefix, volume), searches, calls fn; or
 * answers why not. */
void hits_ask(struct call *c, const char *key, hits_fn fn);
json_t *hit_object(const struct rag_hit *h); /* a new reference */
