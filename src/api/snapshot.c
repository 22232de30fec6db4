/* A sandbox's files as an image: one more layer on those that it runs on. launch copies what it has
 * written while it stands still; /tmp, /run and /dev/shm, volumes and secrets are mounts of their
 * own there and are no part of it. The job is one of kind "image", as a build's. */
#include "api/box.h"
#include "api/build_step.h"
#include "api/handlers.h"
#include "api/images.h"
#include "api/job_json.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include <stdio.h>

/* ---- what it stands on ---- */

static void take_spec(void *ctx, const struct job_row *row)
{
        *(json_t **)ctx = json_or_null(row->spec);
}

static void take_manifest(void *ctx, const struct image_row *row)
{
        *(json_t **)ctx = json_or_null(row->manifest);
}

/* The layers are those that it was made with, also where its image is another one by now. */
static int plan(struct build *b, struct err *err)
{
        json_t *spec = NULL, *m = NULL, *below;
        int r = jobs_get(b->live.api->db, b->snapshot_of, take_spec, &spec, err);
        if (r <= 0)
                return r < 0 ? r : err_set(err, -ENOENT, "the sandbox is not known any more");
        const char *image = json_string_value(json_object_get(spec, "image"));
        below = json_object_get(spec, "layers");
        r = image && !str_eq(image, "host")
                    ? images_find(b->live.api->db, b->live.owner, image, take_manifest, &m, err)
                    : 0;
        if (json_array_size(below) > 0) {
                json_decref(b->base_layers);
                b->base_layers = json_incref(below);
        }
        recipe_import(&b->r, b->live.id, false);
        snprintf(b->r.steps[0].title, sizeof b->r.steps[0].title, "files of sandbox %s",
                 b->snapshot_of);
        b->r.host = !json_is_false(json_object_get(spec, "on_host"));
        json_object_update(b->r.env, json_object_get(m, "env"));
        json_array_extend(b->r.entrypoint, json_object_get(m, "entrypoint"));
        const char *workdir = json_string_value(json_object_get(m, "workdir"));
        snprintf(b->r.workdir, sizeof b->r.workdir, "%s", workdir ? workdir : "");
        json_decref(spec);
        json_decref(m);
        return r < 0 ? r : 0;
}

int build_new_snapshot(struct api *a, const char *id, int64_t owner, const char *image,
                       const char *sandbox, struct build **ret, struct err *err)
{
        struct build *b = build_make(a, id, owner, image, err);
        snprintf(b->snapshot_of, sizeof b->snapshot_of, "%s", sandbox);
        int r = plan(b, err);
        if (r < 0) {
                build_free(b);
                return r;
        }
        *ret = b;
        return 0;
}

/* ---- taking it ---- */

static void on_taken(void *ctx, const struct peer_answer *a)
{
        struct build *b = build_of_answer(ctx);
        if (!b || a->status == -EPIPE || a->status == -ECANCELED)
                return; /* begun anew when launch is back: the key is the same */
        if (a->status < 0) {
                build_end(b, "failed", err_text(a->err));
                return;
        }
        const struct launch_layer *l = a->rep;
        build_say(b, "%llu bytes", (unsigned long long)l->size_bytes);
        build_step_done(b, l->size_bytes);
}

void build_take_snapshot(struct build *b)
{
        struct peer *launch = api_peer(b->live.api, "launch");
        struct launch_layer_commit c = {0};
        if (!launch)
                return;
        memcpy(c.id, b->snapshot_of, sizeof c.id);
        memcpy(c.key, b->r.steps[0].key, sizeof c.key);
        if (!b->begun)
                build_say(b, "=> 1/1 %s", b->r.steps[0].title);
        b->begun = true;
        if (jobs_running(b->live.api->db, b->live.id, NULL, NULL) < 0)
                build_say(b, "the state of the job could not be stored");
        peer_call(launch, LAUNCH_LAYER_SNAPSHOT, &c, NULL, 0, on_taken, build_about(b));
}

/* ---- asked for ---- */

static int accept(struct call *c, const char *id, const char *image, const char *sandbox,
                  struct err *err)
{
        auto_json json_t *spec = json_pack("{s:s,s:s}", "image", image, "snapshot_of", sandbox);
        auto_free char *text = json_text(spec);
        struct job_row row = {.id = id,
                              .kind = "image",
                              .name = "",
                              .owner = c->who.user.id,
                              .created_ms = clock_wall_ms(),
                              .spec = text};
        return jobs_accept(c->api->db, &row, err);
}

void sandbox_snapshot(struct call *c)
{
        char box[ID_TEXT_LEN + 1], name[NAME_TEXT_MAX + 1];
        struct err err = {0};
        struct build *b = NULL;
        struct id id = id_new();
        auto_json json_t *sandbox = job_of_call(c, "sandbox", box);
        if (!sandbox)
                return;
        if (json_read_str(c->body, "image", JSON_REQUIRED, name, sizeof name, &err) < 0) {
                call_fail_err(c, &err);
                return;
        }
        if (!image_name_good(c, "image", name) || !call_peer(c, "launch"))
                return;
        if (!box_find(c->api, box)) {
                call_fail(c, -EALREADY, "the sandbox has ended, and its files with it");
                return;
        }
        int r = build_new_snapshot(c->api, id.s, c->who.user.id, name, box, &b, &err);
        if (r == 0 && (r = accept(c, id.s, name, box, &err)) < 0)
                build_free(b);
        image_job_answer(c, id.s, r < 0 ? NULL : b, &err);
}
