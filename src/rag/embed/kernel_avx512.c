/* AVX-512 (F, BW, VL, DQ): floats and bf16 by conversion; VNNI for int8 and, where the processor
 * has it, its own bf16 product (kernel_bf16.c). */
#ifdef __x86_64__
#define TILE_ROWS   6
#define TILE_PANELS 4
#include "rag/embed/lanes_avx512.h"
#include "rag/embed/ops.h"
#include "rag/embed/kernel_vnni.h"

const struct kernel kernel_vnni = {.name = "avx512-vnni",
                                   .hook_ops = 150u << 20,
                                   .tile_rows = TILE_ROWS,
                                   .tile_panels = TILE_PANELS,
                                   .tile_i8 = vnni_tile_i8,
                                   .tile_i16 = vnni_tile_i16,
                                   .tile_bf16 = ops_tile_bf16,
                                   OPS};
const struct kernel kernel_vnni_bf16 = {.name = "avx512-vnni-bf16",
                                        .hook_ops = 150u << 20,
                                        .tile_rows = TILE_ROWS,
                                        .tile_panels = TILE_PANELS,
                                        .tile_i8 = vnni_tile_i8,
                                        .tile_i16 = vnni_tile_i16,
                                        .tile_bf16 = vnni_tile_bf16,
                                        OPS};
#endif
