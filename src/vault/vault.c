#include "vault/vault.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "vault/desk.h"
#include "vault/egress.h"
#include "vault/exchange.h"
#include "vault/probe.h"
#include "vault/post.h"
#include <stdio.h>

struct vault {
        struct vault_config c;
        struct vboxes boxes;
        struct dialer dialer;
        struct egress egress;
        struct safe *safe; /* NULL while its key is not there */
        struct routes routes;
        struct upstreams upstreams;
        struct exchanges exchanges;
        struct audit *audit;
        struct budgets budgets;
        struct counters counters;
        struct prices prices;
        struct desk *desk;
        struct post *post;
};

/* Every control action, and its outcome. */
static void note_by(struct vault *v, const char *by, const char *verb, const char *object,
                    const char *sandbox, bool done)
{
        log_info("vault.control", kv("verb", verb), kv("object", object), kv("done", done));
        if (!v->audit)
                return;
        audit_begin(v->audit, "control");
        if (*by)
                audit_text(v->audit, "principal", by);
        audit_text(v->audit, "verb", verb);
        audit_text(v->audit, "object", object);
        if (*sandbox)
                audit_text(v->audit, "sandbox", sandbox);
        audit_text(v->audit, "outcome", done ? "done" : "refused");
        if (audit_end(v->audit) < 0)
                log_error("audit.lost", kv("verb", verb));
}

static void note(struct vault *v, const char *verb, const char *object, const char *sandbox,
                 bool done)
{
        note_by(v, "", verb, object, sandbox, done);
}

static void on_status(void *ctx, struct peer_request *rq, const void *req UNUSED, int *fds UNUSED,
                      uint32_t n_fds UNUSED)
{
        struct vault *v = ctx;
        struct vault_status s = {.state = "locked"};
        if (v->safe) {
                snprintf(s.state, sizeof s.state, "%s", seal_state(safe_seal(v->safe)));
                s.secrets = (uint32_t)safe_count(v->safe);
        }
        s.routes = (uint32_t)v->routes.n;
        peer_reply(rq, &s, NULL, 0, false);
}

/* ---- api: secrets that came sealed ---- */

static void on_key(void *ctx, struct peer_request *rq, const void *req UNUSED, int *fds UNUSED,
                   uint32_t n_fds UNUSED)
{
        post_key(((struct vault *)ctx)->post, rq);
}

static void on_secret_put(void *ctx, struct peer_request *rq, const void *req, int *fds UNUSED,
                          uint32_t n_fds UNUSED)
{
        post_put(((struct vault *)ctx)->post, rq, req);
}

static void on_secret_list(void *ctx, struct peer_request *rq, const void *req UNUSED,
                           int *fds UNUSED, uint32_t n_fds UNUSED)
{
        post_list(((struct vault *)ctx)->post, rq);
}

static void on_secret_remove(void *ctx, struct peer_request *rq, const void *req, int *fds UNUSED,
                             uint32_t n_fds UNUSED)
{
        post_remove(((struct vault *)ctx)->post, rq, ((const struct vault_name *)req)->name);
}

static void on_counters(void *ctx, struct peer_request *rq, const void *req UNUSED, int *fds UNUSED,
                        uint32_t n_fds UNUSED)
{
        struct vault *v = ctx;
        counter_of(&v->counters, "-")->open = (uint32_t)v->boxes.n_flows;
        for (size_t i = 0; i < v->counters.n; i++) {
                struct vault_counter *k = &v->counters.list[i];
                if (i)
                        k->open = (uint32_t)exchanges_open(&v->exchanges, k->route);
                peer_reply(rq, k, NULL, 0, true);
        }
        peer_reply(rq, &(struct vault_counter){.route = ""}, NULL, 0, false);
}

/* ---- launch: which sandboxes there are ---- */

