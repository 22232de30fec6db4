/* POST /v1/sandboxes: from the request to the sandbox that runs. */
#include "api/accepted.h"
#include "api/admission.h"
#include "api/box.h"
#include "api/events.h"
#include "api/handlers.h"
#include "api/job_json.h"
#include "api/sandbox_spec.h"
#include "api/warm.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

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

static void tell(struct call *c, const char *id, int status, const struct err *err)
{
        if (status < 0)
                refuse(c, err);
        else
                accepted_answer(c, id, "reused");
}

static int accept_job(struct call *c, const struct sandbox_spec *s, struct err *err)
{
        auto_json json_t *o = sandbox_spec_kept(c, s);
        sandbox_spec_keep_layers(o, &s->launch);
        auto_free char *text = json_text(o);
        struct job_row row = {.id = s->launch.id,
                              .kind = "sandbox",
                              .name = s->name,
                              .owner = c->who.user.id,
                              .created_ms = clock_wall_ms(),
                              .spec = text};
        int r = jobs_accept_soon(c->api->db, &row, err);
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
        memcpy(b->template, s->template.name, sizeof b->template);
        b->output_max = s->launch.output_bytes_max;
        b->proxied = s->launch.network == BOX_NET_PROXY;
        if (!b->log) { /* its output would be lost from the start */
                box_free(b);
                (void)!jobs_delete(c->api->db, s->launch.id, NULL);
                call_fail_err(c, &err);
                return;
        }
        static const struct accepted_calls calls = {NULL, tell};
        box_create(b, launch, &s->launch, s->command, accepted_made, accepted_new(c, b, &calls));
}

/* A request that is good, until there is room for it and its template is warm. */
struct applicant {
        struct call *c;
        struct sandbox_spec *s;
        struct ticket *ticket;
        struct warm_wait *wait;
        uint64_t asked_ms;
        bool again;
};

static void applicant_free(struct applicant *x)
{
        x->c->over_fn = NULL;
        sandbox_spec_done(x->s);
        free(x->s);
        call_unref(x->c);
        free(x);
}

static void applicant_gone(void *ctx)
{
        struct applicant *x = ctx;
        if (x->ticket)
                admission_cancel(x->ticket);
        if (x->wait)
                warm_cancel(x->wait);
        applicant_free(x);
}

static void wait_on(struct applicant *x)
{
        x->c->over_fn = applicant_gone;
        x->c->over_ctx = x;
}

static void apply(struct applicant *x);

static void create_from(struct applicant *x)
{
        if (!answer_running(x->c, x->s)) /* it may have been made meanwhile */
                create(x->c, x->s, x->asked_ms);
        applicant_free(x);
}

static void warmed(void *ctx, int status, const char *process, const struct err *err)
{
        struct applicant *x = ctx;
        bool waited = x->wait != NULL;
        x->wait = NULL;
        if (status < 0) {
                call_fail_err(x->c, err);
                applicant_free(x);
        } else if (waited) {
                x->again = true;
                apply(x); /* others may have taken the room meanwhile */
        } else {
                snprintf(x->s->launch.template, sizeof x->s->launch.template, "%s", process);
                create_from(x);
        }
}

static void admitted(void *ctx, int status, const struct err *err)
{
        struct applicant *x = ctx;
        const struct template *t = &x->s->template;
        x->ticket = NULL;
        if (status < 0) {
                call_fail_err(x->c, err);
                applicant_free(x);
        } else if (!t->name[0] || t->runtime != TEMPLATE_PYTHON) {
                create_from(x);
        } else {
                struct warm_wait *w = warm_use(x->c->api, t, warmed, x);
                if (!w)
                        return;
                x->wait = w;
                wait_on(x);
        }
}

static void apply(struct applicant *x)
{
        struct want w = {x->c->who.user.id, x->s->launch.memory_bytes, x->s->launch.disk_bytes,
                         x->s->launch.cpu_milli, x->again};
        struct ticket *t = admission_ask(x->c->api, &w, admitted, x);
        if (!t)
                return;
        x->ticket = t;
        wait_on(x);
}

void sandboxes_post(struct call *c)
{
        struct sandbox_spec *s = xcalloc(1, sizeof *s);
        struct err err = {0};
        int r = sandbox_spec_read(c, s, &err);
        if (r >= 0 && !answer_running(c, s)) {
                struct applicant *x = xcalloc(1, sizeof *x);
                *x = (struct applicant){.c = call_ref(c), .s = s, .asked_ms = clock_wall_ms()};
                apply(x);
                return;
        }
        if (r < 0)
                call_fail_err(c, &err);
        sandbox_spec_done(s);
        free(s);
}
