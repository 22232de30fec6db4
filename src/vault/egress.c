#include "vault/egress.h"
#include "base/log.h"
#include "base/mem.h"

#define SYNC_MS 2000 /* how long a question waits for launch to name its sandbox */

/* A DIAL that has no answer yet. */
struct wish {
        struct wish *next;
        struct egress *e;
        struct peer_request *rq;
        struct vault_dial q;
        char host[HOST_TEXT_MAX + 1];
        bool literal;
};

static void refuse(struct wish *w, int code, const char *why)
{
        log_info("egress.denied", kv("sandbox", w->q.sandbox), kv("host", w->q.host),
                 kv("port", w->q.port), kv("why", why));
        peer_fail(w->rq, code, "%s", why);
        free(w);
}

static void on_dialed(void *ctx, int fd, const struct err *err)
{
        struct wish *w = ctx;
        /* The sandbox and its policy may have changed meanwhile. */
        struct vbox *b = vbox_find(w->e->boxes, w->q.sandbox);
        bool allowed = b && policy_allows(b->policy, w->host, w->literal, w->q.port);
        if (fd < 0) {
                refuse(w, err->code, err_text(err));
                return;
        }
        auto_close int owned = fd;
        if (!allowed || !peer_request_alive(w->rq)) {
                refuse(w, -EACCES, "not allowed any more");
                return;
        }
        int r = vbox_flow(w->e->boxes, b, owned, w->host, w->literal, w->q.port);
        if (r < 0) {
                refuse(w, r, "too many connections");
                return;
        }
        log_info("egress.open", kv("sandbox", b->id), kv("owner", b->owner), kv("host", w->host),
                 kv("port", w->q.port));
        peer_reply(w->rq, &(struct vault_empty){0}, &owned, 1, false);
        free(w);
}

/* Everything is decided here; nothing that is not allowed is even looked up. */
static void decide(struct wish *w)
{
        struct vbox *b = vbox_find(w->e->boxes, w->q.sandbox);
        if (!b)
                refuse(w, -ENOENT, "no such sandbox");
        else if (w->q.port < 1 || w->q.port > 65535 ||
                 host_canonical(w->q.host, w->host, &w->literal) < 0)
                refuse(w, -EINVAL, "not a host and a port");
        else if (!policy_allows(b->policy, w->host, w->literal, w->q.port))
                refuse(w, -EACCES, "not allowed by the policy of this sandbox");
        else
                dial_start(w->e->dialer, w->host, w->literal, (uint16_t)w->q.port, on_dialed, w);
}

void egress_known(struct egress *e)
{
        struct wish *list = e->waiting;
        e->waiting = NULL;
        while (list) {
                struct wish *w = list;
                list = w->next;
                if (e->boxes->synced || vbox_find(e->boxes, w->q.sandbox)) {
                        decide(w);
                } else {
                        w->next = e->waiting;
                        e->waiting = w;
                }
        }
}

/* launch does not come: what it has not named does not exist. */
static void waited_enough(void *ctx)
{
        struct egress *e = ctx;
        e->sync_timer = NULL;
        e->boxes->synced = true;
        egress_known(e);
}

void egress_dial(struct egress *e, struct peer_request *rq, const struct vault_dial *q)
{
        struct wish *w = xcalloc(1, sizeof *w);
        *w = (struct wish){.e = e, .rq = rq, .q = *q};
        if (e->boxes->synced || vbox_find(e->boxes, q->sandbox)) {
                decide(w);
                return;
        }
        w->next = e->waiting;
        e->waiting = w;
        if (!e->sync_timer)
                e->sync_timer = loop_timer_add(e->boxes->loop, SYNC_MS, waited_enough, e);
}

void egress_done(struct egress *e)
{
        loop_timer_remove(e->sync_timer);
        while (e->waiting) {
                struct wish *w = e->waiting;
                e->waiting = w->next;
                refuse(w, -ECANCELED, "the vault ends");
        }
}
