#include "api/build_step.h"
#include "base/fd.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "link/keep.h"
#include <stdio.h>

#define MEMORY_BYTES (4ull << 30)
#define DISK_BYTES   (32ull << 30)
#define WALL_MS      (2ull * 3600 * 1000)
#define PIDS         4096

/* ---- pipes ---- */

static void close_in(struct build *b)
{
        loop_io_remove(b->in_io);
        b->in_io = NULL;
        closep(&b->in);
        b->in = -1;
}

static void close_pipe(struct build_pipe *p)
{
        loop_io_remove(p->io);
        p->io = NULL;
        closep(&p->fd);
        p->fd = -1;
}

void build_step_close(struct build *b)
{
        close_in(b);
        close_pipe(&b->out);
        close_pipe(&b->err);
}

void build_step_drop(struct build *b)
{
        build_step_close(b);
        b->box[0] = 0;
        b->exited = false;
}

static void over(struct build *b);

/* More than fits is no configuration: the rest is thrown away, and what is kept will not parse. */
static int64_t hear(struct build *b, int fd)
{
        char part[4096];
        ssize_t n = read(fd, part, sizeof part);
        if (n > 0 && buf_add(&b->told, part, (size_t)n) < 0)
                buf_clear(&b->told);
        return n < 0 ? -errno : n;
}

static void ready(void *ctx, uint32_t events UNUSED)
{
        struct build_pipe *p = ctx;
        struct build *b = p->build;
        char lost[4096];
        bool told = p->stream == STREAM_STDOUT && b->r.steps[b->at].tells;
        int64_t n = told     ? hear(b, p->fd)
                    : b->log ? outlog_take(b->log, p->stream, p->fd, 65536)
                             : -EFBIG;
        if (n == -EFBIG) {
                n = read(p->fd, lost, sizeof lost);
                n = n < 0 ? -errno : n;
                if (n > 0 && b->log)
                        outlog_drop(b->log, (uint64_t)n);
        }
        if (n > 0)
                live_tell(&b->live, LIVE_OUTPUT);
        if (n == -EAGAIN || n == -EINTR || n > 0)
                return;
        close_pipe(p);
        over(b);
}

static void feed(void *ctx, uint32_t events UNUSED)
{
        struct build *b = ctx;
        const struct recipe_step *s = &b->r.steps[b->at];
        if (b->importing && b->at == 0) {
                loop_io_remove(b->in_io);
                b->in_io = NULL;
                if (b->writable)
                        b->writable(b->writable_ctx);
                return;
        }
        ssize_t n = 1;
        while (b->written < s->input_n && n > 0) {
                n = write(b->in, s->input + b->written, s->input_n - b->written);
                b->written += n > 0 ? (size_t)n : 0;
        }
        if (b->written == s->input_n || (n < 0 && errno != EAGAIN && errno != EINTR))
                close_in(b);
}

size_t build_input(struct build *b, const void *p, size_t n)
{
        if (b->result || b->exited)
                return n; /* it has failed: the rest is dropped, the answer says why */
        ssize_t w = b->in < 0 ? -1 : write(b->in, p, n);
        if (w > 0)
                return (size_t)w;
        if (b->in >= 0 && errno != EAGAIN && errno != EINTR) {
                close_in(b);
                b->input_ended = true;
        }
        if (b->input_ended)
                return n;
        if (b->in >= 0 && !b->in_io)
                b->in_io = loop_io_add(b->live.api->env.loop, b->in, EPOLLOUT, feed, b);
        return 0;
}

void build_input_end(struct build *b)
{
        b->input_ended = true;
        close_in(b);
}

void build_on_writable(struct build *b, loop_fn fn, void *ctx)
{
        b->writable = fn;
        b->writable_ctx = ctx;
}

