/* shingle.h - do two passages say the same? By the runs of words that they share, whatever their
 * line breaks, marks and capitals. */
#pragma once
#include "base/cleanup.h"

#define SHINGLE_WORDS 4
#define SHINGLES_MAX  512

struct shingles {
        uint32_t n;
        uint32_t hash[SHINGLES_MAX]; /* ascending, each once */
};
void shingles_of(const char *text, struct shingles *ret);
/* How much of the shorter one is in the longer, in percent. */
unsigned shingles_share(const struct shingles *a, const struct shingles *b);
