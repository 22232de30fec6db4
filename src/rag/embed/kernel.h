/* kernel.h - the arithmetic of the encoder, one table of functions for each kind of processor.
 *
 * Weights lie in panels of 16 outputs, so that one layout serves every kernel of a precision:
 *   int8  [outputs / 16][k / 4][16][4]      bf16  [outputs / 16][k / 2][16][2]
 *   fp32  [outputs / 16][k][16]
 * A tile is at most `tile_rows` rows of the input by `tile_panels` panels; it is summed over the
 * whole of k into `acc` [rows][panels * 16]. Sums of int8 are the same in every kernel; sums of
 * floats differ in their last bits between kernels, never with the number of rows.
 * Every width is a multiple of 16 here: what a model lacks is filled with zeros that stay zeros.
 */
#pragma once
#include "base/cleanup.h"

#define KERNEL_ROWS_MAX   32
#define KERNEL_PANELS_MAX 4
#define KERNEL_COLS_MAX   (KERNEL_PANELS_MAX * 16)

enum finish { FINISH_STORE, FINISH_GELU, FINISH_ADD }; /* what becomes of input x weights + bias */

struct kernel {
        const char *name;
        unsigned tile_rows, tile_panels; /* of int8 */
        unsigned float_rows, float_panels;
        uint64_t hook_ops; /* about a millisecond of work */
        /* u8 x s8, exact. ldx: bytes between rows; panel: bytes between panels; k % 64 == 0;
         * more: added to what acc holds */
        void (*tile_i8)(const uint8_t *x, size_t ldx, unsigned rows, const int8_t *w, size_t panel,
                        unsigned panels, size_t k, bool more, int32_t *acc);
        /* s16 x s16, exact as long as the sum fits; layout of w as that of bf16; k % 2 == 0 */
        void (*tile_i16)(const int16_t *x, size_t ldx, unsigned rows, const int16_t *w,
                         size_t panel, unsigned panels, size_t k, int32_t *acc);
        /* bf16 x bf16 -> float; ldx, panel in elements */
        void (*tile_bf16)(const uint16_t *x, size_t ldx, unsigned rows, const uint16_t *w,
                          size_t panel, unsigned panels, size_t k, float *acc);
        /* float; step: elements between rows of k of the right side */
        void (*tile_f32)(const float *x, size_t ldx, unsigned rows, const float *w, size_t step,
                         size_t panel, unsigned panels, size_t k, float *acc);
        /* The same from sums of int8: (acc - zero * sums) * scale of row * scale of column */
        void (*finish_i8)(const int32_t *acc, unsigned rows, size_t n, const float *row_scale,
                          const int32_t *row_zero, const float *scale, const int32_t *sums,
                          const float *bias, enum finish how, float *y, size_t ldy);
        /* y (+)= or = f(acc + bias), rows of n */
        void (*finish)(const float *acc, unsigned rows, size_t n, const float *bias,
                       enum finish how, float *y, size_t ldy);
        /* x = (x - mean) / sqrt(variance + eps) * gain + bias over the first `width` of n */
        void (*norm)(float *x, size_t n, size_t width, const float *gain, const float *bias,
                     float eps);
        /* u8 about a zero point: x is about scale * (ret - zero) */
        void (*quantize)(const float *x, size_t n, uint8_t *ret, float *ret_scale,
                         int32_t *ret_zero);
        void (*to_bf16)(const float *x, size_t n, uint16_t *ret);
        void (*from_half)(const uint16_t *x, size_t n, float *ret);
        /* p[i] = exp((x[i] * scale + bias[i]) - max) over i < count, 0 behind it up to n; returns
         * the sum. bias may be NULL. */
        float (*softmax)(float *x, size_t n, size_t count, float scale, const float *bias);
        /* --- attention of int8 models: 16 bits, exact sums */
        float (*largest)(const float *x, size_t ld, size_t rows, size_t n); /* of the absolutes */
        /* ret = x * by, rounded */
        void (*to_i16)(const float *x, size_t n, float by, int16_t *ret);
        /* ret = pairs of x * by and y * by */
        void (*to_pairs)(const float *x, const float *y, size_t n, float by, int32_t *ret);
        /* As softmax of the sums; ret adds up to 32767, about; 0 behind count. x is overwritten. */
        void (*softmax_i16)(const int32_t *sums, size_t n, size_t count, float scale,
                            const float *bias, float *x, int16_t *ret);
        void (*scale_ints)(const int32_t *x, size_t n, float by, float *ret);
        void (*add)(const float *x, size_t n, float *y); /* y += x */
        void (*times)(float *x, size_t n, float by);     /* x *= by */
};

extern const struct kernel kernel_scalar;
#ifdef __x86_64__
extern const struct kernel kernel_avx2, kernel_vnni, kernel_vnni_bf16;
#endif

/* The best for this processor, by cpuid. */
const struct kernel *kernel_best(void);
/* NULL: unknown, or this processor cannot run it. */
const struct kernel *kernel_find(const char *name);
