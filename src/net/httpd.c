#include "net/httpd.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/httpd_impl.h"
#include "net/tls.h"
#include <assert.h>
#include <stdio.h>

#define IDLE_SECONDS      75          /* a connection without a request, or a stalled one */
#define POOL_BYTES        (40u << 10) /* HTTP_HEAD_MAX and room to work; cleared after every request */
#define RUNS_A_TURN       16
#define IDLE_TURNS        8  /* in which the library says there is work and does none of ours */
#define REST_MS           10 /* then until it is asked again, unless a socket says something */
#define EARLY_SWALLOW_MAX (64u << 10) /* a body this short is read before its refusal is sent */
#define LATE_SWALLOW_MAX  (16u << 20) /* most that is read of a body nobody wants any more */

/* ---- driving the library ---- */

static void tick(void *ctx)
{
        struct httpd *h = ctx;
        h->tick = NULL;
        http_accept_again(h); /* also when it was for want of a descriptor */
        http_run(h);
}

static bool work_left(struct httpd *h)
{
        MHD_UNSIGNED_LONG_LONG ms;
        return MHD_get_timeout(h->daemon, &ms) == MHD_YES && ms == 0;
}

static void run_soon(void *ctx)
{
        struct httpd *h = ctx;
        h->soon = NULL;
        h->resting = false;
        http_run(h);
}

/* The library's own descriptor does not tell of connections that were resumed. */
static void need_run(struct httpd *h)
{
        if (h->resting) {
                loop_timer_remove(h->soon);
                h->soon = NULL;
                h->resting = false;
        }
        if (!h->soon && !h->stopping)
                h->soon = loop_timer_add(h->loop, 0, run_soon, h);
}

/* The library has work left, it says. Half a record of a TLS handshake is such work until the other
 * half comes: it is not tried again and again meanwhile. */
static void run_again(struct httpd *h)
{
        h->idle_turns = h->calls == h->seen ? h->idle_turns + 1 : 0;
        h->seen = h->calls;
        if (h->idle_turns < IDLE_TURNS)
                need_run(h);
        if (h->soon || h->stopping)
                return;
        h->soon = loop_timer_add(h->loop, REST_MS, run_soon, h);
        h->resting = true;
}

void http_run(struct httpd *h)
{
        int n = 0;
        do
                MHD_run(h->daemon);
        while (work_left(h) && ++n < RUNS_A_TURN);
        if (n == RUNS_A_TURN)
                run_again(h);
        /* Its idle time-outs are counted in seconds: a look a second, while there is anybody. */
        if ((h->n_connections || http_any_paused(h)) && !h->tick)
                h->tick = loop_timer_add(h->loop, 1000, tick, h);
}

static void library_ready(void *ctx, uint32_t events UNUSED)
{
        http_run(ctx);
}

size_t httpd_busy(const struct httpd *h)
{
        return h->n_requests + http_fronts_busy(h);
}

/* ---- one request through the library's callbacks ---- */

static void client_gone(void *ctx, uint32_t events UNUSED)
{
        struct http_req *rq = ctx;
        rq->gone = true;
        http_wake(rq);
}

/* While it is suspended the library does not look at the socket; we do, for a hang-up only. */
void http_sleep(struct http_req *rq)
{
        assert(!rq->suspended);
        rq->suspended = true;
        MHD_suspend_connection(rq->c);
        rq->watch = loop_io_add(rq->h->loop, rq->fd, 0, client_gone, rq);
}

void http_wake(struct http_req *rq)
{
        if (!rq->suspended)
                return;
        rq->suspended = false;
        loop_io_remove(rq->watch);
        rq->watch = NULL;
        MHD_resume_connection(rq->c);
        need_run(rq->h);
}

int64_t http_body_length(const struct http_req *rq)
{
        if (http_header(rq, "Transfer-Encoding"))
                return HTTP_UNKNOWN;
        const char *s = http_header(rq, "Content-Length");
        uint64_t n;
        return s && str_to_u64(s, &n) == 0 && n <= INT64_MAX ? (int64_t)n : 0;
}

