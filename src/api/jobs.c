#include "api/box.h"
#include "api/handlers.h"
#include "api/job_json.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"

#define LIST_DEFAULT    100
#define WAIT_DEFAULT_MS 30000
#define WAIT_MAX_MS     600000
#define LOGS_TYPE       "application/vnd.paddock.stream"

static void add_row(void *ctx, const struct job_row *row)
{
        json_array_append_new(ctx, job_object(row));
}

void jobs_answer_list(struct call *c, const char *kind, const char *key)
{
        uint64_t limit;
        const char *before = call_query(c, "before");
        if (!call_query_u64(c, "limit", LIST_DEFAULT, 1, 1000, &limit))
                return;
        bool all = c->who.is_operator && call_query_bool(c, "all");
        json_t *list = json_array();
        struct err err = {0};
        int r = jobs_list(c->api->db, all ? -1 : c->who.user.id, kind, before ? before : "",
                          (uint32_t)limit, add_row, list, &err);
        if (r < 0) {
                json_decref(list);
                call_fail_err(c, &err);
                return;
        }
        call_json(c, 200, json_pack("{s:o}", key, list));
}

void jobs_get_all(struct call *c)
{
        jobs_answer_list(c, "", "jobs");
}

/* ---- finding one ---- */

struct found {
        json_t *object;
        int64_t owner;
        char id[ID_TEXT_LEN + 1];
        char name[NAME_TEXT_MAX + 1];
        char kind[16];
};

static void take_row(void *ctx, const struct job_row *row)
{
        struct found *f = ctx;
        f->object = job_object(row);
        f->owner = row->owner;
        snprintf(f->id, sizeof f->id, "%s", row->id);
        snprintf(f->name, sizeof f->name, "%s", row->name);
        snprintf(f->kind, sizeof f->kind, "%s", row->kind);
}

json_t *job_load(struct api *a, const char *id)
{
        struct found f = {0};
        return jobs_get(a->db, id, take_row, &f, NULL) > 0 ? f.object : NULL;
}

static bool visible(const struct call *c, const struct found *f, const char *kind)
{
        if (kind && !str_eq(f->kind, kind))
                return false;
        if (c->who.only[0] && !str_eq(c->who.only, f->name))
                return false;
        return f->owner == c->who.user.id || c->who.is_operator;
}

json_t *job_of_call(struct call *c, const char *kind, char ret_id[ID_TEXT_LEN + 1])
{
        const char *which = call_param(c, "id");
        struct found f = {0};
        struct err err = {0};
        int r = 0;
        if (id_valid(which))
                r = jobs_get(c->api->db, which, take_row, &f, &err);
        if (r == 0 && str_is_name(which))
                r = jobs_get_named(c->api->db, c->who.user.id, which, take_row, &f, &err);
        if (r < 0) {
                call_fail_err(c, &err);
                return NULL;
        }
        if (r == 0 || !visible(c, &f, kind)) {
                json_decref(f.object);
                call_fail(c, -ENOENT, "there is no %s '%.63s'", kind ? kind : "job", which);
                return NULL;
        }
        memcpy(ret_id, f.id, sizeof f.id);
        return f.object;
}

static struct live *live_of(struct api *a, const char *id)
{
        struct live *j = live_find(a, id, LIVE_BOX);
        if (!j)
                j = live_find(a, id, LIVE_RUN);
        return j ? j : live_find(a, id, LIVE_BUILD);
}

void job_get(struct call *c)
{
        char id[ID_TEXT_LEN + 1];
        json_t *o = job_of_call(c, NULL, id);
        if (o)
                call_json(c, 200, o);
}

/* ---- wait ---- */

struct wait {
        struct call *c;
        struct live_watch watch;
        struct loop_timer *timer;
        char id[ID_TEXT_LEN + 1];
};

static void wait_done(struct wait *w)
{
        live_unwatch(&w->watch);
        loop_timer_remove(w->timer);
        w->c->over_fn = NULL;
        json_t *o = w->c->rq ? job_load(w->c->api, w->id) : NULL;
        if (o)
                call_json(w->c, 200, o);
        else
                call_fail(w->c, -ENOENT, "the job was removed");
        call_unref(w->c);
        free(w);
}

static void wait_told(void *ctx, enum live_event ev)
{
        if (ev == LIVE_ENDED || ev == LIVE_DRAIN)
                wait_done(ctx);
}

static void wait_timeout(void *ctx)
{
        struct wait *w = ctx;
        w->timer = NULL;
        wait_done(w);
}

