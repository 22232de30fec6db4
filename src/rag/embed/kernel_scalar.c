/* Plain C: any processor, and the measure for the integers of all others. */
#define TILE_ROWS   1
#define TILE_PANELS 1
#include "rag/embed/lanes_scalar.h"
#include "rag/embed/ops.h"

static void tile_i8(const uint8_t *x, size_t ldx, unsigned rows, const int8_t *w, size_t panel,
                    unsigned panels, size_t k, bool more, int32_t *acc)
{
        size_t n = panels * 16;
        for (unsigned r = 0; r < rows; r++)
                for (size_t c = 0; c < n; c++) {
                        const int8_t *p = w + c / 16 * panel + c % 16 * 4;
                        int32_t sum = more ? acc[r * n + c] : 0;
                        for (size_t i = 0; i < k; i++)
                                sum += x[r * ldx + i] * p[i / 4 * 64 + i % 4];
                        acc[r * n + c] = sum;
                }
}

static void tile_i16(const int16_t *x, size_t ldx, unsigned rows, const int16_t *w, size_t panel,
                     unsigned panels, size_t k, int32_t *acc)
{
        size_t n = panels * 16;
        for (unsigned r = 0; r < rows; r++)
                for (size_t c = 0; c < n; c++) {
                        const int16_t *p = w + c / 16 * panel + c % 16 * 2;
                        uint32_t sum = 0; /* a damaged model may pass it: it wraps, as elsewhere */
                        for (size_t i = 0; i < k; i++)
                                sum += (uint32_t)(x[r * ldx + i] * p[i / 2 * 32 + i % 2]);
                        acc[r * n + c] = (int32_t)sum;
                }
}

const struct kernel kernel_scalar = {.name = "scalar",
                                     .hook_ops = 2u << 20,
                                     .tile_rows = 1,
                                     .tile_panels = KERNEL_PANELS_MAX,
                                     .tile_i8 = tile_i8,
                                     .tile_i16 = tile_i16,
                                     .tile_bf16 = ops_tile_bf16,
                                     OPS};