static struct http_req *request_new(struct httpd *h, struct MHD_Connection *c, const char *url,
                                    const char *method)
{
        struct http_req *rq = xcalloc(1, sizeof *rq);
        *rq = (struct http_req){.h = h, .c = c, .path = url, .method = method, .id = id_new()};
        rq->fd = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        rq->peer = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
        rq->start_us = clock_boot_us();
        h->n_requests++;
        rq->next = h->requests;
        rq->at = &h->requests;
        if (rq->next)
                rq->next->at = &rq->next;
        h->requests = rq;
        return rq;
}

static void on_completed(void *ctx, struct MHD_Connection *c UNUSED, void **req_ctx,
                         enum MHD_RequestTerminationCode why UNUSED)
{
        struct httpd *h = ctx;
        struct http_req *rq = *req_ctx;
        h->calls++;
        if (!rq)
                return;
        *req_ctx = NULL;
        loop_io_remove(rq->watch);
        if (h->ops->answered)
                h->ops->answered(h->ctx, rq);
        if (rq->end_fn)
                rq->end_fn(rq->end_ctx);
        if (rq->response)
                MHD_destroy_response(rq->response);
        for (struct http_extra *e = rq->extra, *next; e; e = next) {
                next = e->next;
                free(e->name);
                free(e->value);
                free(e);
        }
        buf_done(&rq->body);
        *rq->at = rq->next;
        if (rq->next)
                rq->next->at = rq->at;
        free(rq);
        h->n_requests--;
}

static enum MHD_Result send_answer(struct http_req *rq)
{
        rq->queued = true;
        enum MHD_Result r = MHD_queue_response(rq->c, (unsigned)rq->status, rq->response);
        MHD_destroy_response(rq->response);
        rq->response = NULL;
        return r;
}

static enum MHD_Result find_blank(void *ctx, enum MHD_ValueKind kind UNUSED, const char *key,
                                  const char *value UNUSED)
{
        bool *found = ctx;
        *found |= strpbrk(key, " \t") != NULL;
        return MHD_YES;
}

/* Two readers of one head that disagree where the body ends is how requests are smuggled past a
 * proxy (RFC 9112, 11.2). The library takes the first length it sees, takes "Content-Length :" for
 * another field, and a coding that it does not know for none. */
static bool ambiguous(const struct http_req *rq)
{
        const char *coding = http_header(rq, "Transfer-Encoding");
        bool blank = false;
        MHD_get_connection_values(rq->c, MHD_HEADER_KIND, find_blank, &blank);
        if (blank || (coding && strcasecmp(coding, "chunked") != 0))
                return true;
        int lengths = http_header_count(rq, "Content-Length");
        int codings = http_header_count(rq, "Transfer-Encoding");
        return lengths + codings > 1 || http_header_count(rq, "Host") > 1;
}

/* The head is in. */
static enum MHD_Result begin(struct http_req *rq)
{
        if (ambiguous(rq)) {
                http_add_header(rq, "Connection", "close");
                http_fail(rq, -EINVAL,
                          "the head does not say clearly where the body ends, or for whom it is");
                return send_answer(rq);
        }
        rq->in_callback = true;
        rq->h->ops->request(rq->h->ctx, rq);
        rq->in_callback = false;
        if (!rq->response)
                return MHD_YES;
        /* A refusal before the body: a short one is read first, so that the client, still
         * writing, does not lose the answer to a reset; a long one is not waited for. */
        int64_t n = http_body_length(rq);
        bool waits = http_header(rq, "Expect") != NULL;
        if (n == HTTP_UNKNOWN || n > (int64_t)EARLY_SWALLOW_MAX || (n > 0 && waits))
                return send_answer(rq);
        return MHD_YES;
}

static enum MHD_Result swallow(struct http_req *rq, size_t *n)
{
        rq->swallowed += *n;
        *n = 0;
        return rq->swallowed > LATE_SWALLOW_MAX ? MHD_NO : MHD_YES;
}

static enum MHD_Result take_data(struct http_req *rq, const char *p, size_t *n)
{
        if (rq->response || rq->mode == HTTP_BODY_NONE)
                return swallow(rq, n);
        if (rq->mode == HTTP_BODY_WHOLE) {
                if (buf_add(&rq->body, p, *n) < 0) {
                        http_fail(rq, -EFBIG, "the body is longer than %zu bytes", rq->body.max);
                        return swallow(rq, n);
                }
                *n = 0;
                return MHD_YES;
        }
        rq->in_callback = true;
        size_t taken = rq->sink->data(rq->body_ctx, p, *n);
        rq->in_callback = false;
        assert(taken <= *n);
        *n -= taken;
        if (rq->response)
                return swallow(rq, n);
        if (*n > 0)
                http_sleep(rq);
        return MHD_YES;
}

