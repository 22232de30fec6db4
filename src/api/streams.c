/* GET /v1/sandboxes/{id}/stream: a client attached to a sandbox, as net/stream.h has it. */
#include "api/handlers.h"
#include "api/stream_impl.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#define LINGER_MS 3000 /* for the client to close after the last frame */

static void viewer_free(struct viewer *v)
{
        struct live *job = v->watch.job;
        live_unwatch(&v->watch);
        loop_io_remove(v->io);
        loop_timer_remove(v->linger);
        loop_timer_remove(v->ping);
        channel_close(&v->ch);
        outlog_read_close(&v->cursor);
        buf_done(&v->in);
        buf_done(&v->out);
        *v->at = v->next;
        if (v->next)
                v->next->at = v->at;
        free(v);
        if (job)
                box_resume((struct box *)job);
}

static void viewer_ready(void *ctx, uint32_t events);

static void linger_over(void *ctx)
{
        struct viewer *v = ctx;
        v->linger = NULL;
        viewer_free(v);
}

/* All is sent. The socket is closed when the client has closed: to close it with bytes of its
 * stdin unread would reset the connection, and RESULT could be lost on the way. */
static void say_goodbye(struct viewer *v)
{
        live_unwatch(&v->watch);
        channel_hang_up(&v->ch);
        loop_io_events(v->io, v->events = EPOLLIN);
        v->linger = loop_timer_add(v->api->env.loop, LINGER_MS, linger_over, v);
}

/* Sends what there is and says what to wait for; frees the viewer when it is done. */
static void go_on(struct viewer *v)
{
        viewer_fill(v);
        /* The socket may take at once all that was prepared, and nothing else will wake us for what
         * is still in the log. */
        bool more = v->out.len >= OUT_ENOUGH;
        int r = channel_give(&v->ch, &v->out);
        if (r == 0 && v->last_put && v->out.len == 0) {
                channel_end(&v->ch, v->code);
                r = channel_give(&v->ch, &v->out);
        }
        if (r < 0) {
                viewer_free(v);
                return;
        }
        bool pending = v->out.len || channel_pending(&v->ch);
        if (v->last_put && !pending) {
                say_goodbye(v);
                return;
        }
        bool takes = !v->stdin_blocked && !v->last_put && channel_takes(&v->ch);
        uint32_t want = (pending || more ? EPOLLOUT : 0) | (takes ? EPOLLIN : 0);
        if (want != v->events)
                loop_io_events(v->io, v->events = want);
        if (v->watch.job && v->out.len < OUT_ENOUGH)
                box_resume(viewer_box(v));
}

static void viewer_ready(void *ctx, uint32_t events)
{
        struct viewer *v = ctx;
        int r = 0;
        if (events & (EPOLLERR | EPOLLHUP))
                r = -EPIPE;
        else if (v->linger)
                r = channel_drain(&v->ch);
        else if (events & EPOLLIN)
                r = viewer_receive(v);
        if (r < 0) {
                (void)!channel_give(&v->ch, &v->out); /* the answer to its goodbye */
                viewer_free(v);
        } else if (!v->linger) {
                go_on(v);
        }
}

static void ping(void *ctx)
{
        struct viewer *v = ctx;
        v->ping = NULL;
        if (!channel_ping(&v->ch) && !v->stdin_blocked) {
                viewer_free(v);
                return;
        }
        v->ping = loop_timer_add(v->api->env.loop, CHANNEL_PING_MS, ping, v);
        if (!v->linger)
                go_on(v);
}

/* Bytes that are stored nowhere. Whoever came late continues here: the offsets show the gap. */
static void take_direct(struct viewer *v)
{
        struct box *b = viewer_box(v);
        if (v->cursor.offset < outlog_stored(b->log) || v->last_put)
                return;
        if (stream_put_output(&v->out, b->direct_stream, b->direct_offset, b->direct,
                              b->direct_n) == 0)
                v->cursor.offset = b->direct_offset + b->direct_n;
}

static void viewer_told(void *ctx, enum live_event ev)
{
        struct viewer *v = ctx;
        if (v->call || v->linger)
                return;
        if (ev == LIVE_DIRECT)
                take_direct(v);
        if (ev == LIVE_STDIN)
                viewer_take(v);
        go_on(v);
}

/* It has all that is stored and little on its way: it can take bytes that are nowhere else. */
static bool direct_ready(void *ctx)
{
        struct viewer *v = ctx;
        struct box *b = viewer_box(v);
        if (v->call)
                return true; /* not there yet */
        return v->last_put ||
               (v->out.len < OUT_ENOUGH && v->cursor.offset >= outlog_stored(b->log));
}

