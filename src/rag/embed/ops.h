/* ops.h - what every kernel does with floats, written once over lanes_*.h: included by one .c file
 * for each width of vector, after TILE_ROWS and TILE_PANELS. Every n is a multiple of 16. */
#pragma once
#include "rag/embed/kernel.h"
#include "rag/embed/safetensors.h"
#include <math.h>

#define VECTORS     (16 / LANES) /* of one panel */
#define MOST_PANELS (TILE_PANELS < 2 ? 2 : TILE_PANELS)
#define INLINE      static inline __attribute__((always_inline))
/* So early that the compiler keeps each sum in a register. */
#define UNROLL _Pragma("GCC unroll 8")

/* --- products */

INLINE void product_f32(const float *x, size_t ldx, unsigned rows, const float *w, size_t step,
                        size_t panel, unsigned panels, size_t k, float *acc, size_t ld_acc)
{
        vf sum[TILE_ROWS][MOST_PANELS * VECTORS];
        UNROLL for (unsigned r = 0; r < rows; r++)
                UNROLL for (unsigned v = 0; v < panels * VECTORS; v++) sum[r][v] = vf_set(0);
        for (size_t i = 0; i < k; i++) {
                vf b[MOST_PANELS * VECTORS];
                UNROLL for (unsigned v = 0; v < panels * VECTORS; v++) b[v] =
                        vf_load(w + v / VECTORS * panel + i * step + v % VECTORS * LANES);
                UNROLL for (unsigned r = 0; r < rows; r++)
                {
                        vf a = vf_set(x[r * ldx + i]);
                        UNROLL for (unsigned v = 0; v < panels * VECTORS; v++) sum[r][v] =
                                vf_fma(a, b[v], sum[r][v]);
                }
        }
        UNROLL for (unsigned r = 0; r < rows; r++)
                UNROLL for (unsigned v = 0; v < panels * VECTORS; v++)
                        vf_store(acc + r * ld_acc + v * LANES, sum[r][v]);
}

INLINE void product_bf16(const uint16_t *x, size_t ldx, unsigned rows, const uint16_t *w,
                         size_t panel, unsigned panels, size_t k, float *acc, size_t ld_acc)
{
        vf sum[TILE_ROWS][MOST_PANELS * VECTORS];
        UNROLL for (unsigned r = 0; r < rows; r++)
                UNROLL for (unsigned v = 0; v < panels * VECTORS; v++) sum[r][v] = vf_set(0);
        for (size_t i = 0; i < k; i += 2)
                UNROLL for (unsigned v = 0; v < panels * VECTORS; v++)
                {
                        const uint16_t *p =
                                w + v / VECTORS * panel + i * 16 + v % VECTORS * LANES * 2;
                        vf b0 = vf_pair_first(p), b1 = vf_pair_second(p);
                        UNROLL for (unsigned r = 0; r < rows; r++)
                        {
                                vf a0 = vf_set(bf16_to_float(x[r * ldx + i]));
                                vf a1 = vf_set(bf16_to_float(x[r * ldx + i + 1]));
                                sum[r][v] = vf_fma(a1, b1, vf_fma(a0, b0, sum[r][v]));
                        }
                }
        UNROLL for (unsigned r = 0; r < rows; r++)
                UNROLL for (unsigned v = 0; v < panels * VECTORS; v++)
                        vf_store(acc + r * ld_acc + v * LANES, sum[r][v]);
}

/* The number of rows and of panels must be constants where the loops are, so that every sum is a
 * register: all TILE_PANELS at once, what is left one by one. */
#define EACH_ROWS(CALL)                                                                            \
        switch (rows) {                                                                            \
        case 1:                                                                                    \
                CALL(1);                                                                           \
                break;                                                                             \
        case 2:                                                                                    \
                CALL(TILE_ROWS >= 2 ? 2 : 1);                                                      \
                break;                                                                             \
        case 3:                                                                                    \
                CALL(TILE_ROWS >= 3 ? 3 : 1);                                                      \
                break;                                                                             \
        case 4:                                                                                    \
                CALL(TILE_ROWS >= 4 ? 4 : 1);                                                      \
                break;                                                                             \
        case 5:                                                                                    \
                CALL(TILE_ROWS >= 5 ? 5 : 1);                                                      \
                break;                                                                             \
        default:                                                                                   \
                CALL(TILE_ROWS);                                                                   \
        }

