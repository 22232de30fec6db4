/* The layout of a file of vectors: what vectors.c writes and search.c walks. */
#pragma once
#include "rag/vector/vectors.h"

struct vectors {
        char *map;
        size_t size, stride; /* of a block */
        uint32_t n, dims, n_blocks, filled;
        unsigned char *valid; /* a byte a block; set behind the block's bytes */
        int fd;
};
struct vector_block {  /* at the begin of each block */
        uint64_t hash; /* of the rest of it */
        float scale[VECTOR_BLOCK];
        float error[VECTOR_BLOCK]; /* length of the stored vector less the eight-bit one */
        char bytes[];              /* u8 [64][dims], each 128 more; then bf16 [64][dims] */
};
static inline const struct vector_block *vector_block(const struct vectors *v, uint32_t block)
{
        return (const void *)(v->map + 4096 + (size_t)block * v->stride);
}
static inline const unsigned char *vector_bytes(const struct vectors *v, uint32_t block)
{
        return (const unsigned char *)vector_block(v, block)->bytes;
}
static inline const uint16_t *vector_bf16(const struct vectors *v, uint32_t passage)
{
        const char *b = vector_block(v, passage / VECTOR_BLOCK)->bytes;
        return (const uint16_t *)(const void *)(b + (size_t)VECTOR_BLOCK * v->dims) +
               (size_t)(passage % VECTOR_BLOCK) * v->dims;
}
static inline float from_bf16(uint16_t x)
{
        uint32_t u = (uint32_t)x << 16;
        float f;
        memcpy(&f, &u, sizeof f);
        return f;
}
static inline uint16_t to_bf16(float f) /* to the nearest, ties to even */
{
        uint32_t u;
        memcpy(&u, &f, sizeof u);
        return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}
