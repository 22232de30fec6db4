/* embedder.h - texts to vectors for the whole role: one thread a core at idle priority for what is
 * being indexed, and the caller's own thread for what somebody waits for, which the others let
 * pass.
 *
 *     r = embedder_run(e, lent->model, EMBED_QUERY, &text, 1, vector, err);
 */
#pragma once
#include "rag/embed/embed.h"

struct embedder;
/* One that indexes starts its threads at the first passage. Never NULL. */
struct embedder *embedder_new(void);
/* After the last call has returned; NULL is fine. */
void embedder_free(struct embedder *e);
/* Blocks; any thread. As embed_texts: n * dims floats, and the text's number in err. Queries are
 * embedded here and now; passages by the threads, a few texts at a time. -ECANCELED: stopping. */
MUST_CHECK int embedder_run(struct embedder *e, const struct embed_model *m, enum embed_kind kind,
                            const struct slice *texts, size_t n, float *ret, struct err *err);
/* Calls that wait or run end soon with -ECANCELED. */
void embedder_stop(struct embedder *e);
