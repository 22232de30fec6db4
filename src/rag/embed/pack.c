#include "rag/embed/pack.h"
#include "rag/embed/config.h"
#include "rag/embed/safetensors.h"
#include "rag/embed/tokenizer_build.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/str.h"
#include <math.h>
#include <stdio.h>

struct pack {
        pack_sink put;
        void *ctx;
        struct sha256 hash;
        uint32_t crc;
        uint64_t written;
        const struct safetensors *weights;
        const char *root; /* what the names of all tensors begin with */
        struct model_head head;
        struct model_layout at;
        float *rows;          /* 16 rows of the widest input */
        unsigned char *panel; /* the same, packed */
};

static int put(struct pack *p, const void *data, size_t n)
{
        sha256_add(&p->hash, data, n);
        p->crc = crc32c(p->crc, data, n);
        p->written += n;
        return p->put(p->ctx, data, n);
}

/* Zeros up to where the next thing belongs. */
static int pad_to(struct pack *p, uint64_t offset)
{
        static const unsigned char zero[MODEL_HEAD];
        int r = 0;
        if (offset < p->written || offset - p->written > sizeof zero)
                return -EIO; /* layout and order of writing differ: ours to mend */
        if (offset > p->written)
                r = put(p, zero, offset - p->written);
        return r;
}

static int find(struct pack *p, const char *name, uint64_t rows, uint64_t cols,
                const struct tensor **ret, struct err *err)
{
        char full[192];
        snprintf(full, sizeof full, "%s%s", p->root, name);
        return safetensors_want(p->weights, full, rows, cols, ret, err);
}

static int put_vector(struct pack *p, uint64_t at, const char *name, struct err *err)
{
        const struct tensor *t;
        int r = find(p, name, p->head.width, 0, &t, err);
        if (r < 0)
                return r;
        memset(p->rows, 0, p->at.shape.width * sizeof *p->rows);
        tensor_floats(t, 0, p->head.width, p->rows);
        r = pad_to(p, at);
        return r < 0 ? r : put(p, p->rows, p->at.shape.width * sizeof *p->rows);
}

/* --- products: panels of 16 outputs, see kernel.h */

/* Which row of which of up to three tensors an output is, and where an input's number goes. */
struct source {
        const struct tensor *w[3], *b[3];
        uint32_t n_tensors;
        uint32_t rows, cols; /* of each tensor */
        bool heads_out;      /* outputs are spread: each head takes shape.head of them */
        bool heads_in;
};

static uint32_t head_width(const struct pack *p)
{
        return p->head.width / p->head.heads;
}

/* The row of the tensor that output i of one part is; false: filled up. */
static bool row_of(const struct pack *p, const struct source *s, uint32_t i, uint32_t *ret)
{
        uint32_t wide = p->at.shape.head, narrow = head_width(p);
        if (!s->heads_out) {
                *ret = i;
                return i < s->rows;
        }
        *ret = i / wide * narrow + i % wide;
        return i / wide < p->head.heads && i % wide < narrow;
}

static void read_row(const struct pack *p, const struct source *s, const struct tensor *t,
                     uint32_t row, float *ret)
{
        uint32_t wide = p->at.shape.head, narrow = head_width(p);
        if (!s->heads_in) {
                tensor_floats(t, (uint64_t)row * s->cols, s->cols, ret);
                return;
        }
        for (uint32_t h = 0; h < p->head.heads; h++)
                tensor_floats(t, (uint64_t)row * s->cols + h * narrow, narrow, ret + h * wide);
}

static float scale_of(const float *row, uint32_t k)
{
        float most = 0;
        for (uint32_t i = 0; i < k; i++)
                most = fmaxf(most, fabsf(row[i]));
        return most > 0 ? most / 127.0f : 1.0f;
}

