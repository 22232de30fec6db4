/* lanes_avx512.h - sixteen floats at once; for ops.h. */
#pragma once
#include <immintrin.h>
#include <stdint.h>

#define LANES 16
typedef __m512 vf;
static inline vf vf_set(float x)
{
        return _mm512_set1_ps(x);
}
static inline vf vf_load(const float *p)
{
        return _mm512_loadu_ps(p);
}
static inline void vf_store(float *p, vf x)
{
        _mm512_storeu_ps(p, x);
}
static inline vf vf_add(vf a, vf b)
{
        return _mm512_add_ps(a, b);
}
static inline vf vf_sub(vf a, vf b)
{
        return _mm512_sub_ps(a, b);
}
static inline vf vf_mul(vf a, vf b)
{
        return _mm512_mul_ps(a, b);
}
static inline vf vf_div(vf a, vf b)
{
        return _mm512_div_ps(a, b);
}
static inline vf vf_fma(vf a, vf b, vf c)
{
        return _mm512_fmadd_ps(a, b, c);
}
static inline vf vf_min(vf a, vf b)
{
        return _mm512_min_ps(a, b);
}
static inline vf vf_max(vf a, vf b)
{
        return _mm512_max_ps(a, b);
}
static inline float vf_sum(vf a)
{
        return _mm512_reduce_add_ps(a);
}
static inline float vf_least(vf a)
{
        return _mm512_reduce_min_ps(a);
}
static inline float vf_most(vf a)
{
        return _mm512_reduce_max_ps(a);
}
static inline vf vf_round(vf a)
{
        return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/* a * 2^n, n a whole number in -126..127 */
static inline vf vf_scale2(vf a, vf n)
{
        return _mm512_scalef_ps(a, n);
}
static inline vf vf_of_ints(const int32_t *p)
{
        return _mm512_cvtepi32_ps(_mm512_loadu_si512(p));
}
/* acc - zero * sums */
static inline vf vf_centered(const int32_t *acc, int32_t zero, const int32_t *sums)
{
        __m512i z = _mm512_mullo_epi32(_mm512_set1_epi32(zero), _mm512_loadu_si512(sums));
        return _mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_loadu_si512(acc), z));
}
/* rounded, limited to 0..255 */
static inline void vf_put_u8(uint8_t *p, vf a)
{
        _mm_storeu_si128((__m128i *)p, _mm512_cvtusepi32_epi8(_mm512_cvtps_epi32(
                                               _mm512_max_ps(a, _mm512_setzero_ps()))));
}
static inline void vf_put_bf16(uint16_t *p, vf a)
{
        __m512i u = _mm512_castps_si512(a);
        __m512i odd = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
        u = _mm512_add_epi32(_mm512_add_epi32(u, _mm512_set1_epi32(0x7fff)), odd);
        _mm256_storeu_si256((__m256i *)p, _mm512_cvtepi32_epi16(_mm512_srli_epi32(u, 16)));
}
static inline vf vf_of_half(const uint16_t *p)
{
        return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}
static inline vf vf_of_bf16(const uint16_t *p)
{
        return _mm512_castsi512_ps(_mm512_slli_epi32(
                _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p)), 16));
}
/* Of LANES pairs of bf16: the first of each, the second. */
static inline vf vf_pair_first(const uint16_t *p)
{
        return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_loadu_si512(p), 16));
}
static inline vf vf_pair_second(const uint16_t *p)
{
        return _mm512_castsi512_ps(
                _mm512_and_si512(_mm512_loadu_si512(p), _mm512_set1_epi32((int)0xffff0000)));
}
/* Rounded; the caller keeps it within 16 bits. */
static inline void vf_put_i16(int16_t *p, vf a)
{
        _mm256_storeu_si256((__m256i *)p, _mm512_cvtepi32_epi16(_mm512_cvtps_epi32(a)));
}
/* Pairs of 16 bits: a first, then b. */
static inline void vf_put_pairs(int32_t *p, vf a, vf b)
{
        __m512i low = _mm512_and_si512(_mm512_cvtps_epi32(a), _mm512_set1_epi32(0xffff));
        _mm512_storeu_si512(p, _mm512_or_si512(low, _mm512_slli_epi32(_mm512_cvtps_epi32(b), 16)));
}
