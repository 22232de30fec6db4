#include "net/tunnel.h"

void tunnel_init(struct tunnel *t, struct conn *a, struct conn *b, void (*ended)(void *ctx),
                 void *ctx)
{
        *t = (struct tunnel){.a = a, .b = b, .ended = ended, .ctx = ctx};
        conn_callback(a, tunnel_run, t);
        conn_callback(b, tunnel_run, t);
}

void tunnel_done(struct tunnel *t)
{
        conn_free(t->a);
        conn_free(t->b);
        t->a = t->b = NULL;
}

bool tunnel_move(struct conn *from, struct conn *to, bool *shut)
{
        for (;;) {
                struct slice in = conn_in(from);
                size_t room = conn_room(to), n = in.len < room ? in.len : room;
                if (n && buf_add(conn_out(to), in.data, n) < 0)
                        return true;
                conn_used(from, n);
                conn_push(to);
                /* Looked at anew: the push may have made room, and then nothing else tells of it. */
                if (conn_in(from).len == 0 || conn_room(to) == 0)
                        break;
        }
        if (conn_ended(from) && conn_in(from).len == 0 && !*shut) {
                *shut = true;
                conn_shut(to);
        }
        return *shut && conn_unsent(to) == 0;
}

void tunnel_run(void *tunnel)
{
        struct tunnel *t = tunnel;
        if (t->hold_a && t->held(t->ctx) < 0) {
                t->ended(t->ctx);
                return;
        }
        bool up = !t->hold_a && tunnel_move(t->a, t->b, &t->b_shut);
        bool down = tunnel_move(t->b, t->a, &t->a_shut);
        if ((up && down) || conn_broken(t->a) || conn_broken(t->b) ||
            (t->hold_a && conn_ended(t->a)))
                t->ended(t->ctx);
}
