#include "cli/attach.h"
#include "cli/out.h"
#include "cli/terminal.h"
#include "base/clock.h"
#include "base/fd.h"
#include "net/stream.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#define STDIN_WINDOW   (1u << 20) /* read ahead of what the sandbox has taken */
#define STDIN_CHUNK    32768
#define IN_MAX         (4u * STREAM_FRAME_MAX)
#define OUT_MAX        (2u * STDIN_WINDOW)
#define RETRY_PAUSE_MS 50

struct session {
        struct attach *a;
        int fd;                /* the stream; -1 while it is cut */
        int signals;           /* signalfd */
        unsigned interrupts;   /* SIGINT and SIGTERM so far */
        struct buf in, out;    /* frames received, frames to send */
        struct buf stdin_data; /* read and not yet acknowledged */
        uint64_t stdin_base;   /* offset of its first byte */
        uint64_t stdin_sent;   /* offset behind what this connection has in `out` or sent */
        bool stdin_eof, stdin_end_sent;
        uint64_t offset; /* of the next output byte */
        uint32_t pending_signal;
        bool resized;     /* the size of the terminal has to be told */
        bool output_gone; /* whoever read our stdout has left */
};

static void session_done(struct session *s)
{
        if (s->fd >= 0)
                close(s->fd);
        if (s->signals >= 0)
                close(s->signals);
        buf_done(&s->in);
        buf_done(&s->out);
        buf_done(&s->stdin_data);
}

static int protocol(struct err *err)
{
        return err_set(err, -EPROTO, "the server broke the stream's protocol");
}

/* --- connecting --- */

static int connect_once(struct session *s, struct err *err)
{
        CLEANUP(client_freep) struct client *c = NULL;
        const struct h1_head *head;
        char target[160];
        int fd, r = server_connect(s->a->inv, SERVER_START, &c, err);
        if (r < 0)
                return r;
        snprintf(target, sizeof target, "/v1/sandboxes/%.70s%s%.40s/stream?offset=%llu", s->a->id,
                 s->a->exec ? "/exec/" : "", s->a->exec ? s->a->exec : "",
                 (unsigned long long)s->offset);
        struct client_request rq = {
                .method = "GET", .target = target, .upgrade = "paddock-stream/1"};
        buf_clear(&s->in);
        buf_clear(&s->out);
        r = client_send(c, &rq, err);
        r = r < 0 ? r : client_answer(c, &head, err);
        r = r < 0 ? r : client_take_upgraded(c, &s->in, &fd, err);
        if (r < 0)
                return r;
        s->fd = fd;
        s->stdin_sent = s->stdin_base;
        s->stdin_end_sent = true; /* nothing is sent before HELLO */
        return fd_nonblock(fd, true);
}

static bool worth_another_try(int r)
{
        return r == -ECONNREFUSED || r == -EPIPE || r == -EAGAIN || r == -EPROTO;
}

static int reconnect(struct session *s, struct err *err)
{
        uint64_t end = clock_boot_ms() + ATTACH_RETRY_MS;
        for (;;) {
                int r = connect_once(s, err);
                if (r >= 0 || !worth_another_try(r))
                        return r;
                if (clock_boot_ms() > end)
                        return err_wrap(err, r, "sandbox %s goes on, 'paddock wait' finds it",
                                        s->a->id);
                clock_sleep_ms(RETRY_PAUSE_MS);
        }
}

static void cut(struct session *s)
{
        if (s->fd >= 0)
                close(s->fd);
        s->fd = -1;
}

/* --- from the server --- */

static int on_hello(struct session *s, const struct stream_frame *f, struct err *err)
{
        auto_json json_t *j = NULL;
        int r = json_parse(f->data, f->len, &j, err);
        if (r < 0)
                return r;
        /* The server counts from here. What it has is what reached the sandbox, also by a
         * connection whose acknowledgement was cut off. */
        uint64_t taken = get_u64(j, "stdin_offset");
        if (taken < s->stdin_base || taken > s->stdin_base + s->stdin_data.len)
                return err_set(err, -EPROTO, "the server has lost bytes of standard input");
        buf_consume(&s->stdin_data, (size_t)(taken - s->stdin_base));
        s->stdin_base = s->stdin_sent = taken;
        s->stdin_end_sent = false;
        s->resized = s->a->tty;
        json_t *e = json_object_get(j, "enforcement");
        if (json_is_object(e)) {
                json_decref(s->a->enforcement);
                s->a->enforcement = json_incref(e);
        }
        return 0;
}

