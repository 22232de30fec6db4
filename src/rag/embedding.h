/* embedding.h - the vectors of a space's passages are made: those that are missing, block by block.
 *
 * What is embedded of a passage is its document's title, its headings and its text, all of it: one
 * that is longer than the model reads is cut at blanks into windows, and has the direction of their
 * mean. A passage of which all that was embedded before (another file, an earlier version) takes
 * that vector. Plain blocking
 * code; killed or stopped at any point, what is done stays and the next run goes on.
 */
#pragma once
#include "rag/embedder.h"
#include "rag/segment/space.h"

struct embedding {
        struct space *space;
        const struct embed_model *model;
        struct embedder *embedder;
        const bool *stop; /* set by another thread: end soon; may be NULL */
        /* A few times a second: passages that have vectors, and all. May be NULL. */
        void (*progress)(void *ctx, uint64_t done, uint64_t all);
        void *ctx;
};
struct embedded {
        uint64_t passages; /* of the space's segments */
        uint64_t made, reused;
};
/* -ECANCELED: stopped. Holds the space. */
MUST_CHECK int embed_space(const struct embedding *e, struct embedded *ret, struct err *err);
/* Passages that have a vector of the model in use, and all, about; for status. */
void embedded_count(struct space *s, uint64_t *ret_done, uint64_t *ret_all);
/* How many bytes of a question the model reads: whole tokens. */
size_t embedding_fits(const struct embed_model *m, struct slice text);
/* The model as the files of vectors know it: its dimensions are filled with zeros to a multiple of
 * 32, and a question's vector has to be, too. */
struct vector_model vector_model_of(const struct embed_model *m);
