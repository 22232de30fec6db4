/* u8 x s8 by AVX-512 VNNI: 64 products an instruction, added up exactly in 32 bits. */
#ifdef __x86_64__
#include "rag/embed/kernel_vnni.h"
#include <immintrin.h>

#define ROWS   6
#define PANELS 4
#define INLINE static inline __attribute__((always_inline))
/* So early that the compiler keeps each sum in a register. */
#define UNROLL _Pragma("GCC unroll 8")

INLINE __m512i four(const uint8_t *p)
{
        int32_t v;
        memcpy(&v, p, sizeof v);
        return _mm512_set1_epi32(v);
}

/* Not _mm512_dpbusd_epi32: gcc 12 copies its sum to and fro, at half the speed. */
INLINE void add_products(__m512i *sum, __m512i a, __m512i b)
{
        __asm__("vpdpbusd %2, %1, %0" : "+v"(*sum) : "v"(a), "v"(b));
}

INLINE void product(const uint8_t *x, size_t ldx, unsigned rows, const int8_t *w, size_t panel,
                    unsigned panels, size_t k, bool more, int32_t *acc, size_t ld_acc)
{
        __m512i sum[ROWS][PANELS];
        UNROLL for (unsigned r = 0; r < rows; r++) UNROLL for (unsigned p = 0; p < panels; p++)
                sum[r][p] = more ? _mm512_loadu_si512(acc + r * ld_acc + p * 16)
                                 : _mm512_setzero_si512();
        for (size_t i = 0; i < k; i += 4) {
                __m512i b[PANELS];
                UNROLL for (unsigned p = 0; p < panels; p++) b[p] =
                        _mm512_loadu_si512(w + p * panel + i * 16);
                UNROLL for (unsigned r = 0; r < rows; r++)
                {
                        __m512i a = four(x + r * ldx + i);
                        UNROLL for (unsigned p = 0; p < panels; p++)
                                add_products(&sum[r][p], a, b[p]);
                }
        }
        UNROLL for (unsigned r = 0; r < rows; r++) UNROLL for (unsigned p = 0; p < panels; p++)
                _mm512_storeu_si512(acc + r * ld_acc + p * 16, sum[r][p]);
}

#define EACH_ROWS(CALL)                                                                            \
        switch (rows) {                                                                            \
        case 1:                                                                                    \
                CALL(1);                                                                           \
                break;                                                                             \
        case 2:                                                                                    \
                CALL(2);                                                                           \
                break;                                                                             \
        case 3:                                                                                    \
                CALL(3);                                                                           \
                break;                                                                             \
        case 4:                                                                                    \
                CALL(4);                                                                           \
                break;                                                                             \
        case 5:                                                                                    \
                CALL(5);                                                                           \
                break;                                                                             \
        default:                                                                                   \
                CALL(6);                                                                           \
        }

void vnni_tile_i8(const uint8_t *x, size_t ldx, unsigned rows, const int8_t *w, size_t panel,
                  unsigned panels, size_t k, bool more, int32_t *acc)
{
#define ALL(R) product(x, ldx, R, w, panel, PANELS, k, more, acc, PANELS * 16)
#define ONE(R) product(x, ldx, R, w + p * panel, panel, 1, k, more, acc + p * 16, panels * 16)
        if (panels == PANELS) {
                EACH_ROWS(ALL)
                return;
        }
        for (unsigned p = 0; p < panels; p++)
                EACH_ROWS(ONE)
}
#endif
