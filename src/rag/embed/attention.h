/* attention.h - every token of a text mixes the values of all, head by head. */
#pragma once
#include "rag/embed/worker.h"

#define ATTENTION_I16_HEAD 256 /* a wider head is computed in floats: its sums would not fit */

struct head {
        const float *q, *k, *v; /* rows of `step` */
        size_t step;
        uint32_t n, wide; /* tokens, to 16 */
        uint32_t size;    /* of a head's row: to 16 */
        float scale;
        const float *relative; /* of this head: entry 0 is distance 0; or NULL */
        float *to;             /* rows of `step_to` */
        size_t step_to;
};

/* The same in floats (attention.c) and in 16 bits with exact sums (attention_i16.c). */
void attend_floats(struct embed_worker *w, const struct head *h);
void attend_i16(struct embed_worker *w, const struct head *h);
