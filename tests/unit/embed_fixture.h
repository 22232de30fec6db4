/* embed_fixture.h - a small model made of random numbers in its publisher's form, and the same
 * model's forward pass in doubles, written from the papers' formulas, as the measure. */
#pragma once
#include "test.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "rag/embed/model.h"
#include "rag/embed/pack.h"
#include <math.h>
#include <sys/mman.h>

enum { FX_W = 40, FX_HEADS = 4, FX_INNER = 72, FX_LAYERS = 2, FX_POSITIONS = 34, FX_MAX = 24 };
static const char fx_vocab[] =
        "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\ncat\ndog\nsat\non\nmat\n##s\n##ting\nrun\n##"
        "ning\n"
        ",\n.\na\nb\nc\nd\ne\n##a\n##b\n##c\n##d\n##e\nstra\n##sse\n\xe6\x9d\xb1\n";
#define FX_VOCAB 30

struct fx {
        bool mpnet;
        struct buf head, data; /* of the safetensors file */
        struct buf file;
        uint64_t seed;
        char config[1024];
        const char *pooling;
};
struct fx_tensor {
        const float *v;
};

static inline float fx_random(struct fx *x)
{
        x->seed = x->seed * 6364136223846793005ull + 1442695040888963407ull;
        return (float)((double)(x->seed >> 33) / (1u << 30) - 1.0) * 0.5f;
}

static inline void fx_add(struct fx *x, const char *name, unsigned rows, unsigned cols, float base)
{
        char shape[40];
        size_t begin = x->data.len;
        snprintf(shape, sizeof shape, cols ? "%u,%u" : "%u", rows, cols);
        for (unsigned i = 0; i < rows * (cols ? cols : 1); i++) {
                float f = base + fx_random(x) * (cols ? 1.0f : 0.2f);
                CHECK_INT(buf_add(&x->data, &f, sizeof f), ==, 0);
        }
        CHECK_INT(buf_addf(&x->head,
                           "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}",
                           x->head.len ? "," : "{", name, shape, begin, x->data.len),
                  ==, 0);
}

static inline void fx_norm(struct fx *x, const char *name)
{
        char full[160];
        snprintf(full, sizeof full, "%s.weight", name);
        fx_add(x, full, FX_W, 0, 1);
        snprintf(full, sizeof full, "%s.bias", name);
        fx_add(x, full, FX_W, 0, 0);
}

static inline void fx_linear(struct fx *x, unsigned layer, const char *name, unsigned rows,
                             unsigned cols)
{
        char full[160];
        snprintf(full, sizeof full, "encoder.layer.%u.%s.weight", layer, name);
        fx_add(x, full, rows, cols, 0);
        snprintf(full, sizeof full, "encoder.layer.%u.%s.bias", layer, name);
        fx_add(x, full, rows, 0, 0);
}

static const char *const fx_names[2][5] = {
        {"attention.self.query", "attention.self.key", "attention.self.value",
         "attention.output.dense", "attention.output.LayerNorm"},
        {"attention.attn.q", "attention.attn.k", "attention.attn.v", "attention.attn.o",
         "attention.LayerNorm"}};

static inline void fx_make(struct fx *x, bool mpnet, const char *pooling)
{
        uint64_t n;
        memset(x, 0, sizeof *x);
        x->mpnet = mpnet;
        x->pooling = pooling;
        x->seed = 7;
        buf_init(&x->head, 1u << 20);
        buf_init(&x->data, 1u << 24);
        buf_init(&x->file, 1u << 24);
        fx_add(x, "embeddings.word_embeddings.weight", FX_VOCAB, FX_W, 0);
        fx_add(x, "embeddings.position_embeddings.weight", FX_POSITIONS, FX_W, 0);
        if (!mpnet)
                fx_add(x, "embeddings.token_type_embeddings.weight", 2, FX_W, 0);
        fx_norm(x, "embeddings.LayerNorm");
        if (mpnet)
                fx_add(x, "encoder.relative_attention_bias.weight", 32, FX_HEADS, 0);
        for (unsigned l = 0; l < FX_LAYERS; l++) {
                char name[160];
                for (int k = 0; k < 4; k++)
                        fx_linear(x, l, fx_names[mpnet][k], FX_W, FX_W);
                fx_linear(x, l, "intermediate.dense", FX_INNER, FX_W);
                fx_linear(x, l, "output.dense", FX_W, FX_INNER);
                snprintf(name, sizeof name, "encoder.layer.%u.%s", l, fx_names[mpnet][4]);
                fx_norm(x, name);
                snprintf(name, sizeof name, "encoder.layer.%u.output.LayerNorm", l);
                fx_norm(x, name);
        }
        CHECK_INT(buf_adds(&x->head, "}"), ==, 0);
        n = x->head.len;
        CHECK_INT(buf_add(&x->file, &n, 8), ==, 0);
        CHECK_INT(buf_add(&x->file, x->head.data, x->head.len), ==, 0);
        CHECK_INT(buf_add(&x->file, x->data.data, x->data.len), ==, 0);
        snprintf(x->config, sizeof x->config,
                 "{\"model_type\":\"%s\",\"hidden_size\":%d,\"num_hidden_layers\":%d,"
                 "\"num_attention_heads\":%d,\"intermediate_size\":%d,\"vocab_size\":%d,"
                 "\"max_position_embeddings\":%d,\"hidden_act\":\"gelu\",\"layer_norm_eps\":1e-5}",
                 mpnet ? "mpnet" : "bert", FX_W, FX_LAYERS, FX_HEADS, FX_INNER, FX_VOCAB,
                 FX_POSITIONS);
}