static int on_output(struct session *s, const struct stream_frame *f, struct err *err)
{
        if (f->len < 8)
                return protocol(err);
        uint64_t at = stream_u64(f->data);
        const char *p = f->data + 8;
        size_t n = f->len - 8;
        int which = f->type == STREAM_STDERR;
        if (at < s->offset) { /* shown before the cut */
                uint64_t again = s->offset - at;
                size_t skip = again < n ? (size_t)again : n;
                p += skip;
                n -= skip;
                at += skip;
        }
        if (n == 0)
                return 0;
        s->offset = at + n;
        if (s->a->capture[which]) {
                int r = buf_add(s->a->capture[which], p, n);
                return r == -E2BIG ? 0 : r; /* what the server stores has the same maximum */
        }
        int r = fd_write_all(which ? STDERR_FILENO : STDOUT_FILENO, p, n);
        if (r == -EPIPE && !which) {
                s->output_gone = true;
                s->pending_signal = SIGTERM; /* nobody reads it any more: as in a pipeline */
                return 0;
        }
        return r < 0 && r != -EPIPE ? err_sys(err, r, "writing the output") : 0;
}

static int on_ack(struct session *s, const struct stream_frame *f, struct err *err)
{
        if (f->len != 8)
                return protocol(err);
        uint64_t taken = stream_u64(f->data);
        if (taken < s->stdin_base || taken > s->stdin_sent)
                return protocol(err);
        buf_consume(&s->stdin_data, (size_t)(taken - s->stdin_base));
        s->stdin_base = taken;
        return 0;
}

static int on_frame(struct session *s, const struct stream_frame *f, struct err *err)
{
        switch (f->type) {
        case STREAM_HELLO:
                return on_hello(s, f, err);
        case STREAM_STDOUT:
        case STREAM_STDERR:
                return s->output_gone ? 0 : on_output(s, f, err);
        case STREAM_STDIN_ACK:
                return on_ack(s, f, err);
        case STREAM_RESULT:
                return json_parse(f->data, f->len, &s->a->result, err);
        case STREAM_ERROR:
                return err_set(err, -EIO, "%.*s", (int)f->len, f->data);
        default:
                return protocol(err);
        }
}

/* The whole frames in s->in. */
static int take_frames(struct session *s, struct err *err)
{
        struct stream_frame f;
        int r = 0;
        while (!s->a->result && (r = stream_next(&s->in, &f)) == 1) {
                r = on_frame(s, &f, err);
                if (r < 0)
                        return r;
                buf_consume(&s->in, STREAM_HEAD + f.len);
        }
        return !s->a->result && r < 0 ? protocol(err) : 0;
}

/* What has come; s->fd is -1 afterwards when the stream was cut. */
static int receive(struct session *s, struct err *err)
{
        char *room = buf_room(&s->in, STREAM_FRAME_MAX);
        if (!room)
                return err_set(err, -ENOMEM, "no memory for the stream");
        ssize_t n = recv(s->fd, room, STREAM_FRAME_MAX, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n <= 0) {
                cut(s);
                return 0;
        }
        s->in.len += (size_t)n;
        return take_frames(s, err);
}

/* --- to the server --- */

/* Frames for what was read of stdin and not yet sent, the end of it, and a signal. */
static int queue_frames(struct session *s)
{
        int r = 0;
        uint64_t end = s->stdin_base + s->stdin_data.len;
        while (!s->stdin_end_sent && s->stdin_sent < end && s->out.len < STDIN_WINDOW && r >= 0) {
                size_t at = (size_t)(s->stdin_sent - s->stdin_base);
                size_t n = s->stdin_data.len - at;
                n = n < STDIN_CHUNK ? n : STDIN_CHUNK;
                r = stream_put(&s->out, STREAM_STDIN, s->stdin_data.data + at, n);
                s->stdin_sent += n;
        }
        if (r >= 0 && s->stdin_eof && !s->stdin_end_sent && s->stdin_sent == end) {
                r = stream_put(&s->out, STREAM_STDIN_END, NULL, 0);
                s->stdin_end_sent = true;
        }
        if (r >= 0 && s->resized && !s->stdin_end_sent)
                r = terminal_put_size(&s->out);
        s->resized = false;
        if (r >= 0 && s->pending_signal) {
                char le[4] = {(char)s->pending_signal, 0, 0, 0}; /* signal numbers are small */
                r = stream_put(&s->out, STREAM_SIGNAL, le, sizeof le);
                s->pending_signal = 0;
        }
        return r;
}

