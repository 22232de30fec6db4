#include "role/settings.h"
#include "base/mem.h"

struct settings {
        size_t len;
        char pairs[]; /* name NUL value NUL ... */
};

int settings_parse(const char *p, size_t n, struct settings **ret)
{
        size_t strings = 0;
        for (size_t i = 0; i < n; i++)
                strings += p[i] == '\0';
        if (strings % 2 || (n && p[n - 1]))
                return -EPROTO;
        struct settings *s = xmalloc(sizeof *s + n);
        s->len = n;
        memcpy(s->pairs, p, n);
        *ret = s;
        return 0;
}

void settings_free(struct settings *s)
{
        free(s);
}

const char *settings_get(const struct settings *s, const char *name)
{
        for (const char *p = s ? s->pairs : NULL; p && p < s->pairs + s->len;) {
                const char *value = p + strlen(p) + 1;
                if (strcmp(p, name) == 0)
                        return value;
                p = value + strlen(value) + 1;
        }
        return "";
}
