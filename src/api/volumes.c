#include "store/volumes.h"
#include "api/files_pool.h"
#include "api/handlers.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "link/rag.h"

#define DEFAULT_VOLUME "docs"

json_t *volume_object(const struct volume *v)
{
        return json_pack("{s:s,s:s,s:s,s:I,s:I,s:s}", "id", v->id, "name", v->name, "owner",
                         v->owner_name, "created_ms", (json_int_t)v->created_ms, "quota_bytes",
                         (json_int_t)v->quota_bytes, "quota", v->quota);
}

static void add_volume(void *ctx, const struct volume *v)
{
        json_array_append_new(ctx, volume_object(v));
}

void volumes_get(struct call *c)
{
        json_t *list = json_array();
        struct err err = {0};
        int r = volumes_list(c->api->db, c->who.user.id, add_volume, list, &err);
        if (r < 0) {
                json_decref(list);
                call_fail_err(c, &err);
                return;
        }
        call_json(c, 200, json_pack("{s:o}", "volumes", list));
}

struct first_use {
        struct api *api;
        struct volume v;
};

static void on_default_made(void *ctx, const struct peer_answer *a)
{
        struct first_use *m = ctx;
        if (a->status < 0) {
                log_warn("volume.create", kv("id", (const char *)m->v.id),
                         kv("error", err_text(a->err)));
                (void)!volumes_delete(m->api->db, m->v.id, NULL); /* the next use tries again */
        }
        free(m);
}

/* The default volume is made on first use. Its folder is asked for on the same link as whatever
 * uses it next, so it is there before that. */
static int make_default(struct call *c, struct volume *ret, struct err *err)
{
        struct peer *launch = api_peer(c->api, "launch");
        struct launch_id id = {0};
        if (!launch)
                return err_set(err, -EPIPE, "the maker of sandboxes is away; try again");
        int r = volumes_create(c->api->db, c->who.user.id, DEFAULT_VOLUME, ret, err);
        if (r < 0)
                return r;
        struct first_use *m = xmalloc(sizeof *m);
        *m = (struct first_use){c->api, *ret};
        memcpy(id.id, ret->id, sizeof id.id);
        peer_call(launch, LAUNCH_VOLUME_CREATE, &id, NULL, 0, on_default_made, m);
        return 0;
}

static bool take(struct call *c, const char *name, bool make, struct volume *ret)
{
        struct err err = {0};
        const char *which = name && *name ? name : DEFAULT_VOLUME;
        int r = volumes_find(c->api->db, c->who.user.id, which, ret, &err);
        if (r == -ENOENT && make && str_eq(which, DEFAULT_VOLUME))
                r = make_default(c, ret, &err);
        if (r < 0)
                call_fail_err(c, &err);
        return r == 0;
}

bool volume_of_call(struct call *c, const char *name, struct volume *ret)
{
        return take(c, name, false, ret);
}

bool volume_need(struct call *c, const char *name, struct volume *ret)
{
        return take(c, name, true, ret);
}

/* ---- making one: a row, then the folder; without the folder the row goes again ---- */

struct making {
        struct call *c;
        struct volume v;
};

void volume_make(struct peer *launch, const struct volume *v, peer_answer_fn fn, void *ctx)
{
        struct launch_volume_quota quota = {.bytes = v->quota_bytes};
        struct launch_id id = {0};
        memcpy(id.id, v->id, sizeof id.id);
        memcpy(quota.id, v->id, sizeof quota.id);
        if (v->quota_bytes)
                peer_call(launch, LAUNCH_VOLUME_QUOTA, &quota, NULL, 0, fn, ctx);
        else
                peer_call(launch, LAUNCH_VOLUME_CREATE, &id, NULL, 0, fn, ctx);
}

int volume_made(struct api *a, struct volume *v, const struct peer_answer *answer, struct err *err)
{
        if (answer->status < 0) {
                *err = *answer->err;
                return answer->status;
        }
        if (!v->quota_bytes)
                return 0;
        const struct launch_volume_made *made = answer->rep;
        return volumes_set_quota(a->db, v, v->quota_bytes, made->quota, err);
}

static void on_made(void *ctx, const struct peer_answer *a)
{
        struct making *m = ctx;
        struct err err = {0};
        if (volume_made(m->c->api, &m->v, a, &err) < 0) {
                (void)!volumes_delete(m->c->api->db, m->v.id, NULL);
                call_fail_err(m->c, &err);
        } else if (m->c->rq) {
                call_json(m->c, 201, volume_object(&m->v));
        }
        call_unref(m->c);
        free(m);
}