static void on_add(void *ctx, struct peer_request *rq, const void *req, int *fds UNUSED,
                   uint32_t n_fds UNUSED)
{
        struct vault *v = ctx;
        const struct vault_sandbox *s = req;
        struct err err = {0};
        int r = vboxes_add(&v->boxes, s, &err);
        const struct vbox *b = vbox_find(&v->boxes, s->id);
        if (r != 0)
                note_by(v, b ? policy_by(b->policy) : "", "policy.set", s->owner, s->id, r > 0);
        if (r < 0) {
                peer_fail_err(rq, &err);
                return;
        }
        peer_reply(rq, &(struct vault_empty){0}, NULL, 0, false);
        exchanges_recheck(&v->exchanges);
}

static void on_remove(void *ctx, struct peer_request *rq UNUSED, const void *req, int *fds UNUSED,
                      uint32_t n_fds UNUSED)
{
        struct vault *v = ctx;
        vboxes_remove(&v->boxes, ((const struct vault_id *)req)->id);
        exchanges_recheck(&v->exchanges);
}

static void on_synced(void *ctx, struct peer_request *rq UNUSED, const void *req UNUSED,
                      int *fds UNUSED, uint32_t n_fds UNUSED)
{
        struct vault *v = ctx;
        vboxes_synced(&v->boxes);
}

/* Only what was set for that owner, as a file: for all others it does not exist. */
static const struct secret *find_file(const struct vault *v, const struct vault_deliver *q)
{
        const struct secret *s = v->safe ? safe_find(v->safe, q->secret) : NULL;
        if (!s || s->kind != SECRET_FILE)
                return NULL;
        return route_list_has(s->users, q->owner) ? s : NULL;
}

static void on_deliver(void *ctx, struct peer_request *rq, const void *req, int *fds,
                       uint32_t n_fds)
{
        struct vault *v = ctx;
        const struct vault_deliver *q = req;
        bool open = v->safe && seal_is_open(safe_seal(v->safe));
        const struct secret *s = open && n_fds == 1 ? find_file(v, q) : NULL;
        int r = s ? fd_write_all(fds[0], s->value, s->n) : -ENOENT;
        note(v, "deliver", q->secret, q->sandbox, r == 0);
        if (!open)
                peer_fail(rq, -ENOKEY, "the vault is locked");
        else if (r < 0)
                peer_fail(rq, r, "secret '%s': %s", q->secret,
                          r == -ENOENT ? "there is no such file secret" : errno_text(r));
        else
                peer_reply(rq, &(struct vault_empty){0}, NULL, 0, false);
}

/* ---- gate ---- */

static void on_dial(void *ctx, struct peer_request *rq, const void *req, int *fds UNUSED,
                    uint32_t n_fds UNUSED)
{
        struct vault *v = ctx;
        egress_dial(&v->egress, rq, req);
}

struct knock {
        struct vault *v;
        struct peer_request *rq;
        char id[ID_TEXT_LEN + 1];
};

static void let_in(void *ctx)
{
        struct knock *k = ctx;
        auto_close int fd = -1;
        int r = exchange_open(&k->v->exchanges, k->id, &fd);
        if (r < 0)
                peer_fail(k->rq, r, r == -ENOENT ? "no such sandbox" : "too many requests");
        else
                peer_reply(k->rq, &(struct vault_empty){0}, &fd, 1, false);
        free(k);
}

static void on_route(void *ctx, struct peer_request *rq, const void *req, int *fds UNUSED,
                     uint32_t n_fds UNUSED)
{
        struct knock *k = xcalloc(1, sizeof *k);
        k->v = ctx;
        k->rq = rq;
        memcpy(k->id, ((const struct vault_id *)req)->id, sizeof k->id);
        vboxes_when_known(&k->v->boxes, k->id, let_in, k);
}

/* ---- roles that use a route themselves ---- */

static void open_for(struct vault *v, const char *role, struct peer_request *rq,
                     const struct vault_open *q)
{
        auto_close int fd = -1;
        int r = exchange_open_role(&v->exchanges, role, q, &fd);
        if (r == -ENOENT)
                peer_fail(rq, r, "there is no route '%s' for %s (routes.define: roles=%s)",
                          q->route, role, role);
        else if (r < 0)
                peer_fail(rq, r, "too many requests");
        else
                peer_reply(rq, &(struct vault_empty){0}, &fd, 1, false);
}

