#include "rag/embed/worker.h"
#include "base/mem.h"
#include <math.h>

#define BLOCK_BYTES                                                                                \
        (384u << 10) /* of inner activations: with a panel of weights in a 1 MiB cache */
#define BLOCK_LEAST 24

struct embed_worker *embed_worker_new(const struct embed_model *m, const struct embed_hook *hook)
{
        struct embed_worker *w = xcalloc(1, sizeof *w);
        w->m = m;
        if (hook)
                w->hook = *hook;
        return w;
}

void embed_worker_free(struct embed_worker *w)
{
        if (!w)
                return;
        embed_tokens_done(&w->tokens);
        free(w->memory);
        free(w);
}

int worker_did(struct embed_worker *w, uint64_t ops)
{
        w->ops += ops;
        if (w->ops < w->m->kernel->hook_ops)
                return 0;
        w->ops = 0;
        return w->hook.fn ? w->hook.fn(w->hook.ctx) : 0;
}

static size_t part(size_t *end, size_t bytes)
{
        size_t at = *end;
        *end += (bytes + 127) / 64 * 64; /* and a line more: rows do not share sets */
        return at;
}

int worker_room(struct embed_worker *w, uint32_t rows, struct err *err)
{
        const struct model_shape *s = &w->m->at.shape;
        uint32_t heads = w->m->head.heads * s->head, wide = (rows + 15) / 16 * 16;
        if (rows <= w->rows_max)
                return 0;
        uint32_t widest = s->inner > s->width ? s->inner : s->width;
        widest = s->attention > widest ? s->attention : widest;
        uint32_t block = BLOCK_BYTES / (s->inner * 4);
        block = block < BLOCK_LEAST ? BLOCK_LEAST : block;
        block = block / 6 * 6;
        size_t end = 0;
        size_t x = part(&end, (size_t)rows * s->width * 4);
        size_t qkv = part(&end, (size_t)rows * 3 * heads * 4);
        size_t mixed = part(&end, (size_t)rows * s->attention * 4);
        size_t inner = part(&end, (size_t)block * s->inner * 4);
        size_t keys = part(&end, (size_t)s->head * wide * 4);
        size_t scores = part(&end, (size_t)KERNEL_ROWS_MAX * wide * 4);
        size_t longest = wide > s->head ? wide : s->head;
        size_t words = part(&end, (size_t)KERNEL_ROWS_MAX * s->head * 2);
        size_t weights = part(&end, (size_t)KERNEL_ROWS_MAX * wide * 2);
        size_t key_pairs = part(&end, (size_t)s->head * wide * 2);
        size_t value_pairs = part(&end, (size_t)s->head * wide * 2);
        size_t score_sums = part(&end, (size_t)KERNEL_ROWS_MAX * longest * 4);
        size_t narrow = part(&end, (size_t)block * widest * 2);
        size_t scale = part(&end, block * 4ull), zero = part(&end, block * 4ull);
        size_t sums = part(&end, (size_t)(block + KERNEL_ROWS_MAX) * KERNEL_COLS_MAX * 4);
        size_t acc = part(&end, KERNEL_ROWS_MAX * KERNEL_COLS_MAX * 4);
        char *p = mem_try(end + 64);
        if (!p)
                return err_set(err, -ENOMEM, "no memory for %u tokens", rows);
        free(w->memory);
        w->memory = p;
        memset(p, 0, end + 64); /* what fills a width up stays zero */
        p += 64 - (uintptr_t)p % 64;
        w->rows_max = rows;
        w->block = block;
        w->x = (float *)(void *)(p + x);
        w->qkv = (float *)(void *)(p + qkv);
        w->mixed = (float *)(void *)(p + mixed);
        w->inner = (float *)(void *)(p + inner);
        w->keys = (float *)(void *)(p + keys);
        w->scores = (float *)(void *)(p + scores);
        w->words = (int16_t *)(void *)(p + words);
        w->weights = (int16_t *)(void *)(p + weights);
        w->key_pairs = (int32_t *)(void *)(p + key_pairs);
        w->value_pairs = (int32_t *)(void *)(p + value_pairs);
        w->score_sums = (int32_t *)(void *)(p + score_sums);
        w->narrow = (uint8_t *)(p + narrow);
        w->row_scale = (float *)(void *)(p + scale);
        w->row_zero = (int32_t *)(void *)(p + zero);
        w->sums = (int32_t *)(void *)(p + sums);
        w->acc = (float *)(void *)(p + acc);
        return 0;
}

/* --- texts to packs */

struct batch {
        uint32_t *ids;
        size_t n, cap;
        struct pack_text *texts; /* begin: within ids */
};

