#include "http_server.h"
#include "base/clock.h"
#include <sys/resource.h>

TEST(httpd_answers_request_after_request_on_one_connection)
{
        struct server s;
        struct client c;
        start(&s, &c);
        for (int i = 0; i < 50; i++)
                ask(&c, GET("/hello"), 200, "hi");
        CHECK_INT(s.ended, >=, 49);
        ask(&c, GET("/nowhere"), 404, "\"code\":\"not-found\"");
        stop(&s, &c);
        CHECK_INT(s.ended, ==, 51);
        CHECK_INT(s.answered, ==, 51);
}

TEST(httpd_knows_the_uid_of_its_peer)
{
        struct server s;
        struct client c;
        char uid[32];
        start(&s, &c);
        snprintf(uid, sizeof uid, "%u", getuid());
        ask(&c, GET("/uid"), 200, uid);
        stop(&s, &c);
}

TEST(httpd_reads_a_request_that_comes_byte_by_byte)
{
        struct server s;
        struct client c;
        start(&s, &c);
        const char *text = "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                           "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        for (const char *p = text; *p; p++)
                client_send(&c, p, 1);
        struct response r;
        CHECK_INT(client_response(&c, &r), ==, 200);
        CHECK_STR(buf_text(&r.body), "abcde");
        response_done(&r);
        stop(&s, &c);
}

TEST(httpd_decodes_the_query_and_finds_strange_names)
{
        struct server s;
        struct client c;
        start(&s, &c);
        ask(&c, GET("/query?a=x%20y&b=1"), 200, "x y|-");
        ask(&c, GET("/query?a&zzz=1"), 200, "|zzz");
        ask(&c, GET("/query"), 200, "-|-");
        stop(&s, &c);
}

TEST(httpd_nul_in_a_path_does_not_shorten_it)
{
        struct server s;
        struct client c;
        start(&s, &c);
        ask(&c, GET("/hello%00/x"), 404, NULL);
        ask(&c, GET("/hello%00"), 404, NULL);
        ask(&c, GET("/hell%6F"), 200, "hi");
        ask(&c, GET("/hello%"), 404, NULL);
        ask(&c, GET("/hello%zz"), 404, NULL);
        stop(&s, &c);
}

