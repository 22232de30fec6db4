#include "box/reach.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "box/box.h"
#include "link/gate.h"
#include "link/vault.h"
#include <stdio.h>

#define NAME_IN_KEEP "net"

void reach_init(struct reach *r)
{
        *r = (struct reach){.registration = -1};
        for (size_t i = 0; i < LISTEN_PORTS; i++)
                r->listeners[i] = -1;
}

void reach_done(struct reach *r)
{
        for (size_t i = 0; i < LISTEN_PORTS; i++)
                closep(&r->listeners[i]);
        closep(&r->registration);
        reach_init(r);
}

static const struct wire_type *registration_type(void)
{
        return link_find(&vault_link, VAULT_SANDBOX_ADD)->req;
}

/* A sealed memfd. */
static int put_registration(const struct vault_sandbox *s, struct err *err)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, LINK_MESSAGE_MAX);
        int bad = wire_encode(registration_type(), s, &b, err);
        if (bad < 0)
                return bad;
        int fd = memfd_sealed("reach", b.data, b.len);
        return fd < 0 ? err_sys(err, fd, "registration") : fd;
}

/* Into *s, which points into raw. */
static int get_registration(int fd, struct buf *raw, struct vault_sandbox *s, struct err *err)
{
        char *to = buf_room(raw, LINK_MESSAGE_MAX);
        ssize_t n = to ? pread(fd, to, LINK_MESSAGE_MAX, 0) : -1;
        if (n < 0)
                return err_set(err, -EIO, "the registration of the sandbox cannot be read");
        return wire_decode(registration_type(), to, (size_t)n, s, err);
}

int reach_prepare(struct reach *r, const struct launch_spec *spec, struct err *err)
{
        if (spec->network != BOX_NET_PROXY)
                return 0;
        struct vault_sandbox s = {.policy = spec->policy};
        snprintf(s.id, sizeof s.id, "%s", spec->id);
        snprintf(s.owner, sizeof s.owner, "%s", spec->owner);
        int fd = put_registration(&s, err);
        if (fd < 0)
                return fd;
        r->registration = fd;
        r->on = true;
        return 0;
}

int reach_take(struct reach *r, int *fds, uint32_t n)
{
        if (!r->on || n != LISTEN_PORTS || r->listeners[0] >= 0)
                return -EPROTO;
        for (size_t i = 0; i < LISTEN_PORTS; i++)
                r->listeners[i] = TAKE_FD(fds[i]);
        return 0;
}

/* ---- telling ---- */

static char with_vault[] = "vault", with_gate[] = "gate";

static struct peer *find(struct box *b, const char *name)
{
        return b->all->c.peer(b->all->c.peer_ctx, name);
}

static void report(void *ctx, const struct peer_answer *a)
{
        const char *what = ctx;
        if (a->status < 0 && a->status != -ECANCELED && a->status != -EPIPE)
                log_warn("box.reach", kv("with", what), kv("error", err_text(a->err)));
}

static int tell_vault(struct box *b, peer_answer_fn fn, void *ctx, struct err *err)
{
        CLEANUP(buf_done) struct buf raw;
        struct vault_sandbox s;
        struct peer *vault = find(b, "vault");
        buf_init(&raw, LINK_MESSAGE_MAX);
        if (!vault)
                return err_set(err, -EAGAIN, "the vault is not there");
        int r = get_registration(b->reach.registration, &raw, &s, err);
        if (r == 0)
                peer_call(vault, VAULT_SANDBOX_ADD, &s, NULL, 0, fn, ctx);
        return r;
}

/* How many questions were asked; negative: gate is away. */
static int tell_gate(struct box *b, peer_answer_fn fn, void *ctx, struct err *err)
{
        static const uint32_t kinds[LISTEN_PORTS] = {GATE_HTTP, GATE_SOCKS};
        struct peer *gate = find(b, "gate");
        if (!gate)
                return err_set(err, -EAGAIN, "the gate is not there");
        for (size_t i = 0; i < LISTEN_PORTS; i++) {
                struct gate_listener l = {.kind = kinds[i]};
                snprintf(l.id, sizeof l.id, "%s", b->j.result.id);
                peer_call(gate, GATE_LISTEN, &l, &b->reach.listeners[i], 1, fn, ctx);
        }
        return LISTEN_PORTS;
}