static void pack_i8(const float *row, uint32_t k, unsigned o, unsigned char *panel, float *scale,
                    int32_t *sum)
{
        int8_t *to = (int8_t *)panel;
        *scale = scale_of(row, k);
        *sum = 0;
        for (uint32_t i = 0; i < k; i++) {
                int v = (int)lrintf(row[i] / *scale);
                to[i / 4 * 64 + o * 4 + i % 4] = (int8_t)v;
                *sum += v;
        }
}

static void pack_row(uint32_t precision, const float *row, uint32_t k, unsigned o,
                     unsigned char *panel, float *scale, int32_t *sum)
{
        if (precision == EMBED_INT8) {
                pack_i8(row, k, o, panel, scale, sum);
                return;
        }
        for (uint32_t i = 0; i < k; i++) {
                if (precision == EMBED_BF16) {
                        uint16_t h = bf16_from_float(row[i]);
                        memcpy(panel + (i / 2 * 32 + o * 2 + i % 2) * 2, &h, 2);
                } else {
                        memcpy(panel + (i * 16 + o) * 4, &row[i], 4);
                }
        }
}

static int put_linear(struct pack *p, const struct linear *l, const struct source *s)
{
        uint32_t precision = p->head.precision, part = l->n / s->n_tensors;
        auto_free float *bias = xcalloc(l->n, sizeof *bias);
        auto_free float *scale = xcalloc(l->n, sizeof *scale);
        auto_free int32_t *sums = xcalloc(l->n, sizeof *sums);
        int r = pad_to(p, l->weights);
        for (uint32_t n = 0; n < l->n && r == 0; n += 16) {
                memset(p->rows, 0, 16ull * l->k * sizeof *p->rows);
                for (uint32_t o = 0; o < 16; o++) {
                        uint32_t i = n + o, row;
                        float *x = p->rows + (size_t)o * l->k;
                        if (row_of(p, s, i % part, &row)) {
                                read_row(p, s, s->w[i / part], row, x);
                                tensor_floats(s->b[i / part], row, 1, &bias[i]);
                        }
                        pack_row(precision, x, l->k, o, p->panel, &scale[i], &sums[i]);
                }
                r = put(p, p->panel, 16ull * l->k * model_weight_bytes(precision));
        }
        if (r == 0 && precision == EMBED_INT8) {
                r = pad_to(p, l->scale);
                if (r == 0)
                        r = put(p, scale, l->n * sizeof *scale);
                if (r == 0)
                        r = pad_to(p, l->sums);
                if (r == 0)
                        r = put(p, sums, l->n * sizeof *sums);
        }
        if (r == 0)
                r = pad_to(p, l->bias);
        return r < 0 ? r : put(p, bias, l->n * sizeof *bias);
}

static int add_source(struct pack *p, struct source *s, uint32_t layer, const char *name,
                      struct err *err)
{
        char full[160];
        uint32_t i = s->n_tensors;
        snprintf(full, sizeof full, "encoder.layer.%u.%s.weight", layer, name);
        int r = find(p, full, s->rows, s->cols, &s->w[i], err);
        if (r < 0)
                return r;
        snprintf(full, sizeof full, "encoder.layer.%u.%s.bias", layer, name);
        s->n_tensors++;
        return find(p, full, s->rows, 0, &s->b[i], err);
}

static int put_norm(struct pack *p, const uint64_t at[2], const char *name, struct err *err)
{
        char full[160];
        snprintf(full, sizeof full, "%s.weight", name);
        int r = put_vector(p, at[0], full, err);
        if (r < 0)
                return r;
        snprintf(full, sizeof full, "%s.bias", name);
        return put_vector(p, at[1], full, err);
}