static void put_hello(struct viewer *v)
{
        /* The client goes on from here: what it sent before, to this server or the one before a
         * restart, has arrived or is sent again. */
        v->stdin_at = outlog_read_stdin(&v->cursor);
        json_t *job = job_load(v->api, v->id);
        json_t *enforcement = job ? json_object_get(job, "enforcement") : NULL;
        json_t *o = json_pack("{s:s,s:I,s:I,s:O}", "id", v->id, "offset",
                              (json_int_t)v->cursor.offset, "stdin_offset", (json_int_t)v->stdin_at,
                              "enforcement", enforcement ? enforcement : json_null());
        auto_free char *text = json_text(o);
        json_decref(o);
        json_decref(job);
        viewer_put(v, STREAM_HELLO, text, strlen(text));
}

static void have_socket(void *ctx, int fd, const char *early, size_t n)
{
        struct viewer *v = ctx;
        if (fd < 0)
                return; /* over() frees it */
        v->call->over_fn = NULL;
        v->call = NULL;
        if (channel_open(&v->ch, v->kind, fd) < 0)
                log_warn("stream.socket", kv("id", (const char *)v->id));
        v->events = EPOLLIN;
        v->io = loop_io_add(v->api->env.loop, fd, v->events, viewer_ready, v);
        put_hello(v);
        if (v->kind == CHANNEL_WS)
                v->ping = loop_timer_add(v->api->env.loop, CHANNEL_PING_MS, ping, v);
        if (channel_early(&v->ch, &v->in, early, n) < 0)
                viewer_error(v, "what was sent early cannot be taken");
        else
                viewer_take(v);
        go_on(v);
}

/* The request is over and no socket came. */
static void over(void *ctx)
{
        viewer_free(ctx);
}

/* A stream may begin nowhere behind what has been put out. */
static bool offsets_fit(struct call *c, const struct box *b, uint64_t offset, uint64_t stdin_at)
{
        if (!b || !b->log)
                return true;
        if (offset > outlog_stored(b->log) + outlog_dropped(b->log)) {
                call_fail(c, -EINVAL, "offset: there is not so much output");
                return false;
        }
        if (stdin_at > outlog_stdin(b->log)) {
                call_fail(c, -EINVAL, "stdin_offset: the sandbox has got fewer bytes");
                return false;
        }
        return true;
}

void stream_answer(struct call *c, const char *id)
{
        uint64_t offset, stdin_at;
        if (!call_query_u64(c, "offset", 0, 0, INT64_MAX, &offset))
                return;
        struct box *b = box_find(c->api, id);
        uint64_t reached = b && b->log ? outlog_stdin(b->log) : 0;
        if (!call_query_u64(c, "stdin_offset", reached, 0, INT64_MAX, &stdin_at) ||
            !offsets_fit(c, b, offset, stdin_at))
                return;
        enum channel_kind kind;
        struct err err = {0};
        int r = channel_asked(c->rq, &kind, &err);
        if (r < 0) {
                call_fail_err(c, &err);
                return;
        }
        struct outlog_cursor cursor;
        r = outlog_read_open(c->api->logs_fd, id, &cursor);
        if (r < 0) {
                call_fail(c, r, "the stored output cannot be read");
                return;
        }
        outlog_seek(&cursor, offset);
        struct viewer *v = xcalloc(1, sizeof *v);
        *v = (struct viewer){.api = c->api,
                             .kind = kind,
                             .code = WS_DONE,
                             .cursor = cursor,
                             .stdin_at = stdin_at,
                             .call = c};
        snprintf(v->id, sizeof v->id, "%s", id);
        channel_init(&v->ch);
        buf_init(&v->in, 4 * (STREAM_FRAME_MAX + STREAM_HEAD));
        buf_init(&v->out, 8 * (STREAM_FRAME_MAX + STREAM_HEAD));
        v->watch = (struct live_watch){.fn = viewer_told, .direct_ready = direct_ready, .ctx = v};
        if (b)
                live_watch(&b->live, &v->watch);
        v->next = c->api->viewers;
        v->at = &c->api->viewers;
        if (v->next)
                v->next->at = &v->next;
        c->api->viewers = v;
        c->over_fn = over;
        c->over_ctx = v;
        http_upgrade(c->rq, channel_protocol(kind), have_socket, v);
}

void sandbox_stream(struct call *c)
{
        char id[ID_TEXT_LEN + 1];
        json_t *o = job_of_call(c, "sandbox", id);
        json_decref(o);
        if (o)
                stream_answer(c, id);
}

void streams_cut(struct api *a)
{
        for (struct viewer *v = a->viewers, *next; v; v = next) {
                next = v->next;
                if (v->call) /* it goes with its request */
                        continue;
                channel_end(&v->ch, WS_GOING);
                (void)!channel_give(&v->ch, &v->out);
                viewer_free(v);
        }
}
