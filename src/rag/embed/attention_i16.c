/* Attention in 16 bits, for int8 models: queries and keys in 12 of them, so that a sum over a head
 * fits 32; weights add up to 32767 and values have 15 bits, so that a sum over a text does. The
 * scales are of one text and head: nothing else has a say. */
#include "rag/embed/attention.h"

#define QK_MOST 2047.0f
#define V_MOST  32000.0f /* rounding may add half a unit for each token to the weights */

static float scale_to(const struct kernel *kn, const struct head *h, const float *x, float most)
{
        float largest = kn->largest(x, h->step, h->n, h->size);
        return largest > 0 && largest < 1e30f ? most / largest : 1.0f;
}

/* Panels [wide / 16][size / 2][16][2]. */
static void turn_keys(const struct kernel *kn, const struct head *h, float by, int16_t *row,
                      int32_t *panels)
{
        uint32_t pairs = h->size / 2;
        for (uint32_t j = 0; j < h->wide; j++) {
                int32_t *to = panels + (size_t)(j / 16) * pairs * 16 + j % 16;
                const int32_t *from = (const int32_t *)(const void *)row;
                if (j < h->n)
                        kn->to_i16(h->k + j * h->step, h->size, by, row);
                for (uint32_t i = 0; i < pairs; i++)
                        to[i * 16] = j < h->n ? from[i] : 0;
        }
}

/* Panels [size / 16][wide / 2][16][2]. */
static void pair_values(const struct kernel *kn, const struct head *h, float by, const float *zero,
                        int32_t *panels)
{
        for (uint32_t c = 0; c < h->size; c += 16)
                for (uint32_t j = 0; j < h->wide; j += 2) {
                        const float *a = j < h->n ? h->v + j * h->step + c : zero;
                        const float *b = j + 1 < h->n ? h->v + (j + 1) * h->step + c : zero;
                        kn->to_pairs(a, b, 16, by, panels + (size_t)c * h->wide / 2 + j * 8);
                }
}

static void products(struct embed_worker *w, const int16_t *x, size_t ldx, unsigned rows,
                     const int16_t *panels, uint32_t outputs, uint32_t k, int32_t *ret)
{
        const struct kernel *kn = w->m->kernel;
        for (uint32_t n = 0; n < outputs; n += KERNEL_COLS_MAX) {
                unsigned some = (outputs - n) / 16 < KERNEL_PANELS_MAX ? (outputs - n) / 16
                                                                       : KERNEL_PANELS_MAX;
                kn->tile_i16(x, ldx, rows, panels + (size_t)n * k, 16ull * k, some, k, w->sums);
                for (unsigned r = 0; r < rows; r++)
                        memcpy(ret + (size_t)r * outputs + n, w->sums + r * some * 16,
                               some * 16 * sizeof *ret);
        }
}

void attend_i16(struct embed_worker *w, const struct head *h)
{
        static const float zero[16];
        const struct kernel *kn = w->m->kernel;
        float q_by = scale_to(kn, h, h->q, QK_MOST), k_by = scale_to(kn, h, h->k, QK_MOST);
        float v_by = scale_to(kn, h, h->v, V_MOST);
        float to_score = h->scale / q_by / k_by, to_value = 1.0f / (v_by * 32767.0f);
        unsigned most = kn->float_rows;
        turn_keys(kn, h, k_by, w->words, w->key_pairs);
        pair_values(kn, h, v_by, zero, w->value_pairs);
        for (uint32_t row = 0; row < h->n; row += most) {
                unsigned rows = h->n - row < most ? h->n - row : most;
                int32_t *sums = w->score_sums;
                for (unsigned r = 0; r < rows; r++)
                        kn->to_i16(h->q + (row + r) * h->step, h->size, q_by,
                                   w->words + (size_t)r * h->size);
                products(w, w->words, h->size, rows, (const int16_t *)(const void *)w->key_pairs,
                         h->wide, h->size, sums);
                for (unsigned r = 0; r < rows; r++)
                        kn->softmax_i16(sums + (size_t)r * h->wide, h->wide, h->n, to_score,
                                        h->relative ? h->relative - (row + r) : NULL, w->scores,
                                        w->weights + (size_t)r * h->wide);
                products(w, w->weights, h->wide, rows,
                         (const int16_t *)(const void *)w->value_pairs, h->size, h->wide, sums);
                for (unsigned r = 0; r < rows; r++)
                        kn->scale_ints(sums + (size_t)r * h->size, h->size, to_value,
                                       h->to + (row + r) * h->step_to);
        }
}
