/* vectors.h - the vectors of one segment's passages by one model, and the exact search in them.
 *
 * A file vec-SEGMENT-MODEL beside the segment: a page that says whose it is, then blocks of 64
 * passages, each with its XXH3, in any order of being filled: what is not sound is not there yet. So
 * embedding may stop at any point and go on later, and what was lost with the power is made again.
 * A block holds each vector twice: in bf16, which is what counts, and in eight bits with a scale and
 * the length of what that leaves out, which is what is walked.
 *
 * Search is exact over the bf16 vectors: the eight-bit score and the lengths of the remainders bound
 * the true one from both sides, and every passage that the bounds do not exclude from the best k is
 * scored again. Integer sums are the same on every processor.
 *
 * One thread may put while others search; opening and closing are the owner's (segment/space.h).
 */
#pragma once
#include "link/wire.h"

#define VECTOR_BLOCK    64
#define VECTOR_DIMS_MAX 1024 /* a multiple of 32 */

struct vectors;
struct vector_model {
        unsigned char id[16]; /* only vectors of one id may be compared */
        uint32_t dims;
};

/* The file of n passages. Without `create`: -ENOENT. One that is for another number of passages or
 * dimensions is -EBADMSG. Its whole size is taken from the disk at once (-ENOSPC). */
MUST_CHECK int vectors_open(int dir, uint64_t segment, uint32_t n, const struct vector_model *m,
                            bool create, struct vectors **ret, struct err *err);
void vectors_close(struct vectors *v); /* NULL is fine */
void vectors_name(char dst[64], uint64_t segment, const struct vector_model *m);
/* Whether a file's name is that of vectors, and of which segment. */
bool vectors_named(const char *name, uint64_t *ret_segment);

uint32_t vectors_blocks(const struct vectors *v);
uint32_t vectors_filled(const struct vectors *v); /* blocks that are there */
bool vectors_has(const struct vectors *v, uint32_t block);
/* Passages of a block: VECTOR_BLOCK but for the last one. */
uint32_t vectors_in(const struct vectors *v, uint32_t block);
/* Fills a block with vectors_in() vectors of dims floats, each of length 1. */
void vectors_put(struct vectors *v, uint32_t block, const float *vectors);
/* A vector as it is stored; the block must be there. */
void vectors_get(const struct vectors *v, uint32_t passage, float *ret);
MUST_CHECK int vectors_sync(struct vectors *v, struct err *err);

struct vector_hit {
        uint32_t segment; /* index in the list */
        uint32_t passage;
        float score; /* cosine */
};
typedef bool (*vector_accept)(void *ctx, uint32_t segment, uint32_t passage);
/* The k best of all that are there and accepted (NULLs in the list have none), best first, equal
 * ones by segment and passage. `query` has length 1. ret has room for k; the number, or -ENOMEM. */
MUST_CHECK int64_t vectors_search(const struct vectors *const *list, size_t n, const float *query,
                                  uint32_t dims, uint32_t k, vector_accept accept, void *ctx,
                                  struct vector_hit *ret);
