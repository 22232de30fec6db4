#include "net/ws.h"
#include "base/mem.h"
#include "base/str.h"
#include <assert.h>
#include <wslay/wslay.h>

#define QUEUE_ENOUGH 16 /* messages on their way out, answers to pings included */

struct ws {
        wslay_event_context_ptr ctx;
        ws_sink_fn sink;
        void *sink_ctx;
        const char *in; /* being fed */
        size_t in_n;
        struct buf *out; /* being flushed */
        uint8_t opcode;  /* of the frame that is coming */
        bool ended;      /* a close frame of ours is on its way */
};

static ssize_t take(wslay_event_context_ptr ctx, uint8_t *dst, size_t n, int flags UNUSED,
                    void *user)
{
        struct ws *w = user;
        if (w->in_n == 0) {
                wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
                return -1;
        }
        n = n < w->in_n ? n : w->in_n;
        memcpy(dst, w->in, n);
        w->in += n;
        w->in_n -= n;
        return (ssize_t)n;
}

static ssize_t give(wslay_event_context_ptr ctx, const uint8_t *p, size_t n, int flags UNUSED,
                    void *user)
{
        struct ws *w = user;
        size_t room = w->out->max - w->out->len;
        n = n < room ? n : room;
        if (n == 0 || buf_add(w->out, p, n) < 0) {
                wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
                return -1;
        }
        return (ssize_t)n;
}

static void begins(wslay_event_context_ptr ctx UNUSED,
                   const struct wslay_event_on_frame_recv_start_arg *arg, void *user)
{
        struct ws *w = user;
        w->opcode = arg->opcode;
        if (arg->opcode == WSLAY_TEXT_FRAME)
                ws_end(w, WS_KIND, "binary messages only");
}

/* Also the bytes of control frames come this way: they are no one's but the library's. */
static void chunk(wslay_event_context_ptr ctx UNUSED,
                  const struct wslay_event_on_frame_recv_chunk_arg *arg, void *user)
{
        struct ws *w = user;
        bool data = w->opcode == WSLAY_BINARY_FRAME || w->opcode == WSLAY_CONTINUATION_FRAME;
        if (data && !w->ended && arg->data_length &&
            w->sink(w->sink_ctx, arg->data, arg->data_length) < 0)
                ws_end(w, WS_BAD, "too much at once");
}

static void whole(wslay_event_context_ptr ctx UNUSED, const struct wslay_event_on_msg_recv_arg *arg,
                  void *user)
{
        struct ws *w = user;
        if (arg->opcode == WSLAY_CONNECTION_CLOSE)
                w->ended = true; /* the library has put its answer into the queue */
}

struct ws *ws_new(ws_sink_fn sink, void *ctx)
{
        static const struct wslay_event_callbacks calls = {.recv_callback = take,
                                                           .send_callback = give,
                                                           .on_frame_recv_start_callback = begins,
                                                           .on_frame_recv_chunk_callback = chunk,
                                                           .on_msg_recv_callback = whole};
        struct ws *w = xcalloc(1, sizeof *w);
        w->sink = sink;
        w->sink_ctx = ctx;
        int r = wslay_event_context_server_init(&w->ctx, &calls, w);
        assert(r == 0); /* only for want of memory */
        /* Messages go to the sink as they come, so their length needs no bound. */
        wslay_event_config_set_no_buffering(w->ctx, 1);
        wslay_event_config_set_max_recv_msg_length(w->ctx, INT64_MAX);
        return w;
}

void ws_free(struct ws *w)
{
        if (!w)
                return;
        wslay_event_context_free(w->ctx);
        free(w);
}

int ws_feed(struct ws *w, const void *p, size_t n)
{
        w->in = p;
        w->in_n = n;
        int r = wslay_event_recv(w->ctx);
        if (r == WSLAY_ERR_NOMEM)
                return -ENOMEM;
        return r < 0 || w->ended || !wslay_event_get_read_enabled(w->ctx) ? -EPIPE : 0;
}

static int queue(struct ws *w, uint8_t opcode, const void *p, size_t n)
{
        struct wslay_event_msg m = {opcode, p, n};
        int r = wslay_event_queue_msg(w->ctx, &m);
        return r == 0 ? 0 : r == WSLAY_ERR_NOMEM ? -ENOMEM : -EPIPE;
}

int ws_send(struct ws *w, const void *p, size_t n)
{
        return queue(w, WSLAY_BINARY_FRAME, p, n);
}

void ws_ping(struct ws *w)
{
        (void)!queue(w, WSLAY_PING, NULL, 0); /* one that is closing needs none */
}

int ws_flush(struct ws *w, struct buf *out)
{
        w->out = out;
        int r = wslay_event_send(w->ctx);
        w->out = NULL;
        if (r == WSLAY_ERR_NOMEM)
                return -ENOMEM;
        return wslay_event_want_write(w->ctx) ? -E2BIG : 0;
}

bool ws_busy(const struct ws *w)
{
        return wslay_event_get_queued_msg_count(w->ctx) > QUEUE_ENOUGH;
}

bool ws_over(const struct ws *w)
{
        return wslay_event_get_close_received(w->ctx);
}

void ws_end(struct ws *w, enum ws_code code, const char *reason)
{
        if (!w->ended)
                (void)!wslay_event_queue_close(w->ctx, (uint16_t)code, (const uint8_t *)reason,
                                               strlen(reason));
        w->ended = true;
}
