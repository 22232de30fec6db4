#include "vault/egress.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

/* A DIAL that has no answer yet. */
struct wish {
        struct egress *e;
        struct peer_request *rq;
        struct vault_dial q;
        char host[HOST_TEXT_MAX + 1];
        bool literal;
};

/* A line for every connection that was asked for. */
static int record(struct wish *w, const char *verdict)
{
        struct audit *a = w->e->audit;
        counter_verdict(counter_of(w->e->counters, "-"), verdict);
        const struct vbox *b = vbox_find(w->e->boxes, w->q.sandbox);
        if (!a)
                return 0;
        audit_begin(a, "connect");
        audit_text(a, "sandbox", w->q.sandbox);
        audit_text(a, "owner", b ? b->owner : "");
        if (b && policy_labels(b->policy)[0])
                audit_text(a, "labels", policy_labels(b->policy));
        audit_text(a, "host", w->q.host);
        audit_number(a, "port", w->q.port);
        audit_text(a, "verdict", verdict);
        return audit_end(a);
}

static void refuse(struct wish *w, int code, const char *why)
{
        if (record(w, code == -EACCES || code == -EINVAL || code == -ENOENT ? "denied" : "failed"))
                log_error("audit.lost", kv("sandbox", w->q.sandbox), kv("host", w->q.host));
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
        if (record(w, "allowed") < 0) {
                refuse(w, -EBUSY, "the audit log cannot be written");
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

/* A host that is used with a key of ours is used with it, and within its limits. */
static bool has_key(const struct routes *all, const char *host)
{
        for (size_t i = 0; all && i < all->n; i++)
                if (all->list[i].secret[0] && str_eq(all->list[i].host, host))
                        return true;
        return false;
}

/* Everything is decided here; nothing that is not allowed is even looked up. */
static void decide(void *ctx)
{
        struct wish *w = ctx;
        struct vbox *b = vbox_find(w->e->boxes, w->q.sandbox);
        if (!b)
                refuse(w, -ENOENT, "no such sandbox");
        else if (w->q.port < 1 || w->q.port > 65535 ||
                 host_canonical(w->q.host, w->host, &w->literal) < 0)
                refuse(w, -EINVAL, "not a host and a port");
        else if (!policy_allows(b->policy, w->host, w->literal, w->q.port))
                refuse(w, -EACCES, "not allowed by the policy of this sandbox");
        else if (has_key(w->e->routes, w->host))
                refuse(w, -EACCES, "there is a route to this host");
        else
                dial_start(w->e->dialer, w->host, w->literal, (uint16_t)w->q.port, on_dialed, w);
}

void egress_dial(struct egress *e, struct peer_request *rq, const struct vault_dial *q)
{
        struct wish *w = xcalloc(1, sizeof *w);
        *w = (struct wish){.e = e, .rq = rq, .q = *q};
        vboxes_when_known(e->boxes, q->sandbox, decide, w);
}

/* A second line: what it has carried. */
void egress_ended(void *egress, const struct flow *f, const struct flow_use *u, const char *why)
{
        struct egress *e = egress;
        struct vault_counter *k = counter_of(e->counters, "-");
        k->up += u->up;
        k->down += u->down;
        if (!e->audit)
                return;
        audit_begin(e->audit, "connect-end");
        audit_text(e->audit, "sandbox", f->box->id);
        audit_text(e->audit, "owner", f->box->owner);
        audit_text(e->audit, "host", f->host);
        audit_number(e->audit, "port", f->port);
        audit_number(e->audit, "up", u->up);
        audit_number(e->audit, "down", u->down);
        audit_number(e->audit, "us", u->us);
        if (*why)
                audit_text(e->audit, "cut", why);
        if (audit_end(e->audit) < 0)
                log_error("audit.lost", kv("sandbox", f->box->id), kv("host", f->host));
}
