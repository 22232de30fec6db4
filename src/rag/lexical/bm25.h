/* bm25.h - the passages that have the most of a question's terms.
 *
 * BM25 as in Robertson and Zaragoza, "The Probabilistic Relevance Framework" (2009), over the fields'
 * weighted counts (inverted.h), with the weight of a term that Lucene uses,
 * ln(1 + (N - df + .5) / (df + .5)): it never becomes zero, for in the documents of one field a
 * term that more than half of the passages have is often the very one that is asked for. N, df and
 * the average length are of all segments together; passages that are dead count until their segment
 * is written again.
 *
 * The best are found without looking at every entry (MaxScore, by blocks): terms whose best blocks
 * together cannot lift a passage among the best so far are only looked up, never walked.
 */
#pragma once
#include "rag/lexical/inverted.h"

#define BM25_K1    1.5
#define BM25_B     0.7
#define BM25_TERMS 32

struct bm25_term {
        char term[TERM_MAX];
        uint32_t len;
};
struct bm25_hit {
        uint32_t segment; /* index of the lexicon */
        uint32_t passage;
        uint32_t terms; /* bit i: it has term i */
        double score;
};
/* Whether a passage may be found at all; asked only of those that would be among the best. */
typedef bool (*bm25_accept)(void *ctx, uint32_t segment, uint32_t passage);

struct bm25 {
        const struct bm25_term *terms;
        unsigned n_terms;       /* 1..BM25_TERMS, all different */
        double idf[BM25_TERMS]; /* set by bm25_run */
};
/* The `want` best of all segments, the best first; equal ones by segment and passage. ret has room
 * for them; the number found, or -ENOMEM. */
MUST_CHECK int64_t bm25_run(struct bm25 *q, const struct lexicon *const *segments, size_t n,
                            uint32_t want, bm25_accept accept, void *ctx, struct bm25_hit *ret);
