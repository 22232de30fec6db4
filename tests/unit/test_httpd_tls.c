/* The server over TLS of our own: what comes through net/http_tls.c. */
#include "base/clock.h"
#include "base/fd.h"
#include "http_server.h"
#include "net/tls.h"
#include "net/tunnel.h"
#include <sys/resource.h>

/* A client that speaks TLS for another: the other writes to `fd`, plain. */
struct speaker {
        struct tls_context *tls;
        struct tunnel t;
        bool over;
};

static void read_file(struct buf *b, const char *path)
{
        buf_init(b, 65536);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        CHECK_INT(fd_slurp(fd, b), ==, 0);
        close(fd);
}

static void start_tls(struct server *s, uint16_t *port)
{
        static const struct httpd_ops ops = {request, answered};
        CLEANUP(buf_done) struct buf cert, key;
        *s = (struct server){.loop = loop_new(), .sink_limit = SIZE_MAX, .up_fd = -1};
        buf_init(&s->up, 1 << 20);
        read_file(&cert, "tests/data/tls.crt");
        read_file(&key, "tests/data/tls.key");
        s->h = httpd_new_tls(s->loop, &ops, s, buf_text(&cert), buf_text(&key), NULL);
        CHECK(s->h != NULL);
        httpd_listen(s->h, listen_tcp(port));
}

static void spoken(void *ctx)
{
        struct speaker *k = ctx;
        k->over = true;
        tunnel_done(&k->t);
}

static void speak(struct speaker *k, struct client *c, struct loop *l, uint16_t port)
{
        int ends[2], ca = open("tests/data/tls.crt", O_RDONLY | O_CLOEXEC), fd = connect_tcp(port);
        *k = (struct speaker){0};
        CHECK_INT(tls_context_new(ca, &k->tls, NULL), ==, 0);
        close(ca);
        CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), ==, 0);
        CHECK_INT(fd_nonblock(fd, true), ==, 0);
        void *t = tls_new(k->tls, fd, "localhost");
        tunnel_init(&k->t, conn_new(l, ends[1], NULL, NULL, tunnel_run, &k->t),
                    conn_new(l, fd, &tls_transport, t, tunnel_run, &k->t), spoken, k);
        client_init(c, l, ends[0]);
}

static void stop_tls(struct server *s, struct speaker *k, struct client *c)
{
        if (!k->over)
                tunnel_done(&k->t);
        tls_context_free(k->tls);
        stop(s, c);
}

TEST(httpd_tls_answers_request_after_request)
{
        struct server s;
        struct speaker k;
        struct client c;
        uint16_t port;
        start_tls(&s, &port);
        speak(&k, &c, s.loop, port);
        for (int i = 0; i < 20; i++)
                ask(&c, GET("/hello"), 200, "hi");
        ask(&c, GET("/nowhere"), 404, "\"code\":\"not-found\"");
        stop_tls(&s, &k, &c);
        CHECK_INT(s.answered, ==, 21);
}

/* The pair of sockets is of this process: its uid is nobody's who came over TLS. */
TEST(httpd_tls_client_has_no_uid)
{
        struct server s;
        struct speaker k;
        struct client c;
        uint16_t port;
        start_tls(&s, &port);
        speak(&k, &c, s.loop, port);
        client_send(&c, GET("/wait"), strlen(GET("/wait")));
        while (!s.waiting)
                client_turn(&c);
        const struct http_peer *p = http_from(s.waiting);
        CHECK(!p->is_unix && p->is_tls && p->is_loopback);
        CHECK_INT(p->uid, ==, UINT32_MAX);
        CHECK_INT(p->own_port, ==, port);
        stop_tls(&s, &k, &c);
}

TEST(httpd_tls_plain_request_gets_nothing)
{
        struct server s;
        struct client c;
        uint16_t port;
        start_tls(&s, &port);
        client_init(&c, s.loop, connect_tcp(port));
        client_send(&c, GET("/hello"), strlen(GET("/hello")));
        while (!c.ended)
                client_turn(&c);
        CHECK_INT(s.answered, ==, 0);
        CHECK(!strstr(buf_text(&c.in), "HTTP/"));
        stop(&s, &c);
}

