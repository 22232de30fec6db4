/* /v1/templates */
#include "api/handlers.h"
#include "api/job_json.h"
#include "api/warm.h"
#include "base/mem.h"
#include "base/str.h"
#include "store/images.h"
#include "store/templates.h"

#define TEMPLATES_MAX 64 /* of an owner */

struct listing {
        const struct call *c;
        json_t *list;
};

static json_t *template_object(const struct call *c, const struct template_row *row)
{
        json_t *o = json_pack("{s:s,s:s,s:I}", "name", row->name, "owner", row->owner_name,
                              "created_ms", (json_int_t)row->created_ms);
        json_t *spec = json_or_null(row->spec);
        const char *runtime = json_string_value(json_object_get(spec, "runtime"));
        bool shell = runtime && str_eq(runtime, "shell");
        json_object_update_missing(o, spec);
        json_decref(spec);
        json_object_set_new(
                o, "state",
                json_string(shell ? "ready" : warm_state(c->api, row->owner, row->name)));
        json_object_set_new(o, "error", *row->error ? json_string(row->error) : json_null());
        json_object_set_new(
                o, "sandboxes",
                json_integer((json_int_t)warm_sandboxes(c->api, row->owner, row->name)));
        return o;
}

static void add_row(void *ctx, const struct template_row *row)
{
        struct listing *l = ctx;
        json_array_append_new(l->list, template_object(l->c, row));
}

void templates_get(struct call *c)
{
        struct listing l = {c, json_array()};
        struct err err = {0};
        if (templates_list(c->api->db, c->who.user.id, add_row, &l, &err) < 0) {
                json_decref(l.list);
                call_fail_err(c, &err);
                return;
        }
        call_json(c, 200, json_pack("{s:o}", "templates", l.list));
}

/* The caller's template as [object], or an empty list. */
static int load(struct call *c, const char *name, json_t **ret, struct err *err)
{
        struct listing l = {c, json_array()};
        int r = templates_find(c->api->db, c->who.user.id, name, add_row, &l, err);
        *ret = r > 0 ? json_incref(json_array_get(l.list, 0)) : NULL;
        json_decref(l.list);
        return r;
}

void template_get(struct call *c)
{
        struct err err = {0};
        json_t *o;
        const char *name = call_param(c, "name");
        int r = load(c, name, &o, &err);
        if (r < 0)
                call_fail_err(c, &err);
        else if (!o)
                call_fail(c, -ENOENT, "there is no template '%.63s'", name);
        else
                call_json(c, 200, o);
}

static void ignore_image(void *ctx UNUSED, const struct image_row *row UNUSED)
{
}

/* What a template may be made of is there. */
static int check(struct call *c, const struct template *t, struct err *err)
{
        uint64_t most = api_setting_u64(c->api, "templates.memory"), n = 0;
        int r = 1;
        if (!t->name[0])
                return err_set(err, -EINVAL, "name: a name is needed");
        if (t->runtime == TEMPLATE_PYTHON && most && t->memory_bytes > most)
                return err_set(err, -EINVAL, "memory_bytes: more than templates.memory");
        if (!str_eq(t->image, "host"))
                r = images_find(c->api->db, c->who.user.id, t->image, ignore_image, NULL, err);
        if (r == 0)
                return err_set(err, -ENOENT, "image: there is no image '%s'", t->image);
        if (r > 0)
                r = templates_count(c->api->db, c->who.user.id, &n, err);
        if (r == 0 && n >= TEMPLATES_MAX)
                return err_set(err, -EAGAIN, "you have %d templates: remove one", TEMPLATES_MAX);
        return r;
}

/* A second one of the same name: the same again is no error. */
static bool answer_same(struct call *c, const struct template *t, json_t *there)
{
        const char *key;
        json_t *v;
        auto_json json_t *asked = template_kept(t);
        json_object_foreach(asked, key, v)
        {
                if (json_equal(v, json_object_get(there, key)))
                        continue;
                call_fail(c, -EEXIST, "the template '%s' is there and has another %s", t->name,
                          key);
                json_decref(there);
                return true;
        }
        call_json(c, 200, there);
        return true;
}

static void create(struct call *c, const struct template *t)
{
        struct err err = {0};
        json_t *o = NULL;
        int r = load(c, t->name, &o, &err);
        if (o && answer_same(c, t, o))
                return;
        if (r == 0)
                r = check(c, t, &err);
        if (r >= 0) {
                json_t *kept = template_kept(t);
                auto_free char *text = json_text(kept);
                json_decref(kept);
                struct template_row row = {.name = t->name, .owner = c->who.user.id, .spec = text};
                r = templates_add(c->api->db, &row, &err);
        }
        if (r >= 0)
                r = load(c, t->name, &o, &err);
        if (r < 0)
                call_fail_err(c, &err);
        else
                call_json(c, 201, o ? o : json_object());
}

void templates_post(struct call *c)
{
        struct template t = {0};
        struct err err = {0};
        if (template_read(c->api, c->body, &t, &err) < 0)
                call_fail_err(c, &err);
        else
                create(c, &t);
        template_done(&t);
}

static void on_ended(void *ctx, int status, const struct err *why)
{
        struct call *c = ctx;
        struct err err = {0};
        const char *name = call_param(c, "name");
        if (status < 0)
                call_fail_err(c, why);
        else if (templates_delete(c->api->db, c->who.user.id, name, &err) < 0)
                call_fail_err(c, &err);
        else
                call_json(c, 200, json_pack("{s:s}", "name", name));
        call_unref(c);
}

void template_delete(struct call *c)
{
        warm_end(c->api, c->who.user.id, call_param(c, "name"), on_ended, call_ref(c));
}
