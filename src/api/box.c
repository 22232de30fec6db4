#include "api/box.h"
#include "api/admission.h"
#include "api/box_impl.h"
#include "api/events.h"
#include "api/flush.h"
#include "api/job_json.h"
#include "api/warm.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "link/keep.h"
#include <stdio.h>

#define DRAIN_MS 2000 /* a process left behind may hold the pipe; its namespace is going */
#define QUERY_MS 1000 /* until launch is asked again when it was busy */
#define STORE_MS 3000 /* until the next try when a result could not be stored */

struct box *box_new(struct api *a, const char *id, int64_t owner, bool has_stdin, struct err *err)
{
        struct box *b = xcalloc(1, sizeof *b);
        b->live.kind = LIVE_BOX;
        b->live.owner = owner;
        snprintf(b->live.id, sizeof b->live.id, "%s", id);
        b->has_stdin = has_stdin;
        b->created_ms = clock_wall_ms();
        b->in = b->out.fd = b->err.fd = -1;
        live_add(a, &b->live);
        if (outlog_open(a->logs_fd, id, &b->log, err) < 0)
                log_warn("box.log", kv("error", err_text(err)));
        return b;
}

void box_free(struct box *b)
{
        live_remove(&b->live);
        box_pump_stop(b);
        loop_timer_remove(b->bound);
        outlog_free(b->log);
        json_decref(b->enforcement);
        if (b->template[0])
                warm_released(b->live.api, b->live.owner, b->template);
        if (!b->parent[0])
                admission_turn(b->live.api);
        free(b);
}

struct box *box_find(const struct api *a, const char *id)
{
        return (struct box *)live_find(a, id, LIVE_BOX);
}

/* Calls about a box carry its id, not its address: it may be gone when the answer comes. */
struct about {
        struct api *api;
        char id[ID_TEXT_LEN + 1];
        box_created_fn fn;
        void *ctx;
};

static struct about *about(const struct box *b)
{
        struct about *q = xcalloc(1, sizeof *q);
        q->api = b->live.api;
        memcpy(q->id, b->live.id, sizeof q->id);
        return q;
}

/* ---- the end ---- */

static void ignore_answer(void *ctx UNUSED, const struct peer_answer *a UNUSED)
{
}

/* What launch and keep still hold of one whose result is on the disk. When one of them is away now,
 * the sweep at its return does it. */
struct forgetting {
        struct api *api;
        char id[ID_TEXT_LEN + 1], parent[ID_TEXT_LEN + 1];
};

static void forget(void *ctx, int status)
{
        auto_free struct forgetting *b = ctx;
        struct api *a = b->api;
        if (status < 0) { /* launch keeps it: it is asked for again after a restart */
                if (status == -ECANCELED)
                        return;
                log_error("job.store", kv("id", (const char *)b->id),
                          kv("error", errno_text(-status)));
                return;
        }
        struct peer *launch = api_peer(a, "launch"), *keep = api_peer(a, "keep");
        struct launch_id which = {0};
        struct launch_exec_id exec = {0};
        struct keep_key key = {0};
        memcpy(which.id, b->id, sizeof which.id);
        memcpy(exec.id, b->parent, sizeof exec.id);
        memcpy(exec.exec, b->id, sizeof exec.exec);
        memcpy(key.id, b->id, sizeof key.id);
        if (launch && b->parent[0])
                peer_call(launch, LAUNCH_EXEC_FORGET, &exec, NULL, 0, ignore_answer, NULL);
        else if (launch)
                peer_call(launch, LAUNCH_FORGET, &which, NULL, 0, ignore_answer, NULL);
        if (keep)
                peer_call(keep, KEEP_DROP, &key, NULL, 0, ignore_answer, NULL);
}

void box_kill(struct api *a, const char *id)
{
        struct peer *launch = api_peer(a, "launch");
        const struct box *b = box_find(a, id);
        struct launch_stop stop = {0};
        struct launch_exec_signal kill = {.signal = 9};
        if (!b || !launch)
                return;
        memcpy(stop.id, id, sizeof stop.id);
        memcpy(kill.id, b->parent, sizeof kill.id);
        memcpy(kill.exec, id, sizeof kill.exec);
        if (b->parent[0])
                peer_call(launch, LAUNCH_EXEC_SIGNAL, &kill, NULL, 0, ignore_answer, NULL);
        else
                peer_call(launch, LAUNCH_STOP, &stop, NULL, 0, ignore_answer, NULL);
}

static void try_finish(void *ctx);

static void tell_end(const struct box *b, const char *result)
{
        bool exec = b->parent[0] != '\0';
        json_t *data = json_pack("{s:o}", "result", json_or_null(result));
        if (exec)
                json_object_set_new(data, "exec", json_string(b->live.id));
        event_tell(b->live.api, exec ? "exec-ended" : "ended", exec ? b->parent : b->live.id,
                   b->live.owner, data);
}

