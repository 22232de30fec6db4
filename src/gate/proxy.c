/* proxy.c - the HTTP proxy that a sandbox sees: CONNECT, and plain requests by absolute URL. */
#include "base/str.h"
#include "gate/caller.h"
#include <stdio.h>

static void refuse(struct caller *c, unsigned status, const char *reason, const char *text)
{
        char body[512], all[1024];
        int n = snprintf(body, sizeof body, "paddock: %.400s\n", text);
        int m = snprintf(all, sizeof all,
                         "HTTP/1.1 %u %s\r\ncontent-type: text/plain\r\nconnection: close\r\n"
                         "content-length: %d\r\n\r\n%s",
                         status, reason, n, body);
        relay_refuse(&c->relay, all, (size_t)m);
}

static void bad_request(struct caller *c, const char *text)
{
        refuse(c, 400, "Bad Request", text);
}

static void refuse_dial(struct caller *c, const struct err *err)
{
        char text[400];
        snprintf(text, sizeof text, "%s:%u: %.128s", c->host, c->port, err_text(err));
        switch (err->code) {
        case -EACCES:
                refuse(c, 403, "Forbidden", text);
                break;
        case -EINVAL:
                refuse(c, 400, "Bad Request", text);
                break;
        case -ETIMEDOUT:
                refuse(c, 504, "Gateway Timeout", text);
                break;
        case -EPIPE:
        case -EBUSY:
                refuse(c, 503, "Service Unavailable", text);
                break;
        default:
                refuse(c, 502, "Bad Gateway", text);
        }
}

/* ---- CONNECT ---- */

static void on_connected(void *ctx, int fd, const struct err *err)
{
        static const char ok[] = "HTTP/1.1 200 Connection established\r\n\r\n";
        struct caller *c = ctx;
        c->ask = NULL;
        if (fd < 0) {
                refuse_dial(c, err);
                relay_run(&c->relay);
                return;
        }
        struct conn *down = c->relay.down;
        c->relay.down = NULL;
        relay_done(&c->relay);
        if (buf_add(conn_out(down), ok, sizeof ok - 1) < 0)
                conn_shut(down);
        conn_push(down);
        through_begin(c, down, fd);
}

static void on_connect(struct caller *c, const struct h1_head *h)
{
        c->port = 0;
        if (authority_parse(h->target, strlen(h->target), c->host, &c->port) < 0 || !c->port)
                bad_request(c, "CONNECT wants a host and a port");
        else if (h->framing != H1_NONE && !(h->framing == H1_LENGTH && h->length == 0))
                bad_request(c, "CONNECT has no body");
        else
                caller_dial(c, on_connected);
}

/* ---- plain requests ---- */

static bool is_host(void *ctx UNUSED, const char *name)
{
        return strcasecmp(name, "host") == 0;
}

static const char *path_of(const char *target)
{
        const char *authority = target + 7;
        return authority + strcspn(authority, "/?#");
}

/* The request as the server itself wants it: its path, and the Host that the URL names. */
static int put_head(const struct h1_head *h, struct buf *out)
{
        const char *authority = h->target + 7, *path = path_of(h->target);
        char target[HTTP_HEAD_MAX + 2], host[HOST_TEXT_MAX + 16];
        snprintf(target, sizeof target, "%s%s", *path == '/' ? "" : "/", path);
        snprintf(host, sizeof host, "%.*s", (int)(path - authority), authority);
        int r = h1_put_request(out, h->method, target);
        r = r < 0 ? r : h1_put_field(out, "host", host);
        r = r < 0 ? r : relay_put_fields(h, out, is_host, NULL);
        return r < 0 ? r : relay_put_request_end(h, out);
}

static void forward(struct caller *c, struct conn *up)
{
        if (put_head(&c->relay.req.head, conn_out(up)) == 0) {
                relay_go(&c->relay, up);
                return;
        }
        if (up != c->relay.up)
                conn_free(up);
        bad_request(c, "the request cannot be passed on");
}

static void on_dialed(void *ctx, int fd, const struct err *err)
{
        struct caller *c = ctx;
        c->ask = NULL;
        if (fd < 0)
                refuse_dial(c, err);
        else
                forward(c, conn_new(c->l->gate->loop, fd, NULL, NULL, relay_run, &c->relay));
        relay_run(&c->relay);
}

