/* kernel_vnni.h - products of the kinds of AVX-512 that multiply small numbers; each in a file of
 * its own, compiled for its instructions. */
#pragma once
#include "base/cleanup.h"

void vnni_tile_i8(const uint8_t *x, size_t ldx, unsigned rows, const int8_t *w, size_t panel,
                  unsigned panels, size_t k, bool more, int32_t *acc);
void vnni_tile_i16(const int16_t *x, size_t ldx, unsigned rows, const int16_t *w, size_t panel,
                   unsigned panels, size_t k, int32_t *acc);
void vnni_tile_bf16(const uint16_t *x, size_t ldx, unsigned rows, const uint16_t *w, size_t panel,
                    unsigned panels, size_t k, float *acc);