/* All of the request is in, or we were woken. */
static enum MHD_Result take_end(struct http_req *rq)
{
        if (!rq->body_ended) {
                rq->body_ended = true;
                rq->in_callback = true;
                if (rq->response)
                        ;
                else if (rq->mode == HTTP_BODY_WHOLE)
                        rq->body_fn(rq->body_ctx, rq, buf_text(&rq->body), rq->body.len);
                else if (rq->mode == HTTP_BODY_STREAM)
                        rq->sink->end(rq->body_ctx);
                rq->in_callback = false;
        }
        if (rq->response)
                return send_answer(rq);
        http_sleep(rq);
        return MHD_YES;
}

static enum MHD_Result on_access(void *ctx, struct MHD_Connection *c, const char *url,
                                 const char *method, const char *version UNUSED, const char *data,
                                 size_t *n, void **req_ctx)
{
        struct http_req *rq = *req_ctx;
        ((struct httpd *)ctx)->calls++;
        if (!rq) {
                rq = *req_ctx = request_new(ctx, c, url, method);
                return begin(rq);
        }
        if (rq->gone)
                return MHD_NO;
        return *n > 0 ? take_data(rq, data, n) : take_end(rq);
}

/* ---- life ---- */

/* In place, as the library wants it. A decoded NUL would end the text early and make two different
 * paths look the same: it becomes a control character, which no name of ours contains. */
static size_t unescape(void *ctx UNUSED, struct MHD_Connection *c UNUSED, char *s)
{
        char *out = s;
        for (const char *in = s; *in;) {
                unsigned v;
                if (in[0] == '%' && sscanf(in + 1, "%2x", &v) == 1 &&
                    strspn(in + 1, HTTP_HEX) >= 2) {
                        *out++ = v ? (char)v : '\x01';
                        in += 3;
                } else {
                        *out++ = *in++;
                }
        }
        *out = '\0';
        return (size_t)(out - s);
}

struct httpd *httpd_new(struct loop *l, const struct httpd_ops *ops, void *ctx)
{
        struct httpd *h = xcalloc(1, sizeof *h);
        *h = (struct httpd){.loop = l, .ops = ops, .ctx = ctx};
        h->daemon = MHD_start_daemon(
                MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME |
                        MHD_ALLOW_UPGRADE,
                0, NULL, NULL, on_access, h, MHD_OPTION_NOTIFY_COMPLETED, on_completed, h,
                MHD_OPTION_NOTIFY_CONNECTION, http_on_connection, h, MHD_OPTION_UNESCAPE_CALLBACK,
                unescape, NULL, MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_CONNECTIONS_MAX,
                MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_BYTES,
                MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS, MHD_OPTION_STRICT_FOR_CLIENT,
                1, MHD_OPTION_END);
        assert(h->daemon); /* only for want of memory or descriptors, at the very start */
        int fd = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
        h->io = loop_io_add(h->loop, fd, EPOLLIN, library_ready, h);
        return h;
}

struct httpd *httpd_new_tls(struct loop *l, const struct httpd_ops *ops, void *ctx,
                            const char *cert_pem, const char *key_pem, struct err *err)
{
        struct tls_context *tls;
        if (tls_context_server(cert_pem, key_pem, &tls, err) < 0)
                return NULL;
        struct httpd *h = httpd_new(l, ops, ctx);
        h->tls = tls;
        return h;
}

void httpd_free(struct httpd *h)
{
        if (!h)
                return;
        httpd_stop_accepting(h);
        h->stopping = true;
        /* The library refuses to stop while a connection is suspended. */
        for (struct http_req *rq = h->requests; rq; rq = rq->next) {
                rq->gone = true;
                http_wake(rq);
        }
        loop_io_remove(h->io);
        loop_timer_remove(h->tick);
        loop_timer_remove(h->soon);
        MHD_stop_daemon(h->daemon);
        http_fronts_free(h);
        http_arrivals_free(h);
        free(h);
}
