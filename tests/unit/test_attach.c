/* The foreground of a sandbox against a server that cuts the stream where it hurts. */
#include "cli/attach.h"
#include "cli/out.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/stream.h"
#include "test.h"
#include <linux/sockios.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#define INPUT 300000 /* bytes of stdin, more than one frame */

static char path[64];
static char input[INPUT];

static int listen_here(void)
{
        static char dir[] = "/tmp/paddock-attach-XXXXXX";
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        CHECK(mkdtemp(dir));
        snprintf(path, sizeof path, "%s/s", dir);
        CHECK_INT(str_copy(a.sun_path, sizeof a.sun_path, path), ==, 0);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 8) == 0);
        return fd;
}

/* --- the server's side --- */

struct viewer {
        int fd;
        struct buf in;
        char request[512]; /* its first line */
};

static void viewer_done(struct viewer *v)
{
        close(v->fd);
        buf_done(&v->in);
}

/* Takes the next connection, answers the upgrade and says HELLO in the same packet. */
static struct viewer accept_viewer(int listener, uint64_t stdin_offset)
{
        struct viewer v = {.fd = accept(listener, NULL, NULL)};
        CLEANUP(buf_done) struct buf out = {0};
        char bytes[4096], hello[200];
        buf_init(&v.in, 1 << 20);
        buf_init(&out, 4096);
        ssize_t n = read(v.fd, bytes, sizeof bytes - 1);
        CHECK(n > 0);
        bytes[n] = '\0';
        CHECK_CONTAINS(bytes, "Upgrade: paddock-stream/1\r\n");
        snprintf(v.request, sizeof v.request, "%.*s", (int)strcspn(bytes, "\r"), bytes);
        snprintf(hello, sizeof hello, "{\"stdin_offset\":%llu,\"enforcement\":{\"driver\":\"x\"}}",
                 (unsigned long long)stdin_offset);
        CHECK_INT(buf_adds(&out, "HTTP/1.1 101 Switching\r\nUpgrade: paddock-stream/1\r\n\r\n"), ==,
                  0);
        CHECK_INT(stream_put(&out, STREAM_HELLO, hello, strlen(hello)), ==, 0);
        CHECK_INT(fd_write_all(v.fd, out.data, out.len), ==, 0);
        return v;
}

/* Reads STDIN frames until `n` bytes have come (or, with n = 0, until STDIN_END); they must be what
 * stands at `at` in the input. Returns the offset behind them. */
static uint64_t expect_stdin(struct viewer *v, uint64_t at, size_t n)
{
        for (size_t got = 0; n == 0 || got < n;) {
                struct stream_frame f;
                int r = stream_next(&v->in, &f);
                CHECK(r >= 0);
                if (r == 0) {
                        char *room = buf_room(&v->in, 65536);
                        ssize_t len = read(v->fd, room, 65536);
                        CHECK(len > 0);
                        v->in.len += (size_t)len;
                        continue;
                }
                if (f.type == STREAM_STDIN_END) {
                        CHECK_INT(n, ==, 0);
                        buf_consume(&v->in, STREAM_HEAD);
                        return at;
                }
                CHECK_INT(f.type, ==, STREAM_STDIN);
                CHECK(at + f.len <= INPUT);
                CHECK(memcmp(f.data, input + at, f.len) == 0);
                at += f.len;
                got += f.len;
                buf_consume(&v->in, STREAM_HEAD + f.len);
        }
        return at;
}

static void send_frame(struct viewer *v, enum stream_type type, const void *p, size_t n)
{
        CLEANUP(buf_done) struct buf b = {0};
        buf_init(&b, STREAM_FRAME_MAX + STREAM_HEAD);
        CHECK_INT(stream_put(&b, type, p, n), ==, 0);
        CHECK_INT(fd_write_all(v->fd, b.data, b.len), ==, 0);
}

static void send_output(struct viewer *v, uint64_t offset, const char *text)
{
        CLEANUP(buf_done) struct buf b = {0};
        buf_init(&b, 4096);
        CHECK_INT(stream_put_output(&b, STREAM_STDOUT, offset, text, strlen(text)), ==, 0);
        CHECK_INT(fd_write_all(v->fd, b.data, b.len), ==, 0);
}

static void send_ack(struct viewer *v, uint64_t n)
{
        char le[8];
        for (int i = 0; i < 8; i++)
                le[i] = (char)(n >> (8 * i));
        send_frame(v, STREAM_STDIN_ACK, le, sizeof le);
}

/* Until the client has read all that was sent: what a cut connection still held may be lost. */
static void wait_read(struct viewer *v)
{
        for (int left = 1; left > 0;) {
                CHECK_INT(ioctl(v->fd, SIOCOUTQ, &left), ==, 0);
                usleep(1000);
        }
}