static void finish(struct box *b)
{
        struct api *a = b->live.api;
        struct err err = {0};
        json_t *result = box_result_object(b);
        auto_free char *text = json_text(result);
        json_decref(result);
        loop_timer_remove(b->bound);
        b->bound = NULL;
        int r = jobs_end_soon(a->db, b->live.id, text, &err);
        if (r < 0) {
                log_error("job.store", kv("id", (const char *)b->live.id),
                          kv("error", err_text(&err)));
                b->bound = loop_timer_add(a->env.loop, STORE_MS, try_finish, b);
                return;
        }
        log_info("job.ended", kv("id", (const char *)b->live.id),
                 kv("reason", launch_reason_text(b->result.reason)));
        tell_end(b, text);
        struct forgetting *f = xcalloc(1, sizeof *f);
        f->api = a;
        memcpy(f->id, b->live.id, sizeof f->id);
        memcpy(f->parent, b->parent, sizeof f->parent);
        flush_then(a->flush, forget, f);
        box_pump_stop(b);
        live_end(&b->live);
        box_free(b);
}

static void try_finish(void *ctx)
{
        struct box *b = ctx;
        b->bound = NULL;
        /* A client that reads slowly is waited for; a pipe that nothing closes is not. */
        if (!box_pump_done(b) && (b->out.paused || b->err.paused))
                b->bound = loop_timer_add(b->live.api->env.loop, DRAIN_MS, try_finish, b);
        else
                finish(b);
}

void box_drained(struct box *b)
{
        if (b->step == BOX_STEP_ENDED)
                finish(b);
}

void box_has_ended(struct box *b, const struct launch_result *r)
{
        if (b->step == BOX_STEP_ENDED)
                return;
        b->step = BOX_STEP_ENDED;
        b->result = *r;
        if (b->too_much && (r->reason == BOX_SIGNAL || r->reason == BOX_KILLED))
                b->result.reason = BOX_OUTPUT; /* an exec is only killed */
        if (!b->parent[0])
                box_end_execs(b);
        loop_timer_remove(b->bound);
        b->bound = NULL;
        if (box_pump_done(b))
                finish(b);
        else
                b->bound = loop_timer_add(b->live.api->env.loop, DRAIN_MS, try_finish, b);
}

void box_is_lost(struct box *b, const char *cause)
{
        struct launch_result r = {.reason = BOX_LOST};
        snprintf(r.cause, sizeof r.cause, "%s", cause);
        box_has_ended(b, &r);
}

void box_exited(struct api *a, const struct launch_result *r)
{
        struct box *b = box_find(a, r->id);
        if (b && b->step != BOX_STEP_ASKED)
                box_has_ended(b, r);
}

/* ---- the beginning ---- */

void box_runs(struct box *b)
{
        struct err err = {0};
        auto_free char *text = b->enforcement ? json_text(b->enforcement) : NULL;
        b->step = BOX_STEP_UP;
        if (jobs_running(b->live.api->db, b->live.id, text, &err) < 0)
                log_warn("job.store", kv("id", (const char *)b->live.id),
                         kv("error", err_text(&err)));
        if (!b->parent[0])
                event_tell(b->live.api, "started", b->live.id, b->live.owner, NULL);
}

/* launch says so itself: launch_created, or launch_exec_made. */
static void was_made(struct box *b, const void *made)
{
        const struct launch_created *box = made;
        uint64_t now = clock_wall_ms();
        b->queue_ms = now > b->created_ms ? now - b->created_ms : 0;
        b->start_us =
                b->parent[0] ? ((const struct launch_exec_made *)made)->start_us : box->start_us;
        if (!b->parent[0])
                b->enforcement = enforcement_object(&box->enforcement);
        box_runs(b);
}

static void ask_launch(struct box *b);
static void ask_keep(struct box *b);

static void on_created(void *ctx, const struct peer_answer *a)
{
        struct about *q = ctx;
        struct box *b = box_find(q->api, q->id);
        box_created_fn fn = q->fn;
        void *fn_ctx = q->ctx;
        bool unknown = a->status == -EPIPE || a->status == -ECANCELED;
        free(q);
        if (!b) {
                fn(fn_ctx, -EPIPE, a->err);
                return;
        }
        if (a->status == 0) {
                was_made(b, a->rep);
                int fds[3] = {-1, -1, -1};
                for (uint32_t i = 0; i < a->n_fds && i < 3; i++)
                        fds[i] = TAKE_FD(a->fds[i]);
                if (b->tty)
                        box_pump_start_tty(b, fds[0]);
                else
                        box_pump_start(b, fds[0], fds[1], fds[2]);
        } else if (unknown) {
                b->step = BOX_STEP_UNSURE;
        }
        fn(fn_ctx, unknown ? -EPIPE : a->status, a->err);
        if (a->status < 0 && !unknown) { /* also for those who found it meanwhile, by its name */
                live_end(&b->live);
                box_free(b);
        }
}

void box_create(struct box *b, struct peer *launch, const struct launch_spec *spec, int command,
                box_created_fn fn, void *ctx)
{
        struct about *q = about(b);
        q->fn = fn;
        q->ctx = ctx;
        peer_call(launch, LAUNCH_CREATE, spec, &command, 1, on_created, q);
}

