#include "api/files_keeper.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#define IDLE_MS    10000
#define IDLE_IN_MS 1000 /* in a user's sandbox it counts as one of the user's processes */
#define OUT_ENOUGH (FRAME_MAX + FRAME_HEAD) /* waits to be written: PUT is told to pause */

struct keeper *keeper_find(const struct pool *p, const char *box)
{
        for (struct keeper *k = p->keepers; k; k = k->next)
                if (str_eq(k->box, box))
                        return k;
        return NULL;
}

static void close_keeper(struct keeper *k)
{
        struct loop_io **ios[] = {&k->in_io, &k->out_io, &k->err_io};
        int *fds[] = {&k->in, &k->out, &k->err};
        for (size_t i = 0; i < ARRAY_LEN(ios); i++) {
                loop_io_remove(*ios[i]);
                *ios[i] = NULL;
                if (*fds[i] >= 0)
                        close(*fds[i]);
                *fds[i] = -1;
        }
        loop_timer_remove(k->idle);
        k->idle = NULL;
}

void keeper_free(struct keeper *k)
{
        struct keeper **at = &k->pool->keepers;
        while (*at != k)
                at = &(*at)->next;
        *at = k->next;
        close_keeper(k);
        frames_done(&k->reader);
        buf_done(&k->writer);
        free(k);
}

void op_free(struct files_op *op)
{
        struct files_op **at = &op->pool->waiting;
        while (*at && *at != op)
                at = &(*at)->next;
        if (*at)
                *at = op->next;
        buf_done(&op->request);
        free(op);
}

/* The operation's one end. */
void op_finish(struct files_op *op, const struct files_done *d, const struct err *err)
{
        if (op->keeper)
                op->keeper->op = NULL;
        if (!op->dropped)
                op->calls->done(op->ctx, d, err);
        op_free(op);
}

struct keeper_about *keeper_about(const struct keeper *k)
{
        struct keeper_about *q = xcalloc(1, sizeof *q);
        q->pool = k->pool;
        memcpy(q->box, k->box, sizeof q->box);
        return q;
}

static void on_stopped(void *ctx, const struct peer_answer *a)
{
        struct keeper_about *q = ctx;
        struct keeper *k = keeper_find(q->pool, q->box);
        if (k && a->status == -ENOENT && k->step == KEEPER_GOING && k->created)
                keeper_free(k); /* launch knows nothing of it: there will be no word of its end */
        free(q);
}

void keeper_stop(struct keeper *k)
{
        struct peer *launch = api_peer(k->pool->api, "launch");
        struct launch_stop stop = {0};
        struct launch_exec_signal kill = {.signal = 9};
        memcpy(stop.id, k->box, sizeof stop.id);
        memcpy(kill.id, k->volume, sizeof kill.id);
        memcpy(kill.exec, k->box, sizeof kill.exec);
        if (launch && k->in_box)
                peer_call(launch, LAUNCH_EXEC_SIGNAL, &kill, NULL, 0, on_stopped, keeper_about(k));
        else if (launch)
                peer_call(launch, LAUNCH_STOP, &stop, NULL, 0, on_stopped, keeper_about(k));
}

/* Stops the sandbox; what it was doing fails. It stays on the list until launch says that it has
 * ended: its volume is mounted so long. */
void keeper_send_away(struct keeper *k, const char *why)
{
        struct files_op *op = k->op;
        if (k->step == KEEPER_GOING)
                return;
        k->step = KEEPER_GOING;
        close_keeper(k);
        keeper_stop(k);
        if (op) {
                struct err err = {0};
                err_set(&err, -EIO, "%s", why);
                op_finish(op, NULL, &err);
        }
        pool_serve_later(k->pool);
}

static void idle_over(void *ctx)
{
        struct keeper *k = ctx;
        k->idle = NULL;
        keeper_send_away(k, "idle");
}

void keeper_becomes_idle(struct keeper *k)
{
        k->step = KEEPER_IDLE;
        loop_timer_remove(k->idle);
        k->idle = loop_timer_add(k->pool->api->env.loop, k->in_box ? IDLE_IN_MS : IDLE_MS,
                                 idle_over, k);
        pool_serve_later(k->pool);
}

/* ---- to the program ---- */

static void in_ready(void *ctx, uint32_t events);

void keeper_flush(struct keeper *k)
{
        while (k->writer.len > 0 && k->in >= 0) {
                ssize_t n = write(k->in, k->writer.data, k->writer.len);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno != EAGAIN) {
                        keeper_send_away(k, "the program that holds the volume has ended");
                        return;
                }
                if (n < 0)
                        break;
                buf_consume(&k->writer, (size_t)n);
        }
        if (k->writer.len > 0 && !k->in_io && k->in >= 0)
                k->in_io = loop_io_add(k->pool->api->env.loop, k->in, EPOLLOUT, in_ready, k);
        if (k->writer.len == 0) {
                loop_io_remove(k->in_io);
                k->in_io = NULL;
        }
}

