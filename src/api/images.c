#include "api/images.h"
#include "api/build.h"
#include "api/handlers.h"
#include "api/job_json.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"

/* ---- in a sandbox ---- */

static void take_manifest(void *ctx, const struct image_row *row)
{
        *(json_t **)ctx = json_or_null(row->manifest);
}

static void add_layers(const json_t *m, struct launch_spec *s)
{
        size_t i;
        json_t *l;
        json_array_foreach(json_object_get(m, "layers"), i, l)
        {
                const char *key = json_string_value(json_object_get(l, "key"));
                if (!key || s->n_layers == BOX_LAYERS_MAX)
                        continue;
                struct launch_layer *to = &s->layers[s->n_layers++];
                snprintf(to->key, sizeof to->key, "%s", key);
                to->size_bytes = (uint64_t)json_integer_value(json_object_get(l, "size_bytes"));
        }
}

static void apply_body(const json_t *m, json_t *body)
{
        json_t *env = json_object_get(body, "env"), *entry = json_object_get(m, "entrypoint");
        json_t *argv = json_object_get(body, "argv");
        if (!json_is_object(env)) {
                env = json_object();
                json_object_set_new(body, "env", env);
        }
        json_object_update_missing(env, json_object_get(m, "env"));
        for (size_t i = 0; json_is_array(argv) && i < json_array_size(entry); i++)
                json_array_insert(argv, i, json_array_get(entry, i));
}

int image_apply(struct api *a, int64_t owner, json_t *body, struct launch_spec *s, struct err *err)
{
        auto_json json_t *m = NULL;
        if (str_eq(s->image, "host"))
                return 0;
        int r = images_find(a->db, owner, s->image, take_manifest, &m, err);
        if (r <= 0)
                return r < 0 ? r : err_set(err, -ENOENT, "image: there is no image '%s'", s->image);
        add_layers(m, s);
        if (body)
                apply_body(m, body);
        const char *workdir = json_string_value(json_object_get(m, "workdir"));
        if (!s->workdir[0] && workdir)
                snprintf(s->workdir, sizeof s->workdir, "%s", workdir);
        if (json_is_true(json_object_get(m, "host"))) /* on top of the host's /usr */
                snprintf(s->image, sizeof s->image, "host");
        return 0;
}

/* ---- list, show, remove ---- */

static json_t *image_object(const struct image_row *row)
{
        size_t i;
        json_t *l, *m = json_or_null(row->manifest);
        json_int_t bytes = 0;
        json_array_foreach(json_object_get(m, "layers"), i, l)
        {
                bytes += json_integer_value(json_object_get(l, "size_bytes"));
        }
        json_t *o = json_pack("{s:s,s:s,s:I,s:I}", "name", row->name, "owner", row->owner_name,
                              "created_ms", (json_int_t)row->created_ms, "size_bytes", bytes);
        json_object_update_missing(o, m);
        json_decref(m);
        return o;
}

static void add_image(void *ctx, const struct image_row *row)
{
        json_array_append_new(ctx, image_object(row));
}

void images_get(struct call *c)
{
        json_t *list = json_array();
        struct err err = {0};
        if (images_list(c->api->db, c->who.user.id, add_image, list, &err) < 0) {
                json_decref(list);
                call_fail_err(c, &err);
                return;
        }
        call_json(c, 200, json_pack("{s:o}", "images", list));
}

static void take_object(void *ctx, const struct image_row *row)
{
        *(json_t **)ctx = image_object(row);
}

void image_get(struct call *c)
{
        json_t *o = NULL;
        struct err err = {0};
        const char *name = call_param(c, "name");
        int r = images_find(c->api->db, c->who.user.id, name, take_object, &o, &err);
        if (r < 0)
                call_fail_err(c, &err);
        else if (r == 0)
                call_fail(c, -ENOENT, "there is no image '%.63s'", name);
        else
                call_json(c, 200, o);
}

