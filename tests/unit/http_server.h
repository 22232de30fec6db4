/* http_server.h - for tests of net/httpd: a server of a few routes and what one asks of it. */
#pragma once
#include "base/str.h"
#include "http_client.h"
#include "net/httpd.h"

struct server {
        struct loop *loop;
        struct httpd *h;
        char name[64];
        struct http_req *waiting;
        size_t sunk, sink_limit, left; /* bytes taken; most before it pauses; still to stream */
        int ended, answered, calls;
        bool end_of_body, streamed_out;
        struct buf up; /* what came over an upgraded socket */
        int up_fd;
};

static inline void ended(void *ctx)
{
        ((struct server *)ctx)->ended++;
}

static inline void answered(void *ctx, const struct http_req *rq UNUSED)
{
        ((struct server *)ctx)->answered++;
}

static inline void echo(void *ctx UNUSED, struct http_req *rq, const char *body, size_t n)
{
        http_reply(rq, 200, "text/plain", body, n);
}

static inline size_t sink_data(void *ctx, const char *p UNUSED, size_t n)
{
        struct server *s = ctx;
        s->calls++;
        size_t room = s->sink_limit - s->sunk;
        s->sunk += n < room ? n : room;
        return n < room ? n : room;
}

static inline void sink_end(void *ctx)
{
        struct server *s = ctx;
        char text[32];
        s->end_of_body = true;
        snprintf(text, sizeof text, "%zu", s->sunk);
        http_reply(s->waiting, 200, "text/plain", text, strlen(text));
}
static const struct http_sink sink = {sink_data, sink_end};

static inline ssize_t source(void *ctx, char *dst, size_t max)
{
        struct server *s = ctx;
        size_t n = s->left < max ? s->left : max;
        if (n == 0)
                return s->streamed_out ? HTTP_SOURCE_END : 0;
        memset(dst, 'x', n);
        s->left -= n;
        return (ssize_t)n;
}

static inline void upgraded(void *ctx, int fd, const char *early, size_t n)
{
        struct server *s = ctx;
        s->up_fd = fd;
        CHECK_INT(buf_add(&s->up, early, n), ==, 0);
}

static inline void request(void *ctx, struct http_req *rq)
{
        struct server *s = ctx;
        const char *p = http_path(rq);
        http_on_end(rq, ended, s);
        s->waiting = rq;
        if (str_eq(p, "/hello")) {
                http_add_header(rq, "X-Extra", "1");
                http_reply(rq, 200, "text/plain", "hi", 2);
        } else if (str_eq(p, "/uid")) {
                char text[32];
                snprintf(text, sizeof text, "%u", http_from(rq)->uid);
                http_reply(rq, 200, "text/plain", text, strlen(text));
        } else if (str_eq(p, "/echo")) {
                http_take_body(rq, 1000, echo, s);
        } else if (str_eq(p, "/sink")) {
                http_take_stream(rq, &sink, s);
        } else if (str_eq(p, "/stream")) {
                http_reply_stream(rq, 200, "text/plain", HTTP_UNKNOWN, source, s);
        } else if (str_eq(p, "/upgrade")) {
                http_upgrade(rq, "test/1", upgraded, s);
        } else if (str_eq(p, "/query")) {
                static const char *const names[] = {"a", "b", NULL};
                const char *a = http_query(rq, "a"), *other = http_query_other_than(rq, names);
                char text[128];
                snprintf(text, sizeof text, "%s|%s", a ? a : "-", other ? other : "-");
                http_reply(rq, 200, "text/plain", text, strlen(text));
        } else if (!str_eq(p, "/wait")) {
                http_fail(rq, -ENOENT, "there is no '%s'", p);
        }
}

static inline void start(struct server *s, struct client *c)
{
        static const struct httpd_ops ops = {request, answered};
        *s = (struct server){.loop = loop_new(), .sink_limit = SIZE_MAX, .up_fd = -1};
        buf_init(&s->up, 1 << 20);
        s->h = httpd_new(s->loop, &ops, s);
        httpd_listen(s->h, listen_unix(s->name));
        client_init(c, s->loop, connect_unix(s->name));
}

static inline void stop(struct server *s, struct client *c)
{
        client_done(c);
        httpd_free(s->h);
        loop_free(s->loop);
        buf_done(&s->up);
        if (s->up_fd >= 0)
                close(s->up_fd);
}

static inline void ask(struct client *c, const char *text, int status, const char *body)
{
        struct response r;
        client_send(c, text, strlen(text));
        CHECK_INT(client_response(c, &r), ==, status);
        if (body)
                CHECK_CONTAINS(buf_text(&r.body), body);
        response_done(&r);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"
