/* models.h - the models for embeddings that this server has: packed files in `.models/` below the
 * working directory, mapped on first use and let go when nobody has used them for a while.
 *
 *     r = models_take(m, "", &lent, err);                  "" the one in use; any thread
 *     r = embed_texts(worker of lent->model ...);
 *     models_give(m, lent);
 *
 * models_add packs the published files in a parse sandbox, which may send anything: the result is
 * checked as a whole before it gets its name, and replaces a model of that name at once.
 */
#pragma once
#include "link/rag.h"
#include "rag/embed/embed.h"
#include "rag/index.h"

#define MODELS_MAX     32
#define MODELS_IDLE_MS 300000

struct models;
struct models_lent {
        const struct embed_model *model;
        const char *name;
};

/* `host` makes the sandboxes. NULL: the directory cannot be used. */
struct models *models_new(struct index_host host, struct err *err);
void models_free(struct models *m); /* nothing is lent any more; NULL is fine */

/* -ENOENT: there is none of that name, or none is in use. */
MUST_CHECK int models_take(struct models *m, const char *name, struct models_lent **ret,
                           struct err *err);
void models_give(struct models *m, struct models_lent *lent); /* NULL is fine */
/* Unmaps what nobody has used for MODELS_IDLE_MS; call it now and then. */
void models_tidy(struct models *m, uint64_t now_ms);

/* All of these from any thread. Blocks for as long as packing takes (seconds). The first model is
 * in use from then on. */
MUST_CHECK int models_add(struct models *m, const struct rag_model_add *rq, struct rag_model *ret,
                          struct err *err);
MUST_CHECK int models_use(struct models *m, const char *name, struct rag_model *ret,
                          struct err *err);
MUST_CHECK int models_remove(struct models *m, const char *name, struct rag_model *ret,
                             struct err *err);
/* By name; *ret is free()d by the caller. */
MUST_CHECK int models_list(struct models *m, struct rag_model **ret, size_t *ret_n,
                           struct err *err);
