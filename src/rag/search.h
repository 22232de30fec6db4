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
        /* Where it comes from: its place among those found by word and by meaning, from 1; 0 = it is
         * not there. */
        uint32_t word_rank, meaning_rank;
        double word_score, cosine;
};
struct hits {
        struct hit *h;
        size_t n;
};

struct search {
        const char *text;
        const char *prefix; /* files at or below it; "" all */
        uint32_t limit;     /* 1..SEARCH_HITS_MAX */
        /* The question's vector, of the model that the space uses; NULL: by word only. */
        const float *meaning;
        uint32_t dims;
};
/* At most `limit` passages, best first; equal ones by path and ordinal, so that the same index gives
 * the same answer. A passage whose words are nearly those of a better one (the same text as HTML,
 * PDF and plain) is left out. */
MUST_CHECK int search_run(struct space *s, struct words *words, const struct search *q,
                          struct hits *ret, struct err *err);
void hits_done(struct hits *h);
