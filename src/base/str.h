/* str.h - text: bounded copies, numbers with units, names, UTF-8. No locale, no allocation. */
#pragma once
#include "base/err.h"

/* Copies s into dst[size], always NUL-terminated; -E2BIG when it does not fit (dst is then ""). */
MUST_CHECK int str_copy(char *dst, size_t size, const char *s);
static inline bool str_eq(const char *a, const char *b)
{
        return strcmp(a, b) == 0;
}
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
/* A name of ours: 1-63 of [a-z0-9-], beginning and ending with a letter or digit. */
bool str_is_name(const char *s);
/* A relative path that stays below its root: no empty, "." or ".." part, no leading '/', no control
 * character, at most PATH_TEXT_MAX bytes, valid UTF-8. */
bool str_is_subpath(const char *s);
/* Decimal without sign, blanks or leftovers. -EINVAL, -ERANGE. */
MUST_CHECK int str_to_u64(const char *s, uint64_t *ret);
/* "512", "512K", "1.5G", "2GiB": binary multiples. -EINVAL, -ERANGE. */
MUST_CHECK int str_to_bytes(const char *s, uint64_t *ret);
/* "250ms", "30s", "5m", "2h", "1d"; a bare number is seconds. Result in milliseconds. */
MUST_CHECK int str_to_ms(const char *s, uint64_t *ret);
/* "1.5 MiB" into dst; returns dst. */
const char *str_from_bytes(char *dst, size_t size, uint64_t n);
/* "1.25 s", "3 min 20 s" into dst; returns dst. */
const char *str_from_ms(char *dst, size_t size, uint64_t ms);
/* Length of the character at s, n > 0; 0 when it is not well-formed (RFC 3629: no surrogates, no
 * overlong forms, nothing above U+10FFFF). */
size_t utf8_char(const char *s, size_t n);
bool utf8_valid(const char *s, size_t n);
/* Length of the longest prefix of s[0..n) of at most `max` bytes that does not cut a character. */
size_t utf8_clip(const char *s, size_t n, size_t max);
/* True in time that depends only on n. */
bool bytes_equal_const_time(const void *a, const void *b, size_t n);
void hex_encode(char *dst, const void *p, size_t n); /* dst holds 2n+1 */
/* Both cases, exactly n bytes; -EINVAL when s is anything else. */
MUST_CHECK int hex_decode(void *dst, size_t n, const char *s);
