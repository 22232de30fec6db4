#include "vault/dial.h"
#include "base/mem.h"
#include "link/vault.h"
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>

#define CONNECT_MS 8000 /* one address; the next one is tried afterwards */

struct dial {
        struct dialer *d;
        char host[HOST_TEXT_MAX + 1];
        struct resolve *question;
        struct resolve_answer found;
        size_t next; /* address to try */
        int fd;
        struct loop_io *io;
        struct loop_timer *timer;
        dial_fn fn;
        void *ctx;
        struct err err; /* of the last address */
};

static void drop_attempt(struct dial *x)
{
        loop_io_remove(x->io);
        loop_timer_remove(x->timer);
        x->io = NULL;
        x->timer = NULL;
        closep(&x->fd);
        x->fd = -1;
}

static void finish(struct dial *x, int fd)
{
        x->fn(x->ctx, fd, fd < 0 ? &x->err : NULL);
        resolve_cancel(x->question);
        free(x);
}

static void try_next(struct dial *x);

static void connected(void *ctx, uint32_t events UNUSED)
{
        struct dial *x = ctx;
        int e = 0;
        socklen_t n = sizeof e;
        if (getsockopt(x->fd, SOL_SOCKET, SO_ERROR, &e, &n) < 0)
                e = errno;
        if (e) {
                err_sys(&x->err, -e, "%s", x->host);
                drop_attempt(x);
                try_next(x);
                return;
        }
        int fd = TAKE_FD(x->fd);
        drop_attempt(x);
        finish(x, fd);
}

static void too_late(void *ctx)
{
        struct dial *x = ctx;
        x->timer = NULL;
        err_set(&x->err, -ETIMEDOUT, "%s: no answer to the connection", x->host);
        drop_attempt(x);
        try_next(x);
}

/* 0: on its way. */
static int attempt(struct dial *x, const struct address *a)
{
        static const int on = 1;
        if (!networks_have(&x->d->private_ok, a) && (address_is_internal(a) || address_is_own(a)))
                return err_set(&x->err, -EACCES, "%s leads to an internal address", x->host);
        x->fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (x->fd < 0)
                return err_sys(&x->err, -errno, "socket");
        setsockopt(x->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (connect(x->fd, &a->sa, address_len(a)) < 0 && errno != EINPROGRESS) {
                int r = err_sys(&x->err, -errno, "%s", x->host);
                drop_attempt(x);
                return r;
        }
        x->io = loop_io_add(x->d->loop, x->fd, EPOLLOUT, connected, x);
        x->timer = loop_timer_add(x->d->loop, CONNECT_MS, too_late, x);
        return 0;
}

static void try_next(struct dial *x)
{
        while (x->next < x->found.n)
                if (attempt(x, &x->found.list[x->next++]) == 0)
                        return;
        finish(x, -1);
}

static void on_resolved(void *ctx, const struct resolve_answer *a)
{
        struct dial *x = ctx;
        x->question = NULL;
        x->found = *a;
        err_set(&x->err, a->status < 0 ? a->status : -ENOENT, "%s: %s", x->host,
                a->status == -ETIMEDOUT ? "the name servers do not answer"
                : a->status == -ENOENT  ? "there is no such host"
                                        : "the name could not be resolved");
        try_next(x);
}

static void begin_literal(void *ctx)
{
        struct dial *x = ctx;
        x->timer = NULL;
        try_next(x);
}

struct dial *dial_start(struct dialer *d, const char *host, bool literal, uint16_t port, dial_fn fn,
                        void *ctx)
{
        struct dial *x = xcalloc(1, sizeof *x);
        *x = (struct dial){.d = d, .fd = -1, .fn = fn, .ctx = ctx};
        snprintf(x->host, sizeof x->host, "%s", host);
        err_set(&x->err, -EINVAL, "%s is not an address", x->host);
        if (!literal) {
                x->question = resolve_start(d->resolver, host, port, on_resolved, x);
                return x;
        }
        x->found.n = address_parse(host, port, &x->found.list[0]) == 0;
        x->timer = loop_timer_add(d->loop, 0, begin_literal, x);
        return x;
}

void dial_cancel(struct dial *x)
{
        if (!x)
                return;
        drop_attempt(x);
        resolve_cancel(x->question);
        free(x);
}
