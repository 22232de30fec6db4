/* question.h - one question about the index: asked by a link's verb, worked out in the reading
 * thread, answered on the loop's. */
#pragma once
#include "link/rag.h"
#include "net/peer.h"
#include "rag/models.h"
#include "rag/segment/space.h"

struct question {
        uint32_t verb;
        union {
                struct rag_query query;
                struct rag_list list;
        } rq;
        int status;
        struct err err;
        void *parts; /* array of rag_hit or rag_doc, n of them; hits own the text they point to */
        size_t n, cap;
        struct rag_count count;
        uint32_t embedded; /* as in the last rag_hit */
};

void question_init(struct question *q, uint32_t verb, const void *request);
/* What the reading thread works with. */
struct reading {
        struct spaces *spaces;
        struct words *words;
        struct models *models; /* NULL: by word alone */
        struct embedder *embedder;
};
void question_run(struct question *q, const struct reading *with);
void question_answer(const struct question *q, struct peer_request *rq);
void question_done(struct question *q);
