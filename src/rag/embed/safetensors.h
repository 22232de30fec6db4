/* safetensors.h - reads the weights of a model from the bytes of a safetensors file.
 *
 * The format: u64 length of a header, the header (JSON: name -> dtype, shape, two offsets), the
 * data. Every offset is checked against the data and against dtype x shape when the file is opened;
 * tensors may not overlap nor leave holes. The bytes are borrowed.
 *
 *     CLEANUP(safetensors_freep) struct safetensors *s = NULL;
 *     r = safetensors_open(bytes, n, &s, err);
 *     r = safetensors_want(s, "embeddings.LayerNorm.weight", 384, 0, &t, err);
 */
#pragma once
#include "link/wire.h"

#define SAFETENSORS_HEAD_MAX (16u << 20) /* of the JSON; the format's own library allows 100 MB */
#define SAFETENSORS_MAX      65536       /* tensors */
#define SAFETENSORS_DIMS     8

enum tensor_type { TENSOR_OTHER, TENSOR_F32, TENSOR_F16, TENSOR_BF16 };
struct tensor {
        enum tensor_type type; /* OTHER: of a type that cannot be read as floats */
        uint32_t n_dims;
        uint64_t dims[SAFETENSORS_DIMS];
        uint64_t count;            /* product of dims */
        const unsigned char *data; /* little-endian, perhaps not aligned */
};

struct safetensors;
/* -EBADMSG: not such a file, or an offset leads out of it. */
MUST_CHECK int safetensors_open(const void *data, size_t n, struct safetensors **ret,
                                struct err *err);
void safetensors_free(struct safetensors *s); /* NULL is fine */
DEFINE_CLEANUP(struct safetensors *, safetensors_free);
size_t safetensors_count(const struct safetensors *s);
/* NULL = absent. */
const struct tensor *safetensors_find(const struct safetensors *s, const char *name);
/* Element i.. of t as floats; t is no OTHER and i + n <= t->count. */
void tensor_floats(const struct tensor *t, uint64_t i, uint64_t n, float *ret);
/* rows x cols of that name (cols 0: a vector of `rows`) exactly, found and readable as floats and
 * without a NaN or an infinity; -EBADMSG says what is wrong. */
MUST_CHECK int safetensors_want(const struct safetensors *s, const char *name, uint64_t rows,
                                uint64_t cols, const struct tensor **ret, struct err *err);

float half_to_float(uint16_t h);
uint16_t half_from_float(float f); /* to nearest even; too large becomes infinity */
static inline float bf16_to_float(uint16_t h)
{
        uint32_t u = (uint32_t)h << 16;
        float f;
        memcpy(&f, &u, sizeof f);
        return f;
}
uint16_t bf16_from_float(float f); /* to nearest even; f is finite */
