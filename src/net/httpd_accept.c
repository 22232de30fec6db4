/* The sockets of the HTTP server: who connects, and how many may. */
#include "base/log.h"
#include "base/mem.h"
#include "net/httpd_impl.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define TCP_MAX        768    /* of them: strangers never fill the Unix socket's share */
#define VANISHED_MS    120000 /* a TCP client of whom nothing is heard, not even by the kernel */
#define ACCEPTS_A_TURN 32     /* so that a flood does not starve the rest of the loop */

static bool is_loopback(const struct sockaddr_storage *a)
{
        if (a->ss_family == AF_INET) {
                const struct sockaddr_in *in = (const struct sockaddr_in *)a;
                return ntohl(in->sin_addr.s_addr) >> 24 == 127;
        }
        if (a->ss_family != AF_INET6)
                return false;
        const struct in6_addr *in6 = &((const struct sockaddr_in6 *)a)->sin6_addr;
        return IN6_IS_ADDR_LOOPBACK(in6) || (IN6_IS_ADDR_V4MAPPED(in6) && in6->s6_addr[12] == 127);
}

static void read_peer(int fd, struct http_peer *ret)
{
        struct sockaddr_storage own = {0}, other = {0};
        socklen_t own_len = sizeof own, other_len = sizeof other;
        *ret = (struct http_peer){.uid = UINT32_MAX};
        if (getsockname(fd, (struct sockaddr *)&own, &own_len) < 0 ||
            getpeername(fd, (struct sockaddr *)&other, &other_len) < 0)
                return;
        if (own.ss_family == AF_UNIX) {
                struct ucred cred;
                socklen_t n = sizeof cred;
                ret->is_unix = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) == 0;
                if (ret->is_unix)
                        ret->uid = cred.uid;
                return;
        }
        ret->is_loopback = is_loopback(&other);
        ret->own_port = ntohs(own.ss_family == AF_INET ? ((struct sockaddr_in *)&own)->sin_port
                                                       : ((struct sockaddr_in6 *)&own)->sin6_port);
}

/* A listener that is not accepted from would wake the loop without end. */
static void pause_accepting(struct http_listener *li, bool pause)
{
        if (li->paused == pause)
                return;
        li->paused = pause;
        loop_io_events(li->io, pause ? 0 : EPOLLIN);
}

static bool has_room(const struct http_listener *li)
{
        const struct httpd *h = li->h;
        return h->n_connections < HTTP_CONNECTIONS_MAX && (li->is_unix || h->n_tcp < TCP_MAX);
}

bool http_any_paused(const struct httpd *h)
{
        const struct http_listener *li = h->listeners;
        while (li && !li->paused)
                li = li->next;
        return li != NULL;
}

void http_accept_again(struct httpd *h)
{
        for (struct http_listener *li = h->listeners; li; li = li->next)
                if (has_room(li))
                        pause_accepting(li, false);
}

/* ---- who a connection is of, from its socket's acceptance until the library tells of it ---- */

struct http_arrival {
        struct http_arrival *next;
        int fd;
        struct http_peer peer;
};

static bool arrived(struct httpd *h, int fd, struct http_peer *ret)
{
        struct http_arrival **at = &h->arrivals, *a;
        while (*at && (*at)->fd != fd)
                at = &(*at)->next;
        a = *at;
        if (!a)
                return false;
        *at = a->next;
        *ret = a->peer;
        free(a);
        return true;
}

void http_arrive(struct httpd *h, int fd, const struct http_peer *peer)
{
        struct http_peer old;
        (void)arrived(h, fd, &old); /* one that the library closed unseen */
        struct http_arrival *a = xcalloc(1, sizeof *a);
        *a = (struct http_arrival){.next = h->arrivals, .fd = fd, .peer = *peer};
        h->arrivals = a;
}

void http_arrivals_free(struct httpd *h)
{
        while (h->arrivals) {
                struct http_arrival *a = h->arrivals;
                h->arrivals = a->next;
                free(a);
        }
}

void http_on_connection(void *ctx, struct MHD_Connection *c, void **socket_ctx,
                        enum MHD_ConnectionNotificationCode code)
{
        struct httpd *h = ctx;
        h->calls++;
        if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
                const struct http_peer *gone = *socket_ctx;
                h->n_tcp -= !gone->is_unix && !gone->is_tls;
                if (gone->is_unix)
                        http_share_count(h, gone->uid, false);
                free(*socket_ctx);
                *socket_ctx = NULL;
                h->n_connections--;
                http_accept_again(h);
                return;
        }
        struct http_peer *p = xcalloc(1, sizeof *p);
        if (!arrived(h, MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd,
                     p))
                p->uid = UINT32_MAX; /* nobody's */
        *socket_ctx = p;
        h->n_connections++;
        h->n_tcp += !p->is_unix && !p->is_tls; /* a TLS front counts itself */
        if (p->is_unix)
                http_share_count(h, p->uid, true);
}

/* Without delay, and not for ever: whoever has lost power or the network never says so. */
static void set_tcp(int fd)
{
        static const int on = 1, idle = 60, every = 15, vanished = VANISHED_MS;
        (void)!setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        (void)!setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
        (void)!setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
        (void)!setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof every);
        (void)!setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &vanished, sizeof vanished);
}

static void accept_ready(void *ctx, uint32_t events UNUSED)
{
        struct http_listener *li = ctx;
        struct httpd *h = li->h;
        for (int i = 0; i < ACCEPTS_A_TURN && has_room(li); i++) {
                struct sockaddr_storage addr = {0};
                socklen_t n = sizeof addr;
                int fd =
                        accept4(li->fd, (struct sockaddr *)&addr, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);
                if (fd < 0) {
                        bool none_left = errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
                                         errno == ENOBUFS;
                        pause_accepting(li, none_left);
                        break;
                }
                if (!li->is_unix)
                        set_tcp(fd);
                if (li->is_unix && http_share_full(h, fd)) {
                        http_share_refuse(fd);
                        continue;
                }
                struct http_peer peer;
                read_peer(fd, &peer);
                if (h->tls) {
                        http_front(h, fd, &peer);
                        continue;
                }
                http_arrive(h, fd, &peer);
                /* The library closes fd also when it refuses. */
                if (MHD_add_connection(h->daemon, fd, (struct sockaddr *)&addr, n) != MHD_YES)
                        log_warn("http.refused", kv("reason", errno_text(errno)));
        }
        if (!has_room(li))
                pause_accepting(li, true);
        http_run(h);
}

void httpd_listen(struct httpd *h, int fd)
{
        struct http_listener *li = xcalloc(1, sizeof *li);
        struct sockaddr_storage own = {0};
        socklen_t n = sizeof own;
        *li = (struct http_listener){.h = h, .fd = fd, .next = h->listeners};
        li->is_unix = getsockname(fd, (struct sockaddr *)&own, &n) == 0 && own.ss_family == AF_UNIX;
        li->io = loop_io_add(h->loop, fd, EPOLLIN, accept_ready, li);
        h->listeners = li;
}

void httpd_stop_accepting(struct httpd *h)
{
        while (h->listeners) {
                struct http_listener *li = h->listeners;
                h->listeners = li->next;
                loop_io_remove(li->io);
                close(li->fd);
                free(li);
        }
}