static void batch_done(struct batch *b)
{
        free(b->ids);
        free(b->texts);
}

static int put_ids(struct batch *b, const uint32_t *ids, size_t n)
{
        if (b->n + n > b->cap) {
                size_t cap = (b->n + n) * 2 + 1024;
                uint32_t *p = mem_retry(b->ids, cap * sizeof *p);
                if (!p)
                        return -ENOMEM;
                b->ids = p;
                b->cap = cap;
        }
        if (n)
                memcpy(b->ids + b->n, ids, n * sizeof *ids);
        b->n += n;
        return 0;
}

static int put_tokens(struct embed_worker *w, struct batch *b, struct slice text, struct err *err)
{
        int r = embed_tokenize(w->m, text, &w->tokens, err);
        for (size_t i = 0; i < w->tokens.n && r == 0; i++)
                r = put_ids(b, &w->tokens.list[i].id, 1);
        return r;
}

/* One text with what belongs around it, or a refusal. */
static int put_text(struct embed_worker *w, struct batch *b, enum embed_kind kind,
                    struct slice text, size_t number, struct err *err)
{
        const struct tokenizer_head *t = &w->m->tokenizer.head;
        size_t begin = b->n;
        int r = put_ids(b, t->before, t->n_before);
        if (r == 0)
                r = put_tokens(w, b, slice_of(w->m->head.prefix[kind]), err);
        if (r == 0)
                r = put_tokens(w, b, text, err);
        if (r < 0)
                return err_wrap(err, r, "text %zu", number);
        uint32_t room = embed_room(w->m, kind);
        if (w->tokens.n > room)
                return err_set(err, -E2BIG, "text %zu has %zu tokens, the model reads %u", number,
                               w->tokens.n, room);
        r = put_ids(b, t->after, t->n_after);
        b->texts[number - 1] = (struct pack_text){(uint32_t)begin, (uint32_t)(b->n - begin)};
        return r;
}

/* false: weights that were no numbers have made it none. */
static bool pool(const struct embed_worker *w, const struct pack_text *t, float *ret)
{
        const struct embed_model *m = w->m;
        uint32_t width = m->at.shape.width, dims = m->head.width;
        const float *x = w->x + (size_t)t->begin * width;
        uint32_t rows = m->head.pooling == MODEL_CLS ? 1 : t->n;
        double length = 0;
        for (uint32_t i = 0; i < dims; i++)
                ret[i] = x[i];
        for (uint32_t r = 1; r < rows; r++)
                for (uint32_t i = 0; i < dims; i++)
                        ret[i] += x[(size_t)r * width + i];
        for (uint32_t i = 0; i < dims; i++)
                length += (double)ret[i] * ret[i];
        double by = length > 0 ? 1.0 / sqrt(length) : 0;
        for (uint32_t i = 0; i < dims; i++)
                ret[i] = (float)(ret[i] * by);
        return isfinite(length);
}

/* As many of the texts from `first` as make a pack; how many. */
static int run_pack(struct embed_worker *w, const struct batch *b, size_t first, size_t n,
                    float *ret, struct err *err)
{
        struct pack_text texts[PACK_TOKENS];
        uint32_t rows = 0;
        size_t some = 0;
        while (first + some < n && some < PACK_TOKENS) {
                const struct pack_text *t = &b->texts[first + some];
                if (some > 0 && rows + t->n > PACK_TOKENS)
                        break;
                texts[some++] = (struct pack_text){rows, t->n};
                rows += t->n;
        }
        int r = worker_room(w, rows, err);
        if (r < 0)
                return r;
        r = forward(w, b->ids + b->texts[first].begin, texts, some, rows);
        if (r < 0)
                return err_set(err, r, "embedding was interrupted");
        for (size_t i = 0; i < some; i++)
                if (!pool(w, &texts[i], ret + (first + i) * w->m->info.dims))
                        return err_set(err, -EBADMSG, "the model's numbers are damaged");
        return (int)some;
}

int embed_texts(struct embed_worker *w, enum embed_kind kind, const struct slice *texts, size_t n,
                float *ret, struct err *err)
{
        CLEANUP(batch_done) struct batch b = {0};
        b.texts = mem_try((n + 1) * sizeof *b.texts);
        if (!b.texts)
                return err_set(err, -ENOMEM, "no memory for %zu texts", n);
        for (size_t i = 0; i < n; i++) {
                int r = put_text(w, &b, kind, texts[i], i + 1, err);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < n;) {
                int r = run_pack(w, &b, i, n, ret, err);
                if (r < 0)
                        return r;
                i += (size_t)r;
        }
        return 0;
}