static int put_kept(const struct reach *r, int fds[LISTEN_PORTS + 1])
{
        memcpy(fds, r->listeners, sizeof r->listeners);
        fds[LISTEN_PORTS] = r->registration;
        return LISTEN_PORTS + 1;
}

void reach_keep(struct box *b)
{
        int fds[LISTEN_PORTS + 1];
        if (b->reach.on && b->reach.listeners[0] >= 0)
                box_keep_put(b, NAME_IN_KEEP, fds, (uint32_t)put_kept(&b->reach, fds), NULL);
}

struct telling {
        peer_answer_fn fn;
        void *ctx;
};

/* A vault that ended before it answered is one that is away. */
static void on_vault_told(void *ctx, const struct peer_answer *a)
{
        static const struct peer_answer later = {.status = 0};
        struct telling t = *(struct telling *)ctx;
        free(ctx);
        t.fn(t.ctx, a->status == -EPIPE ? &later : a);
}

/* One that is away is told as soon as it is back; what the sandbox asks meanwhile waits for that. */
int reach_open(struct box *b, peer_answer_fn fn, struct err *err)
{
        int fds[LISTEN_PORTS + 1], asked = 1;
        if (!b->reach.on)
                return 0;
        if (b->reach.listeners[0] < 0)
                return err_set(err, -EPROTO, "its listening sockets did not come");
        if (find(b, "vault")) {
                struct telling *t = xmalloc(sizeof *t);
                *t = (struct telling){fn, b};
                int r = tell_vault(b, on_vault_told, t, err);
                if (r < 0) {
                        free(t);
                        return r;
                }
                asked++;
        }
        int n = find(b, "gate") ? tell_gate(b, report, with_gate, err) : 0;
        if (n < 0)
                log_warn("box.reach", kv("id", b->j.result.id), kv("with", with_gate));
        box_keep_put(b, NAME_IN_KEEP, fds, (uint32_t)put_kept(&b->reach, fds), fn);
        return asked;
}

/* ---- another policy ---- */

struct change {
        struct boxes *all;
        struct peer_request *rq;
        int registration;
        char id[ID_TEXT_LEN + 1];
};

static void on_change_kept(void *ctx, const struct peer_answer *a)
{
        struct peer_request *rq = ctx;
        if (a->status < 0)
                peer_fail_err(rq, a->err);
        else
                peer_reply(rq, &(struct launch_empty){0}, NULL, 0, false);
}

/* In force from here on; the answer waits until that survives the end of this role too. */
static void on_changed(void *ctx, const struct peer_answer *a)
{
        struct change c = *(struct change *)ctx;
        int fds[LISTEN_PORTS + 1];
        auto_close int registration = c.registration;
        free(ctx);
        struct box *b = a->status == 0 ? box_find(c.all, c.id) : NULL;
        if (!b || !b->reach.on) {
                if (a->status < 0)
                        peer_fail_err(c.rq, a->err);
                else
                        peer_fail(c.rq, -ESRCH, "the sandbox has ended");
                return;
        }
        closep(&b->reach.registration);
        b->reach.registration = TAKE_FD(registration);
        uint32_t n = (uint32_t)put_kept(&b->reach, fds);
        if (!find(b, "keep")) { /* it is told all when it is back */
                peer_reply(c.rq, &(struct launch_empty){0}, NULL, 0, false);
                return;
        }
        box_keep_put_id(b, c.id, NAME_IN_KEEP, fds, n, on_change_kept, c.rq);
}

void reach_replace(struct box *b, struct slice policy, struct peer_request *rq)
{
        CLEANUP(buf_done) struct buf raw;
        struct vault_sandbox s;
        struct err err = {0};
        struct peer *vault = find(b, "vault");
        buf_init(&raw, LINK_MESSAGE_MAX);
        if (!b->reach.on || b->reach.listeners[0] < 0) {
                peer_fail(rq, -ENOTSUP, "the sandbox has no network: a policy is for mode proxy");
                return;
        }
        if (!vault) {
                peer_fail(rq, -EAGAIN, "the vault is not there");
                return;
        }
        int fd = get_registration(b->reach.registration, &raw, &s, &err);
        s.policy = policy;
        fd = fd < 0 ? fd : put_registration(&s, &err);
        if (fd < 0) {
                peer_fail_err(rq, &err);
                return;
        }
        struct change *c = xcalloc(1, sizeof *c);
        *c = (struct change){.all = b->all, .rq = rq, .registration = fd};
        snprintf(c->id, sizeof c->id, "%s", b->j.result.id);
        peer_call(vault, VAULT_SANDBOX_ADD, &s, NULL, 0, on_changed, c);
}

