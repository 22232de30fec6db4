#include "base/mem.h"
#include "gate/gate.h"
#include <stdio.h>

#define AGAIN_MS 50
#define AGAIN    40 /* times: a restarted vault is back in a fraction of that */

struct ask {
        struct gate *g;
        uint32_t verb;
        union {
                struct vault_dial dial;
                struct vault_id route;
        } q;
        ask_fn fn; /* NULL: cancelled, the answer of the link is still to come */
        void *ctx;
        bool in_flight;
        unsigned tries;
        struct loop_timer *timer;
};

static void ask_now(void *ctx);

static void give(struct ask *a, int fd, const struct err *err)
{
        a->fn(a->ctx, fd, err);
        free(a);
}

/* True when the vault is only away for a moment. */
static bool again(struct ask *a)
{
        if (a->tries++ >= AGAIN)
                return false;
        a->timer = loop_timer_add(a->g->loop, AGAIN_MS, ask_now, a);
        return true;
}

static void answered(void *ctx, const struct peer_answer *ans)
{
        struct ask *a = ctx;
        struct err none = {0};
        a->in_flight = false;
        if (!a->fn) {
                free(a);
        } else if (ans->status == 0 && ans->n_fds == 1) {
                give(a, TAKE_FD(ans->fds[0]), NULL);
        } else if (ans->status == -EPIPE || ans->status == -ECANCELED) {
                if (again(a))
                        return;
                give(a, -1, ans->err);
        } else {
                err_set(&none, -EPROTO, "no connection came back");
                give(a, -1, ans->status < 0 ? ans->err : &none);
        }
}

static void ask_now(void *ctx)
{
        struct ask *a = ctx;
        struct err err = {0};
        a->timer = NULL;
        struct peer *vault = a->g->vault(a->g->ctx);
        if (vault) {
                a->in_flight = true;
                peer_call(vault, a->verb, &a->q, NULL, 0, answered, a);
        } else if (!again(a)) {
                err_set(&err, -EPIPE, "the vault is not there");
                give(a, -1, &err);
        }
}

static struct ask *begin(struct gate *g, uint32_t verb, ask_fn fn, void *ctx)
{
        struct ask *a = xcalloc(1, sizeof *a);
        *a = (struct ask){.g = g, .verb = verb, .fn = fn, .ctx = ctx};
        a->timer = loop_timer_add(g->loop, 0, ask_now, a);
        return a;
}

struct ask *ask_dial(struct gate *g, const struct vault_dial *q, ask_fn fn, void *ctx)
{
        struct ask *a = begin(g, VAULT_DIAL, fn, ctx);
        a->q.dial = *q;
        return a;
}

struct ask *ask_route(struct gate *g, const char *sandbox, ask_fn fn, void *ctx)
{
        struct ask *a = begin(g, VAULT_ROUTE, fn, ctx);
        snprintf(a->q.route.id, sizeof a->q.route.id, "%s", sandbox);
        return a;
}

void ask_cancel(struct ask *a)
{
        if (!a)
                return;
        if (a->in_flight) {
                a->fn = NULL;
                return;
        }
        loop_timer_remove(a->timer);
        free(a);
}