static void in_ready(void *ctx, uint32_t events UNUSED)
{
        struct keeper *k = ctx;
        keeper_flush(k);
        if (k->step == KEEPER_BUSY && k->op && op_takes(k->op) && !k->op->dropped &&
            !k->op->sent_end && k->writer.len < OUT_ENOUGH)
                k->op->calls->writable(k->op->ctx);
}

void keeper_put_frame(struct keeper *k, uint32_t verb, const void *obj)
{
        struct err err = {0};
        if (frame_put(&k->writer, &files_frames, verb, obj, &err) < 0)
                keeper_send_away(k, "a request could not be written down");
        else
                keeper_flush(k);
}

size_t files_put(struct files_op *op, const char *p, size_t n)
{
        struct keeper *k = op->keeper;
        if (!k || k->step != KEEPER_BUSY || k->writer.len >= OUT_ENOUGH)
                return 0;
        struct slice s = {p, n < FRAME_MAX ? n : FRAME_MAX};
        keeper_put_frame(k, FILES_DATA, &s);
        return s.len;
}

void files_put_end(struct files_op *op, bool keep)
{
        struct files_end end = {keep};
        if (op->sent_end)
                return;
        op->sent_end = true;
        op->end_waits = !op->keeper;
        op->end_keeps = keep;
        if (op->keeper && op->keeper->step == KEEPER_BUSY)
                keeper_put_frame(op->keeper, FILES_END, &end);
}

/* ---- from the program ---- */

static void on_done(struct keeper *k, const struct files_done *d)
{
        struct files_op *op = k->op;
        struct err err = {0};
        struct files_end end = {0};
        bool owes = op_takes(op) && !op->sent_end;
        if (d->error)
                err_set(&err, d->error < 4096 ? -(int)d->error : -EIO, "%s",
                        d->reason[0] ? d->reason : errno_text((int)d->error));
        op->sent_end = true;
        op_finish(op, d, d->error ? &err : NULL);
        if (owes && k->step == KEEPER_BUSY)
                keeper_put_frame(k, FILES_END, &end); /* refused early: END is owed all the same */
        if (k->step == KEEPER_BUSY)
                keeper_becomes_idle(k);
}

/* 0 or -EPROTO. */
static int on_frame(struct keeper *k, const struct frame *f)
{
        struct files_op *op = k->op;
        struct files_file *file;
        struct files_done *d;
        int r = 0;
        if (!op)
                return -EPROTO; /* nobody asked */
        switch (f->verb) {
        case FILES_FILE:
                file = xmalloc(sizeof *file);
                r = frames_decode(&k->reader, f, file, NULL);
                if (r == 0 && !op->calls->file)
                        r = -EPROTO;
                if (r == 0 && !op->dropped)
                        op->calls->file(op->ctx, file);
                free(file);
                return r;
        case FILES_DATA:
                if (!op_gives(op))
                        return -EPROTO;
                if (!op->dropped)
                        op->calls->data(op->ctx, f->body.data, f->body.len);
                return 0;
        case FILES_DONE:
                d = xmalloc(sizeof *d);
                r = frames_decode(&k->reader, f, d, NULL);
                if (r == 0)
                        on_done(k, d);
                free(d);
                return r;
        }
        return -EPROTO;
}

static void out_ready(void *ctx, uint32_t events UNUSED)
{
        struct keeper *k = ctx;
        char chunk[32768];
        size_t room = frames_room(&k->reader);
        ssize_t n = read(k->out, chunk, room < sizeof chunk ? room : sizeof chunk);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        int r = n > 0 ? frames_feed(&k->reader, chunk, (size_t)n) : -EPIPE;
        struct frame f;
        while (r == 0 && k->step != KEEPER_GOING && (r = frames_next(&k->reader, &f, NULL)) > 0)
                r = on_frame(k, &f);
        if (r < 0)
                keeper_send_away(k, r == -EPROTO
                                            ? "the program that holds the volume broke its protocol"
                                            : "the program that holds the volume has ended");
}

/* What it has to say goes to the log, cut short. */
static void err_ready(void *ctx, uint32_t events UNUSED)
{
        struct keeper *k = ctx;
        char text[400];
        ssize_t n = read(k->err, text, sizeof text - 1);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n > 0) {
                text[n] = '\0';
                log_debug("files.stderr", kv("id", (const char *)k->box),
                          kv("text", (const char *)text));
                return;
        }
        loop_io_remove(k->err_io);
        k->err_io = NULL;
}

void keeper_listen(struct keeper *k)
{
        k->out_io = loop_io_add(k->pool->api->env.loop, k->out, EPOLLIN, out_ready, k);
        k->err_io = loop_io_add(k->pool->api->env.loop, k->err, EPOLLIN, err_ready, k);
}

void files_pause(struct files_op *op, bool pause)
{
        struct keeper *k = op->keeper;
        if (!k || !k->out_io == pause)
                return;
        loop_io_remove(k->out_io);
        k->out_io =
                pause ? NULL : loop_io_add(k->pool->api->env.loop, k->out, EPOLLIN, out_ready, k);
}
