/* dot.h - sums of products of a query and stored bytes: one function a kind of processor, the same
 * integers from each. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define DOT_QUERY_MAX 8159 /* so that `high` fits a byte, and 1024 products 31 bits */

struct dot_query { /* dims values, in the forms that the kernels want */
        int16_t whole[1024];
        int8_t high[1024], low[1024]; /* whole = 64 high + low */
        int64_t sum;                  /* of whole */
};
void dot_query_set(struct dot_query *q, const int16_t *whole, uint32_t dims);
/* ret[i] = sum over k of whole[k] * (rows[i * dims + k] - 128); dims is a multiple of 32. */
typedef void (*dot_fn)(const struct dot_query *q, const unsigned char *rows, uint32_t n,
                       uint32_t dims, int32_t *ret);
/* The fastest that this processor has; *ret_name says which. */
dot_fn dot_choose(const char **ret_name);
/* All of them that it has, for tests and measurements: NULL behind the last. */
dot_fn dot_kernel(unsigned i, const char **ret_name);
