#include "cli/recipe_file.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/tar.h"
#include "base/limits.h"
#include "conf/yaml.h"
#include <fcntl.h>
#include <stdio.h>

#define COPY_MAX (2800u << 10) /* in base 64 it fits the largest request */

struct reader {
        const char *path;
        char dir[4096]; /* of the file: what `copy` is relative to */
        json_t *to, *steps;
        size_t copied;
        struct err *err;
};

static int bad(struct reader *r, const struct yaml_item *i, const char *what)
{
        return err_set(r->err, -EINVAL, "%s:%u: %s: %s", r->path, i->line, i->name, what);
}

static json_t *strings(const struct yaml_item *i)
{
        json_t *list = json_array();
        const char *p = i->values;
        for (size_t n = 0; n < i->n_values; n++, p += strlen(p) + 1)
                json_array_append_new(list, json_str_lossy(p, strlen(p)));
        return list;
}

static int packages(struct reader *r, const struct yaml_item *i)
{
        json_array_append_new(r->steps,
                              json_pack("{s:s,s:o}", "kind", i->name, "items", strings(i)));
        return 0;
}

static int run(struct reader *r, const struct yaml_item *i)
{
        const char *p = i->values;
        for (size_t n = 0; n < i->n_values; n++, p += strlen(p) + 1)
                json_array_append_new(r->steps, json_pack("{s:s,s:o}", "kind", "run", "text",
                                                          json_str_lossy(p, strlen(p))));
        return 0;
}

static char *encode64(const unsigned char *p, size_t n)
{
        static const char digits[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        char *to = xmalloc(n / 3 * 4 + 5), *out = to;
        for (size_t i = 0; i < n; i += 3) {
                uint32_t bits = (uint32_t)p[i] << 16 | (i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0) |
                                (i + 2 < n ? p[i + 2] : 0);
                *out++ = digits[bits >> 18];
                *out++ = digits[bits >> 12 & 63];
                *out++ = i + 1 < n ? digits[bits >> 6 & 63] : '=';
                *out++ = i + 2 < n ? digits[bits & 63] : '=';
        }
        *out = 0;
        return to;
}

/* "SOURCE:/TARGET": a directory's content goes below the target, a file is put there or, with a
 * slash at the end, into it. */
static int copy_one(struct reader *r, const struct yaml_item *i, const char *text)
{
        CLEANUP(buf_done) struct buf b = {0};
        const char *colon = strrchr(text, ':');
        if (!colon || colon == text || colon[1] != '/')
                return bad(r, i, "expected SOURCE:/TARGET");
        auto_free char *source = *text == '/'
                                         ? xstrndup(text, (size_t)(colon - text))
                                         : xasprintf("%s/%.*s", r->dir, (int)(colon - text), text);
        auto_free char *target = xstrdup(colon + 1);
        size_t n = strlen(target);
        auto_close int dir = open(source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        const char *name = "";
        bool into = n > 1 && target[n - 1] == '/';
        if (into)
                target[n - 1] = 0;
        if (dir < 0 && into) {
                const char *slash = strrchr(source, '/');
                name = slash ? slash + 1 : source;
        } else if (dir < 0) {
                char *slash = strrchr(target, '/');
                name = slash + 1;
                *slash = 0;
        }
        buf_init(&b, COPY_MAX - r->copied);
        int e = tar_add(&b, source, name, r->err);
        if (e == 0)
                e = tar_end(&b, r->err);
        if (e < 0)
                return err_wrap(r->err, e, "%s:%u", r->path, i->line);
        r->copied += b.len;
        auto_free char *data = encode64((const unsigned char *)b.data, b.len);
        json_array_append_new(r->steps, json_pack("{s:s,s:s,s:s}", "kind", "copy", "target",
                                                  *target ? target : "/", "data", data));
        return 0;
}

static int copy(struct reader *r, const struct yaml_item *i)
{
        const char *p = i->values;
        int e = 0;
        for (size_t n = 0; n < i->n_values && e == 0; n++, p += strlen(p) + 1)
                e = copy_one(r, i, p);
        return e;
}

static int text(struct reader *r, const struct yaml_item *i)
{
        if (i->is_list || i->n_values != 1)
                return bad(r, i, "expected one text");
        json_object_set_new(r->to, i->name, json_str_lossy(i->values, strlen(i->values)));
        return 0;
}

static int words(struct reader *r, const struct yaml_item *i)
{
        json_object_set_new(r->to, i->name, strings(i));
        return 0;
}

/* "mirrors.pip: https://...": one of those that the server allows. */
static int mirror(struct reader *r, const struct yaml_item *i)
{
        json_t *o = json_object_get(r->to, "mirrors");
        if (i->is_list || i->n_values != 1)
                return bad(r, i, "expected one text");
        if (!o) {
                o = json_object();
                json_object_set_new(r->to, "mirrors", o);
        }
        json_object_set_new(o, i->name + 8, json_str_lossy(i->values, strlen(i->values)));
        return 0;
}

static int env(struct reader *r, const struct yaml_item *i)
{
        json_t *o = json_object_get(r->to, "env");
        if (i->is_list || i->n_values != 1)
                return bad(r, i, "expected one text");
        if (!o) {
                o = json_object();
                json_object_set_new(r->to, "env", o);
        }
        json_object_set_new(o, i->name + 4, json_str_lossy(i->values, strlen(i->values)));
        return 0;
}

static int item(struct reader *r, const struct yaml_item *i)
{
        static const struct {
                const char *name;
                int (*fn)(struct reader *r, const struct yaml_item *i);
        } keys[] = {{"from", text},    {"workdir", text}, {"entrypoint", words},
                    {"apt", packages}, {"pip", packages}, {"npm", packages},
                    {"run", run},      {"copy", copy},    {"reach", words}};
        if (str_starts(i->name, "env."))
                return env(r, i);
        if (str_starts(i->name, "mirrors."))
                return mirror(r, i);
        for (size_t k = 0; k < ARRAY_LEN(keys); k++)
                if (str_eq(i->name, keys[k].name))
                        return i->is_null ? bad(r, i, "nothing is written there")
                                          : keys[k].fn(r, i);
        return bad(r, i,
                   "unknown; expected from, apt, pip, npm, run, copy, env, workdir, entrypoint, "
                   "mirrors or reach");
}

int recipe_file_read(const char *path, json_t **ret, struct err *err)
{
        CLEANUP(buf_done) struct buf b;
        CLEANUP(yaml_items_done) struct yaml_items y = {0};
        CLEANUP(config_problems_done) struct config_problems p;
        struct reader r = {.path = path, .err = err};
        const char *slash = strrchr(path, '/');
        snprintf(r.dir, sizeof r.dir, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
        buf_init(&b, CONFIG_FILE_MAX);
        config_problems_init(&p);
        int e = file_read_at(AT_FDCWD, path, &b);
        if (e < 0)
                return err_sys(err, e, "%s", path);
        if (yaml_flatten(path, buf_text(&b), b.len, &y, &p) < 0)
                return err_set(err, -EINVAL, "%.*s", (int)strcspn(buf_text(&p.text), "\n"),
                               buf_text(&p.text));
        auto_json json_t *to = json_object();
        r.to = to;
        r.steps = json_array();
        json_object_set_new(to, "steps", r.steps);
        for (size_t i = 0; i < y.n && e == 0; i++)
                e = item(&r, &y.items[i]);
        if (e < 0)
                return e;
        *ret = TAKE_PTR(to);
        return 0;
}
