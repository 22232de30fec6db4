#include "net/conn.h"
#include "base/mem.h"
#include <sys/socket.h>

#define OUT_HARD_MAX (CONN_OUT_MAX + 262144) /* with the largest heads */
#define IDLE_KEPT    4096                    /* memory an empty buffer may keep */

struct conn {
        struct loop *loop;
        struct loop_io *io; /* NULL: nothing to wait for */
        struct loop_timer *kick;
        const struct conn_transport *ops;
        void *t;
        conn_fn fn;
        void *ctx;
        int fd;
        uint32_t events; /* asked of the loop */
        struct buf in, out;
        bool ended, broken, shut, shut_done, hung_up;
        bool read_waits, write_waits; /* the transport said -EAGAIN */
        uint32_t read_wants, write_wants;
};

static void ready(void *ctx, uint32_t events);

/* The transport's own end waits until the socket takes it. */
static bool shut_waits(const struct conn *c)
{
        return c->shut && !c->shut_done && c->ops && c->ops->shut;
}

/* What there is to wait for. */
static uint32_t wanted(const struct conn *c)
{
        uint32_t e = 0;
        if (c->broken)
                return 0;
        if (!c->ended && c->in.len < CONN_IN_MAX)
                e |= c->read_wants;
        if (c->out.len || shut_waits(c))
                e |= c->write_wants;
        return e;
}

static void arm(struct conn *c)
{
        uint32_t e = wanted(c);
        if (!c->io && (e || !(c->hung_up || c->broken)))
                c->io = loop_io_add(c->loop, c->fd, e, ready, c);
        else if (c->io && e != c->events)
                loop_io_events(c->io, e);
        c->events = e;
}

static ssize_t do_read(struct conn *c, char *p, size_t n)
{
        ssize_t r;
        if (c->ops)
                return c->ops->read(c->t, p, n);
        do
                r = recv(c->fd, p, n, 0);
        while (r < 0 && errno == EINTR);
        return r < 0 ? -errno : r;
}

static ssize_t do_write(struct conn *c, const char *p, size_t n)
{
        ssize_t r;
        if (c->ops)
                return c->ops->write(c->t, p, n);
        do
                r = send(c->fd, p, n, MSG_NOSIGNAL);
        while (r < 0 && errno == EINTR);
        return r < 0 ? -errno : r;
}

static void break_off(struct conn *c)
{
        c->ended = c->broken = true;
        buf_clear(&c->out);
}

/* Read into one place and copied: a message of some hundred bytes then needs no buffer of 32 KiB, whose
 * pages cost more than all the rest of a small request. */
static ssize_t read_some(struct conn *c)
{
        static char place[CONN_IN_MAX];
        ssize_t r = do_read(c, place, CONN_IN_MAX - c->in.len);
        if (r > 0 && buf_add(&c->in, place, (size_t)r) < 0)
                r = -ENOMEM;
        if (r > 0 && c->in.wipes)
                explicit_bzero(place, (size_t)r);
        return r;
}

/* Reads once, and on while a transport may hold decoded bytes that the kernel does not show. */
static void fill(struct conn *c)
{
        while (!c->ended && c->in.len < CONN_IN_MAX) {
                ssize_t r = read_some(c);
                if (r > 0) {
                        if (!c->ops)
                                return;
                        continue;
                }
                c->read_wants = r == -EAGAIN && c->ops ? c->ops->wants(c->t) : EPOLLIN;
                if (r == 0)
                        c->ended = true;
                else if (r != -EAGAIN)
                        break_off(c);
                return;
        }
}

static void end_writing(struct conn *c)
{
        if (!c->shut || c->shut_done || c->out.len || c->broken)
                return;
        int r = shut_waits(c) ? c->ops->shut(c->t) : 0;
        if (r == -EAGAIN) {
                c->write_wants = c->ops->wants(c->t);
                return;
        }
        c->shut_done = true;
        shutdown(c->fd, SHUT_WR);
}

static void drain(struct conn *c)
{
        size_t done = 0;
        while (done < c->out.len && !c->broken) {
                ssize_t r = do_write(c, c->out.data + done, c->out.len - done);
                if (r > 0) {
                        done += (size_t)r;
                        continue;
                }
                c->write_wants = r == -EAGAIN && c->ops ? c->ops->wants(c->t) : EPOLLOUT;
                if (r != -EAGAIN) {
                        fill(c); /* what the other side said before it closed */
                        break_off(c);
                }
                break;
        }
        if (!c->broken && done)
                buf_consume(&c->out, done);
        end_writing(c);
}

