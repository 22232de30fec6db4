/* The frames of a stream: output and the result to the client; stdin, signals and sizes from it. */
#include "api/handlers.h"
#include "api/stream_impl.h"
#include "base/mem.h"
#include "base/str.h"

struct box *viewer_box(const struct viewer *v)
{
        return (struct box *)v->watch.job;
}

void viewer_put(struct viewer *v, enum stream_type type, const void *p, size_t n)
{
        if (!v->last_put && stream_put(&v->out, type, p, n) < 0)
                v->last_put = true; /* no memory: what is there is sent, then we hang up */
}

void viewer_error(struct viewer *v, const char *text)
{
        viewer_put(v, STREAM_ERROR, text, strlen(text));
        v->last_put = true;
        v->code = WS_BAD;
}

/* ---- to the client ---- */

static void put_result(struct viewer *v)
{
        json_t *o = job_load(v->api, v->id);
        json_t *result = o ? json_object_get(o, "result") : NULL;
        if (result && !json_is_null(result)) {
                auto_free char *text = json_text(result);
                viewer_put(v, STREAM_RESULT, text, strlen(text));
                v->last_put = true;
        } else {
                viewer_error(v, "the sandbox was removed");
        }
        json_decref(o);
}

void viewer_fill(struct viewer *v)
{
        char chunk[STREAM_FRAME_MAX - 8];
        while (!v->last_put && v->out.len < OUT_ENOUGH) {
                enum stream_type stream;
                uint64_t at = v->cursor.offset;
                int64_t n = outlog_read(&v->cursor, chunk, sizeof chunk, &stream);
                if (n < 0)
                        viewer_error(v, "the stored output cannot be read");
                else if (n == 0 && !v->watch.job)
                        put_result(v);
                else if (n == 0)
                        return;
                else if (stream_put_output(&v->out, stream, at, chunk, (size_t)n) < 0)
                        v->last_put = true;
        }
}

/* ---- from the client ---- */

/* 1 = the frame is done with, 0 = the sandbox takes no more now. */
static int give_stdin(struct viewer *v, const struct stream_frame *f)
{
        struct box *b = viewer_box(v);
        uint64_t have = b && b->log ? outlog_stdin(b->log) : 0;
        while (b && v->stdin_used < f->len) {
                size_t left = f->len - v->stdin_used;
                uint64_t at = v->stdin_at + v->stdin_used;
                if (b->log && at > have && !outlog_stdin_ended(b->log)) {
                        viewer_error(v, "stdin: bytes are missing before this offset");
                        return 1;
                }
                /* What the sandbox has already is not given twice. */
                int64_t n = b->log && have > at ? (int64_t)(have - at < left ? have - at : left)
                                                : box_stdin(b, f->data + v->stdin_used, left);
                if (n == -EAGAIN)
                        return 0;
                if (n < 0)
                        break; /* it has closed its stdin: the rest goes nowhere, as in a pipe */
                v->stdin_used += (size_t)n;
                have = b->log ? outlog_stdin(b->log) : 0;
        }
        v->stdin_at += f->len;
        v->stdin_used = 0;
        return 1;
}

static void ack(struct viewer *v)
{
        struct box *b = viewer_box(v);
        char le[8];
        if (!b || !b->log)
                return;
        uint64_t n = outlog_stdin(b->log);
        for (int i = 0; i < 8; i++)
                le[i] = (char)(n >> (8 * i));
        viewer_put(v, STREAM_STDIN_ACK, le, sizeof le);
}

static void ignore_answer(void *ctx UNUSED, const struct peer_answer *a UNUSED)
{
}

static void send_signal(struct viewer *v, const struct stream_frame *f)
{
        struct peer *launch = api_peer(v->api, "launch");
        if (f->len != 4 || stream_u32(f->data) == 0 || stream_u32(f->data) > 64) {
                viewer_error(v, "a signal is a number from 1 to 64");
                return;
        }
        if (launch && v->watch.job)
                box_signal(viewer_box(v), launch, stream_u32(f->data), ignore_answer, NULL);
}

static void resize(struct viewer *v, const struct stream_frame *f)
{
        const unsigned char *p = (const unsigned char *)f->data;
        if (f->len != 4)
                viewer_error(v, "a size is two numbers of two bytes");
        else if (v->watch.job)
                box_resize(viewer_box(v), p[0] | (uint32_t)p[1] << 8, p[2] | (uint32_t)p[3] << 8);
}

/* 1 = done with it, 0 = it has to wait. */
static int take_frame(struct viewer *v, const struct stream_frame *f)
{
        switch (f->type) {
        case STREAM_STDIN:
                return give_stdin(v, f);
        case STREAM_STDIN_END:
                if (viewer_box(v))
                        box_stdin_end(viewer_box(v));
                return 1;
        case STREAM_SIGNAL:
                send_signal(v, f);
                return 1;
        case STREAM_RESIZE:
                resize(v, f);
                return 1;
        default:
                viewer_error(v, "that frame is not for a client to send");
                return 1;
        }
}

void viewer_take(struct viewer *v)
{
        struct stream_frame f;
        int r = 0;
        bool moved = false;
        v->stdin_blocked = false;
        while (!v->last_put && (r = stream_next(&v->in, &f)) > 0) {
                size_t before = v->stdin_used;
                int done = take_frame(v, &f);
                moved |= f.type == STREAM_STDIN && (done || v->stdin_used != before);
                if (!done) {
                        v->stdin_blocked = true;
                        break;
                }
                buf_consume(&v->in, STREAM_HEAD + f.len);
        }
        if (moved)
                ack(v);
        if (r < 0)
                viewer_error(v, "that is not a frame of a stream");
}

int viewer_receive(struct viewer *v)
{
        int r = 1;
        while (r > 0 && !v->stdin_blocked && !v->last_put && channel_takes(&v->ch)) {
                r = channel_take(&v->ch, &v->in);
                viewer_take(v); /* also what came before the end */
        }
        return r < 0 ? r : 0;
}
