#include "api/handlers.h"
#include "api/job_json.h"
#include "api/run.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include <inttypes.h>

#define PULSE_MS   15000 /* a comment, so that a client that went away is noticed */
#define EVENTS_MAX (256u << 10)

/* ---- POST ---- */

struct request {
        char prefix[PATH_TEXT_MAX + 1];
        bool force;
};

static int accept_job(struct call *c, const struct volume *v, const struct request *rq,
                      const char *id, struct err *err)
{
        json_t *spec = json_pack("{s:s,s:s,s:s,s:b}", "volume", v->name, "volume_id", v->id,
                                 "prefix", rq->prefix, "force", (int)rq->force);
        auto_free char *text = json_text(spec);
        json_decref(spec);
        struct job_row row = {.id = id,
                              .kind = "index",
                              .owner = c->who.user.id,
                              .created_ms = clock_wall_ms(),
                              .spec = text};
        return jobs_accept(c->api->db, &row, err);
}

static void start_run(struct call *c, const struct volume *v, const struct request *rq)
{
        struct err err = {0};
        struct run *x = run_find_waiting(c->api, v->id, rq->prefix, rq->force);
        struct id id = id_new();
        if (!x) {
                if (accept_job(c, v, rq, id.s, &err) < 0) {
                        call_fail_err(c, &err);
                        return;
                }
                x = run_new(c->api, id.s, c->who.user.id, v->id, rq->prefix, rq->force);
        }
        memcpy(id.s, x->live.id, sizeof id.s);
        run_start_waiting(c->api);
        json_t *o = job_load(c->api, id.s);
        call_json(c, 202, o ? o : json_pack("{s:s}", "id", id.s));
}

void index_post(struct call *c)
{
        auto_free struct request *rq = xcalloc(1, sizeof *rq);
        char volume[NAME_TEXT_MAX + 1] = "";
        struct volume v;
        struct err err = {0};
        int r = json_read_str(c->body, "volume", JSON_OPTIONAL, volume, sizeof volume, &err);
        if (r >= 0)
                r = json_read_str(c->body, "prefix", JSON_OPTIONAL, rq->prefix, sizeof rq->prefix,
                                  &err);
        if (r >= 0 && rq->prefix[0] && !str_is_subpath(rq->prefix))
                r = err_set(&err, -EINVAL, "prefix: not a path inside a volume");
        if (r >= 0)
                r = json_read_bool(c->body, "force", JSON_OPTIONAL, &rq->force, &err);
        if (r < 0)
                call_fail_err(c, &err);
        else if (volume_need(c, volume, &v))
                start_run(c, &v, rq);
}

/* ---- events ---- */

struct subscriber {
        struct call *c;
        struct live_watch watch;
        struct loop_timer *pulse;
        struct buf out;
        uint64_t last; /* number of the last event that was put */
        bool end_put;
        char id[ID_TEXT_LEN + 1];
};

static void subscriber_free(void *ctx)
{
        struct subscriber *s = ctx;
        live_unwatch(&s->watch);
        loop_timer_remove(s->pulse);
        buf_done(&s->out);
        free(s);
}

static int put_event(struct subscriber *s, const char *name, uint64_t number, const char *data)
{
        s->last = number;
        return buf_addf(&s->out, "id: %" PRIu64 "\nevent: %s\ndata: %s\n\n", number, name, data);
}

/* Problems that were not told yet, then the latest state: what lies between is of no use. */
static int put_progress(struct subscriber *s, const struct run *x)
{
        int r = 0;
        for (size_t i = 0; i < x->n_notes && r == 0 && s->out.len < EVENTS_MAX / 2; i++)
                if (x->notes[i].event > s->last)
                        r = put_event(s, "progress", x->notes[i].event, x->notes[i].text);
        if (r == 0 && s->out.len < EVENTS_MAX / 2 && x->latest && x->event > s->last)
                r = put_event(s, "progress", x->event, x->latest);
        return r;
}

static int put_end(struct subscriber *s)
{
        json_t *job = job_load(s->c->api, s->id);
        auto_free char *text = json_text(job ? json_object_get(job, "result") : NULL);
        json_decref(job);
        s->end_put = true;
        return put_event(s, "end", s->last + 1, text);
}

static ssize_t events_source(void *ctx, char *dst, size_t max)
{
        struct subscriber *s = ctx;
        int r = 0;
        if (s->out.len == 0 && s->watch.job && !s->end_put)
                r = put_progress(s, (struct run *)s->watch.job);
        else if (s->out.len == 0 && !s->end_put)
                r = put_end(s);
        if (r < 0)
                return HTTP_SOURCE_ABORT;
        if (s->out.len == 0)
                return s->end_put ? HTTP_SOURCE_END : 0;
        size_t n = s->out.len < max ? s->out.len : max;
        memcpy(dst, s->out.data, n);
        buf_consume(&s->out, n);
        return (ssize_t)n;
}

/* Put at once: when the run has ended there is nobody to ask any more. */
static void told(void *ctx, enum live_event ev)
{
        struct subscriber *s = ctx;
        if (ev == LIVE_PROGRESS && s->out.len < EVENTS_MAX / 2 &&
            put_progress(s, (struct run *)s->watch.job) < 0)
                s->end_put = true;      /* no memory: what is there is sent, then it is closed */
        s->end_put |= ev == LIVE_DRAIN; /* the client comes back and asks again */
        if (s->c->rq)
                http_reply_more(s->c->rq);
}

static void pulse(void *ctx)
{
        struct subscriber *s = ctx;
        s->pulse = loop_timer_add(s->c->api->env.loop, PULSE_MS, pulse, s);
        if (s->out.len == 0 && !s->end_put && buf_adds(&s->out, ":\n\n") == 0)
                http_reply_more(s->c->rq);
}

void index_events(struct call *c)
{
        char id[ID_TEXT_LEN + 1];
        const char *from = http_header(c->rq, "Last-Event-ID");
        json_t *o = job_of_call(c, "index", id);
        if (!o)
                return;
        json_decref(o);
        struct subscriber *s = xcalloc(1, sizeof *s);
        s->c = c;
        buf_init(&s->out, EVENTS_MAX);
        memcpy(s->id, id, sizeof s->id);
        s->watch = (struct live_watch){.fn = told, .ctx = s};
        struct live *job = live_find(c->api, id, LIVE_RUN);
        if (from && str_to_u64(from, &s->last) < 0)
                s->last = 0;
        /* Numbers of an earlier life of this role say nothing now. */
        if (job && s->last > ((struct run *)job)->event)
                s->last = 0;
        if (job)
                live_watch(job, &s->watch);
        c->over_fn = subscriber_free;
        c->over_ctx = s;
        s->pulse = loop_timer_add(c->api->env.loop, PULSE_MS, pulse, s);
        http_reply_stream(c->rq, 200, "text/event-stream", HTTP_UNKNOWN, events_source, s);
}