static int put_layer(struct pack *p, uint32_t i, struct err *err)
{
        static const char *const names[2][5] = {
                {"attention.self.query", "attention.self.key", "attention.self.value",
                 "attention.output.dense", "attention.output.LayerNorm"},
                {"attention.attn.q", "attention.attn.k", "attention.attn.v", "attention.attn.o",
                 "attention.LayerNorm"}};
        const char *const *name = names[p->head.family == MODEL_MPNET];
        const struct model_layer *l = &p->at.layer[i];
        uint32_t w = p->head.width, inner = p->head.inner;
        struct source qkv = {.rows = w, .cols = w, .heads_out = true};
        struct source out = {.rows = w, .cols = w, .heads_in = true};
        struct source up = {.rows = inner, .cols = w}, down = {.rows = w, .cols = inner};
        char norm[2][96];
        int r = 0;
        snprintf(norm[0], sizeof norm[0], "encoder.layer.%u.%s", i, name[4]);
        snprintf(norm[1], sizeof norm[1], "encoder.layer.%u.output.LayerNorm", i);
        for (int k = 0; k < 3 && r == 0; k++)
                r = add_source(p, &qkv, i, name[k], err);
        if (r == 0)
                r = add_source(p, &out, i, name[3], err);
        if (r == 0)
                r = add_source(p, &up, i, "intermediate.dense", err);
        if (r == 0)
                r = add_source(p, &down, i, "output.dense", err);
        if (r == 0)
                r = put_linear(p, &l->qkv, &qkv);
        if (r == 0)
                r = put_linear(p, &l->out, &out);
        if (r == 0)
                r = put_linear(p, &l->up, &up);
        if (r == 0)
                r = put_linear(p, &l->down, &down);
        for (int k = 0; k < 2 && r == 0; k++)
                r = put_norm(p, l->norm[k], norm[k], err);
        return r;
}

/* --- embeddings */

static int put_words(struct pack *p, struct err *err)
{
        const struct tensor *t;
        uint32_t w = p->head.width, wide = p->at.shape.width;
        unsigned bytes = model_word_bytes(p->head.precision);
        int r = find(p, "embeddings.word_embeddings.weight", p->head.vocabulary, w, &t, err);
        if (r == 0)
                r = pad_to(p, p->at.words);
        memset(p->rows, 0, wide * sizeof *p->rows);
        for (uint32_t i = 0; i < p->head.vocabulary && r == 0; i++) {
                tensor_floats(t, (uint64_t)i * w, w, p->rows);
                for (uint32_t k = 0; k < wide && bytes == 2; k++) {
                        uint16_t h = half_from_float(p->rows[k]);
                        if ((h & 0x7c00) == 0x7c00)
                                return err_set(err, -EINVAL, "a word's weight is above 65504");
                        memcpy(p->panel + k * 2, &h, 2);
                }
                r = put(p, bytes == 2 ? p->panel : (unsigned char *)p->rows, (size_t)wide * bytes);
        }
        return r;
}

/* Position and token type are added once and for all: every token is of type 0. */
static int put_positions(struct pack *p, struct err *err)
{
        const struct tensor *t, *type = NULL;
        uint32_t w = p->head.width, wide = p->at.shape.width;
        int r = find(p, "embeddings.position_embeddings.weight", p->head.positions, w, &t, err);
        if (r == 0 && p->head.family == MODEL_BERT) {
                char full[192];
                snprintf(full, sizeof full, "%sembeddings.token_type_embeddings.weight", p->root);
                type = safetensors_find(p->weights, full);
                if (!type || type->n_dims != 2 || type->dims[0] == 0)
                        return err_set(err, -EBADMSG, "the weights lack '%s'", full);
                r = safetensors_want(p->weights, full, type->dims[0], w, &type, err);
        }
        if (r == 0)
                r = pad_to(p, p->at.positions);
        float *x = p->rows, *y = p->rows + wide;
        memset(x, 0, 2ull * wide * sizeof *x);
        if (r == 0 && type)
                tensor_floats(type, 0, w, y);
        for (uint32_t i = 0; i < p->head.positions && r == 0; i++) {
                tensor_floats(t, (uint64_t)i * w, w, x);
                for (uint32_t k = 0; k < w; k++)
                        x[k] += y[k];
                r = put(p, x, wide * sizeof *x);
        }
        return r;
}

