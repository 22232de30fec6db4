/* Plain C: any processor, and the measure for the integers of all others. */
#define TILE_ROWS   1
#define TILE_PANELS 1
#include "rag/embed/lanes_scalar.h"
#include "rag/embed/ops.h"

static void tile_i8(const uint8_t *x, size_t ldx, unsigned rows, const int8_t *w, size_t panel,
                    unsigned panels, size_t k, int32_t *acc)
{
        size_t n = panels * 16;
        for (unsigned r = 0; r < rows; r++)
                for (size_t c = 0; c < n; c++) {
                        const int8_t *p = w + c / 16 * panel + c % 16 * 4;
                        int32_t sum = 0;
                        for (size_t i = 0; i < k; i++)
                                sum += x[r * ldx + i] * p[i / 4 * 64 + i % 4];
                        acc[r * n + c] = sum;
                }
}

const struct kernel kernel_scalar = {.name = "scalar",
                                     .hook_ops = 2u << 20,
                                     .tile_rows = 1,
                                     .tile_panels = KERNEL_PANELS_MAX,
                                     .tile_i8 = tile_i8,
                                     .tile_bf16 = ops_tile_bf16,
                                     OPS};
