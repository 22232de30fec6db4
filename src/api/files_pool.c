#include "api/files_keeper.h"
#include "base/fd.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "link/keep.h"
#include <stdio.h>

#define MEMORY_BYTES (64ull << 20)
#define DISK_BYTES   (1ull << 20)
#define PIDS         8
#define OUT_MAX      (4u * (FRAME_MAX + FRAME_HEAD))

static void ignore_answer(void *ctx UNUSED, const struct peer_answer *a UNUSED)
{
}

static void forget_exec(struct api *a, const char *sandbox, const char *exec)
{
        struct peer *launch = api_peer(a, "launch");
        struct launch_exec_id id = {0};
        memcpy(id.id, sandbox, sizeof id.id);
        memcpy(id.exec, exec, sizeof id.exec);
        if (launch)
                peer_call(launch, LAUNCH_EXEC_FORGET, &id, NULL, 0, ignore_answer, NULL);
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

/* ---- starting ---- */

/* No sandbox could be had: the first that waits for this volume hears why. */
static void fail_waiting(struct pool *p, const char *volume, const struct err *err)
{
        for (struct files_op *op = p->waiting; op; op = op->next)
                if (str_eq(op->volume, volume)) {
                        op_finish(op, NULL, err);
                        break;
                }
        pool_serve_later(p);
}

static void on_created(void *ctx, const struct peer_answer *a)
{
        struct keeper_about *s = ctx;
        struct keeper *k = keeper_find(s->pool, s->box);
        struct pool *p = s->pool;
        free(s);
        if (!k)
                return;
        if (a->status < 0 || a->n_fds != 3) {
                struct err err = {0};
                char volume[ID_TEXT_LEN + 1];
                int code = a->status < 0 ? a->status : -EIO;
                /* -ENOENT is for the file that was asked about, which nobody has looked for. */
                err_set(&err, code == -ENOENT ? -ENOTCONN : code, "its files cannot be reached: %s",
                        a->status < 0 ? err_text(a->err) : "no descriptors came");
                memcpy(volume, k->volume, sizeof volume);
                keeper_free(k);
                fail_waiting(p, volume, &err);
                return;
        }
        k->created = true;
        if (k->step == KEEPER_GOING) { /* not wanted any more */
                keeper_stop(k);
                return;
        }
        k->in = TAKE_FD(a->fds[0]);
        k->out = TAKE_FD(a->fds[1]);
        k->err = TAKE_FD(a->fds[2]);
        if (fd_nonblock(k->in, true) < 0 || fd_nonblock(k->out, true) < 0 ||
            fd_nonblock(k->err, true) < 0)
                log_warn("files.nonblock", kv("id", (const char *)k->box));
        keeper_listen(k);
        keeper_becomes_idle(k);
}

static void ask_exec(struct peer *launch, struct keeper *k, int command)
{
        auto_free struct launch_exec *e = xcalloc(1, sizeof *e);
        memcpy(e->id, k->volume, sizeof e->id);
        memcpy(e->exec, k->box, sizeof e->exec);
        e->program = EXEC_FILES;
        peer_call(launch, LAUNCH_EXEC, e, &command, 1, on_created, keeper_about(k));
}

static void ask_sandbox(struct peer *launch, struct keeper *k, int command)
{
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
        peer_call(launch, LAUNCH_CREATE, s, &command, 1, on_created, keeper_about(k));
}

static void start_keeper(struct pool *p, const char *volume, bool in_box)
{
        static const char command[] = "\1\0\0\0\0\0\0\0/.paddock/files";
        struct peer *launch = api_peer(p->api, "launch");
        auto_close int fd = launch ? memfd_sealed("command", command, sizeof command) : -EPIPE;
        if (fd < 0) {
                struct err err = {0};
                err_set(&err, fd, "its files cannot be reached: the role 'launch' is away");
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
        k->in_box = in_box;
        if (in_box)
                ask_exec(launch, k, fd);
        else
                ask_sandbox(launch, k, fd);
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
        k->step = KEEPER_BUSY;
        k->op = op;
        op->keeper = k;
        if (buf_add(&k->writer, op->request.data, op->request.len) < 0) {
                keeper_send_away(k, "no memory for a request");
                return;
        }
        keeper_flush(k);
        if (k->op != op || !op_takes(op) || k->step != KEEPER_BUSY)
                return;
        struct files_end end = {op->end_keeps};
        if (op->end_waits)
                keeper_put_frame(k, FILES_END, &end);
        else
                op->calls->writable(op->ctx);
}

/* A free keeper takes it; where there are too few, one more is started. True: the lists changed. */
static bool place(struct pool *p, struct files_op *op)
{
        struct keeper *idle = NULL;
        size_t of_volume = 0, starting = 0;
        for (struct keeper *k = p->keepers; k; k = k->next) {
                if (!str_eq(k->volume, op->volume) || k->step == KEEPER_GOING)
                        continue;
                of_volume++;
                starting += k->step == KEEPER_STARTING;
                idle = k->step == KEEPER_IDLE ? k : idle;
        }
        if (idle)
                give(idle, op);
        else if (of_volume < POOL_VOLUME_MAX && !starting)
                start_keeper(p, op->volume, op->in_box);
        else
                return false;
        return true;
}

static void serve_waiting(struct pool *p)
{
        struct files_op *op = p->waiting;
        while (op)
                op = place(p, op) ? p->waiting : op->next;
}

static void serve_now(void *ctx)
{
        struct pool *p = ctx;
        p->later = NULL;
        serve_waiting(p);
}

void pool_serve_later(struct pool *p)
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
                keeper_free(p->keepers);
        while (p->waiting)
                op_free(p->waiting);
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
        pool_serve_later(p);
        return op;
}

struct files_op *files_start_in(struct pool *p, const char *sandbox, uint32_t verb, const void *req,
                                const struct files_calls *calls, void *ctx)
{
        struct files_op *op = files_start(p, sandbox, verb, req, calls, ctx);
        op->in_box = true;
        return op;
}

void files_drop(struct files_op *op)
{
        if (!op)
                return;
        op->dropped = true;
        if (!op->keeper) {
                op_free(op);
                return;
        }
        files_pause(op, false);
        if (op_takes(op))
                files_put_end(op, false);
        else if (op_gives(op))
                keeper_send_away(op->keeper, "nobody wants the rest");
}

void pool_leave(struct pool *p, const char *volume)
{
        for (struct keeper *k = p->keepers, *next; k; k = next) {
                next = k->next;
                if (str_eq(k->volume, volume))
                        keeper_send_away(k, "the volume is being removed");
        }
}

static void has_ended(struct keeper *k)
{
        struct pool *p = k->pool;
        char box[ID_TEXT_LEN + 1], volume[ID_TEXT_LEN + 1];
        bool in_box = k->in_box;
        memcpy(box, k->box, sizeof box);
        memcpy(volume, k->volume, sizeof volume);
        struct files_op *op = k->op;
        k->step = KEEPER_GOING;
        if (op) {
                struct err err = {0};
                err_set(&err, -EIO, "the program that holds the files has ended");
                op_finish(op, NULL, &err);
        }
        keeper_free(k);
        if (in_box)
                forget_exec(p->api, volume, box);
        else
                forget(p->api, box);
        pool_serve_later(p);
}

bool pool_exited(struct pool *p, const struct launch_result *r)
{
        struct keeper *k = keeper_find(p, r->id);
        if (k)
                has_ended(k);
        return k != NULL;
}

bool pool_exec_exited(struct pool *p, const struct launch_exec_result *r)
{
        struct keeper *k = keeper_find(p, r->exec);
        if (k)
                has_ended(k);
        return k != NULL;
}

void pool_launch_up(struct pool *p)
{
        for (struct keeper *k = p->keepers; k; k = k->next)
                if (k->step == KEEPER_GOING)
                        keeper_stop(k);
        pool_serve_later(p);
}

bool pool_owns(const struct pool *p, const char *box)
{
        return keeper_find(p, box) != NULL;
}
