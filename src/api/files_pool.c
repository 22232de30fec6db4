#include "api/files_pool.h"
#include "base/fd.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "link/keep.h"
#include <stdio.h>

#define IDLE_MS      10000
#define MEMORY_BYTES (64ull << 20)
#define DISK_BYTES   (1ull << 20)
#define PIDS         8
#define OUT_MAX      (4u * (FRAME_MAX + FRAME_HEAD))
#define OUT_ENOUGH   (FRAME_MAX + FRAME_HEAD) /* waits to be written: PUT is told to pause */

enum step { STARTING, IDLE, BUSY, GOING };

/* One sandbox with a volume. */
struct keeper {
        struct pool *pool;
        struct keeper *next;
        enum step step;
        char box[ID_TEXT_LEN + 1], volume[ID_TEXT_LEN + 1];
        int in, out, err;
        struct loop_io *in_io, *out_io, *err_io;
        struct frames reader;
        struct buf writer;
        struct files_op *op;
        bool created; /* launch has answered */
        struct loop_timer *idle;
};

struct files_op {
        struct pool *pool;
        struct files_op *next; /* while it waits for a keeper */
        struct keeper *keeper; /* NULL while it waits */
        char volume[ID_TEXT_LEN + 1];
        uint32_t verb;
        struct buf request; /* the encoded frame */
        const struct files_calls *calls;
        void *ctx;
        bool sent_end, dropped;
        bool end_waits, end_keeps; /* the end came before there was a keeper */
};

struct pool {
        struct api *api;
        struct keeper *keepers;
        struct files_op *waiting;
        struct loop_timer *later; /* operations start from the loop */
};

static void serve_later(struct pool *p);

/* ---- a keeper's life ---- */

static void ignore_answer(void *ctx UNUSED, const struct peer_answer *a UNUSED)
{
}

static void forget(struct api *a, const char *box)
{
        struct peer *launch = api_peer(a, "launch"), *keep = api_peer(a, "keep");
        struct launch_id id = {0};
        struct keep_key key = {0};
        memcpy(id.id, box, sizeof id.id);
        memcpy(key.id, box, sizeof key.id);
        if (launch)
                peer_call(launch, LAUNCH_FORGET, &id, NULL, 0, ignore_answer, NULL);
        if (keep)
                peer_call(keep, KEEP_DROP, &key, NULL, 0, ignore_answer, NULL);
}

static struct keeper *find_keeper(const struct pool *p, const char *box)
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

static void free_keeper(struct keeper *k)
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

static void free_op(struct files_op *op)
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
static void finish_op(struct files_op *op, const struct files_done *d, const struct err *err)
{
        if (op->keeper)
                op->keeper->op = NULL;
        if (!op->dropped)
                op->calls->done(op->ctx, d, err);
        free_op(op);
}

struct about {
        struct pool *pool;
        char box[ID_TEXT_LEN + 1];
};

static struct about *about(const struct keeper *k)
{
        struct about *q = xcalloc(1, sizeof *q);
        q->pool = k->pool;
        memcpy(q->box, k->box, sizeof q->box);
        return q;
}

static void on_stopped(void *ctx, const struct peer_answer *a)
{
        struct about *q = ctx;
        struct keeper *k = find_keeper(q->pool, q->box);
        if (k && a->status == -ENOENT && k->step == GOING && k->created)
                free_keeper(k); /* launch knows nothing of it: there will be no word of its end */
        free(q);
}

static void stop_keeper(struct keeper *k)
{
        struct peer *launch = api_peer(k->pool->api, "launch");
        struct launch_stop stop = {0};
        memcpy(stop.id, k->box, sizeof stop.id);
        if (launch)
                peer_call(launch, LAUNCH_STOP, &stop, NULL, 0, on_stopped, about(k));
}

/* Stops the sandbox; what it was doing fails. It stays on the list until launch says that it has
 * ended: its volume is mounted so long. */
