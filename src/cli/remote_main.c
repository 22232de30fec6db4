/* The helper of cli/remote.h, on standard input as a socket:
 *   remote connect HOST PORT CA    says "+", then carries bytes to and from that server by TLS
 *   remote seal                    reads a key and a text, says "+" and the envelope around it
 * What fails is said as "-ERRNO reason". */
#include "base/clock.h"
#include "base/fd.h"
#include "base/str.h"
#include "link/envelope.h"
#include "net/tls.h"
#include "net/tunnel.h"
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define CONNECT_MS   10000 /* for each address */
#define HANDSHAKE_MS 20000

static int say(int r, const struct err *err)
{
        char line[ERR_TEXT_MAX + 32];
        int n = r < 0 ? snprintf(line, sizeof line, "-%d %s\n", -r, err_text(err))
                      : snprintf(line, sizeof line, "+\n");
        for (int i = 0; i < n - 1; i++)
                if (line[i] == '\n')
                        line[i] = ' ';
        return fd_write_all(STDIN_FILENO, line, (size_t)n);
}

static int wait_for(int fd, short events, uint64_t end_ms)
{
        for (;;) {
                uint64_t now = clock_boot_ms();
                struct pollfd p = {.fd = fd, .events = events};
                int r = now >= end_ms ? 0 : poll(&p, 1, (int)(end_ms - now));
                if (r > 0)
                        return 0;
                if (r == 0)
                        return -ETIMEDOUT;
                if (errno != EINTR)
                        return -errno;
        }
}

static int try_address(const struct addrinfo *a)
{
        int error = 0;
        socklen_t n = sizeof error;
        auto_close int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, a->ai_addr, a->ai_addrlen) < 0 && errno != EINPROGRESS)
                return -errno;
        int r = wait_for(fd, POLLOUT, clock_boot_ms() + CONNECT_MS);
        if (r == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) == 0 && error)
                r = -error;
        return r < 0 ? r : TAKE_FD(fd);
}

static int connect_to(const char *host, const char *port, struct err *err)
{
        struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
        int bad = getaddrinfo(host, port, &hints, &list), fd = -EHOSTUNREACH;
        if (bad)
                return err_set(err, -ECONNREFUSED, "%s", gai_strerror(bad));
        for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
                fd = try_address(a);
        freeaddrinfo(list);
        return fd < 0 ? err_set(err, -ECONNREFUSED, "%s", errno_text(-fd)) : fd;
}

static int agree(void *t, int fd, struct err *err)
{
        uint64_t end = clock_boot_ms() + HANDSHAKE_MS;
        int r;
        while ((r = tls_handshake(t)) == -EAGAIN) {
                r = wait_for(fd, tls_transport.wants(t) & EPOLLOUT ? POLLOUT : POLLIN, end);
                if (r < 0)
                        return err_set(err, -ECONNREFUSED, "TLS: %s", errno_text(-r));
        }
        if (r < 0)
                return err_set(err, -EACCES, "%s",
                               *tls_error(t) ? tls_error(t) : "TLS: the connection was cut");
        return 0;
}

static void over(void *ctx)
{
        loop_stop(ctx);
}

static int carry(const char *host, const char *port, const char *ca)
{
        struct err err = {0};
        struct tls_context *tls = NULL;
        struct tunnel tunnel;
        void *t = NULL;
        auto_close int ca_fd = *ca ? open(ca, O_RDONLY | O_CLOEXEC) : -1;
        int r = *ca && ca_fd < 0 ? err_sys(&err, -errno, "%s", ca) : 0;
        r = r < 0 ? r : tls_context_new(ca_fd, &tls, &err);
        int fd = r < 0 ? r : connect_to(host, port, &err);
        r = fd;
        if (r >= 0)
                r = (t = tls_new(tls, fd, host)) ? agree(t, fd, &err)
                                                 : err_set(&err, -ENOMEM, "TLS");
        if (say(r, &err) < 0 || r < 0 || fd_nonblock(STDIN_FILENO, true) < 0)
                return 1;
        struct loop *l = loop_new();
        tunnel_init(&tunnel, conn_new(l, STDIN_FILENO, NULL, NULL, tunnel_run, &tunnel),
                    conn_new(l, fd, &tls_transport, t, tunnel_run, &tunnel), over, l);
        return loop_run(l, NULL) < 0;
}

static int seal(void)
{
        CLEANUP(buf_done) struct buf in, out;
        struct err err = {0};
        buf_init(&in, ENVELOPE_KEY + ENVELOPE_MAX);
        buf_init(&out, ENVELOPE_MAX + ENVELOPE_HEAD + ENVELOPE_TAG);
        int r = fd_slurp(STDIN_FILENO, &in);
        if (r < 0 || in.len <= ENVELOPE_KEY)
                r = err_set(&err, -EINVAL, "sealing: what came is too long or too short");
        else
                r = envelope_seal((unsigned char *)in.data, in.data + ENVELOPE_KEY,
                                  in.len - ENVELOPE_KEY, &out, &err);
        if (in.data)
                explicit_bzero(in.data, in.cap);
        if (say(r, &err) < 0 || r < 0)
                return 1;
        return fd_write_all(STDIN_FILENO, out.data, out.len) < 0;
}

int main(int argc, char **argv)
{
        struct rlimit none = {0, 0};
        /* A token or a secret passes through its memory. */
        setrlimit(RLIMIT_CORE, &none);
        prctl(PR_SET_DUMPABLE, 0);
        signal(SIGPIPE, SIG_IGN);
        if (argc == 5 && str_eq(argv[1], "connect"))
                return carry(argv[2], argv[3], argv[4]);
        if (argc == 2 && str_eq(argv[1], "seal"))
                return seal();
        fputs("this program is started by paddock\n", stderr);
        return 2;
}