/* The name goes; its layers stay until `prune`, for others may use them and running sandboxes do. */
void image_delete(struct call *c)
{
        struct err err = {0};
        const char *name = call_param(c, "name");
        if (images_delete(c->api->db, c->who.user.id, name, &err) < 0)
                call_fail_err(c, &err);
        else
                call_json(c, 200, json_pack("{s:s}", "name", name));
}

/* ---- prune: layers that no image of anybody has ---- */

struct pruning {
        struct call *c;
        json_t *used; /* keys */
        uint64_t bytes, layers, asked, busy;
        bool listed;
};

static void note_layers(void *ctx, const struct image_row *row)
{
        struct pruning *p = ctx;
        size_t i;
        json_t *l, *m = json_or_null(row->manifest);
        json_array_foreach(json_object_get(m, "layers"), i, l)
        {
                json_object_set_new(p->used, json_string_value(json_object_get(l, "key")),
                                    json_true());
        }
        json_decref(m);
}

static void pruned(struct pruning *p)
{
        if (!p->listed || p->asked)
                return;
        call_json(p->c, 200,
                  json_pack("{s:I,s:I,s:I}", "layers", (json_int_t)p->layers, "bytes",
                            (json_int_t)p->bytes, "in_use", (json_int_t)p->busy));
        struct api *a = p->c->api;
        call_unref(p->c);
        json_decref(p->used);
        free(p);
        if (--a->pruning == 0)
                builds_go_on(a);
}

struct removing {
        struct pruning *p;
        uint64_t bytes;
};

static void on_layer_removed(void *ctx, const struct peer_answer *a)
{
        struct removing *m = ctx;
        struct pruning *p = m->p;
        p->asked--;
        if (a->status == 0) {
                p->layers++;
                p->bytes += m->bytes;
        } else if (a->status == -EBUSY) {
                p->busy++;
        }
        free(m);
        pruned(p);
}

static void on_layer(void *ctx, const struct peer_answer *a)
{
        struct pruning *p = ctx;
        const struct launch_layer *l = a->rep;
        struct peer *launch = api_peer(p->c->api, "launch");
        p->listed |= !a->more;
        if (a->status == 0 && l->key[0] && !json_object_get(p->used, l->key) && launch) {
                struct removing *m = xcalloc(1, sizeof *m);
                *m = (struct removing){p, l->size_bytes};
                p->asked++;
                peer_call(launch, LAUNCH_LAYER_REMOVE, l, NULL, 0, on_layer_removed, m);
        }
        if (!a->more)
                pruned(p);
}

static bool is_building(const struct api *a)
{
        for (const struct live *j = a->jobs; j; j = j->next)
                if (j->kind == LIVE_BUILD)
                        return true;
        return false;
}

void images_prune(struct call *c)
{
        struct err err = {0};
        if (is_building(c->api)) {
                call_fail(c, -EALREADY, "an image is being built, whose layers no image has yet");
                return;
        }
        struct peer *launch = call_peer(c, "launch");
        if (!launch)
                return;
        struct pruning *p = xcalloc(1, sizeof *p);
        p->used = json_object();
        if (images_list(c->api->db, -1, note_layers, p, &err) < 0) {
                call_fail_err(c, &err);
                json_decref(p->used);
                free(p);
                return;
        }
        p->c = call_ref(c);
        c->api->pruning++;
        peer_call(launch, LAUNCH_LAYER_LIST, &(struct launch_empty){0}, NULL, 0, on_layer, p);
}

/* ---- build ---- */

static int accept_build(struct call *c, const char *id, const char *image, const json_t *recipe,
                        struct err *err)
{
        json_t *spec = json_pack("{s:s}", "image", image);
        auto_free char *text = json_text(spec);
        json_decref(spec);
        struct job_row row = {.id = id,
                              .kind = "image",
                              .name = "",
                              .owner = c->who.user.id,
                              .created_ms = clock_wall_ms(),
                              .spec = text};
        int r = jobs_accept(c->api->db, &row, err);
        if (r < 0 || !recipe)
                return r;
        auto_free char *kept = json_text(recipe);
        r = recipes_put(c->api->db, id, kept, err);
        if (r < 0)
                (void)!jobs_delete(c->api->db, id, NULL);
        return r;
}