static void make(struct call *c, const char *name, uint64_t quota_bytes)
{
        struct making *m = xcalloc(1, sizeof *m);
        struct err err = {0};
        struct peer *launch = call_peer(c, "launch");
        int r = launch ? volumes_create(c->api->db, c->who.user.id, name, &m->v, &err) : -EPIPE;
        if (r < 0) {
                if (launch)
                        call_fail_err(c, &err);
                free(m);
                return;
        }
        m->v.quota_bytes = quota_bytes;
        m->c = call_ref(c);
        volume_make(launch, &m->v, on_made, m);
}

void volumes_post(struct call *c)
{
        char name[NAME_TEXT_MAX + 1];
        uint64_t quota = 0;
        struct err err = {0};
        if (json_read_str(c->body, "name", JSON_REQUIRED, name, sizeof name, &err) < 0 ||
            json_read_u64(c->body, "quota_bytes", JSON_OPTIONAL, VOLUME_QUOTA_MIN, BOX_BYTES_MAX,
                          &quota, &err) < 0)
                call_fail_err(c, &err);
        else
                make(c, name, quota);
}

/* ---- removing: the folder, then the row and the index ---- */

struct removal {
        struct call *c;
        struct volume v;
        struct loop_timer *timer;
        int tries;
};

static void try_remove(void *ctx);

/* ---- its index goes too, also when rag is away now: what is still to go is stored ---- */

struct unindexing {
        struct api *api;
        char id[ID_TEXT_LEN + 1];
};

static void on_unindexed(void *ctx, const struct peer_answer *a)
{
        struct unindexing *u = ctx;
        if (a->status == 0 || a->status == -ENOENT)
                (void)!volumes_unindexed(u->api->db, u->id, NULL); /* else asked again: no harm */
        else if (a->status != -EPIPE && a->status != -ECANCELED)
                log_warn("volume.unindex", kv("id", (const char *)u->id),
                         kv("error", err_text(a->err)));
        free(u);
}

static void unindex(void *ctx, const char *id)
{
        struct api *a = ctx;
        struct peer *rag = api_peer(a, "rag");
        if (!rag)
                return;
        struct unindexing *u = xcalloc(1, sizeof *u);
        auto_free struct rag_list *req = xcalloc(1, sizeof *req); /* an empty path: all of it */
        u->api = a;
        snprintf(u->id, sizeof u->id, "%s", id);
        snprintf(req->space, sizeof req->space, "%s", id);
        peer_call(rag, RAG_REMOVE, req, NULL, 0, on_unindexed, u);
}

void volumes_rag_up(struct api *a)
{
        struct err err = {0};
        if (volumes_to_unindex(a->db, unindex, a, &err) < 0)
                log_warn("volume.unindex", kv("error", err_text(&err)));
}

static void removed(struct removal *m)
{
        struct api *a = m->c->api;
        struct err err = {0};
        if (volumes_delete(a->db, m->v.id, &err) < 0) {
                call_fail_err(m->c, &err);
                return;
        }
        unindex(a, m->v.id);
        call_json(m->c, 200, json_pack("{s:s}", "name", m->v.name));
}

#define BUSY_MS    100
#define BUSY_TRIES 30 /* our own sandboxes need a moment to leave it */

static void on_removed(void *ctx, const struct peer_answer *a)
{
        struct removal *m = ctx;
        if (a->status == -EBUSY && ++m->tries < BUSY_TRIES && m->c->rq) {
                m->timer = loop_timer_add(m->c->api->env.loop, BUSY_MS, try_remove, m);
                return;
        }
        if (a->status == -EBUSY)
                call_fail(m->c, -EALREADY, "the volume is used by a sandbox");
        else if (a->status < 0 && a->status != -ENOENT)
                call_fail_err(m->c, a->err);
        else
                removed(m);
        call_unref(m->c);
        free(m);
}

static void try_remove(void *ctx)
{
        struct removal *m = ctx;
        struct peer *launch = call_peer(m->c, "launch");
        struct launch_id id = {0};
        m->timer = NULL;
        if (!launch) {
                call_unref(m->c);
                free(m);
                return;
        }
        pool_leave(m->c->api->pool, m->v.id);
        memcpy(id.id, m->v.id, sizeof id.id);
        peer_call(launch, LAUNCH_VOLUME_REMOVE, &id, NULL, 0, on_removed, m);
}

void volume_delete(struct call *c)
{
        struct removal *m = xcalloc(1, sizeof *m);
        if (!volume_of_call(c, call_param(c, "name"), &m->v)) {
                free(m);
                return;
        }
        m->c = call_ref(c);
        try_remove(m);
}
