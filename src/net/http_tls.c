/* TLS before the library: a connection is decoded here and goes on through a pair of sockets that
 * nobody else has. The library sees a plain connection, which it can give away as any other; who is
 * at its far end is remembered from the accepted socket (http_arrive), never said in the bytes. */
#include "base/log.h"
#include "base/mem.h"
#include "net/httpd_impl.h"
#include "net/tls.h"
#include "net/tunnel.h"
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#define HANDSHAKES_MAX 128   /* at once; one more, and the oldest of them goes */
#define HANDSHAKE_MS   20000 /* for a whole one */
#define LINGER_MS      10000 /* the server has ended: for each piece that the client still takes */

struct http_front {
        struct httpd *h;
        struct conn *far, *near; /* the client; the library's side, NULL during the handshake */
        bool far_shut, near_shut;
        size_t unsent; /* when the timer was set */
        struct loop_timer *timer;
        struct http_peer peer;
        struct http_front *next, **at; /* newest first */
};

static void front_free(struct http_front *f)
{
        struct httpd *h = f->h;
        loop_timer_remove(f->timer);
        conn_free(f->far);
        conn_free(f->near);
        h->n_tcp--;
        h->n_handshakes -= !f->near;
        *f->at = f->next;
        if (f->next)
                f->next->at = f->at;
        free(f);
        http_accept_again(h);
}

/* Too slow with the handshake. */
static void late(void *ctx)
{
        struct http_front *f = ctx;
        f->timer = NULL;
        front_free(f);
}

/* The library has closed: what it said is still on its way to a client that may have gone. */
static void linger(void *ctx)
{
        struct http_front *f = ctx;
        size_t left = conn_unsent(f->far) + conn_in(f->near).len;
        f->timer = NULL;
        if (left == 0 || left == f->unsent) {
                front_free(f);
                return;
        }
        f->unsent = left;
        f->timer = loop_timer_add(f->h->loop, LINGER_MS, linger, f);
}

static void pass(void *ctx)
{
        struct http_front *f = ctx;
        bool down = tunnel_move(f->near, f->far, &f->far_shut), up;
        if (conn_broken(f->near)) { /* read nevertheless: a reset would take the answer away */
                conn_used(f->far, conn_in(f->far).len);
                up = conn_ended(f->far);
        } else {
                up = tunnel_move(f->far, f->near, &f->near_shut);
        }
        if (conn_broken(f->far) || (up && down))
                front_free(f);
        else if (f->far_shut && !f->timer)
                f->timer = loop_timer_add(f->h->loop, LINGER_MS, linger, f);
}

/* The library gets its end of a pair. It closes that also when it refuses. */
static int hand_over(struct http_front *f)
{
        struct sockaddr_un none = {.sun_family = AF_UNIX};
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
                return -errno;
        f->h->n_handshakes--;
        f->near = conn_new(f->h->loop, ends[0], NULL, NULL, pass, f);
        http_arrive(f->h, ends[1], &f->peer);
        if (MHD_add_connection(f->h->daemon, ends[1], (struct sockaddr *)&none,
                               sizeof none.sun_family) != MHD_YES)
                return -EBUSY;
        http_run(f->h);
        return 0;
}

static void handshake(void *ctx)
{
        struct http_front *f = ctx;
        if (conn_ended(f->far)) {
                front_free(f);
                return;
        }
        if (!tls_agreed(conn_context(f->far)))
                return;
        loop_timer_remove(f->timer);
        f->timer = NULL;
        conn_callback(f->far, pass, f);
        int r = hand_over(f);
        if (r < 0) {
                log_warn("http.refused", kv("reason", errno_text(-r)));
                front_free(f);
                return;
        }
        pass(f);
}

/* Whoever opens many and says nothing loses his own first. */
static void make_room(struct httpd *h)
{
        struct http_front *oldest = NULL;
        if (h->n_handshakes < HANDSHAKES_MAX)
                return;
        for (struct http_front *f = h->fronts; f; f = f->next)
                if (!f->near)
                        oldest = f;
        if (oldest)
                front_free(oldest);
}

void http_front(struct httpd *h, int fd, const struct http_peer *peer)
{
        make_room(h);
        void *t = tls_accept(h->tls, fd);
        if (!t) {
                close(fd);
                return;
        }
        struct http_front *f = xcalloc(1, sizeof *f);
        *f = (struct http_front){.h = h, .peer = *peer, .next = h->fronts, .at = &h->fronts};
        f->peer.is_tls = true;
        if (f->next)
                f->next->at = &f->next;
        h->fronts = f;
        h->n_tcp++;
        h->n_handshakes++;
        f->far = conn_new(h->loop, fd, &tls_transport, t, handshake, f);
        f->timer = loop_timer_add(h->loop, HANDSHAKE_MS, late, f);
}

size_t http_fronts_busy(const struct httpd *h)
{
        size_t n = 0;
        for (const struct http_front *f = h->fronts; f; f = f->next) {
                int unread = 0;
                n += f->near && (conn_unsent(f->far) || conn_in(f->near).len ||
                                 (ioctl(conn_fd(f->near), FIONREAD, &unread) == 0 && unread));
        }
        return n;
}

void http_fronts_free(struct httpd *h)
{
        while (h->fronts)
                front_free(h->fronts);
        tls_context_free(h->tls);
}