TEST(httpd_body_over_its_maximum_is_413_however_it_comes)
{
        struct server s;
        struct client c;
        start(&s, &c);
        char text[4096];
        size_t n =
                (size_t)snprintf(text, sizeof text,
                                 "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n");
        memset(text + n, 'a', 1001);
        client_send(&c, text, n + 1001);
        struct response r;
        CHECK_INT(client_response(&c, &r), ==, 413);
        CHECK_CONTAINS(buf_text(&r.body), "too-large");
        response_done(&r);
        /* the connection is still good: the short body was read */
        ask(&c, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 200, "abc");
        n = (size_t)snprintf(text, sizeof text,
                             "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                             "3e9\r\n");
        memset(text + n, 'a', 1001);
        memcpy(text + n + 1001, "\r\n0\r\n\r\n", 7);
        client_send(&c, text, n + 1001 + 7);
        CHECK_INT(client_response(&c, &r), ==, 413);
        response_done(&r);
        stop(&s, &c);
}

TEST(httpd_huge_announced_body_is_refused_at_once)
{
        struct server s;
        struct client c;
        start(&s, &c);
        ask(&c, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n", 413, NULL);
        stop(&s, &c);
}

TEST(httpd_one_megabyte_of_head_is_refused_and_others_are_served)
{
        struct server s;
        struct client c, d;
        start(&s, &c);
        char *head = malloc(1 << 20);
        memset(head, 'a', 1 << 20);
        memcpy(head, "GET /hello HTTP/1.1\r\nHost: x\r\nX-A: ", 35);
        client_send(&c, head, 1 << 20);
        struct response r;
        int status = client_response(&c, &r);
        CHECK(status == 0 || status == 431 || status == 413 || status == 400);
        if (status)
                response_done(&r);
        client_init(&d, s.loop, connect_unix(s.name));
        ask(&d, GET("/hello"), 200, "hi");
        client_done(&d);
        free(head);
        stop(&s, &c);
}

TEST(httpd_upload_stops_while_its_reader_is_full)
{
        struct server s;
        struct client c;
        start(&s, &c);
        s.sink_limit = 100000;
        const char *head = "PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 8388608\r\n\r\n";
        client_send(&c, head, strlen(head));
        char block[65536] = {0};
        size_t sent = 0;
        struct err err = {0};
        for (int idle = 0; idle < 50;) {
                ssize_t n = send(c.fd, block, sizeof block, MSG_NOSIGNAL);
                sent += n > 0 ? (size_t)n : 0;
                idle = n > 0 ? 0 : idle + 1;
                CHECK_INT(loop_once(s.loop, 1, &err), ==, 0);
        }
        CHECK_INT(s.sunk, ==, 100000);
        int calls = s.calls;
        for (int i = 0; i < 20; i++)
                CHECK_INT(loop_once(s.loop, 1, &err), ==, 0);
        CHECK_INT(s.calls, ==, calls); /* it is not asked again and again */
        CHECK_INT(sent, <, 2u << 20);  /* the sockets' buffers and one pool, not the whole body */
        s.sink_limit = SIZE_MAX;
        http_body_more(s.waiting);
        while (sent < 8388608) {
                size_t n = 8388608 - sent < sizeof block ? 8388608 - sent : sizeof block;
                client_send(&c, block, n);
                sent += n;
        }
        struct response r;
        CHECK_INT(client_response(&c, &r), ==, 200);
        CHECK_STR(buf_text(&r.body), "8388608");
        response_done(&r);
        stop(&s, &c);
}

TEST(httpd_late_answer_and_two_waiting_clients)
{
        struct server s;
        struct client c, d;
        start(&s, &c);
        client_send(&c, GET("/wait"), strlen(GET("/wait")));
        while (!s.waiting)
                client_turn(&c);
        struct http_req *first = s.waiting;
        client_init(&d, s.loop, connect_unix(s.name));
        ask(&d, GET("/hello"), 200, "hi");
        http_reply(first, 200, "text/plain", "late", 4);
        /* at once, not when something else happens to wake the library */
        for (int i = 0; i < 20 && c.in.len == 0; i++)
                client_turn(&c);
        CHECK_INT(c.in.len, >, 0);
        struct response r;
        CHECK_INT(client_response(&c, &r), ==, 200);
        CHECK_STR(buf_text(&r.body), "late");
        response_done(&r);
        client_done(&d);
        stop(&s, &c);
}

TEST(httpd_notices_that_a_waiting_client_has_gone)
{
        struct server s;
        struct client c, d;
        start(&s, &c);
        client_init(&d, s.loop, connect_unix(s.name));
        client_send(&c, GET("/wait"), strlen(GET("/wait")));
        while (!s.waiting)
                client_turn(&c);
        shutdown(c.fd, SHUT_RDWR);
        close(c.fd);
        c.fd = dup(d.fd);
        for (int i = 0; i < 2000 && !s.ended; i++)
                client_turn(&d);
        CHECK_INT(s.ended, ==, 1);
        CHECK_INT(httpd_busy(s.h), ==, 0);
        client_done(&d);
        stop(&s, &c);
}

TEST(httpd_streamed_answer_waits_for_its_source)
{
        struct server s;
        struct client c;
        start(&s, &c);
        s.left = 10;
        client_send(&c, GET("/stream"), strlen(GET("/stream")));
        struct response r;
        CHECK_INT(client_head(&c, &r), ==, 200);
        while (take_chunk(&c, &r.body) != 1)
                client_turn(&c);
        CHECK_INT(r.body.len, ==, 10);
        s.left = 200000;
        s.streamed_out = true;
        http_reply_more(s.waiting);
        int t;
        while ((t = take_chunk(&c, &r.body)) >= 0)
                if (t == 0)
                        client_turn(&c);
        CHECK_INT(r.body.len, ==, 200010);
        response_done(&r);
        ask(&c, GET("/hello"), 200, "hi");
        stop(&s, &c);
}

TEST(httpd_slow_reader_stops_the_source)
{
        struct server s;
        struct client c;
        start(&s, &c);
        s.left = 64u << 20;
        s.streamed_out = true;
        client_send(&c, GET("/stream"), strlen(GET("/stream")));
        struct err err = {0};
        for (int i = 0; i < 200; i++)
                CHECK_INT(loop_once(s.loop, 1, &err), ==, 0);
        CHECK_INT(s.left, >, 60u << 20);
        stop(&s, &c);
        CHECK_INT(s.ended, ==, 1);
}

TEST(httpd_upgrade_gives_the_socket_away)
{
        struct server s;
        struct client c;
        start(&s, &c);
        const char *text = "GET /upgrade HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
                           "Upgrade: test/1\r\n\r\nearly";
        client_send(&c, text, strlen(text));
        struct response r;
        CHECK_INT(client_head(&c, &r), ==, 101);
        CHECK_CONTAINS(r.head, "test/1");
        response_done(&r);
        while (s.up_fd < 0 || !s.ended)
                client_turn(&c);
        CHECK_INT(httpd_busy(s.h), ==, 0);
        CHECK_INT(write(s.up_fd, "from the server", 15), ==, 15);
        while (c.in.len < 15)
                client_turn(&c);
        CHECK_STR(buf_text(&c.in), "from the server");
        /* what was behind the head came early or lies in the socket, in order */
        char rest[16] = {0};
        ssize_t n = recv(s.up_fd, rest, sizeof rest - 1, MSG_DONTWAIT);
        CHECK_INT(buf_add(&s.up, rest, n > 0 ? (size_t)n : 0), ==, 0);
        CHECK_STR(buf_text(&s.up), "early");
        stop(&s, &c);
}

TEST(httpd_garbage_is_answered_or_closed_never_served)
{
        static const char two_lengths[] = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
                                          "Content-Length: 4\r\n\r\nabcd";
        static const char *const bad[] = {
                "\r\n\r\n\r\n",
                "GET\r\n\r\n",
                "GET /hello HTTP/9.9\r\nHost: x\r\n\r\n",
                "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n",
                two_lengths,
                "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length : 2\r\n\r\nzz",
                "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\nzz",
                "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, "
                "chunked\r\n\r\n0\r\n\r\n"};
        struct server s;
        struct client c;
        start(&s, &c);
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                struct client d;
                struct response r;
                client_init(&d, s.loop, connect_unix(s.name));
                client_send(&d, bad[i], strlen(bad[i]));
                shutdown(d.fd, SHUT_WR);
                int status = client_response(&d, &r);
                if (status == 200)
                        test_failed(__FILE__, __LINE__, "served: %s", bad[i]);
                if (status)
                        response_done(&r);
                client_done(&d);
        }
        ask(&c, GET("/hello"), 200, "hi");
        stop(&s, &c);
}

TEST(httpd_stops_with_requests_waiting)
{
        struct server s;
        struct client c;
        start(&s, &c);
        client_send(&c, GET("/wait"), strlen(GET("/wait")));
        while (!s.waiting)
                client_turn(&c);
        stop(&s, &c);
        CHECK_INT(s.ended, ==, 1);
}

/* Connections that ask nothing, more than there is room for: the loop rests, the Unix socket is
 * served, and TCP again when some have gone. */
TEST(httpd_full_of_tcp_clients_rests_and_serves_the_unix_socket)
{
        enum { MANY = 1100 };
        static int fds[MANY];
        struct server s;
        struct client c, d;
        uint16_t port;
        struct rlimit l = {4096, 4096};
        if (setrlimit(RLIMIT_NOFILE, &l) < 0)
                SKIP("too few descriptors");
        start(&s, &c);
        httpd_listen(s.h, listen_tcp(&port));
        for (int i = 0; i < MANY; i++) {
                fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
                struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
                a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
                CHECK(connect(fds[i], (struct sockaddr *)&a, sizeof a) == 0 ||
                      errno == EINPROGRESS);
                CHECK_INT(loop_once(s.loop, 0, NULL), ==, 0);
        }
        for (int i = 0; i < 100; i++)
                CHECK_INT(loop_once(s.loop, 0, NULL), ==, 0);
        uint64_t begin = clock_boot_ms(), turns = 0;
        while (clock_boot_ms() < begin + 300 && ++turns < 1000)
                CHECK_INT(loop_once(s.loop, 50, NULL), ==, 0);
        CHECK_INT(turns, <, 1000); /* it waits, it does not spin */
        client_init(&d, s.loop, connect_unix(s.name));
        ask(&d, GET("/hello"), 200, "hi");
        client_done(&d);
        for (int i = 0; i < MANY; i++)
                close(fds[i]);
        for (int i = 0; i < 500; i++) /* those that waited have to be accepted, too */
                CHECK_INT(loop_once(s.loop, 1, NULL), ==, 0);
        client_init(&d, s.loop, connect_tcp(port));
        ask(&d, GET("/hello"), 200, "hi");
        client_done(&d);
        stop(&s, &c);
}

/* As when every descriptor of the role is taken: the loop rests, and goes on when there are some.
 */
TEST(httpd_without_descriptors_rests_and_goes_on)
{
        struct server s;
        struct client c, d;
        struct rlimit before, l;
        CHECK_INT(getrlimit(RLIMIT_NOFILE, &before), ==, 0);
        start(&s, &c);
        ask(&c, GET("/hello"), 200, "hi");
        int fd = connect_unix(s.name), next = dup(fd);
        close(next);
        l = before;
        l.rlim_cur = (rlim_t)next;
        CHECK_INT(setrlimit(RLIMIT_NOFILE, &l), ==, 0);
        uint64_t begin = clock_boot_ms(), turns = 0;
        while (clock_boot_ms() < begin + 300 && ++turns < 1000)
                CHECK_INT(loop_once(s.loop, 50, NULL), ==, 0);
        CHECK_INT(turns, <, 1000);
        CHECK_INT(setrlimit(RLIMIT_NOFILE, &before), ==, 0);
        client_init(&d, s.loop, fd);
        ask(&d, GET("/hello"), 200, "hi");
        client_done(&d);
        stop(&s, &c);
}