TEST(httpd_tls_upgrade_carries_bytes_and_ends_both_ways)
{
        struct server s;
        struct speaker k;
        struct client c;
        uint16_t port;
        static char block[300000], back[300000];
        start_tls(&s, &port);
        speak(&k, &c, s.loop, port);
        const char *text = "GET /upgrade HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
                           "Upgrade: test/1\r\n\r\nearly";
        client_send(&c, text, strlen(text));
        struct response r;
        CHECK_INT(client_head(&c, &r), ==, 101);
        response_done(&r);
        while (s.up_fd < 0 || !s.ended)
                client_turn(&c);
        CHECK_INT(httpd_busy(s.h), ==, 0);
        CHECK_INT(fd_nonblock(s.up_fd, true), ==, 0);
        for (size_t i = 0; i < sizeof block; i++)
                block[i] = (char)(i * 7 + i / 251);
        /* What the server says, then its end, while the client may go on. */
        for (size_t sent = 0; sent < sizeof block; client_turn(&c)) {
                ssize_t n = write(s.up_fd, block + sent, sizeof block - sent);
                sent += n > 0 ? (size_t)n : 0;
        }
        CHECK_INT(shutdown(s.up_fd, SHUT_WR), ==, 0);
        while (!c.ended)
                client_turn(&c);
        CHECK_INT(c.in.len, ==, sizeof block);
        CHECK(memcmp(c.in.data, block, sizeof block) == 0);
        /* and the other way, after it. */
        size_t got = 0, sent = 0;
        while (got < sizeof back) {
                ssize_t n = sent < sizeof block
                                    ? send(c.fd, block + sent, sizeof block - sent, MSG_NOSIGNAL)
                                    : 0;
                sent += n > 0 ? (size_t)n : 0;
                CHECK_INT(loop_once(s.loop, 1, NULL), ==, 0);
                n = read(s.up_fd, back + got, sizeof back - got);
                CHECK(n != 0);
                if (n > 0 && s.up.len < 5) { /* "early" may come behind the head */
                        size_t early = 5 - s.up.len < (size_t)n ? 5 - s.up.len : (size_t)n;
                        CHECK_INT(buf_add(&s.up, back + got, early), ==, 0);
                        memmove(back + got, back + got + early, (size_t)n - early);
                        n -= (ssize_t)early;
                }
                got += n > 0 ? (size_t)n : 0;
        }
        CHECK_STR(buf_text(&s.up), "early");
        CHECK(memcmp(back, block, sizeof back) == 0);
        shutdown(c.fd, SHUT_WR);
        for (int i = 0; i < 2000 && read(s.up_fd, back, 1) != 0; i++)
                CHECK_INT(loop_once(s.loop, 1, NULL), ==, 0);
        CHECK_INT(read(s.up_fd, back, 1), ==, 0);
        stop_tls(&s, &k, &c);
}

TEST(httpd_tls_upload_stops_while_its_reader_is_full)
{
        struct server s;
        struct speaker k;
        struct client c;
        uint16_t port;
        start_tls(&s, &port);
        speak(&k, &c, s.loop, port);
        s.sink_limit = 100000;
        const char *head = "PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 33554432\r\n\r\n";
        client_send(&c, head, strlen(head));
        static char block[65536];
        size_t sent = 0;
        for (int idle = 0; idle < 50;) {
                ssize_t n = send(c.fd, block, sizeof block, MSG_NOSIGNAL);
                sent += n > 0 ? (size_t)n : 0;
                idle = n > 0 ? 0 : idle + 1;
                CHECK_INT(loop_once(s.loop, 1, NULL), ==, 0);
        }
        CHECK_INT(s.sunk, ==, 100000);
        CHECK_INT(sent, <, 16u << 20); /* what sockets hold; not the whole body */
        s.sink_limit = SIZE_MAX;
        http_body_more(s.waiting);
        while (sent < 33554432) {
                size_t n = 33554432 - sent < sizeof block ? 33554432 - sent : sizeof block;
                client_send(&c, block, n);
                sent += n;
        }
        struct response r;
        CHECK_INT(client_response(&c, &r), ==, 200);
        CHECK_STR(buf_text(&r.body), "33554432");
        response_done(&r);
        stop_tls(&s, &k, &c);
}