bool image_name_good(struct call *c, const char *field, const char *name)
{
        if (str_is_name(name) && !str_eq(name, "host"))
                return true;
        call_fail(c, -EINVAL, "%s: 1 to 63 of a-z, 0-9 and -, not at its ends, and not 'host'",
                  field);
        return false;
}

void images_build(struct call *c)
{
        char name[NAME_TEXT_MAX + 1];
        struct err err = {0};
        struct build *b = NULL;
        struct id id = id_new();
        const json_t *recipe = json_object_get(c->body, "recipe");
        if (json_read_str(c->body, "name", JSON_REQUIRED, name, sizeof name, &err) < 0) {
                call_fail_err(c, &err);
                return;
        }
        if (!image_name_good(c, "name", name))
                return;
        int r = build_new(c->api, id.s, c->who.user.id, name, recipe, &b, &err);
        if (r == 0 && (r = accept_build(c, id.s, name, recipe, &err)) < 0)
                build_free(b);
        image_job_answer(c, id.s, r < 0 ? NULL : b, &err);
}

void image_job_answer(struct call *c, const char *id, struct build *b, const struct err *err)
{
        if (!b) {
                call_fail_err(c, err);
                return;
        }
        json_t *o = job_load(c->api, id);
        call_json(c, 202, o ? o : json_pack("{s:s}", "id", id));
        build_start(b);
}

/* ---- import: the archive is the body; the answer is the job's end ---- */

struct importing {
        struct call *c;
        struct live_watch watch;
        char id[ID_TEXT_LEN + 1];
};

static void import_over(void *ctx)
{
        struct importing *m = ctx;
        struct build *b = build_find(m->c->api, m->id);
        live_unwatch(&m->watch);
        if (b) {
                build_on_writable(b, NULL, NULL);
                build_input_end(b); /* the client has gone in the middle: a cut archive fails */
        }
        free(m);
}

static void import_told(void *ctx, enum live_event ev)
{
        struct importing *m = ctx;
        if (ev == LIVE_ENDED && m->c->rq) {
                json_t *o = job_load(m->c->api, m->id);
                call_json(m->c, 200, o ? o : json_object());
        }
}

static size_t import_data(void *ctx, const char *p, size_t n)
{
        struct importing *m = ctx;
        struct build *b = build_find(m->c->api, m->id);
        size_t taken = 0;
        while (b && taken < n) {
                size_t k = build_input(b, p + taken, n - taken);
                if (k == 0)
                        break;
                taken += k;
        }
        return b ? taken : n;
}

static void import_end(void *ctx)
{
        struct importing *m = ctx;
        struct build *b = build_find(m->c->api, m->id);
        if (b)
                build_input_end(b);
}

static void import_writable(void *ctx)
{
        struct importing *m = ctx;
        http_body_more(m->c->rq);
}

void image_import(struct call *c)
{
        static const struct http_sink sink = {import_data, import_end};
        struct err err = {0};
        struct build *b = NULL;
        struct id id = id_new();
        const char *name = call_query(c, "name");
        if (!image_name_good(c, "name", name ? name : "") || !call_peer(c, "launch"))
                return;
        int r = build_new_import(c->api, id.s, c->who.user.id, name, call_query_bool(c, "oci"), &b,
                                 &err);
        if (r == 0 && (r = accept_build(c, id.s, name, NULL, &err)) < 0)
                build_free(b);
        if (r < 0) {
                call_fail_err(c, &err);
                return;
        }
        struct importing *m = xcalloc(1, sizeof *m);
        m->c = c;
        memcpy(m->id, id.s, sizeof m->id);
        m->watch = (struct live_watch){.fn = import_told, .ctx = m};
        live_watch((struct live *)b, &m->watch);
        c->over_fn = import_over;
        c->over_ctx = m;
        build_on_writable(b, import_writable, m);
        build_start(b);
        http_take_stream(c->rq, &sink, m);
}
