#include "rag/embed/worker.h"

#define K_SLICE 384 /* by 64 outputs: 24 KiB, half of a first cache */

/* The input of a product as its weights want it: w->narrow, or the floats as they are. */
static void prepare(struct embed_worker *w, const float *x, uint32_t rows, uint32_t k)
{
        const struct kernel *kn = w->m->kernel;
        switch (w->m->info.precision) {
        case EMBED_INT8:
                for (uint32_t r = 0; r < rows; r++)
                        kn->quantize(x + (size_t)r * k, k, w->narrow + (size_t)r * k,
                                     &w->row_scale[r], &w->row_zero[r]);
                break;
        case EMBED_BF16:
                kn->to_bf16(x, (size_t)rows * k, (uint16_t *)(void *)w->narrow);
                break;
        case EMBED_FP32:
                break;
        }
}

/* One tile of floats: w->acc becomes rows r.. of the input by the panels from column n. */
static void float_tile(struct embed_worker *w, const struct linear *l, const float *x, uint32_t r,
                       unsigned rows, uint32_t n, unsigned panels)
{
        const struct embed_model *m = w->m;
        size_t k = l->k, panel = 16 * k;
        if (m->info.precision == EMBED_BF16)
                m->kernel->tile_bf16((const uint16_t *)(const void *)w->narrow + r * k, k, rows,
                                     (const uint16_t *)model_at(m, l->weights) + n * k, panel,
                                     panels, k, w->acc);
        else
                m->kernel->tile_f32(x + r * k, k, rows, model_floats(m, l->weights) + n * k, 16,
                                    panel, panels, k, w->acc);
}

/* All rows by the panels from column n, of int8: a slice of k at a time, whose weights stay in the
 * first cache while all rows pass. */
static void group_i8(struct embed_worker *w, const struct linear *l, uint32_t rows, uint32_t n,
                     unsigned panels, enum finish how, float *y, size_t ldy)
{
        const struct embed_model *m = w->m;
        const struct kernel *kn = m->kernel;
        const int8_t *weights = (const int8_t *)model_at(m, l->weights) + (size_t)n * l->k;
        unsigned tr = kn->tile_rows;
        for (uint32_t k = 0; k < l->k; k += K_SLICE)
                for (uint32_t r = 0; r < rows; r += tr) {
                        unsigned some = rows - r < tr ? rows - r : tr;
                        uint32_t depth = l->k - k < K_SLICE ? l->k - k : K_SLICE;
                        int32_t *sums = w->sums + (size_t)r * panels * 16;
                        kn->tile_i8(w->narrow + (size_t)r * l->k + k, l->k, some,
                                    weights + (size_t)k * 16, 16ull * l->k, panels, depth, k > 0,
                                    sums);
                        if (k + depth < l->k)
                                continue;
                        kn->finish_i8(sums, some, panels * 16, w->row_scale + r, w->row_zero + r,
                                      model_floats(m, l->scale) + n,
                                      (const int32_t *)model_at(m, l->sums) + n,
                                      model_floats(m, l->bias) + n, how, y + r * ldy, ldy);
                }
}

static void group_floats(struct embed_worker *w, const struct linear *l, const float *x,
                         uint32_t rows, uint32_t n, unsigned panels, enum finish how, float *y,
                         size_t ldy)
{
        const struct kernel *kn = w->m->kernel;
        unsigned tr = kn->float_rows;
        for (uint32_t r = 0; r < rows; r += tr) {
                unsigned some = rows - r < tr ? rows - r : tr;
                float_tile(w, l, x, r, some, n, panels);
                kn->finish(w->acc, some, panels * 16, model_floats(w->m, l->bias) + n, how,
                           y + r * ldy, ldy);
        }
}

