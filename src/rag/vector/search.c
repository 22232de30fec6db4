#include "base/mem.h"
#include "rag/vector/dot.h"
#include "rag/vector/file.h"
#include <math.h>

#define SLACK 2e-6f /* of the floating-point sums themselves */

/* Every passage that is there, as the bytes see it. */
struct seen {
        uint32_t segment, passage;
        float most; /* the true score is not above */
};
struct scan {
        struct dot_query q;
        const float *query;
        float scale, rest; /* of the query: query = scale * q, but for a vector of length rest */
        uint32_t dims, k;
        vector_accept accept;
        void *ctx;
        struct seen *seen;
        size_t n;
        float *least; /* a heap of the k best lower bounds, the worst at its head */
        uint32_t kept;
};

static void set_query(struct scan *s)
{
        int16_t whole[VECTOR_DIMS_MAX];
        float max = 0;
        double rest = 0;
        for (uint32_t k = 0; k < s->dims; k++)
                max = fabsf(s->query[k]) > max ? fabsf(s->query[k]) : max;
        s->scale = max > 0 ? max / DOT_QUERY_MAX : 1;
        for (uint32_t k = 0; k < s->dims; k++) {
                whole[k] = (int16_t)lrintf(s->query[k] / s->scale);
                double d = (double)s->query[k] - (double)s->scale * whole[k];
                rest += d * d;
        }
        s->rest = (float)sqrt(rest) * 1.000001f;
        dot_query_set(&s->q, whole, s->dims);
}

static void keep_bound(struct scan *s, float bound)
{
        float *h = s->least;
        if (s->kept < s->k) {
                uint32_t i = s->kept++;
                for (; i > 0 && h[(i - 1) / 2] > bound; i = (i - 1) / 2)
                        h[i] = h[(i - 1) / 2];
                h[i] = bound;
                return;
        }
        uint32_t i = 0;
        for (uint32_t c; (c = 2 * i + 1) < s->k; i = c) {
                c += c + 1 < s->k && h[c + 1] < h[c];
                if (h[c] >= bound)
                        break;
                h[i] = h[c];
        }
        h[i] = bound;
}

/* What has no chance is dropped at once, against the bound as it is by now. */
static void look(struct scan *s, const struct vectors *v, uint32_t segment, uint32_t block,
                 dot_fn dot)
{
        const struct vector_block *b = vector_block(v, block);
        uint32_t n = vectors_in(v, block);
        int32_t sums[VECTOR_BLOCK];
        dot(&s->q, vector_bytes(v, block), n, s->dims, sums);
        for (uint32_t i = 0; i < n; i++) {
                float score = s->scale * b->scale[i] * (float)sums[i];
                float off = b->error[i] + s->rest * (1.01f + b->error[i]) + SLACK;
                float bar = s->kept == s->k ? s->least[0] : -2;
                uint32_t passage = block * VECTOR_BLOCK + i;
                if (score + off < bar)
                        continue;
                if (score - off > bar) { /* only what may be found raises the bar */
                        if (!s->accept(s->ctx, segment, passage))
                                continue;
                        keep_bound(s, score - off);
                }
                s->seen[s->n++] = (struct seen){segment, passage, score + off};
        }
}

static float exact(const struct scan *s, const struct vectors *v, uint32_t passage)
{
        const uint16_t *h = vector_bf16(v, passage);
        float sum[8] = {0};
        for (uint32_t k = 0; k < s->dims; k += 8)
                for (uint32_t i = 0; i < 8; i++)
                        sum[i] += s->query[k + i] * from_bf16(h[k + i]);
        return ((sum[0] + sum[4]) + (sum[2] + sum[6])) + ((sum[1] + sum[5]) + (sum[3] + sum[7]));
}

static int best_first(const void *x, const void *y)
{
        const struct vector_hit *a = x, *b = y;
        if (a->score != b->score)
                return a->score > b->score ? -1 : 1;
        if (a->segment != b->segment)
                return a->segment < b->segment ? -1 : 1;
        return a->passage < b->passage ? -1 : a->passage > b->passage;
}

static int64_t score_again(struct scan *s, const struct vectors *const *list,
                           struct vector_hit *ret)
{
        float bar = s->kept == s->k ? s->least[0] : -2;
        auto_free struct vector_hit *h = mem_try((s->n + 1) * sizeof *h);
        size_t n = 0;
        if (!h)
                return -ENOMEM;
        for (size_t i = 0; i < s->n; i++) {
                const struct seen *x = &s->seen[i];
                if (x->most >= bar && s->accept(s->ctx, x->segment, x->passage))
                        h[n++] = (struct vector_hit){x->segment, x->passage,
                                                     exact(s, list[x->segment], x->passage)};
        }
        qsort(h, n, sizeof *h, best_first);
        n = n < s->k ? n : s->k;
        memcpy(ret, h, n * sizeof *h);
        return (int64_t)n;
}

int64_t vectors_search(const struct vectors *const *list, size_t n, const float *query,
                       uint32_t dims, uint32_t k, vector_accept accept, void *ctx,
                       struct vector_hit *ret)
{
        size_t all = 0;
        const char *name;
        dot_fn dot = dot_choose(&name);
        for (size_t i = 0; i < n; i++)
                all += list[i] && list[i]->dims == dims ? list[i]->n : 0;
        auto_free struct scan *s = mem_try(sizeof *s);
        auto_free struct seen *seen = mem_try((all + 1) * sizeof *seen);
        auto_free float *least = mem_try((k + 1) * sizeof *least);
        if (!s || !seen || !least || k == 0 || dims > VECTOR_DIMS_MAX)
                return k ? -ENOMEM : 0;
        *s = (struct scan){.query = query,
                           .dims = dims,
                           .k = k,
                           .accept = accept,
                           .ctx = ctx,
                           .seen = seen,
                           .least = least};
        set_query(s);
        for (size_t i = 0; i < n; i++)
                for (uint32_t b = 0; list[i] && list[i]->dims == dims && b < list[i]->n_blocks; b++)
                        if (vectors_has(list[i], b))
                                look(s, list[i], (uint32_t)i, b, dot);
        return score_again(s, list, ret);
}
