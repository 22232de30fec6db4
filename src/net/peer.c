#include "net/peer.h"
#include "base/mem.h"
#include <assert.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#define RETRY_MS 10 /* until the kernel may have memory again, or fewer descriptors in flight */

/* A message waiting for room in the socket. */
struct outgoing {
        struct outgoing *next;
        struct link_message m; /* body and descriptors are owned */
};

/* A request of ours that has no (final) answer yet. */
struct flight {
        struct flight *next;
        uint64_t id;
        uint32_t verb;
        int refused; /* why it was not sent; 0 */
        peer_answer_fn fn;
        void *ctx;
};

struct peer_request {
        struct peer *peer; /* NULL once no answer can be sent any more */
        uint32_t verb;
        uint64_t id;
        struct peer_request *next;
};

struct peer {
        struct loop *loop;
        struct loop_io *io;
        struct loop_timer *late;  /* refusals that must not be given from inside peer_call */
        struct loop_timer *retry; /* the kernel was short of something */
        const struct peer_ops *ops;
        void *ctx;
        int fd; /* -1: the link has ended */
        uint64_t next_id;
        size_t n_flights;
        size_t n_asked; /* requests of the other side whose last answer is not sent */
        struct flight *flights, *refused;
        struct peer_request *requests;
        struct outgoing *out, **last_out;
        uint32_t busy; /* > 0: inside a callback, freeing waits */
        bool freed, closed_told, waits_out;
        char storage[LINK_MESSAGE_MAX];
};

static void answer(struct flight *f, int status, const char *text)
{
        struct err e = {0};
        err_set(&e, status, "%s", text);
        struct peer_answer a = {.status = status, .err = &e};
        f->fn(f->ctx, &a);
        free(f);
}

/* Taken off one by one: an answer may free the peer, which answers the rest of the list at once. */
static void answer_all(struct flight **list, int status, const char *text)
{
        while (*list) {
                struct flight *f = *list;
                *list = f->next;
                answer(f, status, text);
        }
}

static void drop_out(struct outgoing *o)
{
        link_close_fds(&o->m);
        free((char *)o->m.body.data);
        free(o);
}

static void drop_all_out(struct peer *p)
{
        while (p->out) {
                struct outgoing *o = p->out;
                p->out = o->next;
                drop_out(o);
        }
        p->last_out = &p->out;
}

/* Ends the link: every call gets its one answer, requests of the other side lose their asker. */
static void end_link(struct peer *p, int status, const char *why)
{
        if (p->fd < 0)
                return;
        loop_io_remove(p->io);
        loop_timer_remove(p->retry);
        p->retry = NULL;
        close(p->fd);
        p->fd = -1;
        p->n_flights = 0;
        drop_all_out(p);
        for (struct peer_request *rq = p->requests; rq; rq = rq->next)
                rq->peer = NULL;
        p->requests = NULL;
        p->busy++;
        answer_all(&p->flights, status, why);
        p->busy--;
}

static void free_now(struct peer *p)
{
        answer_all(&p->refused, -ECANCELED, "cancelled");
        loop_timer_remove(p->late);
        free(p);
}

static void leave(struct peer *p)
{
        if (--p->busy == 0 && p->freed)
                free_now(p);
}

static void lost(struct peer *p, int status, const char *why)
{
        p->busy++;
        end_link(p, status, why);
        if (!p->freed && !p->closed_told && p->ops->closed) {
                p->closed_told = true;
                p->ops->closed(p->ctx);
        }
        leave(p);
}

static int flush(struct peer *p)
{
        while (p->out) {
                struct outgoing *o = p->out;
                int r = link_send(p->fd, p->ops->spec, &o->m);
                if (r < 0)
                        return r;
                p->out = o->next;
                if (!p->out)
                        p->last_out = &p->out;
                p->n_asked -= o->m.flags == LINK_ANSWER;
                drop_out(o);
        }
        return 0;
}

static void try_again(void *ctx);

/* Sends what the socket takes. The rest waits for room or, where the kernel is short of something,
 * for a moment. A dead link is noticed by the reading side, from the loop. */
static void pump(struct peer *p)
{
        int r = flush(p);
        bool scarce = r == -ENOMEM || r == -ENOBUFS || r == -ETOOMANYREFS;
        if (scarce && !p->retry)
                p->retry = loop_timer_add(p->loop, RETRY_MS, try_again, p);
        else if (r < 0 && !scarce && r != -EAGAIN)
                shutdown(p->fd, SHUT_RDWR);
        if (p->waits_out != (r == -EAGAIN)) {
                p->waits_out = !p->waits_out;
                loop_io_events(p->io, p->waits_out ? EPOLLIN | EPOLLOUT : EPOLLIN);
        }
}