static void on_open_api(void *ctx, struct peer_request *rq, const void *req, int *fds UNUSED,
                        uint32_t n_fds UNUSED)
{
        open_for(ctx, "api", rq, req);
}

static void on_test(void *ctx, struct peer_request *rq, const void *req, int *fds UNUSED,
                    uint32_t n_fds UNUSED)
{
        struct vault *v = ctx;
        probe_route(&v->exchanges, rq, req);
}

static void on_open_rag(void *ctx, struct peer_request *rq, const void *req, int *fds UNUSED,
                        uint32_t n_fds UNUSED)
{
        open_for(ctx, "rag", rq, req);
}

/* What it held is held by nobody now. */
static void gate_gone(void *ctx)
{
        struct vault *v = ctx;
        vboxes_cut_all(&v->boxes);
}

/* ---- secrets ---- */

static void open_safe(struct vault *v, int credential)
{
        const char *mode = v->c.setting(v->c.ctx, "vault.key");
        enum seal_mode how = str_eq(mode, "passphrase")   ? SEAL_PASSPHRASE
                             : str_eq(mode, "credential") ? SEAL_CREDENTIAL
                                                          : SEAL_FILE;
        struct err err = {0};
        if (v->safe || v->c.state_fd < 0 || (how == SEAL_CREDENTIAL && credential < 0))
                return;
        if (safe_open(v->c.state_fd, how, credential, &v->safe, &err) < 0)
                log_error("vault.store", kv("error", err_text(&err)));
        else
                log_info("vault.store", kv("state", seal_state(safe_seal(v->safe))),
                         kv("secrets", (uint64_t)safe_count(v->safe)));
}

static struct safe *get_safe(void *ctx, struct err *err)
{
        struct vault *v = ctx;
        if (!v->safe)
                err_set(err, -ENOKEY, "the vault has no key: vault.key says where it comes from");
        return v->safe;
}

/* A secret without a binding of its own is for the route that uses it. */
static bool find_binding(void *ctx, struct desk_secret *d)
{
        struct vault *v = ctx;
        for (size_t i = 0; i < v->routes.n; i++) {
                const struct route *r = &v->routes.list[i];
                if (!str_eq(r->secret, d->name))
                        continue;
                bool usual = r->port == (r->tls ? 443 : 80);
                if (!d->host[0] && usual)
                        snprintf(d->host, sizeof d->host, "%s", r->host);
                else if (!d->host[0])
                        snprintf(d->host, sizeof d->host, "%s:%u", r->host, r->port);
                if (!d->form[0])
                        snprintf(d->form, sizeof d->form, "%s", r->form);
                return true;
        }
        return false;
}

static void on_changed(void *ctx, const char *verb, const char *name, bool done)
{
        note(ctx, verb, name, "", done);
}

static struct audit *find_audit(void *ctx)
{
        return ((struct vault *)ctx)->audit;
}

static struct safe *find_safe(void *ctx)
{
        return ((struct vault *)ctx)->safe;
}

void vault_listener(struct vault *v, const char *name, int fd)
{
        auto_close int owned = fd;
        if (str_eq(name, "desk"))
                desk_listen(v->desk, TAKE_FD(owned));
        else if (str_eq(name, "credential"))
                open_safe(v, owned);
        else if (str_eq(name, "ca"))
                v->upstreams.ca_fd = TAKE_FD(owned);
}

/* ---- the whole ---- */

void vault_reload(struct vault *v)
{
        struct err err = {0};
        const char *text = v->c.setting(v->c.ctx, "egress.private");
        if (networks_parse(text, &v->dialer.private_ok, &err) < 0)
                log_warn("vault.settings", kv("error", err_text(&err)));
        text = v->c.setting(v->c.ctx, "egress.idle");
        if (str_to_u64(text, &v->boxes.idle_ms) < 0)
                v->boxes.idle_ms = 0;
        routes_init(&v->routes);
        text = v->c.setting(v->c.ctx, "routes.define");
        if (routes_define_list(&v->routes, text, &err) < 0)
                log_error("vault.routes", kv("error", err_text(&err)));
        text = v->c.setting(v->c.ctx, "routes.prices");
        if (prices_init(&v->prices, text, &err) < 0)
                log_error("vault.prices", kv("error", err_text(&err)));
}