/* An empty buffer keeps little memory, and nothing of what it held where that was secret. */
static void shrink(struct buf *b, size_t max)
{
        bool wipes = b->wipes;
        if (b->len || !b->data)
                return;
        if (b->cap <= IDLE_KEPT && !wipes)
                return;
        if (b->cap <= IDLE_KEPT) {
                explicit_bzero(b->data, b->cap);
                return;
        }
        buf_done(b);
        buf_init(b, max);
        b->wipes = wipes;
}

static void ready(void *ctx, uint32_t events)
{
        struct conn *c = ctx;
        if ((c->out.len || shut_waits(c)) && (events & (c->write_wants | EPOLLERR)))
                drain(c);
        if (!c->ended && c->in.len < CONN_IN_MAX)
                fill(c);
        if ((events & (EPOLLHUP | EPOLLERR)) && !wanted(c)) {
                c->hung_up = true; /* level-triggered: it would be told for ever */
                loop_io_remove(c->io);
                c->io = NULL;
        } else {
                arm(c);
        }
        shrink(&c->out, OUT_HARD_MAX);
        c->fn(c->ctx);
}

/* Bytes that a transport has decoded already wake nobody. */
static void kicked(void *ctx)
{
        struct conn *c = ctx;
        c->kick = NULL;
        fill(c);
        arm(c);
        c->fn(c->ctx);
}

struct conn *conn_new(struct loop *l, int fd, const struct conn_transport *ops, void *t, conn_fn fn,
                      void *ctx)
{
        struct conn *c = xcalloc(1, sizeof *c);
        *c = (struct conn){.loop = l, .ops = ops, .t = t, .fn = fn, .ctx = ctx, .fd = fd};
        c->read_wants = EPOLLIN;
        c->write_wants = EPOLLOUT;
        buf_init(&c->in, CONN_IN_MAX);
        buf_init(&c->out, OUT_HARD_MAX);
        arm(c);
        return c;
}

void conn_callback(struct conn *c, conn_fn fn, void *ctx)
{
        c->fn = fn;
        c->ctx = ctx;
}

static void release(struct conn *c)
{
        loop_io_remove(c->io);
        loop_timer_remove(c->kick);
        if (c->ops && c->ops->free)
                c->ops->free(c->t);
        close(c->fd);
        buf_done(&c->in);
        buf_done(&c->out);
        free(c);
}

void conn_free(struct conn *c)
{
        if (!c)
                return;
        /* Others may hold copies of the descriptor: closing ours would not end the connection. */
        if (!c->broken)
                shutdown(c->fd, SHUT_RDWR);
        release(c);
}

void conn_abort(struct conn *c)
{
        struct linger now = {1, 0};
        if (!c)
                return;
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        release(c);
}

int conn_fd(const struct conn *c)
{
        return c->fd;
}

struct loop *conn_loop(const struct conn *c)
{
        return c->loop;
}

void *conn_context(const struct conn *c)
{
        return c->t;
}

void conn_wipes(struct conn *c)
{
        c->in.wipes = c->out.wipes = true;
}

struct slice conn_in(const struct conn *c)
{
        return (struct slice){c->in.data, c->in.len};
}

void conn_used(struct conn *c, size_t n)
{
        bool was_full = c->in.len >= CONN_IN_MAX;
        if (n == 0)
                return;
        buf_consume(&c->in, n);
        shrink(&c->in, CONN_IN_MAX);
        arm(c);
        if (was_full && c->ops && !c->ended && !c->kick)
                c->kick = loop_timer_add(c->loop, 0, kicked, c);
}

bool conn_ended(const struct conn *c)
{
        return c->ended || (c->hung_up && c->in.len == 0 && !c->io);
}

bool conn_broken(const struct conn *c)
{
        return c->broken;
}

struct buf *conn_out(struct conn *c)
{
        return &c->out;
}

size_t conn_room(const struct conn *c)
{
        return c->out.len < CONN_OUT_MAX ? CONN_OUT_MAX - c->out.len : 0;
}

size_t conn_unsent(const struct conn *c)
{
        return c->out.len;
}

void conn_push(struct conn *c)
{
        if (c->broken) {
                buf_clear(&c->out);
                return;
        }
        drain(c);
        arm(c);
        /* Not told from here: whoever pushes looks at the state afterwards, or is told by the loop,
         * which reports the error as well. */
}

void conn_shut(struct conn *c)
{
        c->shut = true;
        end_writing(c);
        arm(c);
}