static void start_pipe(struct build *b, struct build_pipe *p, int fd, enum stream_type stream)
{
        *p = (struct build_pipe){.build = b, .fd = fd, .stream = stream};
        if (fd_nonblock(fd, true) == 0)
                p->io = loop_io_add(b->live.api->env.loop, fd, EPOLLIN, ready, p);
}

/* ---- the end of the sandbox ---- */

static void ignore(void *ctx UNUSED, const struct peer_answer *a UNUSED)
{
}

static void forget(struct build *b)
{
        struct peer *launch = api_peer(b->live.api, "launch");
        struct launch_id q = {0};
        memcpy(q.id, b->box, sizeof q.id);
        if (launch)
                peer_call(launch, LAUNCH_FORGET, &q, NULL, 0, ignore, NULL);
        build_step_drop(b);
}

static void on_committed(void *ctx, const struct peer_answer *a)
{
        struct build *b = build_of_answer(ctx);
        if (!b)
                return;
        if (a->status == -EPIPE || a->status == -ECANCELED)
                return; /* begun anew when launch is back */
        forget(b);
        if (a->status < 0) {
                build_end(b, "failed", err_text(a->err));
                return;
        }
        const struct launch_layer *l = a->rep;
        build_step_done(b, l->size_bytes);
}

/* It has ended and all that it said is in the log. */
static void over(struct build *b)
{
        struct peer *launch = api_peer(b->live.api, "launch");
        const struct launch_result *r = &b->end;
        char reason[400];
        if (!b->exited || b->out.fd >= 0 || b->err.fd >= 0 || b->result)
                return;
        if (r->reason == BOX_EXITED && r->exit_code == 0 && launch) {
                const struct recipe_step *s = &b->r.steps[b->at];
                struct launch_layer_commit c = {0};
                if (s->tells)
                        build_told(b);
                if (s->no_layer) {
                        forget(b);
                        build_step_done(b, 0);
                        return;
                }
                memcpy(c.id, b->box, sizeof c.id);
                memcpy(c.key, s->key, sizeof c.key);
                snprintf(c.from, sizeof c.from, "%s", s->from);
                peer_call(launch, LAUNCH_LAYER_COMMIT, &c, NULL, 0, on_committed, build_about(b));
                return;
        }
        forget(b);
        if (r->reason == BOX_EXITED)
                snprintf(reason, sizeof reason, "step %zu (%s) exited with %u", b->at + 1,
                         b->r.steps[b->at].title, r->exit_code);
        else
                snprintf(reason, sizeof reason, "step %zu (%s): %s%s%s", b->at + 1,
                         b->r.steps[b->at].title, launch_reason_text(r->reason),
                         r->cause[0] ? ": " : "", r->cause);
        build_end(b, "failed", reason);
}

void build_step_exited(struct build *b, const struct launch_result *r)
{
        b->exited = true;
        b->end = *r;
        close_in(b);
        over(b);
}

/* ---- its beginning ---- */

static void drop_kept(const struct build *b)
{
        struct peer *keep = api_peer(b->live.api, "keep");
        struct keep_key key = {.name = "stdio"};
        memcpy(key.id, b->box, sizeof key.id);
        if (keep)
                peer_call(keep, KEEP_DROP, &key, NULL, 0, ignore, NULL);
}

static void on_created(void *ctx, const struct peer_answer *a)
{
        struct build *b = build_of_answer(ctx);
        if (!b)
                return;
        if (a->status == -EPIPE || a->status == -ECANCELED)
                return;
        if (a->status < 0 || a->n_fds != 3) {
                b->box[0] = 0;
                build_end(b, "failed", a->status < 0 ? err_text(a->err) : "no pipes");
                return;
        }
        b->begun = true;
        buf_clear(&b->told);
        drop_kept(
                b); /* a copy of stdin there would keep it from ending; no step is taken up again */
        start_pipe(b, &b->out, TAKE_FD(a->fds[1]), STREAM_STDOUT);
        start_pipe(b, &b->err, TAKE_FD(a->fds[2]), STREAM_STDERR);
        b->in = TAKE_FD(a->fds[0]);
        b->written = 0;
        bool client = b->importing && b->at == 0;
        if (fd_nonblock(b->in, true) < 0 || (!client && !b->r.steps[b->at].input))
                close_in(b);
        else
                b->in_io = loop_io_add(b->live.api->env.loop, b->in, EPOLLOUT, feed, b);
}

