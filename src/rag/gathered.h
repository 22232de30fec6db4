/* gathered.h - the passages of one document, kept until its end is known. */
#pragma once
#include "rag/chunk.h"

struct gathered {
        struct buf text; /* of all, one behind the other */
        struct gathered_passage {
                uint32_t page, heading, heading_len, at, len; /* offsets into text */
        } * p;
        size_t n, cap;
        bool full; /* the limit on text was reached: what came later is missing */
};
void gathered_init(struct gathered *g);
void gathered_done(struct gathered *g);
void gathered_clear(struct gathered *g);
int gathered_add(void *g, const struct passage *p, struct err *err); /* a passage_fn */
