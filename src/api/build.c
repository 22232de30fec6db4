#include "api/build.h"
#include "api/build_step.h"
#include "api/job_json.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>

#define STORE_MS 3000

struct build *build_find(const struct api *a, const char *id)
{
        return (struct build *)live_find(a, id, LIVE_BUILD);
}

/* ---- what it says ---- */

void build_say(struct build *b, const char *fmt, ...)
{
        char line[512];
        int p[2];
        va_list ap;
        va_start(ap, fmt);
        int n = vsnprintf(line, sizeof line - 1, fmt, ap);
        va_end(ap);
        n = n > (int)sizeof line - 2 ? (int)sizeof line - 2 : n;
        line[n++] = '\n';
        if (!b->log || pipe2(p, O_CLOEXEC | O_NONBLOCK) < 0)
                return;
        if (fd_write_all(p[1], line, (size_t)n) == 0 &&
            outlog_take(b->log, STREAM_STDERR, p[0], (size_t)n) == -EFBIG)
                outlog_drop(b->log, (uint64_t)n);
        close(p[0]);
        close(p[1]);
        live_tell(&b->live, LIVE_OUTPUT);
}

/* ---- the end ---- */

static void free_later(void *ctx)
{
        struct build *b = ctx;
        b->timer = NULL;
        live_end(&b->live);
        build_free(b);
}

static void store_end(void *ctx)
{
        struct build *b = ctx;
        struct err err = {0};
        b->timer = NULL;
        if (jobs_end(b->live.api->db, b->live.id, b->result, &err) < 0) {
                log_error("job.store", kv("id", (const char *)b->live.id),
                          kv("error", err_text(&err)));
                b->timer = loop_timer_add(b->live.api->env.loop, STORE_MS, store_end, b);
                return;
        }
        (void)!recipes_delete(b->live.api->db, b->live.id, NULL);
        log_info("job.ended", kv("id", (const char *)b->live.id));
        b->timer = loop_timer_add(b->live.api->env.loop, 0, free_later, b);
}

void build_end(struct build *b, const char *state, const char *reason)
{
        if (b->result)
                return;
        json_t *o = json_pack("{s:s,s:s,s:s,s:i,s:i,s:i,s:I}", "state", state, "reason", reason,
                              "image", b->image, "steps", (int)b->r.n, "done", (int)b->at, "cached",
                              (int)b->cached, "size_bytes", (json_int_t)b->bytes);
        b->result = json_text(o);
        json_decref(o);
        if (*reason)
                build_say(b, "failed: %s", reason);
        else
                build_say(b, "image '%s' is ready", b->image);
        b->timer = loop_timer_add(b->live.api->env.loop, 0, store_end, b); /* not from a list */
}

static json_t *manifest(const struct build *b)
{
        json_t *layers = json_deep_copy(b->base_layers);
        for (size_t i = 0; i < b->r.n; i++)
                if (!b->r.steps[i].passing)
                        json_array_append_new(layers,
                                              json_pack("{s:s,s:I}", "key", b->r.steps[i].key,
                                                        "size_bytes", (json_int_t)b->sizes[i]));
        return json_pack("{s:o,s:b,s:O,s:s,s:O}", "layers", layers, "host", b->r.host, "env",
                         b->r.env, "workdir", b->r.workdir, "entrypoint", b->r.entrypoint);
}

static void finish(struct build *b)
{
        struct err err = {0};
        json_t *m = manifest(b);
        auto_free char *text = json_text(m);
        struct image_row row = {.name = b->image, .owner = b->live.owner, .manifest = text};
        if (json_array_size(json_object_get(m, "layers")) > BOX_LAYERS_MAX)
                build_end(b, "failed", "the image has more than 64 layers");
        else if (images_put(b->live.api->db, &row, &err) < 0)
                build_end(b, "failed", err_text(&err));
        else
                build_end(b, "done", "");
        json_decref(m);
}

/* ---- one step after the other ---- */

