#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include <inttypes.h>

int json_parse(const char *text, size_t n, json_t **ret, struct err *err)
{
        json_error_t e;
        json_t *j = json_loadb(text, n, JSON_REJECT_DUPLICATES, &e);
        if (!j)
                return err_set(err, -EINVAL, "line %d, column %d: %s", e.line, e.column, e.text);
        *ret = j;
        return 0;
}

static char *dump(const json_t *j, size_t flags)
{
        char *s = json_dumps(j, flags | JSON_ENCODE_ANY);
        return s ? s : xstrdup("null");
}

char *json_text(const json_t *j)
{
        return dump(j, JSON_COMPACT);
}

char *json_pretty(const json_t *j)
{
        return dump(j, JSON_INDENT(2));
}

/* The value, or NULL with *ret_r = 0 (optional and absent) or a negative errno. */
static json_t *field(const json_t *o, const char *key, enum json_need need, int *ret_r,
                     struct err *err)
{
        json_t *v = json_object_get(o, key);
        *ret_r = 0;
        if (v && !json_is_null(v))
                return v;
        if (need == JSON_REQUIRED)
                *ret_r = err_set(err, -EINVAL, "%s: missing", key);
        return NULL;
}

int json_read_str(const json_t *o, const char *key, enum json_need need, char *ret, size_t size,
                  struct err *err)
{
        int r;
        json_t *v = field(o, key, need, &r, err);
        if (!v)
                return r;
        if (!json_is_string(v))
                return err_set(err, -EINVAL, "%s: expected a string", key);
        const char *s = json_string_value(v);
        if (strlen(s) != json_string_length(v))
                return err_set(err, -EINVAL, "%s: contains a NUL", key);
        if (strlen(s) >= size)
                return err_set(err, -EINVAL, "%s: longer than %zu bytes", key, size - 1);
        memcpy(ret, s, strlen(s) + 1);
        return 1;
}

int json_read_u64(const json_t *o, const char *key, enum json_need need, uint64_t min, uint64_t max,
                  uint64_t *ret, struct err *err)
{
        int r;
        json_t *v = field(o, key, need, &r, err);
        if (!v)
                return r;
        if (!json_is_integer(v) || json_integer_value(v) < 0)
                return err_set(err, -EINVAL, "%s: expected a whole number", key);
        uint64_t n = (uint64_t)json_integer_value(v);
        if (n < min || n > max)
                return err_set(err, -EINVAL, "%s: %" PRIu64 " is outside %" PRIu64 "-%" PRIu64, key,
                               n, min, max);
        *ret = n;
        return 1;
}

int json_read_bool(const json_t *o, const char *key, enum json_need need, bool *ret,
                   struct err *err)
{
        int r;
        json_t *v = field(o, key, need, &r, err);
        if (!v)
                return r;
        if (!json_is_boolean(v))
                return err_set(err, -EINVAL, "%s: expected true or false", key);
        *ret = json_is_true(v);
        return 1;
}

json_t *json_str_lossy(const char *s, size_t n)
{
        json_t *j = utf8_valid(s, n) ? json_stringn(s, n) : NULL;
        if (j)
                return j;
        auto_free char *t = xmalloc(n * 3 + 1);
        size_t len = 0;
        for (size_t i = 0; i < n;) {
                size_t c = utf8_char(s + i, n - i);
                memcpy(t + len, c ? s + i : "\xef\xbf\xbd", c ? c : 3);
                len += c ? c : 3;
                i += c ? c : 1;
        }
        j = json_stringn(t, len);
        return j ? j : json_null();
}
