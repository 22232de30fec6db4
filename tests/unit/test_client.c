/* The client against a server that says exactly what a test wants it to say. */
#include "cli/client.h"
#include "cli/out.h"
#include "cli/server.h"
#include "cli/sse.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "test.h"
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

static char dir[] = "/tmp/paddock-client-XXXXXX";
static char path[128];

static int listen_here(void)
{
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        CHECK(mkdtemp(dir));
        snprintf(path, sizeof path, "%s/s", dir);
        CHECK_INT(str_copy(a.sun_path, sizeof a.sun_path, path), ==, 0);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 8) == 0);
        return fd;
}

/* Reads one request, with its body, into b. */
static void read_request(int fd, struct buf *b)
{
        struct h1 p;
        struct h1_event e = {.type = H1_HEAD};
        char bytes[4096];
        h1_init(&p, H1_REQUEST, 8192);
        for (bool end = false; !end;) {
                ssize_t n = read(fd, bytes, sizeof bytes);
                CHECK(n > 0);
                struct slice in = {bytes, (size_t)n};
                int r;
                while (!end && (r = h1_next(&p, &in, &e, NULL)) == 1) {
                        if (e.type == H1_HEAD)
                                CHECK_INT(buf_addf(b, "%s %s %s|", e.head->method, e.head->target,
                                                   h1_find(e.head, "x-test") ? "x" : "-"),
                                          ==, 0);
                        if (e.type == H1_DATA)
                                CHECK_INT(buf_add(b, e.data.data, e.data.len), ==, 0);
                        end = e.type == H1_END;
                }
        }
        h1_done(&p);
}

/* A child that answers connection after connection with these texts, one request each; NULL ends
 * one connection and begins the next. What it was asked goes to the file "asked". */
static void serve(int fd, const char *const *answers, size_t n)
{
        if (fork() != 0) {
                close(fd);
                return;
        }
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 1 << 20);
        int c = -1;
        for (size_t i = 0; i < n; i++) {
                if (!answers[i]) {
                        close(c);
                        c = -1;
                        continue;
                }
                if (c < 0)
                        c = accept(fd, NULL, NULL);
                read_request(c, &b);
                CHECK_INT(buf_adds(&b, "\n"), ==, 0);
                auto_free char *asked = xasprintf("%s/asked", dir);
                CHECK_INT(file_replace_at(AT_FDCWD, asked, b.data, b.len, 0600), ==, 0);
                CHECK_INT(fd_write_all(c, answers[i], strlen(answers[i])), ==, 0);
        }
        exit(0);
}

static void check_asked(const char *want)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 1 << 20);
        auto_free char *asked = xasprintf("%s/asked", dir);
        CHECK_INT(file_read_at(AT_FDCWD, asked, &b), ==, 0);
        CHECK_STR(buf_text(&b), want);
}

#define SERVER(...)                                                                                \
        static const char *const answers[] = {__VA_ARGS__};                                        \
        serve(listen_here(), answers, ARRAY_LEN(answers));                                         \
        CLEANUP(client_freep) struct client *c = client_new(path);                                 \
        struct err err = {0}

TEST(client_calls_over_one_connection)
{
        SERVER("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{\"a\":1}",
               "HTTP/1.1 201 Made\r\nTransfer-Encoding: "
               "chunked\r\n\r\n3\r\n{\"b\r\n4\r\n\":2}\r\n0\r\n\r\n",
               "HTTP/1.1 204 No\r\n\r\n");
        auto_json json_t *a = NULL, *b = NULL, *none = NULL, *body = json_pack("{s:s}", "q", "x");
        CHECK_INT(client_call(c, "GET", "/1", NULL, &a, &err), ==, 0);
        CHECK_INT(get_u64(a, "a"), ==, 1);
        CHECK_INT(client_call(c, "POST", "/2", body, &b, &err), ==, 0);
        CHECK_INT(get_u64(b, "b"), ==, 2);
        CHECK_INT(client_call(c, "DELETE", "/3", NULL, &none, &err), ==, 0);
        CHECK(!none);
        check_asked("GET /1 -|\nPOST /2 -|{\"q\":\"x\"}\nDELETE /3 -|\n");
}