static void try_again(void *ctx)
{
        struct peer *p = ctx;
        p->retry = NULL;
        pump(p);
}

/* Takes over m's body and descriptors. */
static void enqueue(struct peer *p, struct link_message *m)
{
        struct outgoing *o = xcalloc(1, sizeof *o);
        o->m = *m;
        if (p->fd < 0) {
                drop_out(o);
                return;
        }
        bool first = !p->out;
        *p->last_out = o;
        p->last_out = &o->next;
        if (first)
                pump(p);
}

/* Encodes obj and duplicates the descriptors. 0 or a negative errno with nothing taken. */
static int fill(struct link_message *m, const struct wire_type *t, const void *obj, const int *fds,
                uint32_t n_fds, struct err *err)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, LINK_MESSAGE_MAX - 32);
        int r = wire_encode(t, obj, &b, err);
        if (r < 0)
                return r;
        for (uint32_t i = 0; i < n_fds; i++) {
                int fd = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
                if (fd < 0) {
                        r = err_sys(err, -errno, "descriptor %u", i);
                        link_close_fds(m);
                        return r;
                }
                m->fds[m->n_fds++] = fd;
        }
        m->body.len = b.len;
        m->body.data = buf_take(&b);
        return 0;
}

static const char *refusal_text(int status)
{
        return status == -EBUSY   ? "too many requests in flight"
               : status == -EPIPE ? "the other role is not there"
                                  : errno_text(status);
}

/* Only those there were at the start: who asks again at once is refused in the next round. */
static void give_refusals(void *ctx)
{
        struct peer *p = ctx;
        uint64_t last = p->next_id;
        p->late = NULL;
        p->busy++;
        while (p->refused && p->refused->id <= last) {
                struct flight *f = p->refused;
                p->refused = f->next;
                answer(f, f->refused, refusal_text(f->refused));
        }
        leave(p);
}

static void refuse_later(struct peer *p, struct flight *f, int status)
{
        f->refused = status;
        struct flight **last = &p->refused;
        while (*last)
                last = &(*last)->next;
        *last = f;
        if (!p->late)
                p->late = loop_timer_add(p->loop, 0, give_refusals, p);
}

void peer_call(struct peer *p, uint32_t verb, const void *req, const int *fds, uint32_t n_fds,
               peer_answer_fn fn, void *ctx)
{
        const struct link_verb *v = link_find(p->ops->spec, verb);
        assert(v && v->rep && n_fds <= v->req_fds);
        struct flight *f = xcalloc(1, sizeof *f);
        *f = (struct flight){.id = ++p->next_id, .verb = verb, .fn = fn, .ctx = ctx};
        struct link_message m = {.verb = verb, .flags = LINK_REQUEST, .id = f->id};
        if (p->fd < 0 || p->n_flights >= LINK_FLIGHT_MAX) {
                refuse_later(p, f, p->fd < 0 ? -EPIPE : -EBUSY);
                return;
        }
        struct err err = {0};
        int r = fill(&m, v->req, req, fds, n_fds, &err);
        assert(r != -EINVAL); /* a value that breaks its own table: a bug of the caller */
        if (r < 0) {
                refuse_later(p, f, r);
                return;
        }
        f->next = p->flights;
        p->flights = f;
        p->n_flights++;
        enqueue(p, &m);
}

bool peer_event(struct peer *p, uint32_t verb, const void *req, const int *fds, uint32_t n_fds)
{
        const struct link_verb *v = link_find(p->ops->spec, verb);
        assert(v && !v->rep && n_fds <= v->req_fds);
        struct link_message m = {.verb = verb, .flags = LINK_EVENT};
        if (p->fd < 0 || fill(&m, v->req, req, fds, n_fds, NULL) < 0)
                return false;
        enqueue(p, &m);
        return true;
}

/* The asker can get no (further) answer to rq. */
static void detach(struct peer_request *rq)
{
        if (!rq->peer)
                return;
        struct peer_request **at = &rq->peer->requests;
        while (*at != rq)
                at = &(*at)->next;
        *at = rq->next;
        rq->peer = NULL;
}

bool peer_request_alive(const struct peer_request *rq)
{
        return rq->peer != NULL;
}

static void send_failure(struct peer_request *rq, const struct err *err)
{
        if (!rq->peer)
                return;
        const char *text = err_text(err);
        struct link_message m = {.verb = rq->verb,
                                 .flags = LINK_ANSWER,
                                 .id = rq->id,
                                 .status = err->code < 0 ? err->code : -EIO,
                                 .body = {xstrdup(text), strlen(text)}};
        enqueue(rq->peer, &m);
        detach(rq);
}