int vault_new(const struct vault_config *c, struct vault **ret, struct err *err)
{
        CLEANUP(vault_freep) struct vault *v = xcalloc(1, sizeof *v);
        v->c = *c;
        v->upstreams = (struct upstreams){.dialer = &v->dialer, .ca_fd = -1};
        vboxes_init(&v->boxes, c->loop);
        v->dialer.loop = c->loop;
        v->egress = (struct egress){.boxes = &v->boxes,
                                    .dialer = &v->dialer,
                                    .routes = &v->routes,
                                    .counters = &v->counters};
        v->boxes.flow_ended = egress_ended;
        v->boxes.ctx = &v->egress;
        int r = resolver_new(c->loop, &v->dialer.resolver, err);
        if (r < 0)
                return r;
        uint64_t uid = 0;
        struct desk_config desk = {.loop = c->loop,
                                   .store = get_safe,
                                   .binding = find_binding,
                                   .audit = find_audit,
                                   .changed = on_changed,
                                   .ctx = v};
        if (str_to_u64(c->setting(c->ctx, "serve.uid"), &uid) == 0)
                desk.uid = (uint32_t)uid;
        v->desk = desk_new(&desk);
        v->post = post_new(v->desk);
        open_safe(v, -1);
        if (c->state_fd >= 0)
                r = audit_open(c->loop, c->state_fd, &v->audit, err);
        v->egress.audit = v->audit;
        v->exchanges = (struct exchanges){.loop = c->loop,
                                          .boxes = &v->boxes,
                                          .upstreams = &v->upstreams,
                                          .routes = &v->routes,
                                          .audit = v->audit,
                                          .budgets = &v->budgets,
                                          .counters = &v->counters,
                                          .prices = &v->prices,
                                          .safe = find_safe,
                                          .ctx = v};
        if (r < 0)
                return r;
        vault_reload(v);
        account_recover(&v->exchanges);
        *ret = TAKE_PTR(v);
        return 0;
}

void vault_free(struct vault *v)
{
        if (!v)
                return;
        exchanges_done(&v->exchanges);
        upstreams_done(&v->upstreams);
        vboxes_done(&v->boxes);
        budgets_done(&v->budgets);
        audit_free(v->audit);
        post_free(v->post);
        desk_free(v->desk);
        safe_free(v->safe);
        resolver_free(v->dialer.resolver);
        free(v);
}

const struct peer_ops *vault_ops(const char *asker)
{
        static const struct peer_handler for_api[] = {{VAULT_STATUS, on_status},
                                                      {VAULT_COUNTERS, on_counters},
                                                      {VAULT_TEST, on_test},
                                                      {VAULT_OPEN, on_open_api},
                                                      {VAULT_KEY, on_key},
                                                      {VAULT_SECRET_PUT, on_secret_put},
                                                      {VAULT_SECRET_LIST, on_secret_list},
                                                      {VAULT_SECRET_REMOVE, on_secret_remove},
                                                      {0, NULL}};
        static const struct peer_handler for_rag[] = {{VAULT_OPEN, on_open_rag}, {0, NULL}};
        static const struct peer_handler for_gate[] = {
                {VAULT_DIAL, on_dial}, {VAULT_ROUTE, on_route}, {0, NULL}};
        static const struct peer_handler for_launch[] = {{VAULT_SANDBOX_ADD, on_add},
                                                         {VAULT_SANDBOX_REMOVE, on_remove},
                                                         {VAULT_SYNCED, on_synced},
                                                         {VAULT_DELIVER, on_deliver},
                                                         {0, NULL}};
        static const struct peer_ops api = {&vault_link, for_api, NULL};
        static const struct peer_ops rag = {&vault_link, for_rag, NULL};
        static const struct peer_ops gate = {&vault_link, for_gate, gate_gone};
        static const struct peer_ops launch = {&vault_link, for_launch, NULL};
        return str_eq(asker, "api")      ? &api
               : str_eq(asker, "rag")    ? &rag
               : str_eq(asker, "gate")   ? &gate
               : str_eq(asker, "launch") ? &launch
                                         : NULL;
}