TEST(client_errors_become_errno_and_message)
{
        SERVER("HTTP/1.1 404 No\r\nContent-Length: 63\r\n\r\n"
               "{\"error\":{\"code\":\"not-found\",\"message\":\"there is no such box\"}}",
               "HTTP/1.1 429 Busy\r\nContent-Length: 0\r\n\r\n",
               "HTTP/1.1 403 No\r\nContent-Length: 3\r\n\r\nxyz");
        CHECK_INT(client_call(c, "GET", "/", NULL, NULL, &err), ==, -ENOENT);
        CHECK_STR(err.text, "there is no such box");
        CHECK_INT(exit_code_for(-ENOENT), ==, EXIT_FAILED);
        CHECK_INT(client_call(c, "GET", "/", NULL, NULL, &err), ==, -EAGAIN);
        CHECK_INT(exit_code_for(-EAGAIN), ==, EXIT_TRY_LATER);
        CHECK_INT(client_call(c, "GET", "/", NULL, NULL, &err), ==, -EACCES);
        CHECK_STR(err.text, "the server answered 403");
        CHECK_INT(exit_code_for(-EACCES), ==, EXIT_NOT_ALLOWED);
}

TEST(client_makes_a_new_connection_when_the_old_one_was_closed)
{
        SERVER("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", NULL,
               "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", NULL,
               "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
        for (int i = 0; i < 3; i++)
                CHECK_INT(client_call(c, "GET", "/", NULL, NULL, &err), ==, 0);
}

TEST(client_no_server_and_a_broken_one)
{
        SERVER("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", NULL, "nonsense\r\n\r\n");
        CHECK_INT(client_call(c, "GET", "/", NULL, NULL, &err), ==, -EPIPE);
        CHECK_INT(client_call(c, "GET", "/", NULL, NULL, &err), ==, -EPROTO);
        CLEANUP(client_freep) struct client *nobody = client_new("/tmp/paddock-nobody/s");
        CHECK_INT(client_call(nobody, "GET", "/", NULL, NULL, &err), ==, -ECONNREFUSED);
        CHECK_CONTAINS(err.text, "no server answers at /tmp/paddock-nobody/s");
        CHECK_INT(exit_code_for(-ECONNREFUSED), ==, EXIT_NO_SERVER);
}

TEST(client_socket_path_too_long)
{
        char longer[200];
        struct err err = {0};
        memset(longer, 'x', sizeof longer);
        longer[0] = '/';
        longer[sizeof longer - 1] = '\0';
        CLEANUP(client_freep) struct client *c = client_new(longer);
        CHECK_INT(client_call(c, "GET", "/", NULL, NULL, &err), ==, -EINVAL);
        CHECK_CONTAINS(err.text, "the socket's path has 199 bytes");
}

TEST(client_uploads_of_known_and_unknown_length)
{
        SERVER("HTTP/1.1 201 Made\r\nContent-Length: 0\r\n\r\n",
               "HTTP/1.1 201 Made\r\nContent-Length: 0\r\n\r\n");
        struct h1_field f = {"X-Test", "1"};
        struct client_request rq = {.method = "PUT",
                                    .target = "/f",
                                    .upload = true,
                                    .upload_bytes = 6,
                                    .fields = &f,
                                    .n_fields = 1};
        struct slice part;
        for (int i = 0; i < 2; i++) {
                CHECK_INT(client_send(c, &rq, &err), ==, 0);
                CHECK_INT(client_write(c, "abc", 3, &err), ==, 0);
                CHECK_INT(client_write(c, "def", 3, &err), ==, 0);
                CHECK_INT(client_write_end(c, &err), ==, 0);
                CHECK_INT(client_answer(c, NULL, &err), ==, 0);
                CHECK_INT(client_read(c, &part, &err), ==, 0);
                rq.upload_bytes = UPLOAD_CHUNKED;
        }
        check_asked("PUT /f x|abcdef\nPUT /f x|abcdef\n");
}

TEST(client_upgrade_hands_over_the_bytes_behind_it)
{
        SERVER("HTTP/1.1 101 Switching\r\nUpgrade: paddock-stream/1\r\n\r\nhello");
        CLEANUP(buf_done) struct buf rest;
        buf_init(&rest, 64);
        int fd = -1;
        struct client_request rq = {.method = "GET", .target = "/s", .upgrade = "paddock-stream/1"};
        CHECK_INT(client_send(c, &rq, &err), ==, 0);
        CHECK_INT(client_answer(c, NULL, &err), ==, 0);
        CHECK_INT(client_take_upgraded(c, &rest, &fd, &err), ==, 0);
        CHECK_STR(buf_text(&rest), "hello");
        CHECK(fd >= 0);
        close(fd);
}

TEST(client_upgrade_refused_is_an_error)
{
        SERVER("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        CLEANUP(buf_done) struct buf rest;
        buf_init(&rest, 64);
        int fd = -1;
        struct client_request rq = {.method = "GET", .target = "/s", .upgrade = "paddock-stream/1"};
        CHECK_INT(client_send(c, &rq, &err), ==, 0);
        CHECK_INT(client_answer(c, NULL, &err), ==, 0);
        CHECK_INT(client_take_upgraded(c, &rest, &fd, &err), ==, -EPROTO);
}

TEST(client_escapes_what_goes_into_a_url)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 256);
        CHECK_INT(url_put(&b, "a b/\xc3\xa9?#%", true), ==, 0);
        CHECK_STR(buf_text(&b), "a%20b/%C3%A9%3F%23%25");
        buf_clear(&b);
        CHECK_INT(buf_adds(&b, "/x"), ==, 0);
        CHECK_INT(url_query(&b, "p", "a/b&c"), ==, 0);
        CHECK_INT(url_query(&b, "q", ""), ==, 0);
        CHECK_INT(url_query(&b, "r", "1"), ==, 0);
        CHECK_STR(buf_text(&b), "/x?p=a%2Fb%26c&r=1");
}