struct build *build_of_answer(void *about)
{
        auto_free struct about_build *q = about;
        struct build *b = build_find(q->api, q->id);
        return b && b->turn == q->turn && !b->result ? b : NULL;
}

static void on_have(void *ctx, const struct peer_answer *a)
{
        struct build *b = build_of_answer(ctx);
        if (!b)
                return;
        if (a->status == 0) {
                const struct launch_layer *l = a->rep;
                build_say(b, "=> %zu/%zu %s: there already", b->at + 1, b->r.n,
                          b->r.steps[b->at].title);
                b->cached++;
                build_step_done(b, l->size_bytes);
        } else if (a->status == -ENOENT) {
                build_say(b, "=> %zu/%zu %s", b->at + 1, b->r.n, b->r.steps[b->at].title);
                build_step_run(b);
        } else if (a->status != -EPIPE && a->status != -ECANCELED) {
                build_end(b, "failed", err_text(a->err));
        }
}

struct about_build *build_about(struct build *b)
{
        struct about_build *q = xcalloc(1, sizeof *q);
        q->api = b->live.api;
        q->turn = b->turn;
        memcpy(q->id, b->live.id, sizeof q->id);
        return q;
}

void build_start(struct build *b)
{
        struct peer *launch = api_peer(b->live.api, "launch");
        struct launch_layer l = {0};
        b->turn++; /* answers to earlier questions mean nothing any more */
        if (b->live.api->pruning)
                return;
        if (b->at == b->r.n) {
                finish(b);
                return;
        }
        memcpy(l.key, b->r.steps[b->at].key, sizeof l.key);
        if (b->snapshot_of[0]) {
                build_take_snapshot(b);
        } else if (b->r.steps[b->at].tells) { /* what it says stands in no layer */
                build_say(b, "=> %zu/%zu %s", b->at + 1, b->r.n, b->r.steps[b->at].title);
                build_step_run(b);
        } else if (launch)
                peer_call(launch, LAUNCH_LAYER_HAVE, &l, NULL, 0, on_have, build_about(b));
}

void build_step_done(struct build *b, uint64_t bytes)
{
        b->sizes[b->at] = bytes;
        b->bytes += b->r.steps[b->at].passing ? 0 : bytes;
        b->at++;
        build_start(b);
}

/* ---- making one ---- */

static void take_manifest(void *ctx, const struct image_row *row)
{
        *(json_t **)ctx = json_or_null(row->manifest);
}

/* The layers of the image that it begins with; what it is and says goes on. */
static int take_base(struct build *b, struct err *err)
{
        json_t *m = NULL, *layers;
        int r = images_find(b->live.api->db, b->live.owner, b->r.base, take_manifest, &m, err);
        if (r <= 0)
                return r < 0 ? r : err_set(err, -ENOENT, "there is no image '%s'", b->r.base);
        layers = json_object_get(m, "layers");
        json_decref(b->base_layers);
        b->base_layers = json_incref(layers);
        b->r.host = json_is_true(json_object_get(m, "host"));
        const json_t *last = json_array_get(layers, json_array_size(layers) - 1);
        const char *key = json_string_value(json_object_get(last, "key"));
        snprintf(b->r.base_key, sizeof b->r.base_key, "%s", key ? key : "host");
        b->base_manifest = m;
        return 0;
}

struct build *build_make(struct api *a, const char *id, int64_t owner, const char *image,
                         struct err *err)
{
        struct build *b = xcalloc(1, sizeof *b);
        b->live.kind = LIVE_BUILD;
        b->live.owner = owner;
        b->in = b->out.fd = b->err.fd = -1;
        b->base_layers = json_array();
        buf_init(&b->told, BUILD_TOLD_MAX);
        snprintf(b->live.id, sizeof b->live.id, "%s", id);
        snprintf(b->image, sizeof b->image, "%s", image);
        live_add(a, &b->live);
        if (outlog_open(a->logs_fd, id, &b->log, err) < 0)
                b->log = NULL;
        return b;
}

