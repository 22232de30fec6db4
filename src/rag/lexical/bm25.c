#include "rag/lexical/bm25.h"
#include "base/mem.h"
#include <math.h>

#define WINDOW 2048u /* passages whose scores are gathered at once */

/* ---- one list, walked forward ---- */

struct cursor {
        struct post_list list;
        uint32_t block, at, n; /* n 0: the block is not decoded */
        uint32_t limit;
        float idf;
        float bound; /* of its score in the window */
        uint32_t passages[POST_BLOCK], weights[POST_BLOCK];
};
struct best { /* a heap, the worst at its head */
        struct bm25_hit *h;
        uint32_t n, want;
};
struct scan {
        const struct lexicon *l;
        uint32_t segment;
        unsigned n;
        struct cursor *c[BM25_TERMS]; /* by rising bound */
        float k_fixed, k_length;      /* K1 (1-b) and K1 b / average, in half words */
        struct best *best;
        bm25_accept accept;
        void *ctx;
        float scores[WINDOW];
        uint64_t touched[WINDOW / 64];
};

static float score(const struct scan *s, float idf, float weight, float length)
{
        return idf * weight / (weight + s->k_fixed + s->k_length * length);
}

/* To the first block that reaches `to`; false when there is none. */
static bool skip_to(struct cursor *c, uint32_t to)
{
        uint32_t b = c->block;
        while (b < c->list.n_blocks && c->list.heads[b].last < to)
                b++;
        if (b != c->block) {
                c->block = b;
                c->n = c->at = 0;
        }
        return b < c->list.n_blocks;
}

static void decode(struct cursor *c)
{
        c->n = post_block(&c->list, c->block, c->limit, c->passages, c->weights);
        c->at = 0;
}

/* The weight of a passage, 0 when the term is not in it; passages only rise. */
static uint32_t look_up(struct cursor *c, uint32_t passage)
{
        if (!skip_to(c, passage))
                return 0;
        if (!c->n)
                decode(c);
        while (c->at < c->n && c->passages[c->at] < passage)
                c->at++;
        return c->at < c->n && c->passages[c->at] == passage ? c->weights[c->at] : 0;
}

/* ---- the best so far ---- */

static bool worse(const struct bm25_hit *a, const struct bm25_hit *b)
{
        if (a->score != b->score)
                return a->score < b->score;
        return a->segment != b->segment ? a->segment > b->segment : a->passage > b->passage;
}

static void sift_down(struct best *b, size_t i)
{
        for (size_t k; (k = 2 * i + 1) < b->n; i = k) {
                if (k + 1 < b->n && worse(&b->h[k + 1], &b->h[k]))
                        k++;
                if (!worse(&b->h[k], &b->h[i]))
                        return;
                struct bm25_hit t = b->h[i];
                b->h[i] = b->h[k];
                b->h[k] = t;
        }
}

static void keep(struct best *b, const struct bm25_hit *hit)
{
        if (b->n == b->want) {
                b->h[0] = *hit;
                sift_down(b, 0);
                return;
        }
        size_t i = b->n++;
        for (; i > 0 && worse(hit, &b->h[(i - 1) / 2]); i = (i - 1) / 2)
                b->h[i] = b->h[(i - 1) / 2];
        b->h[i] = *hit;
}

static float threshold(const struct best *b)
{
        return b->n == b->want ? (float)b->h[0].score : 0;
}

/* ---- a window ---- */

static void set_bounds(struct scan *s, uint32_t from, uint32_t to)
{
        for (unsigned i = 0; i < s->n; i++) {
                struct cursor *c = s->c[i];
                c->bound = 0;
                if (!skip_to(c, from))
                        continue;
                for (uint32_t b = c->block; b < c->list.n_blocks; b++) {
                        const struct post_head *h = &c->list.heads[b];
                        if (b > c->block && c->list.heads[b - 1].last + 1 >= to)
                                break;
                        float weight = h->max_weight == UINT16_MAX ? 1e9f : h->max_weight;
                        float most = score(s, c->idf, weight, h->min_length);
                        c->bound = most > c->bound ? most : c->bound;
                }
        }
        for (unsigned i = 1; i < s->n; i++) { /* insertion: they hardly change places */
                struct cursor *c = s->c[i];
                unsigned k = i;
                for (; k > 0 && s->c[k - 1]->bound > c->bound; k--)
                        s->c[k] = s->c[k - 1];
                s->c[k] = c;
        }
}

static void walk(struct scan *s, struct cursor *c, uint32_t from, uint32_t to)
{
        for (uint32_t next = from; next < to && skip_to(c, next);) {
                if (!c->n)
                        decode(c);
                for (; c->at < c->n; c->at++) {
                        uint32_t p = c->passages[c->at];
                        if (p >= to)
                                return;
                        if (p < from)
                                continue;
                        s->scores[p - from] +=
                                score(s, c->idf, (float)c->weights[c->at], s->l->lengths[p]);
                        s->touched[(p - from) / 64] |= 1ull << ((p - from) % 64);
                }
                next = c->list.heads[c->block].last + 1;
        }
}

/* A passage that the walked terms touched; the first `looked` terms are only looked up, sums[i] is
 * what the first i + 1 of them can add. */
static void consider(struct scan *s, uint32_t passage, float have, unsigned looked,
                     const float *sums)
{
        float least = threshold(s->best);
        for (unsigned i = looked; i-- > 0;) {
                if (have + sums[i] <= least)
                        return;
                uint32_t weight = look_up(s->c[i], passage);
                if (weight)
                        have += score(s, s->c[i]->idf, (float)weight, s->l->lengths[passage]);
        }
        if (have <= least || !s->accept(s->ctx, s->segment, passage))
                return;
        keep(s->best, &(struct bm25_hit){s->segment, passage, 0, have});
}

