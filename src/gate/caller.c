#include "gate/caller.h"
#include "base/mem.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>

static void nothing(void *ctx UNUSED)
{
}

void caller_new(struct listener *l, int fd)
{
        static const int on = 1;
        struct caller *c = xcalloc(1, sizeof *c);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct conn *down = conn_new(l->gate->loop, fd, NULL, NULL, nothing, NULL);
        c->l = l;
        c->next = l->callers;
        c->at = &l->callers;
        if (c->next)
                c->next->at = &c->next;
        l->callers = c;
        l->n_callers++;
        if (l->kind == GATE_SOCKS) {
                c->stage = CALLER_SOCKS;
                c->socks = down;
                conn_callback(down, socks_run, c);
        } else {
                relay_init(&c->relay, down, &proxy_ops, c);
        }
}

void caller_free(struct caller *c)
{
        *c->at = c->next;
        if (c->next)
                c->next->at = c->at;
        c->l->n_callers--;
        ask_cancel(c->ask);
        if (c->stage == CALLER_HTTP)
                relay_done(&c->relay);
        else if (c->stage == CALLER_SOCKS)
                conn_free(c->socks);
        else
                tunnel_done(&c->tunnel);
        free(c);
}

void caller_dial(struct caller *c, ask_fn fn)
{
        struct vault_dial q = {.port = c->port};
        snprintf(q.sandbox, sizeof q.sandbox, "%s", c->l->id);
        snprintf(q.host, sizeof q.host, "%s", c->host);
        c->ask = ask_dial(c->l->gate, &q, fn, c);
}
