#include "base/str.h"
#include "gate/gate.h"

static int take_host(const char *p, size_t n, char host[HOST_TEXT_MAX + 1])
{
        if (n == 0 || n > HOST_TEXT_MAX || memchr(p, 0, n) || memchr(p, '@', n))
                return -EINVAL;
        memcpy(host, p, n);
        host[n] = 0;
        for (char *c = host; *c; c++)
                if (*c >= 'A' && *c <= 'Z')
                        *c = (char)(*c | 0x20);
        if (n > 1 && host[n - 1] == '.')
                host[n - 1] = 0;
        return 0;
}

int authority_parse(const char *text, size_t n, char host[HOST_TEXT_MAX + 1], uint32_t *port)
{
        const char *end = text + n, *rest;
        bool bracket = n && text[0] == '[';
        if (bracket) {
                rest = memchr(text, ']', n);
                if (!rest || !memchr(text, ':', (size_t)(rest - text)))
                        return -EINVAL;
                if (take_host(text + 1, (size_t)(rest - text - 1), host) < 0)
                        return -EINVAL;
                rest++;
        } else {
                const char *colon = memchr(text, ':', n);
                rest = colon ? colon : end;
                if (take_host(text, (size_t)(rest - text), host) < 0)
                        return -EINVAL;
        }
        if (rest == end)
                return 0;
        char digits[8];
        uint64_t v;
        size_t len = (size_t)(end - rest) - 1;
        if (*rest != ':' || len == 0 || len > 5)
                return -EINVAL;
        memcpy(digits, rest + 1, len);
        digits[len] = 0;
        if (str_to_u64(digits, &v) < 0 || v < 1 || v > 65535)
                return -EINVAL;
        *port = (uint32_t)v;
        return 0;
}
