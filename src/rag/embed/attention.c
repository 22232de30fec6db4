/* Attention in floats, and the choice which of the two ways. */
#include "rag/embed/attention.h"
#include <math.h>

static void turn_keys(struct embed_worker *w, const struct head *h)
{
        for (uint32_t i = 0; i < h->size; i++) {
                float *to = w->keys + (size_t)i * h->wide;
                for (uint32_t j = 0; j < h->n; j++)
                        to[j] = h->k[j * h->step + i];
                for (uint32_t j = h->n; j < h->wide; j++)
                        to[j] = 0;
        }
}

static void scores(struct embed_worker *w, const struct head *h, uint32_t row, unsigned rows)
{
        const struct kernel *kn = w->m->kernel;
        unsigned tp = kn->float_panels;
        for (uint32_t j = 0; j < h->wide; j += tp * 16) {
                unsigned panels = (h->wide - j) / 16 < tp ? (h->wide - j) / 16 : tp;
                kn->tile_f32(h->q + row * h->step, h->step, rows, w->keys + j, h->wide, 16, panels,
                             h->size, w->acc);
                for (unsigned r = 0; r < rows; r++)
                        memcpy(w->scores + (size_t)r * h->wide + j, w->acc + r * panels * 16,
                               panels * 16 * sizeof(float));
        }
}

static void mix(struct embed_worker *w, const struct head *h, uint32_t row, unsigned rows,
                const float *total)
{
        const struct kernel *kn = w->m->kernel;
        unsigned tp = kn->float_panels;
        for (uint32_t c = 0; c < h->size; c += tp * 16) {
                unsigned panels = (h->size - c) / 16 < tp ? (h->size - c) / 16 : tp;
                kn->tile_f32(w->scores, h->wide, rows, h->v + c, h->step, 16, panels, h->n, w->acc);
                for (unsigned r = 0; r < rows; r++) {
                        float *from = w->acc + r * panels * 16;
                        kn->times(from, panels * 16, 1.0f / total[r]);
                        memcpy(h->to + (row + r) * h->step_to + c, from,
                               panels * 16 * sizeof(float));
                }
        }
}

void attend_floats(struct embed_worker *w, const struct head *h)
{
        const struct kernel *kn = w->m->kernel;
        float total[KERNEL_ROWS_MAX];
        turn_keys(w, h);
        for (uint32_t row = 0; row < h->n; row += kn->float_rows) {
                unsigned rows = h->n - row < kn->float_rows ? h->n - row : kn->float_rows;
                scores(w, h, row, rows);
                for (unsigned r = 0; r < rows; r++)
                        total[r] =
                                kn->softmax(w->scores + (size_t)r * h->wide, h->wide, h->n,
                                            h->scale, h->relative ? h->relative - (row + r) : NULL);
                mix(w, h, row, rows, total);
        }
}

int attention(struct embed_worker *w, const struct pack_text *t)
{
        const struct embed_model *m = w->m;
        const struct model_shape *s = &m->at.shape;
        uint32_t all = m->head.heads * s->head;
        size_t step = 3ull * all;
        int r = 0;
        for (uint32_t i = 0; i < m->head.heads && r == 0; i++) {
                const float *q = w->qkv + t->begin * step + (size_t)i * s->head;
                struct head h = {.q = q,
                                 .k = q + all,
                                 .v = q + 2ull * all,
                                 .step = step,
                                 .n = t->n,
                                 .wide = (t->n + 15) / 16 * 16,
                                 .size = s->head,
                                 .scale = 1.0f / sqrtf((float)(m->head.width / m->head.heads)),
                                 .to = w->mixed + (size_t)t->begin * s->attention +
                                       (size_t)i * s->head,
                                 .step_to = s->attention};
                if (m->relative)
                        h.relative = m->relative + (2ull * i + 1) * m->relative_span;
                if (m->info.precision == EMBED_INT8 && s->head <= ATTENTION_I16_HEAD)
                        attend_i16(w, &h);
                else
                        attend_floats(w, &h);
                r = worker_did(w, 4ull * h.n * h.wide * h.size);
        }
        return r;
}