static void send_away(struct keeper *k, const char *why)
{
        struct files_op *op = k->op;
        if (k->step == GOING)
                return;
        k->step = GOING;
        close_keeper(k);
        stop_keeper(k);
        if (op) {
                struct err err = {0};
                err_set(&err, -EIO, "%s", why);
                finish_op(op, NULL, &err);
        }
        serve_later(k->pool);
}

static void idle_over(void *ctx)
{
        struct keeper *k = ctx;
        k->idle = NULL;
        send_away(k, "idle");
}

static void becomes_idle(struct keeper *k)
{
        k->step = IDLE;
        loop_timer_remove(k->idle);
        k->idle = loop_timer_add(k->pool->api->env.loop, IDLE_MS, idle_over, k);
        serve_later(k->pool);
}

/* ---- to the program ---- */

static void in_ready(void *ctx, uint32_t events);

static void flush(struct keeper *k)
{
        while (k->writer.len > 0 && k->in >= 0) {
                ssize_t n = write(k->in, k->writer.data, k->writer.len);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno != EAGAIN) {
                        send_away(k, "the program that holds the volume has ended");
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
        flush(k);
        if (k->step == BUSY && k->op && k->op->verb == FILES_PUT && !k->op->dropped &&
            !k->op->sent_end && k->writer.len < OUT_ENOUGH)
                k->op->calls->writable(k->op->ctx);
}

static void put_frame(struct keeper *k, uint32_t verb, const void *obj)
{
        struct err err = {0};
        if (frame_put(&k->writer, &files_frames, verb, obj, &err) < 0)
                send_away(k, "a request could not be written down");
        else
                flush(k);
}

size_t files_put(struct files_op *op, const char *p, size_t n)
{
        struct keeper *k = op->keeper;
        if (!k || k->step != BUSY || k->writer.len >= OUT_ENOUGH)
                return 0;
        struct slice s = {p, n < FRAME_MAX ? n : FRAME_MAX};
        put_frame(k, FILES_DATA, &s);
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
        if (op->keeper && op->keeper->step == BUSY)
                put_frame(op->keeper, FILES_END, &end);
}

/* ---- from the program ---- */

static void on_done(struct keeper *k, const struct files_done *d)
{
        struct files_op *op = k->op;
        struct err err = {0};
        struct files_end end = {0};
        bool owes = op->verb == FILES_PUT && !op->sent_end;
        if (d->error)
                err_set(&err, d->error < 4096 ? -(int)d->error : -EIO, "%s",
                        d->reason[0] ? d->reason : errno_text((int)d->error));
        op->sent_end = true;
        finish_op(op, d, d->error ? &err : NULL);
        if (owes && k->step == BUSY)
                put_frame(k, FILES_END, &end); /* refused early: END is owed all the same */
        if (k->step == BUSY)
                becomes_idle(k);
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
                if (op->verb != FILES_GET)
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
        while (r == 0 && k->step != GOING && (r = frames_next(&k->reader, &f, NULL)) > 0)
                r = on_frame(k, &f);
        if (r < 0)
                send_away(k, r == -EPROTO ? "the program that holds the volume broke its protocol"
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

void files_pause(struct files_op *op, bool pause)
{
        struct keeper *k = op->keeper;
        if (!k || !k->out_io == pause)
                return;
        loop_io_remove(k->out_io);
        k->out_io =
                pause ? NULL : loop_io_add(k->pool->api->env.loop, k->out, EPOLLIN, out_ready, k);
}

/* ---- starting ---- */

/* No sandbox could be had: the first that waits for this volume hears why. */
static void fail_waiting(struct pool *p, const char *volume, const struct err *err)
{
        for (struct files_op *op = p->waiting; op; op = op->next)
                if (str_eq(op->volume, volume)) {
                        finish_op(op, NULL, err);
                        break;
                }
        serve_later(p);
}

static void on_created(void *ctx, const struct peer_answer *a)
{
        struct about *s = ctx;
        struct keeper *k = find_keeper(s->pool, s->box);
        struct pool *p = s->pool;
        free(s);
        if (!k)
                return;
        if (a->status < 0 || a->n_fds != 3) {
                struct err err = {0};
                char volume[ID_TEXT_LEN + 1];
                err_set(&err, a->status < 0 ? a->status : -EIO, "the volume cannot be reached: %s",
                        a->status < 0 ? err_text(a->err) : "no descriptors came");
                memcpy(volume, k->volume, sizeof volume);
                free_keeper(k);
                fail_waiting(p, volume, &err);
                return;
        }
        k->created = true;
        if (k->step == GOING) { /* not wanted any more */
                stop_keeper(k);
                return;
        }
        k->in = TAKE_FD(a->fds[0]);
        k->out = TAKE_FD(a->fds[1]);
        k->err = TAKE_FD(a->fds[2]);
        if (fd_nonblock(k->in, true) < 0 || fd_nonblock(k->out, true) < 0 ||
            fd_nonblock(k->err, true) < 0)
                log_warn("files.nonblock", kv("id", (const char *)k->box));
        k->out_io = loop_io_add(p->api->env.loop, k->out, EPOLLIN, out_ready, k);
        k->err_io = loop_io_add(p->api->env.loop, k->err, EPOLLIN, err_ready, k);
        becomes_idle(k);
}

static void start_keeper(struct pool *p, const char *volume)
{
        static const char command[] = "\1\0\0\0\0\0\0\0/.paddock/files";
        struct peer *launch = api_peer(p->api, "launch");
        auto_close int fd = launch ? memfd_sealed("command", command, sizeof command) : -EPIPE;
        if (fd < 0) {
                struct err err = {0};
                err_set(&err, fd, "the volume cannot be reached: the role 'launch' is away");
                fail_waiting(p, volume, &err);
                return;
        }
        struct keeper *k = xcalloc(1, sizeof *k);
        k->pool = p;
        k->next = p->keepers;
        p->keepers = k;
        k->in = k->out = k->err = -1;
        frames_init(&k->reader, &files_frames);
        buf_init(&k->writer, OUT_MAX);
        snprintf(k->box, sizeof k->box, "%s", id_new().s);
        snprintf(k->volume, sizeof k->volume, "%s", volume);
        auto_free struct launch_spec *s = xcalloc(1, sizeof *s);
        memcpy(s->id, k->box, sizeof s->id);
        snprintf(s->image, sizeof s->image, "host");
        snprintf(s->hostname, sizeof s->hostname, "files");
        s->profile = BOX_FILES;
        s->memory_bytes = MEMORY_BYTES;
        s->disk_bytes = DISK_BYTES;
        s->pids = PIDS;
        s->n_mounts = 1;
        memcpy(s->mounts[0].volume, k->volume, sizeof s->mounts[0].volume);
        snprintf(s->mounts[0].target, sizeof s->mounts[0].target, "/volume");
        peer_call(launch, LAUNCH_CREATE, s, &fd, 1, on_created, about(k));
}

static void give(struct keeper *k, struct files_op *op)
{
        struct files_op **at = &k->pool->waiting;
        while (*at != op)
                at = &(*at)->next;
        *at = op->next;
        op->next = NULL;
        loop_timer_remove(k->idle);
        k->idle = NULL;
        k->step = BUSY;
        k->op = op;
        op->keeper = k;
        if (buf_add(&k->writer, op->request.data, op->request.len) < 0) {
                send_away(k, "no memory for a request");
                return;
        }
        flush(k);
        if (k->op != op || op->verb != FILES_PUT || k->step != BUSY)
                return;
        struct files_end end = {op->end_keeps};
        if (op->end_waits)
                put_frame(k, FILES_END, &end);
        else
                op->calls->writable(op->ctx);
}

/* Free keepers take what waits for their volume; where there are too few, one more is started. */
static void serve_waiting(struct pool *p)
{
        bool again = true;
        while (again) {
                again = false;
                for (struct files_op *op = p->waiting; op && !again; op = op->next) {
                        struct keeper *idle = NULL;
                        size_t of_volume = 0, starting = 0;
                        for (struct keeper *k = p->keepers; k; k = k->next) {
                                if (!str_eq(k->volume, op->volume) || k->step == GOING)
                                        continue;
                                of_volume++;
                                starting += k->step == STARTING;
                                idle = k->step == IDLE ? k : idle;
                        }
                        if (idle) {
                                give(idle, op);
                                again = true;
                        } else if (of_volume < POOL_VOLUME_MAX && !starting) {
                                start_keeper(p, op->volume);
                                again = true;
                        }
                }
        }
}

static void serve_now(void *ctx)
{
        struct pool *p = ctx;
        p->later = NULL;
        serve_waiting(p);
}

static void serve_later(struct pool *p)
{
        if (!p->later && p->waiting)
                p->later = loop_timer_add(p->api->env.loop, 0, serve_now, p);
}

/* ---- what others call ---- */

struct pool *pool_new(struct api *a)
{
        struct pool *p = xcalloc(1, sizeof *p);
        p->api = a;
        return p;
}

void pool_free(struct pool *p)
{
        if (!p)
                return;
        for (struct keeper *k = p->keepers; k; k = k->next)
                if (k->op) {
                        buf_done(&k->op->request);
                        free(k->op);
                        k->op = NULL;
                }
        while (p->keepers)
                free_keeper(p->keepers);
        while (p->waiting)
                free_op(p->waiting);
        loop_timer_remove(p->later);
        free(p);
}

struct files_op *files_start(struct pool *p, const char *volume, uint32_t verb, const void *req,
                             const struct files_calls *calls, void *ctx)
{
        struct files_op *op = xcalloc(1, sizeof *op);
        *op = (struct files_op){.pool = p, .verb = verb, .calls = calls, .ctx = ctx};
        snprintf(op->volume, sizeof op->volume, "%s", volume);
        buf_init(&op->request, FRAME_MAX + FRAME_HEAD);
        int r = frame_put(&op->request, &files_frames, verb, req, NULL);
        if (r < 0)
                log_error("files.request", kv("error", errno_text(r))); /* an empty one: EPROTO */
        struct files_op **last = &p->waiting;
        while (*last)
                last = &(*last)->next;
        *last = op;
        serve_later(p);
        return op;
}

void files_drop(struct files_op *op)
{
        if (!op)
                return;
        op->dropped = true;
        if (!op->keeper) {
                free_op(op);
                return;
        }
        files_pause(op, false);
        if (op->verb == FILES_PUT)
                files_put_end(op, false);
        else if (op->verb == FILES_GET)
                send_away(op->keeper, "nobody wants the rest");
}

void pool_leave(struct pool *p, const char *volume)
{
        for (struct keeper *k = p->keepers, *next; k; k = next) {
                next = k->next;
                if (str_eq(k->volume, volume))
                        send_away(k, "the volume is being removed");
        }
}

bool pool_exited(struct pool *p, const struct launch_result *r)
{
        struct keeper *k = find_keeper(p, r->id);
        if (!k)
                return false;
        char box[ID_TEXT_LEN + 1];
        memcpy(box, k->box, sizeof box);
        struct files_op *op = k->op;
        k->step = GOING;
        if (op) {
                struct err err = {0};
                err_set(&err, -EIO, "the program that holds the volume has ended");
                finish_op(op, NULL, &err);
        }
        free_keeper(k);
        forget(p->api, box);
        serve_later(p);
        return true;
}

void pool_launch_up(struct pool *p)
{
        for (struct keeper *k = p->keepers; k; k = k->next)
                if (k->step == GOING)
                        stop_keeper(k);
        serve_later(p);
}

bool pool_owns(const struct pool *p, const char *box)
{
        return find_keeper(p, box) != NULL;
}
