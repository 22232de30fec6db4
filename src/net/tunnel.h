/* tunnel.h - bytes both ways between two connections, unread, each direction ended by itself. */
#pragma once
#include "net/conn.h"

struct tunnel {
        struct conn *a, *b;       /* owned */
        void (*ended)(void *ctx); /* both directions are over, or one side broke: frees it */
        void *ctx;
        bool a_shut, b_shut;
        bool hold_a; /* a's bytes are looked at first: not moved while this is set */
        /* While held: something may have come from a. Clears hold_a, waits (0), or refuses. */
        int (*held)(void *ctx);
};

void tunnel_init(struct tunnel *t, struct conn *a, struct conn *b, void (*ended)(void *ctx),
                 void *ctx);
void tunnel_done(struct tunnel *t);
void tunnel_run(void *tunnel);
/* One direction of it: what has come from the one goes to the other, and its end too (*shut then).
 * True when all that `from` will ever send is out. */
bool tunnel_move(struct conn *from, struct conn *to, bool *shut);
