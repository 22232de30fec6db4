/* search.h - the best passages for a query, in one space. */
#pragma once
#include "base/limits.h"
#include "rag/segment/space.h"

struct hit {
        uint64_t segment; /* of the passage, with its number in there */
        uint32_t passage;
        char *path, *title, *heading, *text;
        uint32_t page, ordinal;
        double score; /* higher is better */
};
struct hits {
        struct hit *h;
        size_t n;
};

/* At most `limit` passages of files at or below `prefix` ("" all), best first; equal ones by path
 * and ordinal, so that the same index gives the same answer. A passage whose words are nearly those
 * of a better one (the same text as HTML, PDF and plain) is left out. */
MUST_CHECK int search_run(struct space *s, struct words *words, const char *text,
                          const char *prefix, uint32_t limit, struct hits *ret, struct err *err);
void hits_done(struct hits *h);
