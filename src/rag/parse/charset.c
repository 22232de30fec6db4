#include "rag/parse/charset.h"
#include "base/str.h"

#define BINARY_LOOK 8192 /* bytes that are looked at */
#define ODD_FEW     4    /* control characters that a small text may hold */
#define BAD         0xfffd

/* 0x80..0x9f of Windows-1252; the five that are undefined there map to themselves in Latin-1. */
static const uint16_t cp1252[32] = {
        0x20ac, 0x81,   0x201a, 0x192,  0x201e, 0x2026, 0x2020, 0x2021, 0x2c6,  0x2030, 0x160,
        0x2039, 0x152,  0x8d,   0x17d,  0x8f,   0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
        0x2013, 0x2014, 0x2dc,  0x2122, 0x161,  0x203a, 0x153,  0x9d,   0x17e,  0x178,
};

static size_t encode(char dst[4], uint32_t c)
{
        if (c < 0x80) {
                dst[0] = (char)c;
                return 1;
        }
        size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        for (size_t i = n - 1; i > 0; i--, c >>= 6)
                dst[i] = (char)(0x80 | (c & 0x3f));
        dst[0] = (char)((n == 2 ? 0xc0 : n == 3 ? 0xe0 : 0xf0) | c);
        return n;
}

/* Decodes one character; 0 < return <= n. A bad byte is taken alone as U+FFFD. */
static size_t decode(const char *s, size_t n, uint32_t *ret)
{
        const unsigned char *p = (const unsigned char *)s;
        size_t len = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
        if (len == 1) {
                *ret = p[0];
                return 1;
        }
        *ret = BAD;
        if (len > n || !utf8_valid(s, len))
                return 1;
        uint32_t c = p[0] & (0xff >> (len + 1));
        for (size_t i = 1; i < len; i++)
                c = c << 6 | (p[i] & 0x3f);
        *ret = c;
        return len;
}

