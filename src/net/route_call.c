#include "net/route_call.h"
#include "base/mem.h"
#include "link/vault.h"
#include "net/conn.h"
#include <stdio.h>

struct route_call {
        struct loop *loop;
        struct loop_timer *start; /* the call cannot even begin */
        struct vault_open open;
        struct opening *opening; /* its answer is still to come */
        struct buf request;
        size_t sent;
        struct conn *conn;
        struct h1 answer;
        const struct route_call_ops *ops;
        void *ctx;
        bool over, freed, busy;
};

/* Lives until the link has answered, although the call may be gone. */
struct opening {
        struct route_call *call;
};

static void finish(struct route_call *c, int status, const char *why)
{
        if (c->over)
                return;
        c->over = true;
        c->ops->done(c->ctx, status, status < 0 ? why : "");
}

/* Puts as much of the request as there is room for. */
static void put(struct route_call *c)
{
        size_t room = conn_room(c->conn), n = c->request.len - c->sent;
        if (n > room)
                n = room;
        if (n && buf_add(conn_out(c->conn), c->request.data + c->sent, n) == 0)
                c->sent += n;
        conn_push(c->conn);
}

static void on_event(struct route_call *c, const struct h1_event *ev)
{
        bool final = ev->type == H1_HEAD && (ev->head->status >= 200 || ev->head->status == 101);
        if (final && c->ops->head)
                c->ops->head(c->ctx, ev->head);
        if (ev->type == H1_DATA && c->ops->data)
                c->ops->data(c->ctx, ev->data);
        if (ev->type == H1_END)
                finish(c, 0, "");
}

static void read_answer(struct route_call *c)
{
        struct err err = {0};
        while (!c->over && !c->freed) {
                struct h1_event ev;
                struct slice in = conn_in(c->conn);
                size_t before = in.len;
                int r = h1_next(&c->answer, &in, &ev, &err);
                if (r == 1)
                        on_event(c, &ev);
                else if (r < 0)
                        finish(c, r, err_text(&err));
                conn_used(c->conn, before - in.len);
                if (r != 1 && conn_in(c->conn).len == 0)
                        break;
        }
        if (c->over || c->freed || !conn_ended(c->conn))
                return;
        bool whole = h1_eof(&c->answer, &err) == 0 && c->answer.head.status;
        finish(c, whole ? 0 : -EPIPE, "the answer was cut");
}

static void on_conn(void *ctx)
{
        struct route_call *c = ctx;
        c->busy = true;
        put(c);
        read_answer(c);
        c->busy = false;
        if (c->freed)
                route_call_free(c);
}

static void on_opened(void *ctx, const struct peer_answer *a)
{
        struct opening *o = ctx;
        struct route_call *c = o->call;
        free(o);
        if (!c)
                return;
        c->opening = NULL;
        if (a->status < 0 || a->n_fds != 1) {
                finish(c, a->status < 0 ? a->status : -EPROTO,
                       a->status < 0 ? err_text(a->err) : "no stream came back");
                return;
        }
        c->conn = conn_new(c->loop, TAKE_FD(a->fds[0]), NULL, NULL, on_conn, c);
        put(c);
}

static void away(void *ctx)
{
        struct route_call *c = ctx;
        c->start = NULL;
        finish(c, -EPIPE, "the vault is not there");
}

static int write_request(struct route_call *c, const struct route_request *q)
{
        bool body = q->body.data != NULL;
        int r = h1_put_request(&c->request, q->method, q->path);
        r = r < 0 ? r : buf_addf(&c->request, "host: paddock\r\n%s", q->fields ? q->fields : "");
        if (r == 0 && body)
                r = buf_addf(&c->request, "content-length: %zu\r\n", q->body.len);
        r = r < 0 ? r : h1_put_end(&c->request);
        return r < 0 || !body ? r : buf_add(&c->request, q->body.data, q->body.len);
}

static void bad(void *ctx)
{
        struct route_call *c = ctx;
        c->start = NULL;
        finish(c, -EINVAL, "the request is not valid");
}

/* Its request is written; NULL in `start`: it may begin. */
static struct route_call *prepare(struct loop *l, const struct route_request *q,
                                  const struct route_call_ops *ops, void *ctx)
{
        struct route_call *c = xcalloc(1, sizeof *c);
        *c = (struct route_call){.loop = l, .ops = ops, .ctx = ctx};
        h1_init(&c->answer, H1_RESPONSE, HTTP_HEAD_MAX);
        if (strcmp(q->method, "HEAD") == 0)
                h1_no_body(&c->answer);
        buf_init(&c->request, q->body.len + HTTP_HEAD_MAX);
        bool fits = snprintf(c->open.route, sizeof c->open.route, "%s", q->route) <
                            (int)sizeof c->open.route &&
                    snprintf(c->open.owner, sizeof c->open.owner, "%s", q->owner ? q->owner : "") <
                            (int)sizeof c->open.owner;
        if (!fits || write_request(c, q) < 0)
                c->start = loop_timer_add(l, 0, bad, c);
        return c;
}

struct route_call *route_call_new(struct loop *l, struct peer *vault, const struct route_request *q,
                                  const struct route_call_ops *ops, void *ctx)
{
        struct route_call *c = prepare(l, q, ops, ctx);
        if (!c->start && !vault)
                c->start = loop_timer_add(l, 0, away, c);
        if (c->start)
                return c;
        c->opening = xcalloc(1, sizeof *c->opening);
        c->opening->call = c;
        peer_call(vault, VAULT_OPEN, &c->open, NULL, 0, on_opened, c->opening);
        return c;
}

struct route_call *route_call_on(struct loop *l, int fd, const struct route_request *q,
                                 const struct route_call_ops *ops, void *ctx)
{
        struct route_call *c = prepare(l, q, ops, ctx);
        c->conn = conn_new(l, fd, NULL, NULL, on_conn, c);
        if (!c->start)
                put(c);
        return c;
}

void route_call_free(struct route_call *c)
{
        if (!c)
                return;
        c->freed = c->over = true;
        if (c->busy)
                return; /* on_conn does it */
        loop_timer_remove(c->start);
        if (c->opening)
                c->opening->call = NULL;
        conn_free(c->conn);
        h1_done(&c->answer);
        buf_done(&c->request);
        free(c);
}