static int send_frames(struct session *s, struct err *err)
{
        if (s->fd < 0 || s->a->result)
                return 0;
        int r = queue_frames(s);
        if (r < 0)
                return err_set(err, r, "no memory for the stream");
        while (s->out.len) {
                ssize_t n = send(s->fd, s->out.data, s->out.len, MSG_NOSIGNAL);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno != EAGAIN)
                        cut(s);
                if (n < 0)
                        return 0;
                buf_consume(&s->out, (size_t)n);
        }
        return 0;
}

static int read_stdin(struct session *s, struct err *err)
{
        char *room = buf_room(&s->stdin_data, STDIN_CHUNK);
        if (!room)
                return err_set(err, -ENOMEM, "no memory for standard input");
        ssize_t n = read(STDIN_FILENO, room, STDIN_CHUNK);
        if (n > 0)
                s->stdin_data.len += (size_t)n;
        else if (n == 0 || (errno != EINTR && errno != EAGAIN))
                s->stdin_eof = true; /* an unreadable stdin is an empty one */
        return 0;
}

/* First: passed on. Second: the sandbox is killed. Third: we leave. */
static int on_signal(struct session *s, struct err *err)
{
        struct signalfd_siginfo si;
        if (read(s->signals, &si, sizeof si) != sizeof si)
                return 0;
        if (si.ssi_signo == SIGWINCH) {
                s->resized = true;
                return 0;
        }
        if (si.ssi_signo == SIGQUIT || si.ssi_signo == SIGUSR1 || si.ssi_signo == SIGUSR2) {
                s->pending_signal = si.ssi_signo;
                return 0;
        }
        s->interrupts++;
        if (s->interrupts > 2)
                return err_set(err, -ECANCELED, "left; sandbox %s may go on", s->a->id);
        s->pending_signal = s->interrupts == 1 ? si.ssi_signo : SIGKILL;
        if (s->interrupts == 2)
                fprintf(stderr, "paddock: killing sandbox %s\n", s->a->id);
        return 0;
}

static int catch_signals(void)
{
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGHUP);
        sigaddset(&set, SIGQUIT);
        sigaddset(&set, SIGUSR1);
        sigaddset(&set, SIGUSR2);
        sigaddset(&set, SIGWINCH);
        sigprocmask(SIG_BLOCK, &set, NULL);
        return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int one_round(struct session *s, struct err *err)
{
        bool want_stdin = !s->stdin_eof && s->stdin_data.len + STDIN_CHUNK <= STDIN_WINDOW;
        struct pollfd p[3] = {
                {.fd = s->fd, .events = (short)(POLLIN | (s->out.len ? POLLOUT : 0))},
                {.fd = s->signals, .events = POLLIN},
                {.fd = want_stdin ? STDIN_FILENO : -1, .events = POLLIN},
        };
        if (poll(p, ARRAY_LEN(p), -1) < 0)
                return errno == EINTR ? 0 : err_sys(err, -errno, "poll");
        int r = p[1].revents ? on_signal(s, err) : 0;
        if (r >= 0 && p[2].revents)
                r = read_stdin(s, err);
        if (r >= 0 && p[0].revents)
                r = receive(s, err);
        return r < 0 ? r : send_frames(s, err);
}

int attach_run(struct attach *a, struct err *err)
{
        CLEANUP(session_done) struct session s = {.a = a, .fd = -1};
        buf_init(&s.in, IN_MAX);
        buf_init(&s.out, OUT_MAX);
        buf_init(&s.stdin_data, STDIN_WINDOW + STDIN_CHUNK);
        s.stdin_eof = !a->use_stdin;
        s.signals = catch_signals();
        if (s.signals < 0)
                return err_sys(err, -errno, "signalfd");
        CLEANUP(terminal_restore) struct terminal term = {0};
        if (a->tty)
                terminal_raw(&term);
        while (!a->result) {
                int r = 0;
                if (s.fd < 0) { /* frames may have come with the answer to the upgrade */
                        r = reconnect(&s, err);
                        r = r < 0 ? r : take_frames(&s, err);
                        r = r < 0 ? r : send_frames(&s, err);
                }
                if (r >= 0 && !a->result && s.fd >= 0)
                        r = one_round(&s, err);
                if (r < 0)
                        return r;
        }
        return 0;
}
