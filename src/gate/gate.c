#include "gate/gate.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include <stdio.h>
#include <sys/socket.h>

#define REST_MS 100

static void rested(void *ctx);

static void incoming(void *ctx, uint32_t events UNUSED)
{
        struct listener *l = ctx;
        int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0 && l->n_callers < GATE_CALLERS_MAX) {
                caller_new(l, fd);
        } else if (fd >= 0) {
                close(fd);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
                loop_io_events(l->io, 0);
                l->rest = loop_timer_add(l->gate->loop, REST_MS, rested, l);
        }
}

static void rested(void *ctx)
{
        struct listener *l = ctx;
        l->rest = NULL;
        loop_io_events(l->io, EPOLLIN);
}

static void drop(struct listener *l)
{
        while (l->callers)
                caller_free(l->callers);
        loop_io_remove(l->io);
        loop_timer_remove(l->rest);
        close(l->fd);
        free(l);
}

/* Takes away the listeners of a sandbox; kind 0: of every kind; id NULL: of all. */
static void take_away(struct gate *g, const char *id, uint32_t kind)
{
        struct listener **at = &g->first;
        while (*at) {
                struct listener *l = *at;
                if ((id && !str_eq(l->id, id)) || (kind && l->kind != kind)) {
                        at = &l->next;
                        continue;
                }
                *at = l->next;
                drop(l);
        }
}

static bool same_socket(int a, int b)
{
        uint64_t ca = 0, cb = 1;
        socklen_t n = sizeof ca;
        return getsockopt(a, SOL_SOCKET, SO_COOKIE, &ca, &n) == 0 &&
               getsockopt(b, SOL_SOCKET, SO_COOKIE, &cb, &n) == 0 && ca == cb;
}

void gate_listen(struct gate *g, const struct gate_listener *q, int fd)
{
        for (struct listener *l = g->first; l; l = l->next)
                if (str_eq(l->id, q->id) && l->kind == q->kind && same_socket(l->fd, fd)) {
                        close(fd); /* launch was restarted and names what we have */
                        return;
                }
        take_away(g, q->id, q->kind);
        struct listener *l = xcalloc(1, sizeof *l);
        *l = (struct listener){.next = g->first, .gate = g, .kind = q->kind, .fd = fd};
        snprintf(l->id, sizeof l->id, "%s", q->id);
        l->io = loop_io_add(g->loop, fd, EPOLLIN, incoming, l);
        g->first = l;
}

void gate_close(struct gate *g, const char *id)
{
        take_away(g, id, 0);
}

void gate_free(struct gate *g)
{
        take_away(g, NULL, 0);
}