int build_new(struct api *a, const char *id, int64_t owner, const char *image, const json_t *recipe,
              struct build **ret, struct err *err)
{
        struct build *b = build_make(a, id, owner, image, err);
        int r = recipe_from(recipe, &b->r, err);
        if (r == 0 && b->r.base[0])
                r = take_base(b, err);
        const char *mirrors = api_setting(a, "build.mirrors");
        struct recipe_site site = {.rootful = a->env.serve_uid == 0,
                                   .mirrors = *mirrors ? mirrors : api_setting(a, "host.mirrors"),
                                   .usr = api_setting(a, "host.usr"),
                                   .allow = api_setting(a, "build.allow")};
        if (r == 0)
                r = recipe_plan(recipe, &site, &b->r, err);
        if (r < 0) {
                build_free(b);
                return r;
        }
        if (b->base_manifest) { /* its variables, below those of the recipe */
                json_t *env = json_object_get(b->base_manifest, "env");
                json_object_update_missing(b->r.env, env);
        }
        *ret = b;
        return 0;
}

int build_new_import(struct api *a, const char *id, int64_t owner, const char *image, bool oci,
                     struct build **ret, struct err *err)
{
        struct build *b = build_make(a, id, owner, image, err);
        b->importing = true;
        recipe_import(&b->r, id, oci);
        *ret = b;
        return 0;
}

void build_restore(struct api *a, const struct job_row *row)
{
        struct err err = {0};
        struct build *b = NULL;
        json_t *spec = json_or_null(row->spec), *recipe = NULL;
        const char *image = json_string_value(json_object_get(spec, "image"));
        auto_free char *text = recipes_get(a->db, row->id);
        const char *of = json_string_value(json_object_get(spec, "snapshot_of"));
        int r = text ? json_parse(text, strlen(text), &recipe, &err)
                : of ? build_new_snapshot(a, row->id, row->owner, image, of, &b, &err)
                     : err_set(&err, -EIO, "the server was restarted while the archive came");
        if (r >= 0 && text)
                r = build_new(a, row->id, row->owner, image ? image : "", recipe, &b, &err);
        if (r < 0) {
                b = build_make(a, row->id, row->owner, image ? image : "", NULL);
                build_end(b, "failed", err_text(&err));
        }
        json_decref(recipe);
        json_decref(spec);
}

void build_free(struct build *b)
{
        live_remove(&b->live);
        build_step_close(b);
        loop_timer_remove(b->timer);
        outlog_free(b->log);
        buf_done(&b->told);
        json_decref(b->base_layers);
        json_decref(b->base_manifest);
        recipe_done(&b->r);
        free(b->result);
        free(b);
}

/* ---- launch is there (again), a sandbox has ended ---- */

void build_peer_up(struct api *a, const char *role)
{
        if (!str_eq(role, "launch"))
                return;
        for (struct live *j = a->jobs, *next; j; j = next) {
                struct build *b = (struct build *)j;
                next = j->next;
                if (j->kind != LIVE_BUILD || b->result)
                        continue;
                build_step_drop(b); /* what it had begun is a stray now, and is ended */
                if (b->importing && b->at == 0 && b->begun)
                        build_end(b, "failed", "the maker of sandboxes was restarted");
                else
                        build_start(b);
        }
}

void builds_go_on(struct api *a)
{
        for (struct live *j = a->jobs, *next; j; j = next) {
                struct build *b = (struct build *)j;
                next = j->next;
                if (j->kind == LIVE_BUILD && !b->result && !b->box[0])
                        build_start(b);
        }
}

bool build_owns(const struct api *a, const char *sandbox)
{
        for (const struct live *j = a->jobs; j; j = j->next)
                if (j->kind == LIVE_BUILD && str_eq(((const struct build *)j)->box, sandbox))
                        return true;
        return false;
}

bool build_exited(struct api *a, const struct launch_result *r)
{
        for (struct live *j = a->jobs; j; j = j->next) {
                struct build *b = (struct build *)j;
                if (j->kind != LIVE_BUILD || !str_eq(b->box, r->id))
                        continue;
                build_step_exited(b, r);
                return true;
        }
        return false;
}
