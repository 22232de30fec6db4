#include "api/box.h"
#include "api/events.h"
#include "api/handlers.h"
#include "api/job_json.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include <signal.h>

#define GRACE_DEFAULT_MS 5000

/* ---- the others ---- */

static void add_row(void *ctx, const struct job_row *row)
{
        json_array_append_new(ctx, job_object(row));
}

/* Those that have a label: KEY=VALUE. */
static void answer_labelled(struct call *c, const char *label)
{
        const char *before = call_query(c, "before"), *value = strchr(label, '=');
        char key[NAME_TEXT_MAX + 1];
        uint64_t limit;
        struct err err = {0};
        if (!value || strpbrk(label, "\"\\") || (size_t)(value - label) >= sizeof key) {
                call_fail(c, -EINVAL, "label: expected KEY=VALUE");
                return;
        }
        if (!call_query_u64(c, "limit", 100, 1, 1000, &limit))
                return;
        snprintf(key, sizeof key, "%.*s", (int)(value - label), label);
        bool all = c->who.is_operator && call_query_bool(c, "all");
        json_t *list = json_array();
        int r = jobs_labelled(c->api->db, all ? -1 : c->who.user.id, key, value + 1,
                              before ? before : "", (uint32_t)limit, add_row, list, &err);
        if (r < 0) {
                json_decref(list);
                call_fail_err(c, &err);
                return;
        }
        call_json(c, 200, json_pack("{s:o}", "sandboxes", list));
}

void sandboxes_get(struct call *c)
{
        const char *label = call_query(c, "label");
        if (label)
                answer_labelled(c, label);
        else
                jobs_answer_list(c, "sandbox", "sandboxes");
}

void sandbox_get(struct call *c)
{
        char id[ID_TEXT_LEN + 1];
        json_t *o = job_of_call(c, "sandbox", id);
        if (o)
                call_json(c, 200, o);
}

/* The id of a sandbox that has not ended, and the link to ask; NULL: answered. */
static struct peer *running(struct call *c, char id[ID_TEXT_LEN + 1])
{
        json_t *o = job_of_call(c, "sandbox", id);
        if (!o)
                return NULL;
        json_decref(o);
        if (!box_find(c->api, id)) {
                call_fail(c, -EALREADY, "the sandbox has ended");
                return NULL;
        }
        return call_peer(c, "launch");
}

void sandbox_signal(struct call *c)
{
        struct launch_signal req = {0};
        struct err err = {0};
        uint64_t number;
        if (json_read_u64(c->body, "signal", JSON_REQUIRED, 1, (uint64_t)SIGRTMAX, &number, &err) <
            0) {
                call_fail_err(c, &err);
                return;
        }
        struct peer *launch = running(c, req.id);
        req.signal = (uint32_t)number;
        if (launch)
                peer_call(launch, LAUNCH_SIGNAL, &req, NULL, 0, call_done, call_ref(c));
}

void sandbox_stop(struct call *c)
{
        struct launch_stop req = {0};
        struct err err = {0};
        uint64_t grace = GRACE_DEFAULT_MS;
        if (json_read_u64(c->body, "grace_ms", JSON_OPTIONAL, 0, 600000, &grace, &err) < 0) {
                call_fail_err(c, &err);
                return;
        }
        struct peer *launch = running(c, req.id);
        req.grace_ms = (uint32_t)grace;
        if (launch)
                peer_call(launch, LAUNCH_STOP, &req, NULL, 0, call_done, call_ref(c));
}

static void on_stats(void *ctx, const struct peer_answer *a)
{
        struct call *c = ctx;
        const struct launch_stats *s = a->rep;
        if (a->status < 0)
                call_fail_err(c, a->err);
        else
                call_json(c, 200,
                          json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:b,s:I}", "cpu_us",
                                    (json_int_t)s->cpu_us, "memory_bytes",
                                    (json_int_t)s->memory_bytes, "peak_memory_bytes",
                                    (json_int_t)s->peak_memory_bytes, "pids", (json_int_t)s->pids,
                                    "io_read_bytes", (json_int_t)s->io_read_bytes, "io_write_bytes",
                                    (json_int_t)s->io_write_bytes, "oom_kills",
                                    (json_int_t)s->oom_kills, "frozen", s->frozen != 0, "time_ms",
                                    (json_int_t)clock_wall_ms()));
        call_unref(c);
}

