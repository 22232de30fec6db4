#include "base/str.h"
#include "base/limits.h"
#include <ctype.h>
#include <math.h> /* isfinite, a macro: no role links libm for it */
#include <stdio.h>

int str_copy(char *dst, size_t size, const char *s)
{
        size_t n = strlen(s);
        if (n >= size) {
                dst[0] = '\0';
                return -E2BIG;
        }
        memcpy(dst, s, n + 1);
        return 0;
}

bool str_starts(const char *s, const char *prefix)
{
        return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
        size_t n = strlen(s), m = strlen(suffix);
        return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

static bool is_lower_or_digit(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool str_is_name(const char *s)
{
        size_t n = strnlen(s, NAME_TEXT_MAX + 1);
        if (n == 0 || n > NAME_TEXT_MAX)
                return false;
        for (size_t i = 0; i < n; i++)
                if (!is_lower_or_digit(s[i]) && s[i] != '-')
                        return false;
        return s[0] != '-' && s[n - 1] != '-';
}

bool str_is_subpath(const char *s)
{
        size_t n = strnlen(s, PATH_TEXT_MAX + 1);
        if (n == 0 || n > PATH_TEXT_MAX || !utf8_valid(s, n))
                return false;
        for (size_t i = 0; i < n; i++)
                if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
                        return false;
        for (const char *part = s;;) {
                size_t len = strcspn(part, "/");
                if (len == 0 || len > 255)
                        return false;
                if ((len == 1 && part[0] == '.') || (len == 2 && part[0] == '.' && part[1] == '.'))
                        return false;
                if (!part[len])
                        return true;
                part += len + 1;
        }
}

int str_to_u64(const char *s, uint64_t *ret)
{
        uint64_t v = 0;
        if (!*s)
                return -EINVAL;
        for (; *s; s++) {
                if (*s < '0' || *s > '9')
                        return -EINVAL;
                if (__builtin_mul_overflow(v, 10u, &v) ||
                    __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
                        return -ERANGE;
        }
        *ret = v;
        return 0;
}

struct unit {
        const char *name;
        double factor;
};

/* number [blank] unit, against a table whose last row has name NULL. */
static int with_unit(const char *s, const struct unit *units, uint64_t *ret)
{
        if (*s < '0' || *s > '9')
                return -EINVAL;
        char *end;
        errno = 0;
        double v = strtod(s, &end);
        if (errno || !isfinite(v) || memchr(s, 'x', (size_t)(end - s)) ||
            memchr(s, 'X', (size_t)(end - s)))
                return -EINVAL;
        while (*end == ' ')
                end++;
        for (; units->name; units++) {
                if (strcasecmp(end, units->name) != 0)
                        continue;
                v *= units->factor;
                if (v >= 9.0e18)
                        return -ERANGE;
                *ret = (uint64_t)(v + 0.5);
                return 0;
        }
        return -EINVAL;
}

int str_to_bytes(const char *s, uint64_t *ret)
{
        static const struct unit units[] = {
                {"", 1},
                {"B", 1},
                {"K", 1024},
                {"KiB", 1024},
                {"M", 1048576.0},
                {"MiB", 1048576.0},
                {"G", 1073741824.0},
                {"GiB", 1073741824.0},
                {"T", 1099511627776.0},
                {"TiB", 1099511627776.0},
                {NULL, 0},
        };
        return with_unit(s, units, ret);
}

int str_to_ms(const char *s, uint64_t *ret)
{
        static const struct unit units[] = {
                {"", 1000},     {"ms", 1},      {"s", 1000},     {"m", 60000},
                {"min", 60000}, {"h", 3600000}, {"d", 86400000}, {NULL, 0},
        };
        return with_unit(s, units, ret);
}

const char *str_from_bytes(char *dst, size_t size, uint64_t n)
{
        static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB"};
        double v = (double)n;
        size_t i = 0;
        while (v >= 1024 && i + 1 < ARRAY_LEN(names)) {
                v /= 1024;
                i++;
        }
        snprintf(dst, size, i && v < 100 ? "%.1f %s" : "%.0f %s", v, names[i]);
        return dst;
}

const char *str_from_ms(char *dst, size_t size, uint64_t ms)
{
        if (ms < 1000)
                snprintf(dst, size, "%u ms", (unsigned)ms);
        else if (ms < 60000)
                snprintf(dst, size, "%.2f s", (double)ms / 1000);
        else if (ms < 3600000)
                snprintf(dst, size, "%u min %u s", (unsigned)(ms / 60000),
                         (unsigned)(ms % 60000 / 1000));
        else
                snprintf(dst, size, "%llu h %u min", (unsigned long long)(ms / 3600000),
                         (unsigned)(ms % 3600000 / 60000));
        return dst;
}

size_t utf8_char(const char *text, size_t n)
{
        const unsigned char *s = (const unsigned char *)text;
        if (s[0] < 0x80)
                return 1;
        size_t len = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
        if (s[0] < 0xc2 || s[0] > 0xf4 || len > n)
                return 0;
        for (size_t i = 1; i < len; i++)
                if ((s[i] & 0xc0) != 0x80)
                        return 0;
        if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
            (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
                return 0;
        return len;
}

bool utf8_valid(const char *s, size_t n)
{
        for (size_t i = 0; i < n;) {
                size_t len = utf8_char(s + i, n - i);
                if (!len)
                        return false;
                i += len;
        }
        return true;
}

size_t utf8_clip(const char *s, size_t n, size_t max)
{
        if (n <= max)
                return n;
        while (max > 0 && ((unsigned char)s[max] & 0xc0) == 0x80)
                max--;
        return max;
}

bool bytes_equal_const_time(const void *a, const void *b, size_t n)
{
        const volatile unsigned char *x = a, *y = b;
        unsigned char diff = 0;
        for (size_t i = 0; i < n; i++)
                diff |= x[i] ^ y[i];
        return diff == 0;
}

void hex_encode(char *dst, const void *p, size_t n)
{
        static const char digits[] = "0123456789abcdef";
        const unsigned char *s = p;
        for (size_t i = 0; i < n; i++) {
                dst[2 * i] = digits[s[i] >> 4];
                dst[2 * i + 1] = digits[s[i] & 15];
        }
        dst[2 * n] = '\0';
}

static int hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int hex_decode(void *dst, size_t n, const char *s)
{
        unsigned char *p = dst;
        if (strlen(s) != 2 * n)
                return -EINVAL;
        for (size_t i = 0; i < n; i++) {
                int high = hex_digit(s[2 * i]), low = hex_digit(s[2 * i + 1]);
                if (high < 0 || low < 0)
                        return -EINVAL;
                p[i] = (unsigned char)(high << 4 | low);
        }
        return 0;
}
