#include "api/template.h"
#include "api/job_json.h"
#include "base/str.h"
#include "store/templates.h"
#include <stdio.h>

#define IMPORTS_MAX 64
#define MODULE_MAX  128 /* bytes of a module's name */

static const char *const runtimes[] = {[TEMPLATE_PYTHON] = "python", [TEMPLATE_SHELL] = "shell"};

/* "numpy", "os.path" */
static bool is_module(const char *s)
{
        size_t n = strlen(s);
        return n >= 1 && n <= MODULE_MAX && s[0] != '.' && s[n - 1] != '.' && !strstr(s, "..") &&
               !strchr("0123456789", s[0]) &&
               strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.") == n;
}

static int read_imports(const json_t *o, struct template *t, struct err *err)
{
        size_t i;
        json_t *v, *list = json_object_get(o, "imports");
        if (json_array_size(list) > IMPORTS_MAX)
                return err_set(err, -EINVAL, "imports: more than %d", IMPORTS_MAX);
        if (json_array_size(list) && t->runtime != TEMPLATE_PYTHON)
                return err_set(err, -EINVAL, "imports: only the runtime python has any");
        json_array_foreach(list, i, v)
        {
                const char *name = json_string_value(v);
                if (!name || !is_module(name))
                        return err_set(err, -EINVAL, "imports: '%.64s' is no name of a module",
                                       name ? name : "");
        }
        t->imports = list ? json_incref(list) : json_array();
        return 0;
}

static int read_runtime(const char *word, enum template_runtime *ret, struct err *err)
{
        for (size_t i = 0; i < ARRAY_LEN(runtimes); i++)
                if (str_eq(word, runtimes[i])) {
                        *ret = (enum template_runtime)i;
                        return 0;
                }
        if (str_eq(word, "node"))
                return err_set(err, -EINVAL,
                               "runtime: node has threads of its own and cannot be forked; "
                               "expected python or shell");
        return err_set(err, -EINVAL, "runtime: expected python or shell");
}

int template_read(const struct api *a, const json_t *o, struct template *ret, struct err *err)
{
        struct template t = {.image = "host"};
        char runtime[16] = "python";
        uint64_t most = api_setting_u64(a, "sandbox.memory_max");
        int r = json_read_str(o, "name", JSON_OPTIONAL, t.name, sizeof t.name, err);
        if (r > 0 && !str_is_name(t.name))
                return err_set(err, -EINVAL, "name: 1 to 63 of a-z, 0-9 and -, not at its ends");
        if (r >= 0)
                r = json_read_str(o, "image", JSON_OPTIONAL, t.image, sizeof t.image, err);
        if (r >= 0 && !str_is_name(t.image))
                return err_set(err, -EINVAL, "image: not a name");
        if (r >= 0)
                r = json_read_str(o, "runtime", JSON_OPTIONAL, runtime, sizeof runtime, err);
        if (r >= 0)
                r = read_runtime(runtime, &t.runtime, err);
        t.memory_bytes = api_setting_u64(a, "sandbox.memory_default");
        if (r >= 0)
                r = json_read_u64(o, "memory_bytes", JSON_OPTIONAL, BOX_MEMORY_MIN,
                                  most ? most : BOX_BYTES_MAX, &t.memory_bytes, err);
        if (r >= 0)
                r = read_imports(o, &t, err);
        if (r < 0)
                return r;
        *ret = t;
        return 0;
}

json_t *template_kept(const struct template *t)
{
        return json_pack("{s:s,s:s,s:O,s:I}", "image", t->image, "runtime", runtimes[t->runtime],
                         "imports", t->imports, "memory_bytes", (json_int_t)t->memory_bytes);
}

void template_done(struct template *t)
{
        json_decref(t->imports);
        t->imports = NULL;
}

struct loading {
        const struct api *api;
        struct template *t;
        int r;
        struct err *err;
};

static void take(void *ctx, const struct template_row *row)
{
        struct loading *l = ctx;
        auto_json json_t *spec = json_or_null(row->spec);
        l->r = template_read(l->api, spec, l->t, l->err);
        l->t->owner = row->owner;
        snprintf(l->t->name, sizeof l->t->name, "%s", row->name);
        snprintf(l->t->owner_name, sizeof l->t->owner_name, "%s", row->owner_name);
}

int template_load(struct api *a, int64_t owner, const char *name, struct template *ret,
                  struct err *err)
{
        struct loading l = {a, ret, 0, err};
        *ret = (struct template){0};
        int r = templates_find(a->db, owner, name, take, &l, err);
        if (r == 0)
                return err_set(err, -ENOENT, "template: there is no template '%.63s'", name);
        return r < 0 ? r : l.r;
}
