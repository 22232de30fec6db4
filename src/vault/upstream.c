#include "vault/upstream.h"
#include "base/mem.h"
#include "base/str.h"
#include "vault/policy.h"
#include <stdio.h>

#define IDLE_MAX 256
#define IDLE_MS  55000 /* under the 60 s after which many servers close */

struct idle {
        struct idle *next, **at;
        struct upstreams *all;
        struct conn *conn;
        struct loop_timer *timer;
        char host[254];
        uint16_t port;
        bool tls;
};
struct upcall {
        struct upstreams *all;
        struct dial *dial;
        char host[254];
        bool tls;
        upstream_fn fn;
        void *ctx;
};

static void drop(struct idle *i, bool close_it)
{
        *i->at = i->next;
        if (i->next)
                i->next->at = i->at;
        i->all->n_idle--;
        loop_timer_remove(i->timer);
        if (close_it)
                conn_free(i->conn);
        free(i);
}

/* Nothing is expected on it: whatever happens ends it. */
static void disturbed(void *ctx)
{
        drop(ctx, true);
}

static void too_old(void *ctx)
{
        struct idle *i = ctx;
        i->timer = NULL;
        drop(i, true);
}

struct conn *upstream_take(struct upstreams *u, const struct route *r)
{
        for (struct idle *i = u->first; i; i = i->next) {
                if (!str_eq(i->host, r->host) || i->port != r->port || i->tls != r->tls)
                        continue;
                struct conn *c = i->conn;
                drop(i, false);
                return c;
        }
        return NULL;
}

void upstream_give(struct upstreams *u, const struct route *r, struct conn *c)
{
        if (u->n_idle >= IDLE_MAX) {
                conn_free(c);
                return;
        }
        struct idle *i = xcalloc(1, sizeof *i);
        *i = (struct idle){.next = u->first,
                           .at = &u->first,
                           .all = u,
                           .conn = c,
                           .port = r->port,
                           .tls = r->tls};
        snprintf(i->host, sizeof i->host, "%s", r->host);
        i->timer = loop_timer_add(u->dialer->loop, IDLE_MS, too_old, i);
        conn_callback(c, disturbed, i);
        if (i->next)
                i->next->at = &i->next;
        u->first = i;
        u->n_idle++;
}

void upstreams_done(struct upstreams *u)
{
        while (u->first)
                drop(u->first, true);
        tls_context_free(u->tls);
        u->tls = NULL;
        closep(&u->ca_fd);
        u->ca_fd = -1;
}

static void nothing(void *ctx UNUSED)
{
}

static void *put_tls(struct upstreams *u, int fd, const char *host, struct err *err)
{
        if (!u->tls && tls_context_new(u->ca_fd, &u->tls, err) < 0)
                return NULL;
        void *t = tls_new(u->tls, fd, host);
        if (!t)
                err_set(err, -ENOMEM, "TLS");
        return t;
}

static void on_dialed(void *ctx, int fd, const struct err *err)
{
        struct upcall *c = ctx;
        struct err bad = {0};
        void *t = fd >= 0 && c->tls ? put_tls(c->all, fd, c->host, &bad) : NULL;
        if (fd >= 0 && c->tls && !t) {
                close(fd);
                c->fn(c->ctx, NULL, &bad);
        } else if (fd < 0) {
                c->fn(c->ctx, NULL, err);
        } else {
                c->fn(c->ctx,
                      conn_new(c->all->dialer->loop, fd, c->tls ? &tls_transport : NULL, t, nothing,
                               NULL),
                      NULL);
        }
        free(c);
}

struct upcall *upstream_dial(struct upstreams *u, const struct route *r, upstream_fn fn, void *ctx)
{
        struct upcall *c = xcalloc(1, sizeof *c);
        char host[HOST_TEXT_MAX + 1] = "";
        bool literal = false;
        *c = (struct upcall){.all = u, .tls = r->tls, .fn = fn, .ctx = ctx};
        snprintf(c->host, sizeof c->host, "%s", r->host);
        if (host_canonical(r->host, host, &literal) < 0)
                literal = true; /* dial answers that it is no address */
        c->dial = dial_start(u->dialer, host, literal, r->port, on_dialed, c);
        return c;
}

void upstream_cancel(struct upcall *c)
{
        if (!c)
                return;
        dial_cancel(c->dial);
        free(c);
}

const char *upstream_trouble(const struct route *r, const struct conn *c)
{
        return r->tls && c ? tls_error(conn_context(c)) : "";
}
