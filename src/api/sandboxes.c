#include "api/admission.h"
#include "api/box.h"
#include "api/events.h"
#include "api/handlers.h"
#include "api/job_json.h"
#include "api/sandbox_spec.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include <signal.h>

#define GRACE_DEFAULT_MS 5000

/* ---- POST ---- */

struct creation {
        struct call *c;
        char id[ID_TEXT_LEN + 1];
};

/* What the caller can mend keeps its code; a kernel that refuses us is our trouble, not a lack of
 * rights of his. */
static void refuse(struct call *c, const struct err *err)
{
        static const int his[] = {-EINVAL, -E2BIG, -ENOENT, -EEXIST, -EBUSY, -EAGAIN, -ENOSPC};
        for (size_t i = 0; i < ARRAY_LEN(his); i++)
                if (err->code == his[i]) {
                        call_fail_err(c, err);
                        return;
                }
        call_fail(c, -EIO, "the sandbox could not be made: %s", err_text(err));
}

static void on_created(void *ctx, int status, const struct err *err)
{
        struct creation *m = ctx;
        struct call *c = m->c;
        if (status < 0 && status != -EPIPE) {
                /* Refused, and nobody was told the id: it was never accepted. */
                (void)!jobs_delete(c->api->db, m->id, NULL);
                (void)!outlog_remove(c->api->logs_fd, m->id);
                refuse(c, err);
        } else if (c->rq) {
                json_t *o = job_load(c->api, m->id);
                if (o)
                        json_object_set_new(o, "reused", json_false());
                call_json(c, 201, o ? o : json_pack("{s:s}", "id", m->id));
        }
        call_unref(c);
        free(m);
}

static int accept_job(struct call *c, const struct sandbox_spec *s, struct err *err)
{
        auto_json json_t *o = sandbox_spec_kept(c, s);
        auto_free char *text = json_text(o);
        struct job_row row = {.id = s->launch.id,
                              .kind = "sandbox",
                              .name = s->name,
                              .owner = c->who.user.id,
                              .created_ms = clock_wall_ms(),
                              .spec = text};
        int r = jobs_accept(c->api->db, &row, err);
        if (r == 0)
                event_tell(c->api, "created", s->launch.id, c->who.user.id,
                           json_pack("{s:O}", "argv", json_object_get(o, "argv")));
        return r;
}

struct named {
        json_t *object, *kept; /* as a client sees it; as it was stored */
};

static void take_row(void *ctx, const struct job_row *row)
{
        struct named *n = ctx;
        n->object = job_object(row);
        n->kept = json_or_null(row->spec);
        if (json_is_object(n->kept))
                json_object_set_new(n->kept, "id", json_string(row->id));
}

/* One that runs has the name, and differs. */
static void refuse_name(struct call *c, const char *name, json_t *difference)
{
        char message[ERR_TEXT_MAX];
        size_t i, n = (size_t)snprintf(message, sizeof message,
                                       "the sandbox '%s' runs with another specification:", name);
        json_t *d;
        json_array_foreach(difference, i, d)
        {
                char *was = json_dumps(json_object_get(d, "running"), JSON_ENCODE_ANY);
                char *asked = json_dumps(json_object_get(d, "asked"), JSON_ENCODE_ANY);
                const char *field = json_string_value(json_object_get(d, "field"));
                if (n < sizeof message && str_eq(field, "env"))
                        n += (size_t)snprintf(message + n, sizeof message - n, " env differs;");
                else if (n < sizeof message)
                        n += (size_t)snprintf(message + n, sizeof message - n,
                                              " %s is %.80s, asked was %.80s;", field, was, asked);
                free(was);
                free(asked);
        }
        if (n < sizeof message)
                message[n - 1] = '\0';
        json_t *text = json_str_lossy(message, strlen(message));
        call_json(c, 409,
                  json_pack("{s:{s:s,s:o,s:s,s:o}}", "error", "code", "conflict", "message", text,
                            "request_id", http_id(c->rq), "difference", difference));
}

