#include "rag/embed/unicode.h"
#include <utf8proc.h>

/* Marks and signs that came into Unicode after the tables (of Unicode 8) of the library by which
 * publishers cut their texts: it takes them for letters, and so must we. Found by comparing every
 * character (tests/peers/tokenizers.py). */
static const uint32_t young[][2] = {
        {0x61d, 0x61d},     {0x7fd, 0x7fd},     {0x890, 0x8e2},     {0x9fd, 0x9fe},
        {0xa76, 0xa76},     {0xafa, 0xaff},     {0xb55, 0xb55},     {0xc04, 0xc3c},
        {0xc77, 0xc77},     {0xc84, 0xc84},     {0xd00, 0xd00},     {0xd3b, 0xd3c},
        {0xd81, 0xd81},     {0xeba, 0xeba},     {0xece, 0xece},     {0x180f, 0x1886},
        {0x1abf, 0x1ace},   {0x1b7d, 0x1b7e},   {0x1df6, 0x1dfb},   {0x2e43, 0x2e5d},
        {0xa82c, 0xa82c},   {0xa8c5, 0xa8c5},   {0xa8ff, 0xa8ff},   {0xa9bd, 0xa9bd},
        {0x10d24, 0x10f89}, {0x11070, 0x11074}, {0x110c2, 0x110cd}, {0x111c9, 0x111c9},
        {0x111cf, 0x111cf}, {0x1123e, 0x11241}, {0x1133b, 0x1133b}, {0x11438, 0x1145e},
        {0x11660, 0x1166c}, {0x116b9, 0x116b9}, {0x1182f, 0x11fff}, {0x12ff1, 0x13455},
        {0x16e97, 0x16f4f}, {0x16fe2, 0x16fe4}, {0x1cf00, 0x1cf46}, {0x1e000, 0x1e4ef},
        {0x1e944, 0x1e95f},
};

static bool is_young(uint32_t c)
{
        size_t low = 0, high = ARRAY_LEN(young);
        while (low < high) {
                size_t mid = (low + high) / 2;
                if (c > young[mid][1])
                        low = mid + 1;
                else
                        high = mid;
        }
        return low < ARRAY_LEN(young) && c >= young[low][0];
}

size_t uni_put(char ret[4], uint32_t c)
{
        utf8proc_ssize_t n = utf8proc_encode_char((utf8proc_int32_t)c, (utf8proc_uint8_t *)ret);
        return n > 0 ? (size_t)n : 0;
}

bool uni_blank(uint32_t c)
{
        return (c >= 9 && c <= 13) || c == ' ' || c == 0x85 || c == 0xa0 || c == 0x1680 ||
               (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
               c == 0x205f || c == 0x3000;
}

bool uni_control(uint32_t c)
{
        switch (utf8proc_category((utf8proc_int32_t)c)) {
        case UTF8PROC_CATEGORY_CC:
        case UTF8PROC_CATEGORY_CF:
        case UTF8PROC_CATEGORY_CO:
                return !is_young(c);
        default:
                return false;
        }
}

bool uni_punct(uint32_t c)
{
        if (c < 0x80)
                return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) ||
                       (c >= 123 && c <= 126);
        utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)c);
        if (k >= UTF8PROC_CATEGORY_PC && k <= UTF8PROC_CATEGORY_PO)
                return !is_young(c);
        return c == 0x166d; /* was one then */
}

bool uni_cjk(uint32_t c)
{
        return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf) ||
               (c >= 0x20000 && c <= 0x2a6df) || (c >= 0x2a700 && c <= 0x2b73f) ||
               (c >= 0x2b740 && c <= 0x2b81f) || (c >= 0x2b920 && c <= 0x2ceaf) ||
               (c >= 0xf900 && c <= 0xfaff) || (c >= 0x2f800 && c <= 0x2fa1f);
}

bool uni_mark(uint32_t c)
{
        if (utf8proc_category((utf8proc_int32_t)c) == UTF8PROC_CATEGORY_MN)
                return !is_young(c);
        return c == 0x1734; /* was one then */
}

uint32_t uni_lower(uint32_t c)
{
        return (uint32_t)utf8proc_tolower((utf8proc_int32_t)c);
}

size_t uni_decompose(uint32_t c, uint32_t ret[UNI_DECOMPOSED])
{
        utf8proc_int32_t out[UNI_DECOMPOSED];
        int last = 0;
        utf8proc_ssize_t n = utf8proc_decompose_char((utf8proc_int32_t)c, out, UNI_DECOMPOSED,
                                                     UTF8PROC_DECOMPOSE | UTF8PROC_STABLE, &last);
        if (n < 1 || n > UNI_DECOMPOSED) {
                ret[0] = c;
                return 1;
        }
        for (utf8proc_ssize_t i = 0; i < n; i++)
                ret[i] = (uint32_t)out[i];
        return (size_t)n;
}

bool uni_cluster_ends(uint32_t a, uint32_t b, int32_t *state)
{
        return utf8proc_grapheme_break_stateful((utf8proc_int32_t)a, (utf8proc_int32_t)b, state);
}