static void window(struct scan *s, uint32_t from, uint32_t to)
{
        float sums[BM25_TERMS], sum = 0, least = threshold(s->best);
        unsigned looked = 0;
        set_bounds(s, from, to);
        for (unsigned i = 0; i < s->n; i++) {
                sum += s->c[i]->bound;
                /* a little more than was added up: the order of additions must not matter */
                sums[i] = sum * 1.00001f;
                looked += sums[i] <= least;
        }
        if (looked == s->n)
                return;
        for (unsigned i = looked; i < s->n; i++)
                walk(s, s->c[i], from, to);
        for (uint32_t w = 0; w < WINDOW / 64; w++) {
                for (uint64_t bits = s->touched[w]; bits; bits &= bits - 1) {
                        uint32_t k = w * 64 + (uint32_t)__builtin_ctzll(bits);
                        float have = s->scores[k];
                        s->scores[k] = 0;
                        consider(s, from + k, have, looked, sums);
                }
                s->touched[w] = 0;
        }
}

/* ---- all of it ---- */

static void scan_segment(struct scan *s)
{
        for (uint32_t from = 0; from < s->l->n;) {
                uint32_t next = UINT32_MAX;
                for (unsigned i = 0; i < s->n; i++) {
                        struct cursor *c = s->c[i];
                        if (!skip_to(c, from))
                                continue;
                        uint32_t first = c->block ? c->list.heads[c->block - 1].last + 1 : 0;
                        first = first < from ? from : first;
                        next = first < next ? first : next;
                }
                if (next >= s->l->n)
                        return;
                from = next / WINDOW * WINDOW;
                uint32_t to = s->l->n - from < WINDOW ? s->l->n : from + WINDOW;
                window(s, from, to);
                from = to;
        }
}

static bool open_cursor(const struct bm25 *q, unsigned term, const struct lexicon *l,
                        struct cursor *c)
{
        if (!lexicon_find(l, q->terms[term].term, q->terms[term].len, &c->list))
                return false;
        c->block = c->at = c->n = 0;
        c->limit = l->n;
        c->idf = (float)q->idf[term];
        return true;
}

static int by_place(const void *x, const void *y)
{
        const struct bm25_hit *a = x, *b = y;
        if (a->segment != b->segment)
                return a->segment < b->segment ? -1 : 1;
        return a->passage < b->passage ? -1 : a->passage > b->passage;
}

static int best_first(const void *x, const void *y)
{
        return worse(x, y) ? 1 : -1;
}

/* Exact scores and which terms, for the few that were found; they are in the order of their places.
 */
static void look_again(const struct bm25 *q, const struct lexicon *const *segments,
                       const struct scan *s, struct cursor *c, struct bm25_hit *h, size_t n)
{
        for (size_t i = 0; i < n; i++)
                h[i].score = 0;
        for (unsigned t = 0; t < q->n_terms; t++) {
                bool open = false;
                for (size_t i = 0; i < n; i++) {
                        const struct lexicon *l = segments[h[i].segment];
                        if (i == 0 || h[i].segment != h[i - 1].segment)
                                open = open_cursor(q, t, l, c);
                        uint32_t weight = open ? look_up(c, h[i].passage) : 0;
                        if (!weight)
                                continue;
                        h[i].terms |= 1u << t;
                        h[i].score += q->idf[t] * weight /
                                      (weight + (double)s->k_fixed +
                                       (double)s->k_length * l->lengths[h[i].passage]);
                }
        }
}

static void weigh(struct bm25 *q, const struct lexicon *const *segments, size_t n, struct scan *s)
{
        uint64_t passages = 0, length = 0;
        for (size_t i = 0; i < n; i++) {
                passages += segments[i]->n;
                length += segments[i]->total_length;
        }
        double average = passages && length ? (double)length / (double)passages : 1;
        for (unsigned t = 0; t < q->n_terms; t++) {
                uint64_t df = 0;
                struct post_list list;
                for (size_t i = 0; i < n; i++)
                        if (lexicon_find(segments[i], q->terms[t].term, q->terms[t].len, &list))
                                df += list.n;
                double rest = passages > df ? (double)(passages - df) : 0;
                q->idf[t] = (BM25_K1 + 1) * log1p((rest + 0.5) / ((double)df + 0.5));
        }
        s->k_fixed = (float)(2 * BM25_K1 * (1 - BM25_B));
        s->k_length = (float)(2 * BM25_K1 * BM25_B / average);
}

int64_t bm25_run(struct bm25 *q, const struct lexicon *const *segments, size_t n, uint32_t want,
                 bm25_accept accept, void *ctx, struct bm25_hit *ret)
{
        struct best best = {.h = ret, .want = want};
        auto_free struct scan *s = mem_try(sizeof *s);
        auto_free struct cursor *cursors = mem_try((q->n_terms + 1) * sizeof *cursors);
        if (!s || !cursors || !want)
                return want ? -ENOMEM : 0;
        memset(s, 0, sizeof *s);
        s->best = &best;
        s->accept = accept;
        s->ctx = ctx;
        weigh(q, segments, n, s);
        for (size_t i = 0; i < n; i++) {
                s->l = segments[i];
                s->segment = (uint32_t)i;
                s->n = 0;
                for (unsigned t = 0; t < q->n_terms; t++)
                        if (open_cursor(q, t, s->l, &cursors[t]))
                                s->c[s->n++] = &cursors[t];
                scan_segment(s);
        }
        qsort(ret, best.n, sizeof *ret, by_place);
        look_again(q, segments, s, &cursors[0], ret, best.n);
        qsort(ret, best.n, sizeof *ret, best_first);
        return best.n;
}
