/* lanes_scalar.h - one float at once, on any processor; for ops.h. */
#pragma once
#include "rag/embed/safetensors.h"
#include <math.h>

#define LANES 1
typedef float vf;
static inline vf vf_set(float x)
{
        return x;
}
static inline vf vf_load(const float *p)
{
        return *p;
}
static inline void vf_store(float *p, vf x)
{
        *p = x;
}
static inline vf vf_add(vf a, vf b)
{
        return a + b;
}
static inline vf vf_sub(vf a, vf b)
{
        return a - b;
}
static inline vf vf_mul(vf a, vf b)
{
        return a * b;
}
static inline vf vf_div(vf a, vf b)
{
        return a / b;
}
static inline vf vf_fma(vf a, vf b, vf c)
{
        return a * b + c;
}
static inline vf vf_min(vf a, vf b)
{
        return a < b ? a : b;
}
static inline vf vf_max(vf a, vf b)
{
        return a > b ? a : b;
}
static inline float vf_sum(vf a)
{
        return a;
}
static inline float vf_least(vf a)
{
        return a;
}
static inline float vf_most(vf a)
{
        return a;
}
static inline vf vf_round(vf a)
{
        return rintf(a);
}
static inline vf vf_scale2(vf a, vf n)
{
        return ldexpf(a, (int)n);
}
static inline vf vf_centered(const int32_t *acc, int32_t zero, const int32_t *sums)
{
        return (float)(int32_t)((uint32_t)*acc - (uint32_t)zero * (uint32_t)*sums);
}
static inline void vf_put_u8(uint8_t *p, vf a)
{
        float r = rintf(a);
        *p = (uint8_t)(r > 0 ? r < 255 ? r : 255 : 0); /* what is no number is 0 */
}
static inline void vf_put_bf16(uint16_t *p, vf a)
{
        *p = bf16_from_float(a);
}
static inline vf vf_of_half(const uint16_t *p)
{
        return half_to_float(*p);
}
static inline vf vf_of_bf16(const uint16_t *p)
{
        return bf16_to_float(*p);
}
/* Of a pair of bf16: the first, the second. */
static inline vf vf_pair_first(const uint16_t *p)
{
        return bf16_to_float(p[0]);
}
static inline vf vf_pair_second(const uint16_t *p)
{
        return bf16_to_float(p[1]);
}
static inline vf vf_of_ints(const int32_t *p)
{
        return (float)*p;
}
/* Rounded; what does not fit, or is no number, is 0. */
static inline int32_t scalar_i16(vf a)
{
        float r = rintf(a);
        return r >= -32768 && r <= 32767 ? (int32_t)r : 0;
}
static inline void vf_put_i16(int16_t *p, vf a)
{
        *p = (int16_t)scalar_i16(a);
}
/* A pair of 16 bits: a first, then b. */
static inline void vf_put_pairs(int32_t *p, vf a, vf b)
{
        uint32_t u = ((uint32_t)scalar_i16(a) & 0xffff) | (uint32_t)scalar_i16(b) << 16;
        memcpy(p, &u, sizeof u);
}