/* y[rows][ldy] = finish(x[rows][l->k] * weights + bias) */
static int product(struct embed_worker *w, const struct linear *l, const float *x, uint32_t rows,
                   enum finish how, float *y, size_t ldy)
{
        const struct kernel *kn = w->m->kernel;
        bool i8 = w->m->info.precision == EMBED_INT8;
        unsigned tp = i8 ? kn->tile_panels : kn->float_panels;
        prepare(w, x, rows, l->k);
        for (uint32_t n = 0; n < l->n; n += tp * 16) {
                unsigned panels = (l->n - n) / 16 < tp ? (l->n - n) / 16 : tp;
                if (i8)
                        group_i8(w, l, rows, n, panels, how, y + n, ldy);
                else
                        group_floats(w, l, x, rows, n, panels, how, y + n, ldy);
                int e = worker_did(w, 2ull * rows * panels * 16 * l->k);
                if (e < 0)
                        return e;
        }
        return 0;
}

static void norm_rows(struct embed_worker *w, float *x, uint32_t rows, const uint64_t at[2])
{
        const struct embed_model *m = w->m;
        uint32_t width = m->at.shape.width;
        for (uint32_t r = 0; r < rows; r++)
                m->kernel->norm(x + (size_t)r * width, width, m->head.width, model_floats(m, at[0]),
                                model_floats(m, at[1]), m->head.norm_eps);
}

/* Behind attention everything is of one row alone: a block of rows goes through all of it while it
 * is in the cache. */
static int block(struct embed_worker *w, const struct model_layer *l, uint32_t from, uint32_t rows)
{
        const struct model_shape *s = &w->m->at.shape;
        float *x = w->x + (size_t)from * s->width;
        int r = product(w, &l->out, w->mixed + (size_t)from * s->attention, rows, FINISH_ADD, x,
                        s->width);
        if (r < 0)
                return r;
        norm_rows(w, x, rows, l->norm[0]);
        r = product(w, &l->up, x, rows, FINISH_GELU, w->inner, s->inner);
        if (r == 0)
                r = product(w, &l->down, w->inner, rows, FINISH_ADD, x, s->width);
        if (r == 0)
                norm_rows(w, x, rows, l->norm[1]);
        return r;
}

static void embeddings(struct embed_worker *w, const uint32_t *ids, const struct pack_text *t)
{
        const struct embed_model *m = w->m;
        uint32_t width = m->at.shape.width;
        const float *place =
                model_floats(m, m->at.positions) + (size_t)m->head.first_position * width;
        for (uint32_t i = 0; i < t->n; i++) {
                float *x = w->x + (size_t)(t->begin + i) * width;
                const char *word =
                        (const char *)model_at(m, m->at.words) +
                        (size_t)ids[t->begin + i] * width * model_word_bytes(m->head.precision);
                if (m->info.precision == EMBED_FP32)
                        memcpy(x, word, width * sizeof *x);
                else
                        m->kernel->from_half((const uint16_t *)(const void *)word, width, x);
                m->kernel->add(place + (size_t)i * width, width, x);
        }
}

int forward(struct embed_worker *w, const uint32_t *ids, const struct pack_text *texts,
            size_t n_texts, uint32_t rows)
{
        const struct embed_model *m = w->m;
        for (size_t i = 0; i < n_texts; i++)
                embeddings(w, ids, &texts[i]);
        norm_rows(w, w->x, rows, m->at.embedding_norm);
        for (uint32_t i = 0; i < m->head.layers; i++) {
                const struct model_layer *l = &m->at.layer[i];
                int r = 0;
                for (uint32_t at = 0; at < rows && r == 0; at += w->block) {
                        uint32_t n = rows - at < w->block ? rows - at : w->block;
                        r = product(w, &l->qkv, w->x + (size_t)at * m->at.shape.width, n,
                                    FINISH_STORE, w->qkv + (size_t)at * l->qkv.n, l->qkv.n);
                }
                for (size_t k = 0; k < n_texts && r == 0; k++)
                        r = attention(w, &texts[k]);
                for (uint32_t at = 0; at < rows && r == 0; at += w->block)
                        r = block(w, l, at, rows - at < w->block ? rows - at : w->block);
                if (r < 0)
                        return r;
        }
        return 0;
}
