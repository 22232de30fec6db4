/* AVX2 with FMA. Its product of u8 and s8 (vpmaddubsw) saturates, so both are widened to 16 bits,
 * where pairs add up exactly. */
#ifdef __x86_64__
#define TILE_ROWS   6
#define TILE_PANELS 1
#include "rag/embed/lanes_avx2.h"
#include "rag/embed/ops.h"

#define I8_ROWS 3

/* One panel: each register holds 4 outputs, each in two halves that are added at the end. */
INLINE void product_i8(const uint8_t *x, size_t ldx, unsigned rows, const int8_t *w, size_t k,
                       bool more, int32_t *acc, size_t ld_acc)
{
        __m256i sum[I8_ROWS][4];
        UNROLL for (unsigned r = 0; r < rows; r++) UNROLL for (unsigned v = 0; v < 4; v++)
                sum[r][v] = _mm256_setzero_si256();
        for (size_t i = 0; i < k; i += 4) {
                __m256i a[I8_ROWS];
                UNROLL for (unsigned r = 0; r < rows; r++)
                {
                        int32_t four;
                        memcpy(&four, x + r * ldx + i, sizeof four);
                        a[r] = _mm256_broadcastq_epi64(_mm_cvtepu8_epi16(_mm_cvtsi32_si128(four)));
                }
                UNROLL for (unsigned v = 0; v < 4; v++)
                {
                        __m256i b = _mm256_cvtepi8_epi16(
                                _mm_loadu_si128((const __m128i *)(w + i * 16 + v * 16)));
                        UNROLL for (unsigned r = 0; r < rows; r++) sum[r][v] =
                                _mm256_add_epi32(sum[r][v], _mm256_madd_epi16(a[r], b));
                }
        }
        UNROLL for (unsigned r = 0; r < rows; r++) UNROLL for (unsigned v = 0; v < 4; v += 2)
        {
                __m256i h = _mm256_hadd_epi32(sum[r][v], sum[r][v + 1]);
                h = _mm256_permute4x64_epi64(h, 0xd8);
                __m256i *to = (__m256i *)(void *)(acc + r * ld_acc + v * 4);
                if (more)
                        h = _mm256_add_epi32(h, _mm256_loadu_si256(to));
                _mm256_storeu_si256(to, h);
        }
}

static void tile_i8(const uint8_t *x, size_t ldx, unsigned rows, const int8_t *w, size_t panel,
                    unsigned panels, size_t k, bool more, int32_t *acc)
{
        for (unsigned p = 0; p < panels; p++) {
                int32_t *to = acc + p * 16;
                if (rows == 3)
                        product_i8(x, ldx, 3, w + p * panel, k, more, to, panels * 16);
                else if (rows == 2)
                        product_i8(x, ldx, 2, w + p * panel, k, more, to, panels * 16);
                else
                        product_i8(x, ldx, 1, w + p * panel, k, more, to, panels * 16);
        }
}

INLINE void product_i16(const int16_t *x, size_t ldx, unsigned rows, const int16_t *w, size_t k,
                        int32_t *acc, size_t ld_acc)
{
        __m256i sum[TILE_ROWS][2];
        UNROLL for (unsigned r = 0; r < rows; r++) sum[r][0] = sum[r][1] = _mm256_setzero_si256();
        for (size_t i = 0; i < k; i += 2) {
                const __m256i *p = (const __m256i *)(const void *)(w + i * 16);
                __m256i b0 = _mm256_loadu_si256(p), b1 = _mm256_loadu_si256(p + 1);
                UNROLL for (unsigned r = 0; r < rows; r++)
                {
                        int32_t two;
                        memcpy(&two, x + r * ldx + i, sizeof two);
                        __m256i a = _mm256_set1_epi32(two);
                        sum[r][0] = _mm256_add_epi32(sum[r][0], _mm256_madd_epi16(a, b0));
                        sum[r][1] = _mm256_add_epi32(sum[r][1], _mm256_madd_epi16(a, b1));
                }
        }
        UNROLL for (unsigned r = 0; r < rows; r++) for (unsigned v = 0; v < 2; v++)
                _mm256_storeu_si256((__m256i *)(acc + r * ld_acc + v * 8), sum[r][v]);
}

static void tile_i16(const int16_t *x, size_t ldx, unsigned rows, const int16_t *w, size_t panel,
                     unsigned panels, size_t k, int32_t *acc)
{
#define ONE(R) product_i16(x, ldx, R, w + p * panel, k, acc + p * 16, panels * 16)
        for (unsigned p = 0; p < panels; p++)
                EACH_ROWS(ONE)
#undef ONE
}

const struct kernel kernel_avx2 = {.name = "avx2",
                                   .hook_ops = 50u << 20,
                                   .tile_rows = I8_ROWS,
                                   .tile_panels = KERNEL_PANELS_MAX,
                                   .tile_i8 = tile_i8,
                                   .tile_i16 = tile_i16,
                                   .tile_bf16 = ops_tile_bf16,
                                   OPS};
#endif