void peer_reply(struct peer_request *rq, const void *rep, const int *fds, uint32_t n_fds, bool more)
{
        struct link_message m = {
                .verb = rq->verb, .flags = LINK_ANSWER | (more ? LINK_MORE : 0), .id = rq->id};
        if (rq->peer) {
                const struct link_verb *v = link_find(rq->peer->ops->spec, rq->verb);
                assert(n_fds <= v->rep_fds);
                struct err err = {0};
                if (fill(&m, v->rep, rep, fds, n_fds, &err) == 0)
                        enqueue(rq->peer, &m);
                else
                        send_failure(rq, &err);
        }
        if (more)
                return;
        detach(rq);
        free(rq);
}

void peer_fail_err(struct peer_request *rq, const struct err *err)
{
        send_failure(rq, err);
        free(rq);
}

void peer_fail(struct peer_request *rq, int code, const char *fmt, ...)
{
        struct err err = {.code = code};
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(err.text, sizeof err.text, fmt, ap);
        va_end(ap);
        peer_fail_err(rq, &err);
}

static int on_request(struct peer *p, struct link_message *m, const void *obj)
{
        const struct peer_handler *h = p->ops->handlers;
        while (h && h->fn && h->verb != m->verb)
                h++;
        if (!h || !h->fn)
                return -EPROTO; /* a verb of the other direction */
        struct peer_request *rq = NULL;
        if (m->flags == LINK_REQUEST) {
                if (p->n_asked >= LINK_FLIGHT_MAX)
                        return -EPROTO; /* peer_call there holds to it: this is somebody else */
                p->n_asked++;
                rq = xcalloc(1, sizeof *rq);
                *rq = (struct peer_request){p, m->verb, m->id, p->requests};
                p->requests = rq;
        }
        h->fn(p->ctx, rq, obj, m->fds, m->n_fds);
        return 0;
}

static int on_answer(struct peer *p, struct link_message *m, const void *obj)
{
        struct flight **at = &p->flights;
        while (*at && (*at)->id != m->id)
                at = &(*at)->next;
        struct flight *f = *at;
        if (!f || f->verb != m->verb)
                return -EPROTO;
        bool more = m->flags & LINK_MORE;
        struct flight last = *f;
        if (!more) {
                *at = f->next;
                p->n_flights--;
                free(f);
        }
        struct err e = {0};
        if (m->status < 0)
                err_set(&e, m->status, "%.*s", (int)(m->body.len < 400 ? m->body.len : 400),
                        m->body.data);
        struct peer_answer a = {m->status, m->status < 0 ? NULL : obj, m->fds, m->n_fds, more, &e};
        last.fn(last.ctx, &a);
        return 0;
}

static int handle(struct peer *p, struct link_message *m)
{
        const struct link_verb *v = link_find(p->ops->spec, m->verb);
        bool is_answer = m->flags & LINK_ANSWER;
        const struct wire_type *t = is_answer ? v->rep : v->req;
        auto_free void *obj = xmalloc(t->size);
        int r = 0;
        if (m->status == 0)
                r = wire_decode(t, m->body.data, m->body.len, obj, NULL);
        if (r == 0)
                r = is_answer ? on_answer(p, m, obj) : on_request(p, m, obj);
        link_close_fds(m);
        return r;
}

static void ready(void *ctx, uint32_t events)
{
        struct peer *p = ctx;
        p->busy++;
        int r = 0;
        if (events & EPOLLOUT)
                pump(p);
        /* A bounded number of messages a turn, so that one busy peer does not starve the rest. */
        for (int i = 0; i < 64 && r == 0 && p->fd >= 0; i++) {
                struct link_message m;
                r = link_recv(p->fd, p->ops->spec, p->storage, &m);
                if (r == 0)
                        r = handle(p, &m);
        }
        if (r < 0 && r != -EAGAIN && p->fd >= 0)
                lost(p, -EPIPE,
                     r == -EPROTO ? "the other role broke the protocol" : "the other role ended");
        leave(p);
}

struct peer *peer_new(struct loop *l, int fd, const struct peer_ops *ops, void *ctx)
{
        struct peer *p = xcalloc(1, sizeof *p);
        p->loop = l;
        p->fd = fd;
        p->ops = ops;
        p->ctx = ctx;
        p->last_out = &p->out;
        p->io = loop_io_add(l, fd, EPOLLIN, ready, p);
        return p;
}

void peer_free(struct peer *p)
{
        if (!p || p->freed)
                return;
        p->busy++;
        p->freed = true;
        end_link(p, -ECANCELED, "cancelled");
        /* From inside an answer of ours the link may have ended before, with some still waiting. */
        answer_all(&p->flights, -ECANCELED, "cancelled");
        answer_all(&p->refused, -ECANCELED, "cancelled");
        leave(p);
}

bool peer_alive(const struct peer *p)
{
        return p && p->fd >= 0 && !p->freed;
}