static int put_buckets(struct pack *p, struct err *err)
{
        const struct tensor *t;
        uint64_t n = (uint64_t)p->head.buckets * p->head.heads;
        if (n == 0)
                return 0;
        int r = find(p, "encoder.relative_attention_bias.weight", p->head.buckets, p->head.heads,
                     &t, err);
        if (r == 0)
                r = pad_to(p, p->at.buckets);
        if (r < 0)
                return r;
        auto_free float *x = xcalloc(n, sizeof *x);
        tensor_floats(t, 0, n, x);
        return put(p, x, n * sizeof *x);
}

static int put_tail(struct pack *p)
{
        struct model_tail tail = {.magic = "DONE"};
        int r = pad_to(p, p->at.tail);
        if (r < 0)
                return r;
        sha256_end(&p->hash, tail.id);
        tail.crc = p->crc;
        return p->put(p->ctx, &tail, sizeof tail);
}

static int put_all(struct pack *p, const struct buf *tables, struct err *err)
{
        unsigned char head[MODEL_HEAD] = {0};
        _Static_assert(sizeof p->head <= MODEL_HEAD, "the head has a place of its own");
        memcpy(head, &p->head, sizeof p->head);
        int r = put(p, head, sizeof head);
        if (r == 0)
                r = put(p, tables->data, tables->len);
        if (r == 0)
                r = put_words(p, err);
        if (r == 0)
                r = put_positions(p, err);
        if (r == 0)
                r = put_norm(p, p->at.embedding_norm, "embeddings.LayerNorm", err);
        if (r == 0)
                r = put_buckets(p, err);
        for (uint32_t i = 0; i < p->head.layers && r == 0; i++)
                r = put_layer(p, i, err);
        return r < 0 ? r : put_tail(p);
}

static const char *find_root(const struct safetensors *s)
{
        static const char *const roots[] = {"",         "bert.",  "mpnet.",
                                            "roberta.", "model.", "0.auto_model."};
        char name[192];
        for (size_t i = 0; i < ARRAY_LEN(roots); i++) {
                snprintf(name, sizeof name, "%sembeddings.word_embeddings.weight", roots[i]);
                if (safetensors_find(s, name))
                        return roots[i];
        }
        return "";
}

int pack_model(const struct pack_files *f, const struct pack_options *o, pack_sink sink, void *ctx,
               struct err *err)
{
        CLEANUP(safetensors_freep) struct safetensors *weights = NULL;
        CLEANUP(buf_done) struct buf tables;
        struct pack p = {.put = sink, .ctx = ctx};
        buf_init(&tables, TOKENIZER_TABLES_MAX);
        int r = config_read(f, o, &p.head, err);
        if (r < 0)
                return r;
        if (f->tokenizer.data)
                r = tokenizer_build_json(f->tokenizer, &tables, err);
        else if (f->vocab.data)
                r = tokenizer_build_vocab(f->vocab, config_lower(f), &tables, err);
        else
                r = err_set(err, -ENOENT, "neither tokenizer.json nor vocab.txt");
        if (r == 0 && !f->weights.data)
                r = err_set(err, -ENOENT, "model.safetensors is missing");
        if (r == 0)
                r = safetensors_open(f->weights.data, f->weights.len, &weights, err);
        if (r < 0)
                return r;
        p.head.tokenizer_len = (uint32_t)tables.len;
        r = model_layout(&p.head, &p.at, err);
        if (r < 0)
                return r;
        p.weights = weights;
        p.root = find_root(weights);
        uint64_t widest = p.at.shape.inner;
        widest = p.at.shape.attention > widest ? p.at.shape.attention : widest;
        widest = p.at.shape.width > widest ? p.at.shape.width : widest;
        auto_free float *rows = mem_try(16 * widest * sizeof *rows);
        auto_free unsigned char *panel = mem_try(16 * widest * sizeof(float));
        if (!rows || !panel)
                return err_set(err, -ENOMEM, "no memory for a panel of weights");
        p.rows = rows;
        p.panel = panel;
        sha256_init(&p.hash);
        r = put_all(&p, &tables, err);
        if (r < 0 && err && err->code == 0)
                err_sys(err, r, "writing the packed model");
        return r;
}