static void ops_tile_f32(const float *x, size_t ldx, unsigned rows, const float *w, size_t step,
                         size_t panel, unsigned panels, size_t k, float *acc)
{
#define ALL(R) product_f32(x, ldx, R, w, step, panel, TILE_PANELS, k, acc, TILE_PANELS * 16)
#define ONE(R) product_f32(x, ldx, R, w + p * panel, step, panel, 1, k, acc + p * 16, panels * 16)
        if (panels == TILE_PANELS) {
                EACH_ROWS(ALL)
                return;
        }
        unsigned p = 0;
#define TWO(R) product_f32(x, ldx, R, w + p * panel, step, panel, 2, k, acc + p * 16, panels * 16)
        if (TILE_PANELS >= 2)
                for (; p + 2 <= panels; p += 2)
                        EACH_ROWS(TWO)
        for (; p < panels; p++)
                EACH_ROWS(ONE)
#undef ALL
#undef TWO
#undef ONE
}

static void ops_tile_bf16(const uint16_t *x, size_t ldx, unsigned rows, const uint16_t *w,
                          size_t panel, unsigned panels, size_t k, float *acc)
{
#define ONE(R) product_bf16(x, ldx, R, w + p * panel, panel, 1, k, acc + p * 16, panels * 16)
        for (unsigned p = 0; p < panels; p++)
                EACH_ROWS(ONE)
#undef ONE
}

/* --- functions of one number */

INLINE vf exp_lanes(vf x)
{
        const vf top = vf_set(88.0f), low = vf_set(-87.0f);
        x = vf_min(vf_max(x, low), top);
        vf n = vf_round(vf_mul(x, vf_set(1.44269504088896341f)));
        vf f = vf_fma(n, vf_set(-0.693359375f), x);
        f = vf_fma(n, vf_set(2.12194440e-4f), f);
        vf p = vf_set(1.9875691500e-4f);
        p = vf_fma(p, f, vf_set(1.3981999507e-3f));
        p = vf_fma(p, f, vf_set(8.3334519073e-3f));
        p = vf_fma(p, f, vf_set(4.1665795894e-2f));
        p = vf_fma(p, f, vf_set(1.6666665459e-1f));
        p = vf_fma(p, f, vf_set(5.0000001201e-1f));
        p = vf_fma(p, vf_mul(f, f), vf_add(f, vf_set(1)));
        return vf_scale2(p, n);
}

/* A quotient of polynomials; within 2e-7 of erf. */
INLINE vf erf_lanes(vf x)
{
        x = vf_min(vf_max(x, vf_set(-4)), vf_set(4));
        vf s = vf_mul(x, x), p = vf_set(-2.72614225801306e-10f), q = vf_set(-1.45660718464996e-05f);
        p = vf_fma(p, s, vf_set(2.77068142495902e-08f));
        p = vf_fma(p, s, vf_set(-2.10102402082508e-06f));
        p = vf_fma(p, s, vf_set(-5.69250639462346e-05f));
        p = vf_fma(p, s, vf_set(-7.34990630326855e-04f));
        p = vf_fma(p, s, vf_set(-2.95459980854025e-03f));
        p = vf_fma(p, s, vf_set(-1.60960333262415e-02f));
        q = vf_fma(q, s, vf_set(-2.13374055278905e-04f));
        q = vf_fma(q, s, vf_set(-1.68282697438203e-03f));
        q = vf_fma(q, s, vf_set(-7.37332916720468e-03f));
        q = vf_fma(q, s, vf_set(-1.42647390514189e-02f));
        return vf_div(vf_mul(x, p), q);
}

INLINE vf gelu_lanes(vf x)
{
        vf half = vf_mul(x, vf_set(0.5f));
        return vf_fma(half, erf_lanes(vf_mul(x, vf_set(0.70710678118654752f))), half);
}

/* Within 2e-4, without a division: for what becomes 8 bits at once, whose step is fifty times that.
 * x times the normal distribution, whose odd part is a polynomial up to 4 and one half beyond. */
INLINE vf rough_gelu_lanes(vf x)
{
        vf z = vf_min(vf_max(x, vf_set(-4)), vf_set(4)), s = vf_mul(z, z);
        vf p = vf_set(2.25882064e-08f);
        p = vf_fma(p, s, vf_set(-1.58882707e-06f));
        p = vf_fma(p, s, vf_set(4.77638866e-05f));
        p = vf_fma(p, s, vf_set(-8.12187487e-04f));
        p = vf_fma(p, s, vf_set(8.76369115e-03f));
        p = vf_fma(p, s, vf_set(-6.45544129e-02f));
        p = vf_fma(p, s, vf_set(3.97870267e-01f));
        return vf_mul(x, vf_fma(p, z, vf_set(0.5f)));
}