void sandbox_stats(struct call *c)
{
        struct launch_id req = {0};
        struct peer *launch = running(c, req.id);
        if (launch)
                peer_call(launch, LAUNCH_STATS, &req, NULL, 0, on_stats, call_ref(c));
}

struct freezing {
        struct call *c;
        const char *event;
        char id[ID_TEXT_LEN + 1];
        int64_t owner; /* of the sandbox: an operator may have asked */
};

static void on_frozen(void *ctx, const struct peer_answer *a)
{
        struct freezing *f = ctx;
        if (a->status < 0) {
                call_fail_err(f->c, a->err);
        } else {
                event_tell(f->c->api, f->event, f->id, f->owner, NULL);
                call_json(f->c, 200, json_object());
        }
        call_unref(f->c);
        free(f);
}

static void freeze(struct call *c, uint32_t verb, const char *event)
{
        struct launch_id req = {0};
        struct peer *launch = running(c, req.id);
        if (!launch)
                return;
        struct freezing *f = xcalloc(1, sizeof *f);
        f->c = call_ref(c);
        f->event = event;
        f->owner = box_find(c->api, req.id)->live.owner; /* running() found it */
        memcpy(f->id, req.id, sizeof f->id);
        peer_call(launch, verb, &req, NULL, 0, on_frozen, f);
}

void sandbox_freeze(struct call *c)
{
        freeze(c, LAUNCH_FREEZE, "frozen");
}

void sandbox_thaw(struct call *c)
{
        freeze(c, LAUNCH_THAW, "thawed");
}

/* ---- DELETE: ends it when it runs, then nothing of it is left ---- */

struct deletion {
        struct call *c;
        struct live_watch watch;
        char id[ID_TEXT_LEN + 1];
};

static void forget_job(struct call *c, const char *id)
{
        struct err err = {0};
        int r = execs_remove(c->api, id, &err);
        r = r < 0 ? r : jobs_delete(c->api->db, id, &err);
        if (r == 0 && outlog_remove(c->api->logs_fd, id) < 0)
                r = err_set(&err, -EIO, "the stored output could not be removed");
        if (r < 0)
                call_fail_err(c, &err);
        else
                call_json(c, 200, json_pack("{s:s}", "id", id));
}

static void on_ended(void *ctx, enum live_event ev)
{
        struct deletion *d = ctx;
        if (ev != LIVE_ENDED)
                return;
        forget_job(d->c, d->id);
        call_unref(d->c);
        free(d);
}

static void on_stopped(void *ctx UNUSED, const struct peer_answer *a UNUSED)
{
        /* The end comes as LAUNCH_EXITED, or by the next LAUNCH_QUERY. */
}

void sandbox_delete(struct call *c)
{
        struct launch_stop req = {0};
        char id[ID_TEXT_LEN + 1];
        json_t *o = job_of_call(c, "sandbox", id);
        if (!o)
                return;
        json_decref(o);
        struct box *b = box_find(c->api, id);
        if (!b) {
                forget_job(c, id);
                return;
        }
        struct peer *launch = call_peer(c, "launch");
        if (!launch)
                return;
        struct deletion *d = xcalloc(1, sizeof *d);
        d->c = call_ref(c);
        memcpy(d->id, id, sizeof d->id);
        d->watch = (struct live_watch){.fn = on_ended, .ctx = d};
        live_watch(&b->live, &d->watch);
        memcpy(req.id, id, sizeof req.id);
        peer_call(launch, LAUNCH_STOP, &req, NULL, 0, on_stopped, NULL);
}