static void on_absolute(struct caller *c, const struct h1_head *h)
{
        char host[HOST_TEXT_MAX + 1];
        uint32_t port = 80;
        const char *authority = h->target + 7;
        size_t n = (size_t)(path_of(h->target) - authority);
        if (authority_parse(authority, n, host, &port) < 0) {
                bad_request(c, "the URL is not valid");
                return;
        }
        bool same = c->relay.up && str_eq(host, c->host) && port == c->port;
        if (same && !conn_ended(c->relay.up)) {
                forward(c, c->relay.up);
                return;
        }
        conn_free(c->relay.up);
        c->relay.up = NULL;
        snprintf(c->host, sizeof c->host, "%s", host);
        c->port = port;
        caller_dial(c, on_dialed);
}

/* ---- routes: "/NAME/..." on the proxy's own address; vault reads the rest ---- */

/* The target without the proxy's own address, which clients name that use a proxy for all hosts; NULL:
 * it leads elsewhere. */
static const char *own_path(const char *target)
{
        static const char *const own[] = {"http://127.0.0.1:3128/", "http://localhost:3128/"};
        for (size_t i = 0; i < ARRAY_LEN(own); i++)
                if (strncasecmp(target, own[i], strlen(own[i])) == 0)
                        return target + strlen(own[i]) - 1;
        return target[0] == '/' ? target : NULL;
}

static int put_route_head(const struct h1_head *h, struct buf *out)
{
        int r = h1_put_request(out, h->method, own_path(h->target));
        r = r < 0 ? r : h1_put_field(out, "host", "paddock");
        r = r < 0 ? r : relay_put_fields(h, out, is_host, NULL);
        return r < 0 ? r : relay_put_request_end(h, out);
}

static void to_route(struct caller *c, struct conn *up)
{
        if (put_route_head(&c->relay.req.head, conn_out(up)) == 0) {
                relay_go(&c->relay, up);
                return;
        }
        if (up != c->relay.up)
                conn_free(up);
        bad_request(c, "the request cannot be passed on");
}

static void on_stream(void *ctx, int fd, const struct err *err)
{
        struct caller *c = ctx;
        c->ask = NULL;
        if (fd < 0)
                refuse(c, 503, "Service Unavailable", err_text(err));
        else
                to_route(c, conn_new(c->l->gate->loop, fd, NULL, NULL, relay_run, &c->relay));
        relay_run(&c->relay);
}

static void on_own_path(struct caller *c)
{
        if (c->relay.up && !c->host[0] && !conn_ended(c->relay.up)) {
                to_route(c, c->relay.up);
                return;
        }
        conn_free(c->relay.up);
        c->relay.up = NULL;
        c->host[0] = 0; /* no host: the stream to vault */
        c->ask = ask_route(c->l->gate, c->l->id, on_stream, c);
}

static void on_request(void *ctx, const struct h1_head *h)
{
        struct caller *c = ctx;
        if (str_eq(h->method, "CONNECT"))
                on_connect(c, h);
        else if (strchr(h->target, '#'))
                bad_request(c, "the URL is not valid");
        else if (own_path(h->target))
                on_own_path(c);
        else if (strncasecmp(h->target, "http://", 7) == 0)
                on_absolute(c, h);
        else
                bad_request(c, "expected CONNECT, an http:// URL or the path of a route");
}

static int on_response(void *ctx, const struct h1_head *h, struct buf *out)
{
        struct caller *c = ctx;
        int r = h1_put_status(out, h->status, h->reason);
        r = r < 0 ? r : relay_put_fields(h, out, NULL, NULL);
        return r < 0 ? r : relay_put_response_end(&c->relay, h, out);
}

static void on_failed(void *ctx, const struct err *err)
{
        struct caller *c = ctx;
        refuse(c, 502, "Bad Gateway", err_text(err));
}

static void on_done(void *ctx UNUSED, bool reusable UNUSED)
{
}

static void on_ended(void *ctx)
{
        caller_free(ctx);
}

const struct relay_ops proxy_ops = {
        .request = on_request,
        .response = on_response,
        .done = on_done,
        .failed = on_failed,
        .ended = on_ended,
};
