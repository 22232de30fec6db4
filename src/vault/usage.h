/* usage.h - what a response says it has used, read as it passes: from JSON, or from the data lines of
 * an event stream. Later figures replace earlier ones, as both APIs count up.
 */
#pragma once
#include "link/wire.h"
#include "vault/scan.h"

struct usage {
        struct scan scan;
        bool events;   /* text/event-stream */
        unsigned line; /* how much of "data:" the line has matched; then in it, or skipped */
        uint64_t input, output, cache_write, cache_read;
};

void usage_init(struct usage *u, bool events);
/* Never fails: what is no JSON says nothing. */
void usage_feed(struct usage *u, struct slice data);