/* Events in pieces of every size come out the same. */
TEST(sse_events)
{
        static const char text[] =
                ": hello\n\nevent: progress\ndata: {\"a\":\ndata: 1}\n\n"
                "id: 7\r\ndata:x\r\n\r\nevent: lonely\n\nevent: end\ndata: y\n\n";
        for (size_t step = 1; step < sizeof text; step++) {
                CLEANUP(buf_done) struct buf b;
                CLEANUP(sse_done) struct sse s;
                buf_init(&b, 4096);
                sse_init(&s);
                for (size_t i = 0; i < sizeof text - 1; i += step) {
                        size_t n = sizeof text - 1 - i < step ? sizeof text - 1 - i : step;
                        struct slice in = {text + i, n};
                        struct sse_event e;
                        while (sse_next(&s, &in, &e) == 1)
                                CHECK_INT(buf_addf(&b, "[%s %s]", e.event, e.data), ==, 0);
                }
                CHECK_STR(buf_text(&b), "[progress {\"a\":\n1}][message x][end y]");
        }
}

TEST(sse_line_without_end_is_refused)
{
        CLEANUP(sse_done) struct sse s;
        sse_init(&s);
        auto_free char *big = xmalloc(70000);
        memset(big, 'a', 70000);
        struct slice in = {big, 70000};
        struct sse_event e;
        CHECK_INT(sse_next(&s, &in, &e), ==, -EPROTO);
}

/* --- which server --- */

static void clean_env(void)
{
        unsetenv("PADDOCK_SOCKET");
        unsetenv("XDG_STATE_HOME");
        unsetenv("XDG_RUNTIME_DIR");
        setenv("HOME", "/home/x", 1);
}

TEST(server_own_places)
{
        struct server s;
        struct err err;
        clean_env();
        CHECK_INT(server_own_dirs(&s, &err), ==, 0);
        CHECK_STR(s.state_dir, "/home/x/.local/state/paddock");
        CHECK_STR(s.socket, "/home/x/.local/state/paddock/run/paddock.sock");
        setenv("XDG_STATE_HOME", "/st", 1);
        setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
        CHECK_INT(server_own_dirs(&s, &err), ==, 0);
        CHECK_STR(s.state_dir, "/st/paddock");
        CHECK_STR(s.socket, "/run/user/7/paddock/paddock.sock");
        unsetenv("HOME");
        unsetenv("XDG_STATE_HOME");
        CHECK_INT(server_own_dirs(&s, &err), ==, -EINVAL);
}

TEST(server_flag_before_environment_before_own)
{
        struct server s;
        struct err err;
        clean_env();
        setenv("PADDOCK_SOCKET", "rel/p.sock", 1);
        CHECK_INT(server_locate("given.sock", &s, &err), ==, 0);
        CHECK_STR(s.socket, "given.sock");
        CHECK(!s.own);
        CHECK_INT(server_locate(NULL, &s, &err), ==, 0);
        CHECK_STR(s.socket, "rel/p.sock");
        CHECK(!s.own); /* a server that was named is never started */
        char longer[SOCKET_PATH_MAX + 2];
        memset(longer, 'x', sizeof longer);
        longer[sizeof longer - 1] = '\0';
        CHECK_INT(server_locate(longer, &s, &err), ==, -EINVAL);
        CHECK_CONTAINS(err.text, "may have 100");
}
