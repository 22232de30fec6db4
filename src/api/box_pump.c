/* A sandbox's pipes: from its stdout and stderr into the log or to who reads, and its stdin. */
#include "api/box.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "link/keep.h"
#include <fcntl.h>

#define TOUCH_MS   1000         /* launch hears so often that bytes flow: it is not idle */
#define TURN_BYTES (256u << 10) /* of one stream, before others have their turn */
#define DIRECT_MAX 32768u

static void ready(void *ctx, uint32_t events);

static void watch(struct box_pipe *p)
{
        if (p->fd >= 0 && !p->at_end && !p->io)
                p->io = loop_io_add(p->box->live.api->env.loop, p->fd, EPOLLIN, ready, p);
}

static void unwatch(struct box_pipe *p)
{
        loop_io_remove(p->io);
        p->io = NULL;
}

static void end_of(struct box_pipe *p)
{
        /* Not closed: keep is given the pair anew when stdin ends. */
        unwatch(p);
        p->at_end = true;
}

/* 1 all have room, 0 nobody takes unstored bytes, -EAGAIN one is still busy. */
static int direct_state(const struct box *b)
{
        int any = 0;
        for (struct live_watch *w = b->live.watches; w; w = w->next) {
                if (!w->direct_ready)
                        continue;
                if (!w->direct_ready(w->ctx))
                        return -EAGAIN;
                any = 1;
        }
        return any;
}

/* The log is full (or there is none). Bytes moved, 0 the end, negative errno. */
static int64_t pass_on(struct box_pipe *p)
{
        struct box *b = p->box;
        char chunk[DIRECT_MAX];
        int to = b->log ? direct_state(b) : 0; /* without a log nobody could say what he has */
        if (to < 0) {
                /* Taken off the loop altogether: a hang-up would be reported again and again. */
                unwatch(p);
                p->paused = true;
                return -EAGAIN;
        }
        ssize_t n = read(p->fd, chunk, sizeof chunk);
        if (n <= 0)
                return n < 0 ? -errno : 0;
        if (!b->log)
                return n;
        b->direct = chunk;
        b->direct_n = (size_t)n;
        b->direct_stream = p->stream;
        b->direct_offset = outlog_stored(b->log) + outlog_dropped(b->log);
        outlog_drop(b->log, (uint64_t)n);
        if (to)
                live_tell(&b->live, LIVE_DIRECT);
        b->direct = NULL;
        return n;
}

static void touch(struct box *b)
{
        struct peer *launch = api_peer(b->live.api, "launch");
        struct launch_id id = {0};
        uint64_t now = clock_boot_ms();
        if (!launch || now - b->touched_ms < TOUCH_MS)
                return;
        b->touched_ms = now;
        memcpy(id.id, b->parent[0] ? b->parent : b->live.id, sizeof id.id);
        peer_event(launch, LAUNCH_TOUCH, &id, NULL, 0);
}

static void check_output(struct box *b)
{
        uint64_t n = b->log ? outlog_stored(b->log) + outlog_dropped(b->log) : 0;
        if (b->output_max && n > b->output_max && !b->too_much)
                box_over_output(b);
}

static void ready(void *ctx, uint32_t events UNUSED)
{
        struct box_pipe *p = ctx;
        struct box *b = p->box;
        int64_t n = 1, total = 0;
        bool stored = false;
        while (total < TURN_BYTES && n > 0) {
                n = b->log ? outlog_take(b->log, p->stream, p->fd, TURN_BYTES) : -EFBIG;
                stored |= n > 0;
                if (n == -EFBIG)
                        n = pass_on(p);
                total += n > 0 ? n : 0;
        }
        if (total > 0) {
                touch(b);
                check_output(b);
        }
        if (n == 0 || (n < 0 && n != -EAGAIN && n != -EINTR)) {
                if (n < 0 && !(b->tty && n == -EIO)) /* how a terminal without a user ends */
                        log_warn("box.output", kv("id", (const char *)b->live.id),
                                 kv("error", errno_text((int)n)));
                end_of(p);
        }
        if (stored)
                live_tell(&b->live, LIVE_OUTPUT);
        if (box_pump_done(b))
                box_drained(b);
}

static void stdin_ready(void *ctx, uint32_t events UNUSED)
{
        struct box *b = ctx;
        loop_io_remove(b->in_io);
        b->in_io = NULL;
        live_tell(&b->live, LIVE_STDIN);
}