void reach_close(struct box *b)
{
        struct vault_id at_vault = {0};
        struct gate_id at_gate = {0};
        struct peer *vault = find(b, "vault"), *gate = find(b, "gate");
        if (!b->reach.on)
                return;
        snprintf(at_vault.id, sizeof at_vault.id, "%s", b->j.result.id);
        snprintf(at_gate.id, sizeof at_gate.id, "%s", b->j.result.id);
        if (vault)
                peer_event(vault, VAULT_SANDBOX_REMOVE, &at_vault, NULL, 0);
        if (gate)
                peer_event(gate, GATE_CLOSE, &at_gate, NULL, 0);
        box_keep_drop(b, NAME_IN_KEEP);
        reach_done(&b->reach);
}

/* ---- again ---- */

static bool is_reachable(const struct box *b)
{
        return b->reach.on && b->reach.listeners[0] >= 0;
}

void boxes_reach_synced(struct boxes *all)
{
        struct peer *vault = all->c.peer(all->c.peer_ctx, "vault");
        /* Those that keep still holds are named as they come. */
        if (vault && all->asked_keep && all->adopting == 0)
                peer_event(vault, VAULT_SYNCED, &(struct vault_empty){0}, NULL, 0);
}

void boxes_vault_up(struct boxes *all)
{
        struct peer *vault = all->c.peer(all->c.peer_ctx, "vault");
        for (struct box *b = all->first; vault && b; b = b->next)
                if (is_reachable(b) && tell_vault(b, report, with_vault, NULL) < 0)
                        log_warn("box.reach", kv("id", b->j.result.id), kv("with", with_vault));
        boxes_reach_synced(all);
}

void boxes_gate_up(struct boxes *all)
{
        for (struct box *b = all->first; b; b = b->next)
                if (is_reachable(b) && tell_gate(b, report, with_gate, NULL) < 0)
                        log_warn("box.reach", kv("id", b->j.result.id), kv("with", with_gate));
}

struct adoption {
        struct boxes *all;
        char id[ID_TEXT_LEN + 1];
};

static void take_kept(struct box *b, const struct peer_answer *a)
{
        b->reach.on = true;
        b->reach.registration = TAKE_FD(a->fds[LISTEN_PORTS]);
        if (reach_take(&b->reach, a->fds, LISTEN_PORTS) < 0)
                log_warn("box.reach", kv("id", b->j.result.id));
        if (find(b, "vault") && tell_vault(b, report, with_vault, NULL) < 0)
                log_warn("box.reach", kv("id", b->j.result.id), kv("with", with_vault));
        if (find(b, "gate") && tell_gate(b, report, with_gate, NULL) < 0)
                log_warn("box.reach", kv("id", b->j.result.id), kv("with", with_gate));
}

static void on_adopted(void *ctx, const struct peer_answer *a)
{
        struct adoption q = *(struct adoption *)ctx;
        struct boxes *all = q.all;
        free(ctx);
        all->adopting--;
        struct box *b = box_find(all, q.id);
        bool fine = a->status == 0 && a->n_fds == LISTEN_PORTS + 1 &&
                    memfd_sealed_size(a->fds[LISTEN_PORTS]) > 0;
        if (b && fine && !b->reach.on && b->j.stage == JOURNAL_RUNNING)
                take_kept(b, a);
        boxes_reach_synced(all);
}

void reach_adopt(struct box *b)
{
        struct keep_key key = {.name = NAME_IN_KEEP};
        struct peer *keep = find(b, "keep");
        if (!keep || b->reach.on)
                return;
        struct adoption *q = xcalloc(1, sizeof *q);
        q->all = b->all;
        snprintf(q->id, sizeof q->id, "%s", b->j.result.id);
        snprintf(key.id, sizeof key.id, "%s", b->j.result.id);
        b->all->adopting++;
        peer_call(keep, KEEP_GET, &key, NULL, 0, on_adopted, q);
}
