/* embedding.h - the vectors of a space's passages are made: those that are missing, block by block.
 *
 * What is embedded of a passage is its headings and its text, all of it: one that is longer than the
 * model reads is cut at blanks into windows, and has the direction of their mean. A passage whose
 * words were embedded before (another file, an earlier version) takes that vector. Plain blocking
 * code; killed or stopped at any point, what is done stays and the next run goes on.
 */
#pragma once
#include "rag/embed/embed.h"
#include "rag/segment/space.h"

struct embedding {
        struct space *space;
        const struct embed_model *model;
        unsigned threads;              /* 0: one a processor */
        const struct embed_hook *hook; /* so that a question goes first; may be NULL */
        const bool *stop;              /* set by another thread: end soon; may be NULL */
        /* From one of its threads, a few times a second: passages that have vectors, and all. */
        void (*progress)(void *ctx, uint64_t done, uint64_t all);
        void *ctx;
};
struct embedded {
        uint64_t passages; /* of the space's segments */
        uint64_t made, reused;
};
/* -ECANCELED: stopped. */
MUST_CHECK int embed_space(const struct embedding *e, struct embedded *ret, struct err *err);
/* Blocks that are there and all, of the model in use, in passages; for status. */
void embedded_count(struct space *s, uint64_t *ret_done, uint64_t *ret_all);
/* The model as the files of vectors know it. */
struct vector_model vector_model_of(const struct embed_model *m);