void box_exec(struct box *b, struct peer *launch, const struct launch_exec *e, int command,
              box_created_fn fn, void *ctx)
{
        struct about *q = about(b);
        q->fn = fn;
        q->ctx = ctx;
        peer_call(launch, LAUNCH_EXEC, e, &command, 1, on_created, q);
}

/* ---- finding out ---- */

static void ask_again(void *ctx)
{
        struct box *b = ctx;
        b->bound = NULL;
        ask_launch(b);
}

static void on_queried(void *ctx, const struct peer_answer *a)
{
        struct about *q = ctx;
        struct box *b = box_find(q->api, q->id);
        free(q);
        if (!b)
                return;
        b->querying = false;
        if (a->status == -ENOENT) {
                box_is_lost(b, b->step == BOX_STEP_UNSURE && !b->got_pipes
                                       ? "the server was restarted before the sandbox had started"
                                       : "the sandbox was gone after a restart of the server");
                return;
        }
        if (a->status == -EPIPE || a->status == -ECANCELED)
                return; /* the link broke again: asked anew when it is back */
        if (a->status < 0) {
                loop_timer_remove(b->bound);
                b->bound = loop_timer_add(b->live.api->env.loop, QUERY_MS, ask_again, b);
                return;
        }
        const struct launch_result *r = a->rep;
        if (r->state == BOX_ENDED) {
                box_has_ended(b, r);
                return;
        }
        if (b->step == BOX_STEP_UNSURE)
                box_runs(b);
}

static void ask_launch(struct box *b)
{
        struct peer *launch = api_peer(b->live.api, "launch");
        struct launch_id which = {0};
        if (!launch || b->querying || b->parent[0] || b->step == BOX_STEP_ASKED ||
            b->step == BOX_STEP_ENDED)
                return;
        b->querying = true;
        memcpy(which.id, b->live.id, sizeof which.id);
        peer_call(launch, LAUNCH_QUERY, &which, NULL, 0, on_queried, about(b));
}

static void on_kept(void *ctx, const struct peer_answer *a)
{
        struct about *q = ctx;
        struct box *b = box_find(q->api, q->id);
        free(q);
        if (!b)
                return;
        b->fetching = false;
        if ((a->status < 0 && a->status != -ENOENT) || b->got_pipes)
                return;
        int fds[3] = {-1, -1, -1}; /* three, or two without stdin; of a terminal one */
        uint32_t from = a->n_fds == 2 ? 1 : 0;
        for (uint32_t i = 0; i < a->n_fds && from + i < 3; i++)
                fds[from + i] = TAKE_FD(a->fds[i]);
        if (b->tty)
                box_pump_start_tty(b, fds[0]);
        else
                box_pump_start(b, fds[0], fds[1], fds[2]);
        if (box_pump_done(b))
                box_drained(b);
}

static void ask_keep(struct box *b)
{
        struct peer *keep = api_peer(b->live.api, "keep");
        if (!keep || b->fetching || b->got_pipes || b->step == BOX_STEP_ASKED)
                return;
        b->fetching = true;
        struct keep_key key = {.name = "stdio"};
        memcpy(key.id, b->live.id, sizeof key.id);
        peer_call(keep, KEEP_GET, &key, NULL, 0, on_kept, about(b));
}

void box_restore(struct api *a, const struct job_row *row)
{
        json_t *spec = json_or_null(row->spec);
        struct err err = {0};
        struct box *b =
                box_new(a, row->id, row->owner, json_is_true(json_object_get(spec, "stdin")), &err);
        b->tty = json_is_true(json_object_get(spec, "tty"));
        b->output_max = (uint64_t)json_integer_value(json_object_get(spec, "output_limit_bytes"));
        b->memory_bytes = (uint64_t)json_integer_value(json_object_get(spec, "memory_bytes"));
        b->disk_bytes = (uint64_t)json_integer_value(json_object_get(spec, "disk_bytes"));
        b->cpu_milli = (uint64_t)json_integer_value(json_object_get(spec, "cpu_milli"));
        const char *network = json_string_value(json_object_get(spec, "network"));
        const char *template = json_string_value(json_object_get(spec, "template"));
        snprintf(b->template, sizeof b->template, "%s", template ? template : "");
        b->proxied = network && str_eq(network, "proxy");
        snprintf(b->parent, sizeof b->parent, "%s", row->parent ? row->parent : "");
        json_decref(spec);
        b->step = str_eq(row->state, "running") ? BOX_STEP_UP : BOX_STEP_UNSURE;
        b->created_ms = row->created_ms;
        if (*row->enforcement)
                b->enforcement = json_or_null(row->enforcement);
}

void box_peer_up(struct api *a, const char *role)
{
        for (struct live *j = a->jobs, *next; j; j = next) {
                next = j->next;
                if (j->kind != LIVE_BOX)
                        continue;
                if (str_eq(role, "launch"))
                        ask_launch((struct box *)j);
                if (str_eq(role, "keep"))
                        box_put_kept((struct box *)j);
                if (str_eq(role, "keep") || str_eq(role, "launch"))
                        ask_keep((struct box *)j);
        }
        if (str_eq(role, "launch"))
                box_list_execs(a);
}