static inline struct pack_files fx_files(struct fx *x)
{
        static char pooling[200];
        snprintf(pooling, sizeof pooling,
                 "{\"pooling_mode_cls_token\":%s,\"pooling_mode_mean_tokens\":%s}",
                 str_eq(x->pooling, "cls") ? "true" : "false",
                 str_eq(x->pooling, "mean") ? "true" : "false");
        return (struct pack_files){.config = slice_of(x->config),
                                   .weights = {x->file.data, x->file.len},
                                   .vocab = slice_of(fx_vocab),
                                   .pooling = slice_of(pooling),
                                   .sentence = slice_of("{\"max_seq_length\":24}")};
}

static inline int fx_sink(void *ctx, const void *p, size_t n)
{
        return fd_write_all(*(int *)ctx, p, n);
}

/* The packed file in a memfd. */
static inline int fx_pack(struct fx *x, enum embed_precision precision, const char *query)
{
        struct err err = {0};
        struct pack_files f = fx_files(x);
        struct pack_options o = {.precision = precision, .name = "tiny", .languages = "en"};
        o.prefix[EMBED_QUERY] = query;
        int fd = memfd_create("model", MFD_CLOEXEC);
        CHECK_INT(fd, >=, 0);
        if (pack_model(&f, &o, fx_sink, &fd, &err) < 0)
                test_failed(__FILE__, __LINE__, "%s", err_text(&err));
        return fd;
}

static inline struct embed_model *fx_open(struct fx *x, enum embed_precision precision)
{
        struct err err = {0};
        struct embed_model *m = NULL;
        auto_close int fd = fx_pack(x, precision, NULL);
        if (embed_open(fd, &m, &err) < 0)
                test_failed(__FILE__, __LINE__, "%s", err_text(&err));
        return m;
}

static inline void fx_done(struct fx *x)
{
        buf_done(&x->head);
        buf_done(&x->data);
        buf_done(&x->file);
}

/* --- the measure */

static inline const float *fx_find(const struct fx *x, const char *name)
{
        char key[200];
        snprintf(key, sizeof key, "\"%s\":", name);
        const char *p = strstr(x->head.data, key);
        CHECK(p != NULL);
        p = strstr(p, "\"data_offsets\":[") + strlen("\"data_offsets\":[");
        return (const float *)(const void *)(x->data.data + strtoul(p, NULL, 10));
}

static inline const float *fx_of(const struct fx *x, unsigned layer, const char *name,
                                 const char *what)
{
        char full[200];
        snprintf(full, sizeof full, "encoder.layer.%u.%s.%s", layer, name, what);
        return fx_find(x, full);
}

static inline void ref_linear(const struct fx *x, unsigned layer, const char *name,
                              const double *in, unsigned cols, double *out, unsigned rows)
{
        const float *w = fx_of(x, layer, name, "weight"), *b = fx_of(x, layer, name, "bias");
        for (unsigned r = 0; r < rows; r++) {
                out[r] = b[r];
                for (unsigned c = 0; c < cols; c++)
                        out[r] += (double)w[r * cols + c] * in[c];
        }
}

static inline void ref_norm(const float *gain, const float *bias, double *v)
{
        double mean = 0, var = 0;
        for (int i = 0; i < FX_W; i++)
                mean += v[i] / FX_W;
        for (int i = 0; i < FX_W; i++)
                var += (v[i] - mean) * (v[i] - mean) / FX_W;
        for (int i = 0; i < FX_W; i++)
                v[i] = (v[i] - mean) / sqrt(var + (double)1e-5f) * gain[i] + bias[i];
}