/* A refusal is read also by whoever goes on with the body that nobody wants. */
TEST(httpd_tls_refusal_arrives_while_the_body_is_still_sent)
{
        struct server s;
        struct speaker k;
        struct client c;
        uint16_t port;
        start_tls(&s, &port);
        speak(&k, &c, s.loop, port);
        const char *head = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n";
        client_send(&c, head, strlen(head));
        static char block[65536];
        for (int i = 0; i < 100; i++) {
                (void)!send(c.fd, block, sizeof block, MSG_NOSIGNAL);
                CHECK_INT(loop_once(s.loop, 1, NULL), ==, 0);
        }
        struct response r;
        CHECK_INT(client_response(&c, &r), ==, 413);
        response_done(&r);
        stop_tls(&s, &k, &c);
}

TEST(httpd_tls_waiting_client_that_has_gone_is_noticed)
{
        struct server s;
        struct speaker k;
        struct client c;
        uint16_t port;
        start_tls(&s, &port);
        speak(&k, &c, s.loop, port);
        client_send(&c, GET("/wait"), strlen(GET("/wait")));
        while (!s.waiting)
                client_turn(&c);
        tunnel_done(&k.t);
        k.over = true;
        for (int i = 0; i < 2000 && !s.ended; i++)
                CHECK_INT(loop_once(s.loop, 1, NULL), ==, 0);
        CHECK_INT(s.ended, ==, 1);
        stop_tls(&s, &k, &c);
}

/* Half a record of a handshake, and no more: whoever sends that takes nobody's time. */
TEST(httpd_tls_handshake_that_stalls_lets_the_loop_rest)
{
        struct server s;
        uint16_t port;
        start_tls(&s, &port);
        int fd = connect_tcp(port);
        CHECK_INT(write(fd, "\x16\x03\x01", 3), ==, 3);
        uint64_t begin = clock_boot_ms(), turns = 0;
        while (clock_boot_ms() < begin + 300 && ++turns < 1000)
                CHECK_INT(loop_once(s.loop, 50, NULL), ==, 0);
        CHECK_INT(turns, <, 1000);
        struct client c = {.fd = fd};
        stop(&s, &c);
}

/* Handshakes that do not go on: the oldest of them goes, whoever means it is served. */
TEST(httpd_tls_many_stalled_handshakes_keep_nobody_out)
{
        enum { MANY = 900 };
        static int fds[MANY];
        struct server s;
        struct speaker k;
        struct client c;
        uint16_t port;
        struct rlimit l = {4096, 4096};
        if (setrlimit(RLIMIT_NOFILE, &l) < 0)
                SKIP("too few descriptors");
        start_tls(&s, &port);
        for (int i = 0; i < MANY; i++) {
                fds[i] = connect_tcp(port);
                CHECK_INT(write(fds[i], "\x16\x03\x01", 3), ==, 3);
                CHECK_INT(loop_once(s.loop, 0, NULL), ==, 0);
        }
        speak(&k, &c, s.loop, port);
        ask(&c, GET("/hello"), 200, "hi");
        char byte;
        CHECK_INT(recv(fds[0], &byte, 1, MSG_DONTWAIT), <=, 0);
        CHECK(recv(fds[0], &byte, 1, MSG_DONTWAIT) == 0 || errno == ECONNRESET);
        for (int i = 0; i < MANY; i++)
                close(fds[i]);
        stop_tls(&s, &k, &c);
}

TEST(httpd_tls_refuses_what_is_no_pair)
{
        static const struct httpd_ops ops = {request, answered};
        CLEANUP(loop_freep) struct loop *l = loop_new();
        CLEANUP(buf_done) struct buf cert, key;
        struct err err = {0};
        read_file(&cert, "tests/data/tls.crt");
        read_file(&key, "tests/data/tls.key");
        CHECK(!httpd_new_tls(l, &ops, NULL, buf_text(&cert), "", &err));
        CHECK_CONTAINS(err_text(&err), "no usable pair");
        CHECK(!httpd_new_tls(l, &ops, NULL, buf_text(&key), buf_text(&key), NULL));
        CHECK(!httpd_new_tls(l, &ops, NULL, "junk", "junk", NULL));
}