static void wait_gone(void *ctx)
{
        wait_done(ctx);
}

/* The job as it is at its end, or when the time is up: `state` tells. */
void job_wait(struct call *c)
{
        char id[ID_TEXT_LEN + 1];
        uint64_t timeout;
        if (!call_query_u64(c, "timeout_ms", WAIT_DEFAULT_MS, 0, WAIT_MAX_MS, &timeout))
                return;
        json_t *o = job_of_call(c, NULL, id);
        if (!o)
                return;
        struct live *job = live_of(c->api, id);
        if (!job || timeout == 0) {
                call_json(c, 200, o);
                return;
        }
        json_decref(o);
        struct wait *w = xcalloc(1, sizeof *w);
        w->c = call_ref(c);
        memcpy(w->id, id, sizeof w->id);
        w->watch = (struct live_watch){.fn = wait_told, .ctx = w};
        w->timer = loop_timer_add(c->api->env.loop, timeout, wait_timeout, w);
        c->over_fn = wait_gone;
        c->over_ctx = w;
        live_watch(job, &w->watch);
}

/* ---- logs: stored output as frames of stream.h ---- */

struct logs {
        struct call *c;
        struct live_watch watch;
        struct outlog_cursor cursor;
        struct buf out;
        bool follow, result_put;
        char id[ID_TEXT_LEN + 1];
};

static void logs_free(void *ctx)
{
        struct logs *l = ctx;
        live_unwatch(&l->watch);
        outlog_read_close(&l->cursor);
        buf_done(&l->out);
        free(l);
}

static int put_result(struct logs *l)
{
        json_t *o = job_load(l->c->api, l->id);
        json_t *result = o ? json_object_get(o, "result") : NULL;
        int r = 0;
        if (result && !json_is_null(result)) {
                auto_free char *text = json_text(result);
                r = stream_put(&l->out, STREAM_RESULT, text, strlen(text));
        }
        json_decref(o);
        l->result_put = true;
        return r;
}

static int fill(struct logs *l)
{
        char chunk[32768];
        enum stream_type stream;
        uint64_t at = l->cursor.offset;
        int64_t n = outlog_read(&l->cursor, chunk, sizeof chunk, &stream);
        if (n > 0)
                return stream_put_output(&l->out, stream, at, chunk, (size_t)n);
        if (n == 0 && !l->watch.job && !l->result_put)
                return put_result(l);
        return (int)n;
}

static ssize_t logs_source(void *ctx, char *dst, size_t max)
{
        struct logs *l = ctx;
        if (l->out.len == 0 && fill(l) < 0)
                return HTTP_SOURCE_ABORT;
        if (l->out.len == 0)
                return l->follow && l->watch.job ? 0 : HTTP_SOURCE_END;
        size_t n = l->out.len < max ? l->out.len : max;
        memcpy(dst, l->out.data, n);
        buf_consume(&l->out, n);
        return (ssize_t)n;
}

static void logs_told(void *ctx, enum live_event ev)
{
        struct logs *l = ctx;
        l->follow &= ev != LIVE_DRAIN;
        if (ev != LIVE_DIRECT && l->c->rq)
                http_reply_more(l->c->rq);
}

void job_logs(struct call *c)
{
        char id[ID_TEXT_LEN + 1];
        uint64_t offset;
        if (!call_query_u64(c, "offset", 0, 0, INT64_MAX, &offset))
                return;
        json_t *o = job_of_call(c, NULL, id);
        if (!o)
                return;
        json_decref(o);
        struct logs *l = xcalloc(1, sizeof *l);
        l->cursor.fd = -1;
        buf_init(&l->out, 2 * STREAM_FRAME_MAX);
        l->c = c; /* outlives us: over_fn is called before it goes */
        c->over_fn = logs_free;
        c->over_ctx = l;
        memcpy(l->id, id, sizeof l->id);
        int r = outlog_read_open(c->api->logs_fd, id, &l->cursor);
        if (r < 0) {
                call_fail(c, r, "the stored output cannot be read");
                return;
        }
        outlog_seek(&l->cursor, offset);
        l->follow = call_query_bool(c, "follow");
        l->watch = (struct live_watch){.fn = logs_told, .ctx = l};
        struct live *job = live_of(c->api, id);
        if (job)
                live_watch(job, &l->watch);
        http_reply_stream(c->rq, 200, LOGS_TYPE, HTTP_UNKNOWN, logs_source, l);
}
