#include "api/events.h"
#include "api/handlers.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include <inttypes.h>

#define OUT_MAX  (256u << 10) /* a watcher that does not read so much is cut off */
#define PULSE_MS 15000        /* a comment, so that nothing between us takes it for dead */

struct event {
        uint64_t number;
        int64_t owner;
        char sandbox[ID_TEXT_LEN + 1];
        char type[16];
        char *text; /* JSON; NULL: empty place */
};

struct watcher {
        struct call *c;
        struct watcher *next, **at;
        struct loop_timer *pulse;
        struct buf out;
        char sandbox[ID_TEXT_LEN + 1]; /* "" all of the owner's */
        int64_t owner;                 /* -1 everybody's */
        bool ends;                     /* nothing follows what is in `out` */
};

struct events {
        struct event ring[EVENTS_KEPT];
        uint64_t last; /* number of the newest */
        struct watcher *watchers;
};

struct events *events_new(void)
{
        struct events *e = xcalloc(1, sizeof *e);
        /* Numbers of an earlier life of this role are below ours. */
        e->last = clock_wall_ms() * 1000;
        return e;
}

void events_free(struct events *e)
{
        if (!e)
                return;
        for (size_t i = 0; i < EVENTS_KEPT; i++)
                free(e->ring[i].text);
        free(e);
}

static bool wants(const struct watcher *w, const struct event *ev)
{
        if (w->sandbox[0])
                return str_eq(w->sandbox, ev->sandbox);
        return w->owner < 0 || w->owner == ev->owner;
}

static void put(struct watcher *w, const struct event *ev)
{
        if (w->ends || !wants(w, ev))
                return;
        if (buf_addf(&w->out, "id: %" PRIu64 "\nevent: %s\ndata: %s\n\n", ev->number, ev->type,
                     ev->text) < 0)
                w->ends = true; /* it comes back and names the last one it has */
        w->ends |= w->sandbox[0] && str_eq(ev->type, "ended");
}

void event_tell(struct api *a, const char *type, const char *sandbox, int64_t owner, json_t *data)
{
        struct events *e = a->events;
        struct event *ev = &e->ring[++e->last % EVENTS_KEPT];
        json_t *o = json_pack("{s:s,s:s,s:I}", "event", type, "sandbox", sandbox, "time_ms",
                              (json_int_t)clock_wall_ms());
        if (data)
                json_object_update(o, data);
        json_decref(data);
        free(ev->text);
        *ev = (struct event){.number = e->last, .owner = owner, .text = json_text(o)};
        json_decref(o);
        snprintf(ev->sandbox, sizeof ev->sandbox, "%s", sandbox);
        snprintf(ev->type, sizeof ev->type, "%s", type);
        for (struct watcher *w = e->watchers; w; w = w->next) {
                put(w, ev);
                if (w->c->rq)
                        http_reply_more(w->c->rq);
        }
}

void events_drain(struct api *a)
{
        for (struct watcher *w = a->events->watchers; w; w = w->next) {
                w->ends = true;
                if (w->c->rq)
                        http_reply_more(w->c->rq);
        }
}

/* ---- GET ---- */

static void watcher_free(void *ctx)
{
        struct watcher *w = ctx;
        loop_timer_remove(w->pulse);
        buf_done(&w->out);
        *w->at = w->next;
        if (w->next)
                w->next->at = w->at;
        free(w);
}

static ssize_t source(void *ctx, char *dst, size_t max)
{
        struct watcher *w = ctx;
        if (w->out.len == 0)
                return w->ends ? HTTP_SOURCE_END : 0;
        size_t n = w->out.len < max ? w->out.len : max;
        memcpy(dst, w->out.data, n);
        buf_consume(&w->out, n);
        return (ssize_t)n;
}

static void pulse(void *ctx)
{
        struct watcher *w = ctx;
        w->pulse = loop_timer_add(w->c->api->env.loop, PULSE_MS, pulse, w);
        if (w->out.len == 0 && !w->ends && buf_adds(&w->out, ":\n\n") == 0)
                http_reply_more(w->c->rq);
}

static void replay(struct watcher *w, uint64_t after)
{
        const struct events *e = w->c->api->events;
        for (uint64_t n = e->last > EVENTS_KEPT ? e->last - EVENTS_KEPT + 1 : 1; n <= e->last;
             n++) {
                const struct event *ev = &e->ring[n % EVENTS_KEPT];
                if (ev->text && ev->number == n && n > after)
                        put(w, ev);
        }
}

/* It ended before all that is remembered here: the store knows. */
static void put_stored_end(struct watcher *w, const json_t *job)
{
        auto_free char *text = json_text(json_object_get(job, "result"));
        if (w->ends || !str_eq(json_string_value(json_object_get(job, "state")), "ended"))
                return;
        if (buf_addf(&w->out,
                     "event: ended\ndata: {\"event\":\"ended\",\"sandbox\":\"%s\",\"time_ms\":%lld,"
                     "\"result\":%s}\n\n",
                     w->sandbox, (long long)json_integer_value(json_object_get(job, "ended_ms")),
                     text) == 0)
                w->ends = true;
}

static void watch(struct call *c, const char *sandbox, int64_t owner, const json_t *job)
{
        const char *from = http_header(c->rq, "Last-Event-ID");
        struct events *e = c->api->events;
        struct watcher *w = xcalloc(1, sizeof *w);
        uint64_t after = 0;
        *w = (struct watcher){.c = c, .owner = owner, .next = e->watchers, .at = &e->watchers};
        snprintf(w->sandbox, sizeof w->sandbox, "%s", sandbox);
        buf_init(&w->out, OUT_MAX);
        if (w->next)
                w->next->at = &w->next;
        e->watchers = w;
        c->over_fn = watcher_free;
        c->over_ctx = w;
        /* Of one sandbox all that is known; of all only what comes, or what was missed. */
        if (from && str_to_u64(from, &after) < 0)
                after = 0;
        if (from || job)
                replay(w, after);
        if (job)
                put_stored_end(w, job);
        w->pulse = loop_timer_add(c->api->env.loop, PULSE_MS, pulse, w);
        http_reply_stream(c->rq, 200, "text/event-stream", HTTP_UNKNOWN, source, w);
}

void sandbox_events(struct call *c)
{
        char id[ID_TEXT_LEN + 1];
        json_t *o = job_of_call(c, "sandbox", id);
        if (o)
                watch(c, id, c->who.user.id, o);
        json_decref(o);
}

void sandboxes_events(struct call *c)
{
        bool all = c->who.is_operator && call_query_bool(c, "all");
        watch(c, "", all ? -1 : c->who.user.id, NULL);
}