static const char result[] = "{\"reason\":\"exited\",\"exit_code\":3}";

/* --- the client's side, in a child with the input as its stdin --- */

/* The child's exit code: 0 when the result, the output and the enforcement are as they should be.
 */
static pid_t attach_child(const char *want_output)
{
        int ends[2];
        CHECK_INT(pipe(ends), ==, 0);
        pid_t feeder = fork();
        if (feeder == 0) {
                close(ends[0]);
                exit(fd_write_all(ends[1], input, INPUT) < 0);
        }
        pid_t pid = fork();
        if (pid) {
                close(ends[0]);
                close(ends[1]);
                return pid;
        }
        dup2(ends[0], STDIN_FILENO);
        close(ends[1]);
        const char *words[] = {"--socket", path, "--", "x", NULL};
        struct invocation inv;
        struct err err = {0};
        unsigned used;
        const char *run[] = {"run", NULL};
        const struct command *c = command_find((char *const *)run, &used, &err);
        CHECK_INT(invocation_parse(c, (char *const *)words, &inv, &err), ==, 0);
        CLEANUP(buf_done) struct buf out = {0};
        CLEANUP(buf_done) struct buf errors = {0};
        buf_init(&out, 65536);
        buf_init(&errors, 65536);
        struct attach a = {.inv = &inv, .id = "box", .use_stdin = true, .capture = {&out, &errors}};
        int r = attach_run(&a, &err);
        if (r < 0)
                printf("# %s\n", err_text(&err));
        CHECK_INT(r, ==, 0);
        CHECK_STR(buf_text(&out), want_output);
        CHECK_INT(get_u64(a.result, "exit_code"), ==, 3);
        CHECK_STR(get_str(a.enforcement, "driver"), "x");
        json_decref(a.result);
        json_decref(a.enforcement);
        invocation_done(&inv);
        exit(0);
}

static void check_child(pid_t pid)
{
        int status;
        CHECK_INT(waitpid(pid, &status, 0), ==, pid);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void fill_input(void)
{
        signal(SIGPIPE, SIG_IGN);
        for (size_t i = 0; i < INPUT; i++)
                input[i] = (char)(i * 2654435761u >> 13);
}

TEST(attach_begins_with_what_came_with_the_upgrade)
{
        fill_input();
        int l = listen_here();
        pid_t pid = attach_child("hello");
        CLEANUP(viewer_done) struct viewer v = accept_viewer(l, 0);
        CHECK_INT(expect_stdin(&v, 0, 0), ==, INPUT);
        send_ack(&v, INPUT);
        send_output(&v, 0, "hello");
        send_frame(&v, STREAM_RESULT, result, strlen(result));
        check_child(pid);
}

/* The first connection takes bytes and dies before it has acknowledged them all; the second says
 * how many had reached the sandbox: exactly those are left out, and no output is shown twice. */
TEST(attach_loses_and_doubles_nothing_across_a_cut)
{
        fill_input();
        int l = listen_here();
        pid_t pid = attach_child("one two three");
        {
                CLEANUP(viewer_done) struct viewer v = accept_viewer(l, 0);
                CHECK(expect_stdin(&v, 0, 100000) >= 100000);
                send_ack(&v, 50000);
                send_output(&v, 0, "one two");
                wait_read(&v);
        }
        {
                CLEANUP(viewer_done) struct viewer v = accept_viewer(l, 77777);
                CHECK_CONTAINS(v.request, "offset=7");
                expect_stdin(&v, 77777, 1000);
                send_output(&v, 4, "two"); /* again: it was shown */
                send_output(&v, 4, "two thr");
                wait_read(&v);
        }
        CLEANUP(viewer_done) struct viewer v = accept_viewer(l, 77778);
        CHECK_INT(expect_stdin(&v, 77778, 0), ==, INPUT);
        send_ack(&v, INPUT);
        send_output(&v, 11, "ee");
        send_frame(&v, STREAM_RESULT, result, strlen(result));
        check_child(pid);
}

static void check_fails(pid_t pid)
{
        int status;
        CHECK_INT(waitpid(pid, &status, 0), ==, pid);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

TEST(attach_refuses_a_server_that_counts_wrong)
{
        fill_input();
        int l = listen_here();
        pid_t pid = attach_child("");
        CLEANUP(viewer_done) struct viewer v = accept_viewer(l, 0);
        expect_stdin(&v, 0, 1000);
        send_ack(&v, INPUT + 1); /* more than there is */
        check_fails(pid);
}

TEST(attach_tells_what_the_server_says_is_wrong)
{
        fill_input();
        int l = listen_here();
        pid_t pid = attach_child("");
        CLEANUP(viewer_done) struct viewer v = accept_viewer(l, 0);
        send_frame(&v, STREAM_ERROR, "the sandbox was removed", 23);
        check_fails(pid);
}