static void put_kept(void *ctx UNUSED, const struct peer_answer *a)
{
        if (a->status < 0 && a->status != -EPIPE && a->status != -ECANCELED)
                log_warn("box.keep", kv("error", err_text(a->err)));
}

void box_put_kept(struct box *b)
{
        struct peer *keep = api_peer(b->live.api, "keep");
        struct keep_key key = {.name = "stdio"};
        int fds[3] = {b->in, b->out.fd, b->err.fd};
        uint32_t from = b->in < 0; /* two: without stdin */
        memcpy(key.id, b->live.id, sizeof key.id);
        if (keep && b->tty && fds[1] >= 0)
                peer_call(keep, KEEP_PUT, &key, fds + 1, 1, put_kept, NULL);
        else if (keep && fds[1] >= 0 && fds[2] >= 0)
                peer_call(keep, KEEP_PUT, &key, fds + from, 3 - from, put_kept, NULL);
}

static void close_stdin(struct box *b)
{
        loop_io_remove(b->in_io);
        b->in_io = NULL;
        if (b->in >= 0)
                close(b->in);
        b->in = -1;
}

void box_stdin_end(struct box *b)
{
        if (b->log)
                outlog_stdin_end(b->log);
        if (b->in < 0)
                return;
        if (b->tty) { /* its user goes on typing; what reads it sees an end once */
                (void)!write(b->in, "\x04", 1);
                return;
        }
        close_stdin(b);
        /* keep has a copy of our end: only without that the sandbox sees the end of its stdin. */
        box_put_kept(b);
}

int64_t box_stdin(struct box *b, const void *p, size_t n)
{
        if (b->in < 0)
                return b->got_pipes ? -EPIPE : -EAGAIN;
        ssize_t w = write(b->in, p, n);
        if (w >= 0) {
                touch(b);
                if (b->log)
                        outlog_stdin_add(b->log, (uint64_t)w);
                return w;
        }
        if (errno == EAGAIN || errno == EINTR) {
                if (!b->in_io)
                        b->in_io =
                                loop_io_add(b->live.api->env.loop, b->in, EPOLLOUT, stdin_ready, b);
                return -EAGAIN;
        }
        if (b->tty)
                close_stdin(b);
        else
                box_stdin_end(b);
        return -EPIPE;
}

void box_resume(struct box *b)
{
        struct box_pipe *pipes[] = {&b->out, &b->err};
        for (size_t i = 0; i < ARRAY_LEN(pipes); i++) {
                if (!pipes[i]->paused)
                        continue;
                pipes[i]->paused = false;
                watch(pipes[i]);
        }
}

static void take(struct box *b, struct box_pipe *p, int fd, enum stream_type stream)
{
        *p = (struct box_pipe){.box = b, .fd = fd, .stream = stream, .at_end = fd < 0};
        if (fd < 0)
                return;
        if (fd_nonblock(fd, true) < 0)
                log_warn("box.output", kv("id", (const char *)b->live.id));
        watch(p);
}

void box_pump_start(struct box *b, int in, int out, int err)
{
        b->got_pipes = true;
        take(b, &b->out, out, STREAM_STDOUT);
        take(b, &b->err, err, STREAM_STDERR);
        b->in = in;
        if (in >= 0 && fd_nonblock(in, true) < 0)
                log_warn("box.stdin", kv("id", (const char *)b->live.id));
        if (!b->has_stdin || (b->log && outlog_stdin_ended(b->log)))
                box_stdin_end(b);
        else
                live_tell(&b->live, LIVE_STDIN);
}

void box_pump_start_tty(struct box *b, int master)
{
        b->got_pipes = true;
        b->err = (struct box_pipe){.box = b, .fd = -1, .at_end = true};
        b->in = master < 0 ? -1 : fcntl(master, F_DUPFD_CLOEXEC, 3);
        take(b, &b->out, master, STREAM_STDOUT);
        live_tell(&b->live, LIVE_STDIN);
}

void box_pump_stop(struct box *b)
{
        close_stdin(b);
        struct box_pipe *pipes[] = {&b->out, &b->err};
        for (size_t i = 0; i < ARRAY_LEN(pipes); i++) {
                unwatch(pipes[i]);
                if (pipes[i]->fd >= 0)
                        close(pipes[i]->fd);
                pipes[i]->fd = -1;
                pipes[i]->at_end = true;
                pipes[i]->paused = false;
        }
}

bool box_pump_done(const struct box *b)
{
        return b->got_pipes && b->out.at_end && b->err.at_end;
}
