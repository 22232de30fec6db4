#include "base/str.h"
#include "gate/caller.h"
#include "net/sni.h"

static bool is_literal(const char *host)
{
        return strchr(host, ':') || host[strspn(host, "0123456789.")] == 0;
}

/* 1: may pass; 0: more is needed to say; negative: not. */
static int look(const struct caller *c, struct slice in)
{
        char name[256];
        if (in.len == 0)
                return 0;
        if (in.data[0] != 22) /* no TLS: what is on that port is the host's own matter */
                return c->port == 443 ? -EACCES : 1;
        int r = sni_read(in, name);
        if (r == -ENOENT)
                return is_literal(c->host) ? 1 : -EACCES;
        if (r == 1)
                return str_eq(name, c->host) ? 1 : -EACCES;
        return r == 0 && in.len < CONN_IN_MAX ? 0 : -EACCES;
}

static int held(void *ctx)
{
        struct caller *c = ctx;
        int r = look(c, conn_in(c->tunnel.a));
        if (r > 0)
                c->tunnel.hold_a = false;
        return r;
}

static void ended(void *ctx)
{
        caller_free(ctx);
}

void through_begin(struct caller *c, struct conn *down, int up)
{
        struct conn *to = conn_new(c->l->gate->loop, up, NULL, NULL, ended, c);
        c->stage = CALLER_TUNNEL;
        tunnel_init(&c->tunnel, down, to, ended, c);
        c->tunnel.hold_a = true;
        c->tunnel.held = held;
        tunnel_run(&c->tunnel);
}
