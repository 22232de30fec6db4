/* worker.h - one thread's working memory, and one pass of a pack of texts through the layers. */
#pragma once
#include "rag/embed/model.h"

#define PACK_TOKENS 256 /* of a pack, unless one text alone has more */

/* The texts of a pack lie behind one another without padding; attention stays within each. */
struct pack_text {
        uint32_t begin, n; /* rows */
};
struct embed_worker {
        const struct embed_model *m;
        struct embed_hook hook;
        uint64_t ops; /* since the hook was called */
        struct embed_tokens tokens;
        uint32_t rows_max,
                block; /* rows of a pack; of what runs through the inner product at once */
        void *memory;
        float *x;                 /* [rows][width] */
        float *qkv;               /* [rows][3 * heads * head] */
        float *mixed;             /* [rows][attention]: what attention gives */
        float *inner;             /* [block][inner] */
        float *keys;              /* [head][rows to 16]: of one text and head, turned round */
        float *scores;            /* [rows of a tile][rows to 16] */
        int16_t *words, *weights; /* attention in 16 bits: queries of a tile; [tile][rows to 16] */
        int32_t *key_pairs, *value_pairs; /* [head / 2][rows to 16] each, in panels */
        int32_t *score_sums;              /* [tile][the larger of head and rows to 16] */
        uint8_t *narrow;                  /* [rows][widest]: input of a product as int8 or bf16 */
        float *row_scale;
        int32_t *row_zero;
        int32_t *sums; /* [block][64], or of a tile of attention */
        float *acc;
};

/* Memory for packs of so many rows. */
MUST_CHECK int worker_room(struct embed_worker *w, uint32_t rows, struct err *err);
/* Counts work done, and calls the hook when it is due. */
MUST_CHECK int worker_did(struct embed_worker *w, uint64_t ops);
/* The hidden states of a pack: ids [rows] -> w->x. */
MUST_CHECK int forward(struct embed_worker *w, const uint32_t *ids, const struct pack_text *texts,
                       size_t n_texts, uint32_t rows);
/* One text's and one layer's attention: w->qkv -> w->mixed. */
MUST_CHECK int attention(struct embed_worker *w, const struct pack_text *t);