static int from_cp1252(struct slice in, struct buf *out)
{
        for (size_t i = 0; i < in.len; i++) {
                unsigned char b = (unsigned char)in.data[i];
                char c[4];
                size_t n = encode(c, b >= 0x80 && b < 0xa0 ? cp1252[b - 0x80] : b);
                int r = buf_add(out, c, n);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* width 2 or 4 */
static uint32_t unit(const unsigned char *p, size_t width, bool big)
{
        uint32_t v = 0;
        for (size_t i = 0; i < width; i++)
                v = v << 8 | p[big ? i : width - 1 - i];
        return v;
}

static int from_wide(struct slice in, size_t width, bool big, struct buf *out)
{
        const unsigned char *p = (const unsigned char *)in.data, *end = p + in.len / width * width;
        while (p < end) {
                uint32_t c = unit(p, width, big);
                p += width;
                if (width == 2 && c >= 0xd800 && c < 0xdc00 && p < end) {
                        uint32_t low = unit(p, 2, big);
                        if (low >= 0xdc00 && low < 0xe000) {
                                c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
                                p += 2;
                        }
                }
                if ((c >= 0xd800 && c < 0xe000) || c > 0x10ffff)
                        c = BAD;
                char u[4];
                int r = buf_add(out, u, encode(u, c));
                if (r < 0)
                        return r;
        }
        return 0;
}

/* UTF-16 without a mark: nearly every second byte of the first part is zero. 0, or 1 = little,
 * 2 = big. */
static int looks_wide(struct slice in)
{
        size_t n = in.len < BINARY_LOOK ? in.len & ~(size_t)1 : BINARY_LOOK, zeros[2] = {0, 0};
        if (n < 4)
                return 0;
        for (size_t i = 0; i < n; i++)
                zeros[i & 1] += in.data[i] == '\0';
        if (zeros[1] * 5 > n * 2 && zeros[0] * 50 < n)
                return 1;
        return zeros[0] * 5 > n * 2 && zeros[1] * 50 < n ? 2 : 0;
}

static bool starts(struct slice in, const char *mark, size_t n)
{
        return in.len >= n && memcmp(in.data, mark, n) == 0;
}

static struct slice skip(struct slice in, size_t n)
{
        return (struct slice){in.data + n, in.len - n};
}

int charset_to_utf8(struct slice in, struct buf *space, struct slice *ret)
{
        int r, wide = looks_wide(in);
        buf_clear(space);
        if (starts(in, "\xef\xbb\xbf", 3)) {
                *ret = skip(in, 3);
                return 0;
        }
        if (starts(in, "\xff\xfe\0\0", 4))
                r = from_wide(skip(in, 4), 4, false, space);
        else if (starts(in, "\0\0\xfe\xff", 4))
                r = from_wide(skip(in, 4), 4, true, space);
        else if (starts(in, "\xff\xfe", 2))
                r = from_wide(skip(in, 2), 2, false, space);
        else if (starts(in, "\xfe\xff", 2))
                r = from_wide(skip(in, 2), 2, true, space);
        else if (wide)
                r = from_wide(in, 2, wide == 2, space);
        else if (utf8_valid(in.data, in.len)) {
                *ret = in;
                return 0;
        } else
                r = from_cp1252(in, space);
        if (r == 0)
                *ret = (struct slice){buf_text(space), space->len};
        return r;
}

bool charset_is_binary(struct slice in)
{
        if (starts(in, "\xff\xfe", 2) || starts(in, "\xfe\xff", 2) ||
            starts(in, "\0\0\xfe\xff", 4) || looks_wide(in))
                return false;
        size_t n = in.len < BINARY_LOOK ? in.len : BINARY_LOOK, odd = 0;
        for (size_t i = 0; i < n; i++) {
                unsigned char c = (unsigned char)in.data[i];
                if (c == '\0')
                        return true;
                odd += (c < 0x20 && !strchr("\t\n\v\f\r\b\033", c)) || c == 0x7f;
        }
        return odd > ODD_FEW && odd * 20 > n;
}

static const char *ligature(uint32_t c)
{
        static const char *const text[] = {"ff", "fi", "fl", "ffi", "ffl", "st", "st"};
        return c >= 0xfb00 && c <= 0xfb06 ? text[c - 0xfb00] : NULL;
}

static bool invisible(uint32_t c)
{
        return (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7f && c < 0xa0) || c == 0xad ||
               (c >= 0x200b && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) ||
               (c >= 0x2060 && c <= 0x206f) || c == 0xfeff || (c >= 0xfff0 && c <= 0xfffb) ||
               (c >= 0xe0000 && c <= 0xe0fff);
}

static bool blank(uint32_t c)
{
        return c == ' ' || c == '\n' || c == '\t' || c == 0xa0 || (c >= 0x2000 && c <= 0x200a) ||
               c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x3000;
}

/* Appends all that stands for c, written as n bytes at p. */
static int add_char(struct buf *out, uint32_t c, const char *p, size_t n)
{
        const char *lig = ligature(c);
        if (lig)
                return buf_adds(out, lig);
        if (c == BAD)
                return buf_add(out, "\xef\xbf\xbd", 3);
        return buf_add(out, p, n);
}

static size_t plain_run(const char *p, size_t n)
{
        size_t i = 0;
        while (i < n && (unsigned char)p[i] > ' ' && (unsigned char)p[i] < 0x7f)
                i++;
        return i;
}

int charset_clean(struct slice in, bool lines, struct buf *out)
{
        const char *p = in.data, *end = p + in.len;
        size_t start = out->len;
        bool gap = false; /* blanks that wait to see whether anything follows */
        int r = 0;
        while (p < end && r >= 0) {
                uint32_t c;
                size_t n = decode(p, (size_t)(end - p), &c);
                const char *at = p;
                p += n;
                if (c == '\r' || c == '\f' || c == '\v' || c == 0x85)
                        c = p < end && *p == '\n' ? 0 : '\n';
                if (blank(c) && lines) {
                        r = out->len > start || c != '\n' ? buf_add(out,
                                                                    c == '\n'   ? "\n"
                                                                    : c == '\t' ? "\t"
                                                                                : " ",
                                                                    1)
                                                          : 0;
                        continue;
                }
                gap |= blank(c);
                if (blank(c) || invisible(c))
                        continue;
                if (gap && out->len > start)
                        r = buf_add(out, " ", 1);
                gap = false;
                size_t run = c < 0x7f ? n + plain_run(p, (size_t)(end - p)) : n;
                p = at + run;
                if (r >= 0)
                        r = add_char(out, c, at, run);
        }
        while (lines && out->len > start && strchr(" \t\n", out->data[out->len - 1]))
                out->data[--out->len] = '\0';
        return r;
}