static inline void ref_norm_named(const struct fx *x, unsigned layer, const char *name, double *v)
{
        ref_norm(fx_of(x, layer, name, "weight"), fx_of(x, layer, name, "bias"), v);
}

static inline double ref_bias(const struct fx *x, int head, int distance)
{
        int n = abs(distance), base = distance > 0 ? 16 : 0;
        int far = n < 8 ? n : 8 + (int)(log(n / 8.0) / log(16.0) * 8);
        if (!x->mpnet)
                return 0;
        return fx_find(x, "encoder.relative_attention_bias.weight")[(base + (far < 15 ? far : 15)) *
                                                                            FX_HEADS +
                                                                    head];
}

static inline void ref_attention(const struct fx *x, unsigned layer, unsigned n, double (*h)[FX_W])
{
        static double q[FX_MAX][FX_W], k[FX_MAX][FX_W], v[FX_MAX][FX_W];
        enum { D = FX_W / FX_HEADS };
        const char *const *name = fx_names[x->mpnet];
        for (unsigned i = 0; i < n; i++) {
                ref_linear(x, layer, name[0], h[i], FX_W, q[i], FX_W);
                ref_linear(x, layer, name[1], h[i], FX_W, k[i], FX_W);
                ref_linear(x, layer, name[2], h[i], FX_W, v[i], FX_W);
        }
        for (unsigned i = 0; i < n; i++) {
                double mix[FX_W] = {0}, out[FX_W];
                for (int a = 0; a < FX_HEADS; a++) {
                        double p[FX_MAX], sum = 0;
                        for (unsigned j = 0; j < n; j++) {
                                double s = 0;
                                for (int c = 0; c < D; c++)
                                        s += q[i][a * D + c] * k[j][a * D + c];
                                p[j] = exp(s / sqrt(D) + ref_bias(x, a, (int)j - (int)i));
                                sum += p[j];
                        }
                        for (unsigned j = 0; j < n; j++)
                                for (int c = 0; c < D; c++)
                                        mix[a * D + c] += p[j] / sum * v[j][a * D + c];
                }
                ref_linear(x, layer, name[3], mix, FX_W, out, FX_W);
                for (int c = 0; c < FX_W; c++)
                        h[i][c] += out[c];
        }
        for (unsigned i = 0; i < n; i++)
                ref_norm_named(x, layer, name[4], h[i]);
}

/* ids with their special tokens -> the vector. */
static inline void ref_embed(const struct fx *x, const uint32_t *ids, unsigned n, double *ret)
{
        static double h[FX_MAX][FX_W];
        const float *words = fx_find(x, "embeddings.word_embeddings.weight");
        const float *places = fx_find(x, "embeddings.position_embeddings.weight");
        double length = 0;
        for (unsigned i = 0; i < n; i++) {
                for (int c = 0; c < FX_W; c++) {
                        h[i][c] = words[ids[i] * FX_W + c];
                        h[i][c] += places[(i + (x->mpnet ? 2u : 0u)) * FX_W + c];
                        if (!x->mpnet)
                                h[i][c] += fx_find(x, "embeddings.token_type_embeddings.weight")[c];
                }
                ref_norm(fx_find(x, "embeddings.LayerNorm.weight"),
                         fx_find(x, "embeddings.LayerNorm.bias"), h[i]);
        }
        for (unsigned l = 0; l < FX_LAYERS; l++) {
                ref_attention(x, l, n, h);
                for (unsigned i = 0; i < n; i++) {
                        double up[FX_INNER], down[FX_W];
                        ref_linear(x, l, "intermediate.dense", h[i], FX_W, up, FX_INNER);
                        for (int c = 0; c < FX_INNER; c++)
                                up[c] = 0.5 * up[c] * (1 + erf(up[c] / sqrt(2)));
                        ref_linear(x, l, "output.dense", up, FX_INNER, down, FX_W);
                        for (int c = 0; c < FX_W; c++)
                                h[i][c] += down[c];
                        ref_norm_named(x, l, "output.LayerNorm", h[i]);
                }
        }
        for (int c = 0; c < FX_W; c++) {
                ret[c] = h[0][c];
                for (unsigned i = 1; i < n && str_eq(x->pooling, "mean"); i++)
                        ret[c] += h[i][c];
                length += ret[c] * ret[c];
        }
        for (int c = 0; c < FX_W; c++)
                ret[c] /= sqrt(length);
}