/* --- rows */

INLINE void finish_lanes(vf v, enum finish how, bool rough, float *to)
{
        if (how == FINISH_GELU)
                v = rough ? rough_gelu_lanes(v) : gelu_lanes(v);
        else if (how == FINISH_ADD)
                v = vf_add(v, vf_load(to));
        vf_store(to, v);
}

static void ops_finish(const float *acc, unsigned rows, size_t n, const float *bias,
                       enum finish how, float *y, size_t ldy)
{
        for (unsigned r = 0; r < rows; r++)
                for (size_t i = 0; i < n; i += LANES)
                        finish_lanes(vf_add(vf_load(acc + r * n + i), vf_load(bias + i)), how,
                                     false, y + r * ldy + i);
}

INLINE void finish_i8_as(const int32_t *acc, unsigned rows, size_t n, const float *row_scale,
                         const int32_t *row_zero, const float *scale, const int32_t *sums,
                         const float *bias, enum finish how, float *y, size_t ldy)
{
        for (unsigned r = 0; r < rows; r++) {
                vf by = vf_set(row_scale[r]);
                for (size_t i = 0; i < n; i += LANES) {
                        vf v = vf_centered(acc + r * n + i, row_zero[r], sums + i);
                        v = vf_fma(v, vf_mul(vf_load(scale + i), by), vf_load(bias + i));
                        finish_lanes(v, how, true, y + r * ldy + i);
                }
        }
}

static void ops_finish_i8(const int32_t *acc, unsigned rows, size_t n, const float *row_scale,
                          const int32_t *row_zero, const float *scale, const int32_t *sums,
                          const float *bias, enum finish how, float *y, size_t ldy)
{
#define AS(H) finish_i8_as(acc, rows, n, row_scale, row_zero, scale, sums, bias, H, y, ldy)
        if (how == FINISH_GELU)
                AS(FINISH_GELU);
        else if (how == FINISH_ADD)
                AS(FINISH_ADD);
        else
                AS(FINISH_STORE);
#undef AS
}

static void ops_norm(float *x, size_t n, size_t width, const float *gain, const float *bias,
                     float eps)
{
        vf s = vf_set(0);
        for (size_t i = 0; i < n; i += LANES)
                s = vf_add(s, vf_load(x + i));
        float mean = vf_sum(s) / (float)width;
        vf m = vf_set(mean);
        s = vf_set(0);
        for (size_t i = 0; i < n; i += LANES) {
                vf d = vf_sub(vf_load(x + i), m);
                s = vf_fma(d, d, s);
        }
        /* The zeros behind `width` counted as (0 - mean)^2. */
        float var = (vf_sum(s) - (float)(n - width) * mean * mean) / (float)width;
        vf k = vf_set(1.0f / sqrtf((var > 0 ? var : 0) + eps));
        for (size_t i = 0; i < n; i += LANES) {
                vf d = vf_mul(vf_sub(vf_load(x + i), m), k);
                vf_store(x + i, vf_fma(d, vf_load(gain + i), vf_load(bias + i)));
        }
}

static void ops_quantize(const float *x, size_t n, uint8_t *ret, float *ret_scale,
                         int32_t *ret_zero)
{
        vf low = vf_set(0), high = vf_set(0);
        for (size_t i = 0; i < n; i += LANES) {
                vf v = vf_load(x + i);
                low = vf_min(low, v);
                high = vf_max(high, v);
        }
        float least = vf_least(low), range = vf_most(high) - least;
        float scale = range > 0 ? range / 255.0f : 1.0f, by = 1.0f / scale;
        float zero = rintf(-least * by);
        if (!(zero >= 0 && zero <= 255)) /* weights that a damaged file made infinite */
                zero = 0;
        for (size_t i = 0; i < n; i += LANES)
                vf_put_u8(ret + i, vf_fma(vf_load(x + i), vf_set(by), vf_set(zero)));
        *ret_scale = scale;
        *ret_zero = (int32_t)zero;
}

static void ops_to_bf16(const float *x, size_t n, uint16_t *ret)
{
        for (size_t i = 0; i < n; i += LANES)
                vf_put_bf16(ret + i, vf_load(x + i));
}

static void ops_from_half(const uint16_t *x, size_t n, float *ret)
{
        for (size_t i = 0; i < n; i += LANES)
                vf_store(ret + i, vf_of_half(x + i));
}

