/* model_verbs.h - the verbs of link/rag.h about models and embedding, each in a thread of its own:
 * packing takes seconds, and many texts take as long as they take. */
#pragma once
#include "net/peer.h"
#include "rag/embedder.h"
#include "rag/models.h"

#define MODEL_VERBS_MAX 32 /* at once; more are refused with -EBUSY */

struct model_verbs;
/* Never NULL. */
struct model_verbs *model_verbs_new(struct loop *loop, struct models *models, struct embedder *e);
void model_verbs_free(struct model_verbs *v); /* when none is waiting; NULL is fine */
/* The loop's thread. `fd` of RAG_EMBED is taken. */
void model_verbs_ask(struct model_verbs *v, uint32_t verb, const void *req, int *fd,
                     struct peer_request *rq);
size_t model_verbs_waiting(const struct model_verbs *v);
