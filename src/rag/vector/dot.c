#include "rag/vector/dot.h"
#include <stdbool.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

void dot_query_set(struct dot_query *q, const int16_t *whole, uint32_t dims)
{
        q->sum = 0;
        for (uint32_t k = 0; k < dims; k++) {
                int low = ((whole[k] + 32) & 63) - 32;
                q->whole[k] = whole[k];
                q->low[k] = (int8_t)low;
                q->high[k] = (int8_t)((whole[k] - low) / 64);
                q->sum += whole[k];
        }
}

static void dot_scalar(const struct dot_query *q, const unsigned char *rows, uint32_t n,
                       uint32_t dims, int32_t *ret)
{
        for (uint32_t i = 0; i < n; i++, rows += dims) {
                int32_t s = 0;
                for (uint32_t k = 0; k < dims; k++)
                        s += q->whole[k] * (rows[k] - 128);
                ret[i] = s;
        }
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void dot_avx2(const struct dot_query *q,
                                                     const unsigned char *rows, uint32_t n,
                                                     uint32_t dims, int32_t *ret)
{
        const __m256i offset = _mm256_set1_epi16(128);
        for (uint32_t i = 0; i < n; i++, rows += dims) {
                __m256i a = _mm256_setzero_si256(), b = a;
                for (uint32_t k = 0; k < dims; k += 32) {
                        __m256i x = _mm256_loadu_si256((const void *)(rows + k));
                        __m256i lo = _mm256_cvtepu8_epi16(_mm256_castsi256_si128(x));
                        __m256i hi = _mm256_cvtepu8_epi16(_mm256_extracti128_si256(x, 1));
                        __m256i p = _mm256_loadu_si256((const void *)(q->whole + k));
                        __m256i r = _mm256_loadu_si256((const void *)(q->whole + k + 16));
                        lo = _mm256_sub_epi16(lo, offset);
                        hi = _mm256_sub_epi16(hi, offset);
                        a = _mm256_add_epi32(a, _mm256_madd_epi16(lo, p));
                        b = _mm256_add_epi32(b, _mm256_madd_epi16(hi, r));
                }
                a = _mm256_add_epi32(a, b);
                __m128i s =
                        _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
                s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
                s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1));
                ret[i] = _mm_cvtsi128_si32(s);
        }
}

/* Bytes as they are, unsigned, against the two halves of the query; 128 times its sum goes off at
 * the end. Two rows at once, so that a sum does not wait for itself, and the rows of soon are asked
 * of memory now: nothing here is slower than memory. Half a register of zeros stands for the last
 * 32 of a row whose dims are not a multiple of 64. */
__attribute__((target("avx512f,avx512bw,avx512vnni"))) static void
vnni_rows(const struct dot_query *q, const unsigned char *a, const unsigned char *b, uint32_t dims,
          int32_t *ret_a, int32_t *ret_b)
{
        __m512i ah = _mm512_setzero_si512(), al = ah, bh = ah, bl = ah;
        for (uint32_t k = 0; k < dims; k += 64) {
                __mmask64 m = dims - k >= 64 ? ~0ull : 0xffffffffull;
                __m512i high = _mm512_maskz_loadu_epi8(m, q->high + k);
                __m512i low = _mm512_maskz_loadu_epi8(m, q->low + k);
                __m512i x = _mm512_maskz_loadu_epi8(m, a + k);
                __m512i y = _mm512_maskz_loadu_epi8(m, b + k);
                _mm_prefetch((const char *)a + k + 8 * dims, _MM_HINT_T0);
                _mm_prefetch((const char *)b + k + 8 * dims, _MM_HINT_T0);
                ah = _mm512_dpbusd_epi32(ah, x, high);
                al = _mm512_dpbusd_epi32(al, x, low);
                bh = _mm512_dpbusd_epi32(bh, y, high);
                bl = _mm512_dpbusd_epi32(bl, y, low);
        }
        *ret_a = (int32_t)(64 * (int64_t)_mm512_reduce_add_epi32(ah) + _mm512_reduce_add_epi32(al) -
                           128 * q->sum);
        *ret_b = (int32_t)(64 * (int64_t)_mm512_reduce_add_epi32(bh) + _mm512_reduce_add_epi32(bl) -
                           128 * q->sum);
}

static void dot_vnni(const struct dot_query *q, const unsigned char *rows, uint32_t n,
                     uint32_t dims, int32_t *ret)
{
        int32_t again;
        for (uint32_t i = 0; i + 1 < n; i += 2, rows += 2 * (size_t)dims)
                vnni_rows(q, rows, rows + dims, dims, &ret[i], &ret[i + 1]);
        if (n % 2)
                vnni_rows(q, rows, rows, dims, &ret[n - 1], &again);
}
#endif

dot_fn dot_kernel(unsigned i, const char **ret_name)
{
        static const struct {
                dot_fn fn;
                const char *name;
        } all[] = {
                {dot_scalar, "scalar"},
#if defined(__x86_64__)
                {dot_avx2, "avx2"},
                {dot_vnni, "avx512-vnni"},
#endif
        };
        unsigned n = 1;
#if defined(__x86_64__)
        __builtin_cpu_init();
        if (__builtin_cpu_supports("avx2"))
                n = 2;
        if (n == 2 && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vnni"))
                n = 3;
#endif
        if (i >= n)
                return NULL;
        *ret_name = all[i].name;
        return all[i].fn;
}

dot_fn dot_choose(const char **ret_name)
{
        dot_fn fn = NULL, next;
        for (unsigned i = 0; (next = dot_kernel(i, ret_name)); i++)
                fn = next;
        return fn;
}
