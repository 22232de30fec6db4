/* model.h - the packed file of a model, inside: head, tables, weights, tail.
 *
 *   head       struct model_head, 4096 bytes
 *   tokenizer  tables of tokenizer.h
 *   weights    in the order and with the sizes of model_layout(), each at 64 bytes: nothing in the
 *              file says where anything lies
 *   tail       struct model_tail: sums over all before it
 *
 * Numbers are little-endian. Widths are rounded up to 64 in what a weight multiplies (k) and to 16
 * in what it gives; heads to 16 each. Filled with zeros.
 */
#pragma once
#include "rag/embed/kernel.h"
#include "rag/embed/tokenizer.h"

#define MODEL_MAGIC       "PADDOCKM"
#define MODEL_VERSION     1
#define MODEL_HEAD        4096
#define MODEL_BYTES_MAX   (16ull << 30)
#define MODEL_WIDTH_MAX   8192
#define MODEL_INNER_MAX   32768
#define MODEL_LAYERS_MAX  128
#define MODEL_PREFIX_MAX  511
#define MODEL_BUCKETS_MAX 1024

enum model_family { MODEL_BERT = 1, MODEL_MPNET };
enum model_pooling { MODEL_MEAN = 1, MODEL_CLS };

struct model_head {
        char magic[8];
        uint32_t version, precision; /* enum embed_precision */
        uint32_t family, pooling;
        uint32_t width, layers, heads, inner; /* as the publisher has them */
        uint32_t vocabulary, positions, first_position;
        uint32_t max_tokens;
        uint32_t buckets, bucket_distance; /* MPNet's relative positions; else 0 */
        float norm_eps;
        uint32_t tokenizer_len;
        char name[EMBED_NAME_MAX + 1];
        char languages[64];
        char prefix[2][MODEL_PREFIX_MAX + 1]; /* by enum embed_kind */
};
struct model_tail {
        unsigned char id[32]; /* SHA-256 */
        uint32_t crc;         /* CRC-32C, over all before the tail */
        char magic[4];        /* "DONE" */
};

/* Sizes that follow from the head. */
struct model_shape {
        uint32_t width;     /* of a row of activations: to 64 */
        uint32_t inner;     /* to 64 */
        uint32_t head;      /* of one head: to 16 */
        uint32_t attention; /* heads * head to 64 */
};
/* One product with weights: `n` outputs of `k` inputs, both rounded up. */
struct linear {
        uint32_t n, k;
        uint64_t weights, scale, sums, bias; /* offsets; scale and sums of int8 only */
};
struct model_layer {
        struct linear qkv, out, up, down;
        uint64_t norm[2][2]; /* after attention, after the inner product: gain, bias */
};
struct model_layout {
        struct model_shape shape;
        uint64_t tokenizer, words, positions, embedding_norm[2], buckets;
        struct model_layer layer[MODEL_LAYERS_MAX];
        uint64_t tail, bytes;
};

/* -EBADMSG: numbers that no model has. */
MUST_CHECK int model_layout(const struct model_head *h, struct model_layout *ret, struct err *err);

struct embed_model {
        const unsigned char *map;
        size_t size;
        struct model_head head;
        struct model_layout at;
        struct tokenizer tokenizer;
        struct embed_info info;
        const struct kernel *kernel;
        float *relative;        /* [heads][2 * relative_span]: bias of a distance; or NULL */
        uint32_t relative_span; /* entry of distance 0 */
        uint32_t prefix_tokens[2];
};
static inline const void *model_at(const struct embed_model *m, uint64_t offset)
{
        return m->map + offset;
}
static inline const float *model_floats(const struct embed_model *m, uint64_t offset)
{
        return (const float *)(const void *)(m->map + offset);
}
/* Bytes of a weight, and of a word's row, by precision. */
static inline unsigned model_weight_bytes(uint32_t precision)
{
        return precision == EMBED_INT8 ? 1 : precision == EMBED_BF16 ? 2 : 4;
}
static inline unsigned model_word_bytes(uint32_t precision)
{
        return precision == EMBED_FP32 ? 4 : 2; /* half: exact enough, and half of the file */
}
/* For tests and bench: another kernel than the best. -ENOTSUP. */
MUST_CHECK int model_use_kernel(struct embed_model *m, const char *name);
/* Whether the id is what the content gives; slower than what embed_open does. */
MUST_CHECK int model_verify(const struct embed_model *m, struct err *err);

uint32_t crc32c(uint32_t crc, const void *p, size_t n); /* begins with 0 */
