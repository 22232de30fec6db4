/* unicode.h - the classes of characters by which tokenizers cut text, over libutf8proc. */
#pragma once
#include "base/err.h"

/* The character at s (n > 0, well-formed UTF-8 up to s + n); its length in bytes. */
static inline size_t uni_next(const char *s, size_t n, uint32_t *ret)
{
        const unsigned char *p = (const unsigned char *)s;
        if (p[0] < 0x80 || n == 1) {
                *ret = p[0];
                return 1;
        }
        if (p[0] < 0xe0 || n == 2) {
                *ret = (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
                return 2;
        }
        if (p[0] < 0xf0 || n == 3) {
                *ret = (p[0] & 0xfu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
                return 3;
        }
        *ret = (p[0] & 7u) << 18 | (p[1] & 0x3fu) << 12 | (p[2] & 0x3fu) << 6 | (p[3] & 0x3fu);
        return 4;
}
size_t uni_put(char ret[4], uint32_t c); /* its bytes, how many; c is a scalar value */

bool uni_blank(uint32_t c);   /* White_Space */
bool uni_control(uint32_t c); /* Cc, Cf, Co: not shown */
bool uni_punct(uint32_t c);   /* P*, and every mark of ASCII */
bool uni_cjk(uint32_t c);     /* ideographs that BERT makes words of their own */
bool uni_mark(uint32_t c);    /* Mn: an accent that does not take room */
uint32_t uni_lower(uint32_t c);

#define UNI_DECOMPOSED 32
/* The canonical decomposition (NFD) of one character; how many there are, at least 1. */
size_t uni_decompose(uint32_t c, uint32_t ret[UNI_DECOMPOSED]);
/* Whether a cluster that a reader takes as one character ends between a and b; *state starts as 0. */
bool uni_cluster_ends(uint32_t a, uint32_t b, int32_t *state);
