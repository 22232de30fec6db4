#include "vault/path.h"
#include "base/limits.h"
#include "base/str.h"

int target_split(const char *target, char name[64], const char **ret_rest, size_t *ret_rest_n,
                 const char **ret_query)
{
        if (target[0] != '/')
                return -EINVAL;
        size_t n = strcspn(target + 1, "/?");
        if (n == 0 || n > NAME_TEXT_MAX || strchr(target, '#'))
                return -EINVAL;
        memcpy(name, target + 1, n);
        name[n] = 0;
        const char *rest = target + 1 + n;
        size_t len = strcspn(rest, "?");
        *ret_rest = rest;
        *ret_rest_n = len;
        *ret_query = rest[len] ? rest + len + 1 : NULL;
        return str_is_name(name) ? 0 : -EINVAL;
}

static int hex(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        c |= 0x20;
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The next byte of the path. 1: taken into *ret; 2: an encoded slash. */
static int next_byte(const char *p, size_t n, size_t *i, unsigned char *ret)
{
        if (p[*i] != '%') {
                *ret = (unsigned char)p[(*i)++];
                return 1;
        }
        if (*i + 2 >= n || hex(p[*i + 1]) < 0 || hex(p[*i + 2]) < 0)
                return -EINVAL;
        *ret = (unsigned char)(hex(p[*i + 1]) << 4 | hex(p[*i + 2]));
        *i += 3;
        return *ret == '/' ? 2 : 1;
}

static bool bad_part(const char *part, size_t n)
{
        return (n == 1 && part[0] == '.') || (n == 2 && part[0] == '.' && part[1] == '.');
}

int path_canonical(const char *path, size_t n, bool slash_ok, char dst[TARGET_PATH_MAX])
{
        size_t out = 0, part = 0;
        if (n == 0 || path[0] != '/')
                return -EINVAL;
        for (size_t i = 0; i < n;) {
                unsigned char c;
                int kind = next_byte(path, n, &i, &c);
                if (kind < 0 || (kind == 2 && !slash_ok) || c < 0x20 || c == 0x7f || c == '\\' ||
                    out + 4 >= TARGET_PATH_MAX)
                        return -EINVAL;
                if (c == '/' && out) {
                        if (out == part || bad_part(dst + part, out - part))
                                return -EINVAL;
                }
                if (kind == 2) {
                        memcpy(dst + out, "%2F", 3);
                        out += 3;
                        part = out;
                        continue;
                }
                dst[out++] = (char)c;
                if (c == '/')
                        part = out;
        }
        dst[out] = 0;
        return bad_part(dst + part, out - part) ? -EINVAL : 0;
}
