/* http_client.h - for tests: a client on a real socket, driven by the same loop as the server. */
#pragma once
#include "base/buf.h"
#include "net/loop.h"
#include "test.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

struct client {
        struct loop *loop;
        int fd;
        struct buf in; /* everything received and not taken */
        bool ended;    /* the server closed */
};
struct response {
        int status;
        char head[8192];
        struct buf body; /* decoded when chunked */
};

/* A listening Unix socket in the abstract name space, or TCP on 127.0.0.1. */
static inline int listen_unix(char name[64])
{
        static int n;
        snprintf(name, 64, "paddock-test-%d-%d", getpid(), n++);
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        memcpy(a.sun_path + 1, name, strlen(name));
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
        CHECK(bind(fd, (struct sockaddr *)&a, len) == 0 && listen(fd, 64) == 0);
        return fd;
}

static inline int connect_unix(const char *name)
{
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        memcpy(a.sun_path + 1, name, strlen(name));
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
        CHECK(connect(fd, (struct sockaddr *)&a, len) == 0);
        return fd;
}

static inline int listen_tcp(uint16_t *ret_port)
{
        struct sockaddr_in a = {.sin_family = AF_INET};
        socklen_t n = sizeof a;
        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        CHECK(bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 64) == 0);
        CHECK(getsockname(fd, (struct sockaddr *)&a, &n) == 0);
        *ret_port = ntohs(a.sin_port);
        return fd;
}

static inline int connect_tcp(uint16_t port)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK(connect(fd, (struct sockaddr *)&a, sizeof a) == 0);
        return fd;
}

static inline void client_init(struct client *c, struct loop *l, int fd)
{
        *c = (struct client){.loop = l, .fd = fd};
        buf_init(&c->in, 64u << 20);
        CHECK(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0);
}

static inline void client_done(struct client *c)
{
        close(c->fd);
        buf_done(&c->in);
}

/* One turn of the loop, and what came for the client. */
static inline void client_turn(struct client *c)
{
        struct err err = {0};
        char chunk[65536];
        CHECK_INT(loop_once(c->loop, 1, &err), ==, 0);
        for (;;) {
                ssize_t n = read(c->fd, chunk, sizeof chunk);
                if (n > 0)
                        CHECK_INT(buf_add(&c->in, chunk, (size_t)n), ==, 0);
                else if (n == 0 || errno != EAGAIN)
                        c->ended = true;
                if (n <= 0)
                        return;
        }
}

/* Reads nothing meanwhile, so that the server's own buffers fill. */
static inline void client_send(struct client *c, const void *p, size_t n)
{
        const char *s = p;
        while (n > 0) {
                ssize_t w = send(c->fd, s, n, MSG_NOSIGNAL);
                if (w < 0 && errno != EAGAIN)
                        return; /* the server has closed: the answer tells why */
                if (w > 0) {
                        s += w;
                        n -= (size_t)w;
                }
                struct err err = {0};
                CHECK_INT(loop_once(c->loop, w > 0 ? 0 : 1, &err), ==, 0);
        }
}

static inline bool head_value(const char *head, const char *name, char *dst, size_t size)
{
        for (const char *s = strstr(head, "\r\n"); s; s = strstr(s + 2, "\r\n")) {
                if (strncasecmp(s + 2, name, strlen(name)) != 0 || s[2 + strlen(name)] != ':')
                        continue;
                const char *v = s + 3 + strlen(name);
                v += strspn(v, " ");
                snprintf(dst, size, "%.*s", (int)strcspn(v, "\r"), v);
                return true;
        }
        return false;
}

/* Takes one chunk off c->in; 1 took it, 0 needs more, -1 the last. */
static inline int take_chunk(struct client *c, struct buf *body)
{
        char *eol = c->in.data ? strstr(c->in.data, "\r\n") : NULL;
        if (!eol)
                return 0;
        size_t n = strtoul(c->in.data, NULL, 16), skip = (size_t)(eol + 2 - c->in.data);
        if (c->in.len < skip + n + 2)
                return 0;
        CHECK_INT(buf_add(body, c->in.data + skip, n), ==, 0);
        buf_consume(&c->in, skip + n + 2);
        return n ? 1 : -1;
}

/* Waits for a head. 0: the server closed before one came. */
static inline int client_head(struct client *c, struct response *r)
{
        const char *end;
        while (!(c->in.len && (end = strstr(c->in.data, "\r\n\r\n")))) {
                if (c->ended)
                        return 0;
                client_turn(c);
        }
        size_t n = (size_t)(end + 4 - c->in.data);
        CHECK_INT(n, <, sizeof r->head);
        memcpy(r->head, c->in.data, n);
        r->head[n] = '\0';
        buf_consume(&c->in, n);
        buf_init(&r->body, 64u << 20);
        CHECK_INT(sscanf(r->head, "HTTP/1.1 %d", &r->status), ==, 1);
        return r->status;
}

/* Waits for a whole answer; its status, 0 when the server closed without one. */
static inline int client_response(struct client *c, struct response *r)
{
        char v[64];
        if (!client_head(c, r))
                return 0;
        if (head_value(r->head, "Content-Length", v, sizeof v)) {
                size_t n = strtoul(v, NULL, 10);
                while (c->in.len < n && !c->ended)
                        client_turn(c);
                CHECK_INT(c->in.len, >=, n);
                CHECK_INT(buf_add(&r->body, c->in.data, n), ==, 0);
                buf_consume(&c->in, n);
        } else if (head_value(r->head, "Transfer-Encoding", v, sizeof v)) {
                int t;
                while ((t = take_chunk(c, &r->body)) >= 0) {
                        if (t == 0 && c->ended)
                                test_failed(__FILE__, __LINE__, "closed inside a chunk");
                        if (t == 0)
                                client_turn(c);
                }
        }
        return r->status;
}

static inline void response_done(struct response *r)
{
        buf_done(&r->body);
}
