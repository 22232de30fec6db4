/* caller.h - one connection from inside a sandbox: private to caller.c, proxy.c, socks.c, through.c.
 *
 * It begins as HTTP (proxy.c) or SOCKS5 (socks.c); CONNECT and SOCKS become a tunnel (through.c).
 */
#pragma once
#include "gate/gate.h"
#include "net/relay.h"
#include "net/tunnel.h"

enum caller_stage { CALLER_HTTP, CALLER_SOCKS, CALLER_TUNNEL };

struct caller {
        struct listener *l;
        struct caller *next, **at;
        enum caller_stage stage;
        struct relay relay; /* CALLER_HTTP */
        struct conn *socks; /* CALLER_SOCKS */
        unsigned socks_step;
        struct tunnel tunnel; /* CALLER_TUNNEL */
        struct ask *ask;
        /* what was asked for last; relay.up leads there */
        char host[HOST_TEXT_MAX + 1];
        uint32_t port;
};

/* Asks the vault for host and port of c. */
void caller_dial(struct caller *c, ask_fn fn);

extern const struct relay_ops proxy_ops; /* proxy.c; the context is the client */
void socks_run(void *caller);            /* socks.c */
/* through.c: from now on only bytes pass between down and the socket. Owns both. The name in a TLS
 * greeting must be the one that was asked for. */
void through_begin(struct caller *c, struct conn *down, int up);