static float ops_softmax(float *x, size_t n, size_t count, float scale, const float *bias)
{
        vf most = vf_set(-INFINITY), sum = vf_set(0), by = vf_set(scale);
        for (size_t i = count; i < n; i++)
                x[i] = -INFINITY;
        for (size_t i = 0; i < n; i += LANES) {
                vf v = vf_mul(vf_load(x + i), by);
                if (bias)
                        v = vf_add(v, vf_load(bias + i));
                vf_store(x + i, v);
                most = vf_max(most, v);
        }
        vf top = vf_set(vf_most(most));
        for (size_t i = 0; i < n; i += LANES) {
                vf v = exp_lanes(vf_sub(vf_load(x + i), top));
                vf_store(x + i, v);
                sum = vf_add(sum, v);
        }
        float total = vf_sum(sum);
        /* exp of minus infinity came out as the least number, far below what the sum can hold. */
        for (size_t i = count; i < n; i++)
                x[i] = 0;
        return total;
}

static float ops_largest(const float *x, size_t ld, size_t rows, size_t n)
{
        vf most = vf_set(0);
        for (size_t r = 0; r < rows; r++)
                for (size_t i = 0; i < n; i += LANES) {
                        vf v = vf_load(x + r * ld + i);
                        most = vf_max(most, vf_max(v, vf_sub(vf_set(0), v)));
                }
        return vf_most(most);
}

static void ops_to_i16(const float *x, size_t n, float by, int16_t *ret)
{
        for (size_t i = 0; i < n; i += LANES)
                vf_put_i16(ret + i, vf_mul(vf_load(x + i), vf_set(by)));
}

static void ops_to_pairs(const float *x, const float *y, size_t n, float by, int32_t *ret)
{
        for (size_t i = 0; i < n; i += LANES)
                vf_put_pairs(ret + i, vf_mul(vf_load(x + i), vf_set(by)),
                             vf_mul(vf_load(y + i), vf_set(by)));
}

static void ops_softmax_i16(const int32_t *sums, size_t n, size_t count, float scale,
                            const float *bias, float *x, int16_t *ret)
{
        vf most = vf_set(-INFINITY), sum = vf_set(0), by = vf_set(scale);
        for (size_t i = 0; i < n; i += LANES) {
                vf v = vf_mul(vf_of_ints(sums + i), by);
                if (bias)
                        v = vf_add(v, vf_load(bias + i));
                vf_store(x + i, v);
        }
        for (size_t i = count; i < n; i++)
                x[i] = -INFINITY;
        for (size_t i = 0; i < n; i += LANES)
                most = vf_max(most, vf_load(x + i));
        vf top = vf_set(vf_most(most));
        for (size_t i = 0; i < n; i += LANES) {
                vf v = exp_lanes(vf_sub(vf_load(x + i), top));
                vf_store(x + i, v);
                sum = vf_add(sum, v);
        }
        vf to = vf_set(32767.0f / vf_sum(sum));
        for (size_t i = 0; i < n; i += LANES)
                vf_put_i16(ret + i, vf_mul(vf_load(x + i), to));
        for (size_t i = count; i < n; i++)
                ret[i] = 0;
}

static void ops_scale_ints(const int32_t *x, size_t n, float by, float *ret)
{
        for (size_t i = 0; i < n; i += LANES)
                vf_store(ret + i, vf_mul(vf_of_ints(x + i), vf_set(by)));
}

static void ops_add(const float *x, size_t n, float *y)
{
        for (size_t i = 0; i < n; i += LANES)
                vf_store(y + i, vf_add(vf_load(y + i), vf_load(x + i)));
}

static void ops_times(float *x, size_t n, float by)
{
        for (size_t i = 0; i < n; i += LANES)
                vf_store(x + i, vf_mul(vf_load(x + i), vf_set(by)));
}

#define OPS                                                                                        \
        .float_rows = TILE_ROWS, .float_panels = TILE_PANELS, .tile_f32 = ops_tile_f32,            \
        .finish = ops_finish, .finish_i8 = ops_finish_i8, .norm = ops_norm,                        \
        .largest = ops_largest, .to_i16 = ops_to_i16, .to_pairs = ops_to_pairs,                    \
        .softmax_i16 = ops_softmax_i16, .scale_ints = ops_scale_ints, .quantize = ops_quantize,    \
        .to_bf16 = ops_to_bf16, .from_half = ops_from_half, .softmax = ops_softmax,                \
        .add = ops_add, .times = ops_times