/* A second create with a name that runs returns the one that runs. */
static bool answer_running(struct call *c, const struct sandbox_spec *s)
{
        struct named n = {0};
        if (!s->name[0] ||
            jobs_get_named(c->api->db, c->who.user.id, s->name, take_row, &n, NULL) <= 0)
                return false;
        auto_json json_t *object = n.object, *stored = n.kept;
        if (str_eq(json_string_value(json_object_get(object, "state")), "ended"))
                return false;
        json_t *difference = sandbox_spec_difference(c, s, stored);
        if (difference) {
                refuse_name(c, s->name, difference);
                return true;
        }
        json_object_set_new(object, "reused", json_true());
        call_json(c, 200, json_incref(object));
        return true;
}

static void create(struct call *c, struct sandbox_spec *s, uint64_t asked_ms)
{
        struct err err = {0};
        struct peer *launch = call_peer(c, "launch");
        if (!launch)
                return;
        int r = accept_job(c, s, &err);
        if (r < 0) {
                call_fail_err(c, &err);
                return;
        }
        struct box *b = box_new(c->api, s->launch.id, c->who.user.id, s->has_stdin, &err);
        b->created_ms = asked_ms;
        b->memory_bytes = s->launch.memory_bytes;
        b->disk_bytes = s->launch.disk_bytes;
        b->cpu_milli = s->launch.cpu_milli;
        b->tty = s->launch.tty;
        b->output_max = s->launch.output_bytes_max;
        b->proxied = s->launch.network == BOX_NET_PROXY;
        if (!b->log) { /* its output would be lost from the start */
                box_free(b);
                (void)!jobs_delete(c->api->db, s->launch.id, NULL);
                call_fail_err(c, &err);
                return;
        }
        struct creation *m = xcalloc(1, sizeof *m);
        m->c = call_ref(c);
        memcpy(m->id, s->launch.id, sizeof m->id);
        box_create(b, launch, &s->launch, s->command, on_created, m);
}

/* A request that is good, until there is room for it. */
struct applicant {
        struct call *c;
        struct sandbox_spec *s;
        struct ticket *ticket;
        uint64_t asked_ms;
};

static void applicant_free(struct applicant *x)
{
        sandbox_spec_done(x->s);
        free(x->s);
        call_unref(x->c);
        free(x);
}

static void admitted(void *ctx, int status, const struct err *err)
{
        struct applicant *x = ctx;
        x->c->over_fn = NULL;
        if (status < 0)
                call_fail_err(x->c, err);
        else if (!answer_running(x->c, x->s)) /* it may have been made meanwhile */
                create(x->c, x->s, x->asked_ms);
        applicant_free(x);
}

static void applicant_gone(void *ctx)
{
        struct applicant *x = ctx;
        admission_cancel(x->ticket);
        applicant_free(x);
}

static void apply(struct call *c, struct sandbox_spec *s)
{
        struct applicant *x = xcalloc(1, sizeof *x);
        struct want w = {c->who.user.id, s->launch.memory_bytes, s->launch.disk_bytes,
                         s->launch.cpu_milli};
        *x = (struct applicant){.c = call_ref(c), .s = s, .asked_ms = clock_wall_ms()};
        struct ticket *t = admission_ask(c->api, &w, admitted, x);
        if (!t)
                return;
        x->ticket = t;
        c->over_fn = applicant_gone;
        c->over_ctx = x;
}

void sandboxes_post(struct call *c)
{
        struct sandbox_spec *s = xcalloc(1, sizeof *s);
        struct err err = {0};
        int r = sandbox_spec_read(c, s, &err);
        if (r >= 0 && !answer_running(c, s)) {
                apply(c, s);
                return;
        }
        if (r < 0)
                call_fail_err(c, &err);
        sandbox_spec_done(s);
        free(s);
}

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

static void on_done(void *ctx, const struct peer_answer *a)
{
        struct call *c = ctx;
        if (a->status < 0)
                call_fail_err(c, a->err);
        else
                call_json(c, 200, json_object());
        call_unref(c);
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
                peer_call(launch, LAUNCH_SIGNAL, &req, NULL, 0, on_done, call_ref(c));
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
                peer_call(launch, LAUNCH_STOP, &req, NULL, 0, on_done, call_ref(c));
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
};

static void on_frozen(void *ctx, const struct peer_answer *a)
{
        struct freezing *f = ctx;
        if (a->status < 0) {
                call_fail_err(f->c, a->err);
        } else {
                event_tell(f->c->api, f->event, f->id, f->c->who.user.id, NULL);
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