static int add_string(struct buf *b, const char *s)
{
        return buf_add(b, s, strlen(s) + 1);
}

/* The sealed memfd of link/launch.h. */
static int command_of(const struct build *b, const struct recipe_step *s)
{
        const char *shell[] = {"/bin/sh", "-ec", s->script},
                   *unpack[] = {"/.paddock/unpack", "into", s->target};
        const char *const *argv = s->script ? shell : unpack;
        CLEANUP(buf_done) struct buf buf;
        uint32_t head[2] = {3, 0};
        buf_init(&buf, ARGS_BYTES_MAX);
        while (b->r.environment[head[1]])
                head[1]++;
        int r = buf_add(&buf, head, sizeof head);
        for (uint32_t i = 0; i < 3 && r == 0; i++)
                r = add_string(&buf, argv[i]);
        for (uint32_t i = 0; i < head[1] && r == 0; i++)
                r = add_string(&buf, b->r.environment[i]);
        return r < 0 ? r : memfd_sealed("command", buf.data, buf.len);
}

static void add_layers(const struct build *b, struct launch_spec *s)
{
        size_t i;
        json_t *l;
        json_array_foreach(b->base_layers, i, l)
        {
                const char *key = json_string_value(json_object_get(l, "key"));
                if (s->n_layers < BOX_LAYERS_MAX)
                        snprintf(s->layers[s->n_layers++].key, sizeof s->layers[0].key, "%s", key);
        }
        for (i = 0; i < b->at && s->n_layers < BOX_LAYERS_MAX; i++)
                if (!b->r.steps[i].no_layer)
                        memcpy(s->layers[s->n_layers++].key, b->r.steps[i].key,
                               sizeof s->layers[0].key);
}

static void fill_spec(struct build *b, const struct recipe_step *step, struct launch_spec *s)
{
        bool host = b->r.host || step->on_host;
        struct id id = id_new();
        memcpy(s->id, id.s, sizeof s->id);
        memcpy(b->box, id.s, sizeof b->box);
        snprintf(s->image, sizeof s->image, "%s", host ? "host" : b->image);
        snprintf(s->hostname, sizeof s->hostname, "build");
        snprintf(s->owner, sizeof s->owner, "build");
        snprintf(s->workdir, sizeof s->workdir, "/");
        s->profile = BOX_BUILD;
        s->pids = PIDS;
        s->memory_bytes = MEMORY_BYTES;
        s->disk_bytes = DISK_BYTES;
        s->wall_ms = WALL_MS;
        if (!step->on_host || b->importing)
                add_layers(b, s);
        if (step->network && b->r.policy[0]) {
                s->network = BOX_NET_PROXY;
                s->policy = slice_of(b->r.policy);
        }
}

void build_step_run(struct build *b)
{
        struct peer *launch = api_peer(b->live.api, "launch");
        const struct recipe_step *step = &b->r.steps[b->at];
        if (!launch)
                return; /* begun when it is back */
        auto_close int command = command_of(b, step);
        if (command < 0) {
                build_end(b, "failed", "the command is longer than a command may be");
                return;
        }
        auto_free struct launch_spec *s = xcalloc(1, sizeof *s);
        fill_spec(b, step, s);
        if (b->at == 0 && jobs_running(b->live.api->db, b->live.id, NULL, NULL) < 0)
                log_warn("job.store", kv("id", (const char *)b->live.id));
        peer_call(launch, LAUNCH_CREATE, s, &command, 1, on_created, build_about(b));
}
