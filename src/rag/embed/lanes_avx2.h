/* lanes_avx2.h - eight floats at once; for ops.h. */
#pragma once
#include <immintrin.h>
#include <stdint.h>

#define LANES 8
typedef __m256 vf;
static inline vf vf_set(float x)
{
        return _mm256_set1_ps(x);
}
static inline vf vf_load(const float *p)
{
        return _mm256_loadu_ps(p);
}
static inline void vf_store(float *p, vf x)
{
        _mm256_storeu_ps(p, x);
}
static inline vf vf_add(vf a, vf b)
{
        return _mm256_add_ps(a, b);
}
static inline vf vf_sub(vf a, vf b)
{
        return _mm256_sub_ps(a, b);
}
static inline vf vf_mul(vf a, vf b)
{
        return _mm256_mul_ps(a, b);
}
static inline vf vf_div(vf a, vf b)
{
        return _mm256_div_ps(a, b);
}
static inline vf vf_fma(vf a, vf b, vf c)
{
        return _mm256_fmadd_ps(a, b, c);
}
static inline vf vf_min(vf a, vf b)
{
        return _mm256_min_ps(a, b);
}
static inline vf vf_max(vf a, vf b)
{
        return _mm256_max_ps(a, b);
}
static inline float vf_sum(vf a)
{
        __m128 h = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
        h = _mm_add_ps(h, _mm_movehl_ps(h, h));
        return _mm_cvtss_f32(_mm_add_ss(h, _mm_shuffle_ps(h, h, 1)));
}
static inline float vf_least(vf a)
{
        __m128 h = _mm_min_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
        h = _mm_min_ps(h, _mm_movehl_ps(h, h));
        return _mm_cvtss_f32(_mm_min_ss(h, _mm_shuffle_ps(h, h, 1)));
}
static inline float vf_most(vf a)
{
        __m128 h = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
        h = _mm_max_ps(h, _mm_movehl_ps(h, h));
        return _mm_cvtss_f32(_mm_max_ss(h, _mm_shuffle_ps(h, h, 1)));
}
static inline vf vf_round(vf a)
{
        return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/* a * 2^n, n a whole number in -126..127 */
static inline vf vf_scale2(vf a, vf n)
{
        __m256i e = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
        return _mm256_mul_ps(a, _mm256_castsi256_ps(_mm256_slli_epi32(e, 23)));
}
/* acc - zero * sums */
static inline vf vf_centered(const int32_t *acc, int32_t zero, const int32_t *sums)
{
        __m256i z = _mm256_mullo_epi32(_mm256_set1_epi32(zero),
                                       _mm256_loadu_si256((const __m256i *)sums));
        return _mm256_cvtepi32_ps(_mm256_sub_epi32(_mm256_loadu_si256((const __m256i *)acc), z));
}
/* rounded, limited to 0..255 */
static inline void vf_put_u8(uint8_t *p, vf a)
{
        __m256i i = _mm256_cvtps_epi32(a);
        __m128i w = _mm_packs_epi32(_mm256_castsi256_si128(i), _mm256_extracti128_si256(i, 1));
        _mm_storel_epi64((__m128i *)p, _mm_packus_epi16(w, w));
}
static inline void vf_put_bf16(uint16_t *p, vf a)
{
        __m256i u = _mm256_castps_si256(a);
        __m256i odd = _mm256_and_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(1));
        u = _mm256_add_epi32(_mm256_add_epi32(u, _mm256_set1_epi32(0x7fff)), odd);
        u = _mm256_srli_epi32(u, 16);
        _mm_storeu_si128((__m128i *)p, _mm_packus_epi32(_mm256_castsi256_si128(u),
                                                        _mm256_extracti128_si256(u, 1)));
}
static inline vf vf_of_half(const uint16_t *p)
{
        return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
}
static inline vf vf_of_bf16(const uint16_t *p)
{
        return _mm256_castsi256_ps(
                _mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p)), 16));
}
/* Of LANES pairs of bf16: the first of each, the second. */
static inline vf vf_pair_first(const uint16_t *p)
{
        return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_loadu_si256((const __m256i *)p), 16));
}
static inline vf vf_pair_second(const uint16_t *p)
{
        return _mm256_castsi256_ps(_mm256_and_si256(_mm256_loadu_si256((const __m256i *)p),
                                                    _mm256_set1_epi32((int)0xffff0000)));
}
static inline vf vf_of_ints(const int32_t *p)
{
        return _mm256_cvtepi32_ps(_mm256_loadu_si256((const __m256i *)p));
}
/* Rounded; the caller keeps it within 16 bits. */
static inline void vf_put_i16(int16_t *p, vf a)
{
        __m256i i = _mm256_cvtps_epi32(a);
        _mm_storeu_si128((__m128i *)p, _mm_packs_epi32(_mm256_castsi256_si128(i),
                                                       _mm256_extracti128_si256(i, 1)));
}
/* Pairs of 16 bits: a first, then b. */
static inline void vf_put_pairs(int32_t *p, vf a, vf b)
{
        __m256i low = _mm256_and_si256(_mm256_cvtps_epi32(a), _mm256_set1_epi32(0xffff));
        __m256i high = _mm256_slli_epi32(_mm256_cvtps_epi32(b), 16);
        _mm256_storeu_si256((__m256i *)p, _mm256_or_si256(low, high));
}
