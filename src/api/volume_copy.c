/* Snapshots of volumes, each a volume of its own, and going back to one. launch copies beside and
 * exchanges at the end, so that a volume has its old content or all of the new. */
#include "api/files_pool.h"
#include "api/handlers.h"
#include "api/job_json.h"
#include "base/mem.h"
#include "base/str.h"
#include "link/launch.h"

#define BUSY_MS    100
#define BUSY_TRIES 30 /* our own sandboxes need a moment to leave it */

struct copying {
        struct call *c;
        struct volume from, to;
        bool made; /* `to` is new: without the copy it goes again */
        int tries;
};

static void over(struct copying *m)
{
        call_unref(m->c);
        free(m);
}

static void ignore(void *ctx UNUSED, const struct peer_answer *a UNUSED)
{
}

static void unmake(struct copying *m)
{
        struct peer *launch = api_peer(m->c->api, "launch");
        struct launch_id id = {0};
        memcpy(id.id, m->to.id, sizeof id.id);
        if (launch)
                peer_call(launch, LAUNCH_VOLUME_REMOVE, &id, NULL, 0, ignore, NULL);
        (void)!volumes_delete(m->c->api->db, m->to.id, NULL);
}

static void copy(void *ctx);

static void on_copied(void *ctx, const struct peer_answer *a)
{
        struct copying *m = ctx;
        if (a->status == -EBUSY && ++m->tries < BUSY_TRIES && m->c->rq) {
                loop_timer_add(m->c->api->env.loop, BUSY_MS, copy, m);
                return;
        }
        if (a->status < 0 && m->made)
                unmake(m);
        if (a->status == -EBUSY)
                call_fail(m->c, -EALREADY, "the volume is used by a sandbox");
        else if (a->status < 0)
                call_fail_err(m->c, a->err);
        else
                call_json(m->c, m->made ? 201 : 200, volume_object(&m->to));
        over(m);
}

static void copy(void *ctx)
{
        struct copying *m = ctx;
        struct peer *launch = call_peer(m->c, "launch");
        struct launch_volume_copy q = {.from = ""};
        if (!launch) {
                if (m->made)
                        unmake(m);
                over(m);
                return;
        }
        memcpy(q.from, m->from.id, sizeof q.from);
        memcpy(q.to, m->to.id, sizeof q.to);
        pool_leave(m->c->api->pool, m->from.id);
        pool_leave(m->c->api->pool, m->to.id);
        peer_call(launch, LAUNCH_VOLUME_COPY, &q, NULL, 0, on_copied, m);
}

static void on_made(void *ctx, const struct peer_answer *a)
{
        struct copying *m = ctx;
        struct err err = {0};
        if (volume_made(m->c->api, &m->to, a, &err) == 0) {
                copy(m);
                return;
        }
        unmake(m);
        call_fail_err(m->c, &err);
        over(m);
}

static bool read_name(struct call *c, const char *key, char name[NAME_TEXT_MAX + 1])
{
        struct err err = {0};
        if (json_read_str(c->body, key, JSON_REQUIRED, name, NAME_TEXT_MAX + 1, &err) >= 0)
                return true;
        call_fail_err(c, &err);
        return false;
}

void volume_snapshot(struct call *c)
{
        char name[NAME_TEXT_MAX + 1];
        struct volume from, to;
        struct err err = {0};
        if (!volume_of_call(c, call_param(c, "name"), &from) || !read_name(c, "name", name))
                return;
        struct peer *launch = call_peer(c, "launch");
        if (!launch)
                return;
        if (volumes_create(c->api->db, c->who.user.id, name, &to, &err) < 0) {
                call_fail_err(c, &err);
                return;
        }
        struct copying *m = xcalloc(1, sizeof *m);
        to.quota_bytes = from.quota_bytes;
        *m = (struct copying){call_ref(c), from, to, true, 0};
        volume_make(launch, &m->to, on_made, m);
}

void volume_restore(struct call *c)
{
        char name[NAME_TEXT_MAX + 1];
        struct volume from, to;
        if (!volume_of_call(c, call_param(c, "name"), &to) || !read_name(c, "from", name) ||
            !volume_of_call(c, name, &from))
                return;
        if (str_eq(from.id, to.id)) {
                call_fail(c, -EINVAL, "from: the volume itself");
                return;
        }
        struct copying *m = xcalloc(1, sizeof *m);
        *m = (struct copying){call_ref(c), from, to, false, 0};
        copy(m);
}
