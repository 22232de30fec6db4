#include "vault/vault.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "vault/desk.h"
#include "vault/egress.h"
#include <stdio.h>

struct vault {
        struct vault_config c;
        struct vboxes boxes;
        struct dialer dialer;
        struct egress egress;
        struct safe *store; /* NULL while its key is not there */
        struct desk *desk;
};

static void on_status(void *ctx, struct peer_request *rq, const void *req UNUSED, int *fds UNUSED,
                      uint32_t n_fds UNUSED)
{
        struct vault *v = ctx;
        struct vault_status s = {.state = "locked"};
        if (v->store) {
                snprintf(s.state, sizeof s.state, "%s", seal_state(safe_seal(v->store)));
                s.secrets = (uint32_t)safe_count(v->store);
        }
        peer_reply(rq, &s, NULL, 0, false);
}

/* ---- launch: which sandboxes there are ---- */

static void on_add(void *ctx, struct peer_request *rq, const void *req, int *fds UNUSED,
                   uint32_t n_fds UNUSED)
{
        struct vault *v = ctx;
        struct err err = {0};
        if (vboxes_add(&v->boxes, req, &err) < 0) {
                peer_fail_err(rq, &err);
                return;
        }
        peer_reply(rq, &(struct vault_empty){0}, NULL, 0, false);
        egress_known(&v->egress);
}

static void on_remove(void *ctx, struct peer_request *rq UNUSED, const void *req, int *fds UNUSED,
                      uint32_t n_fds UNUSED)
{
        struct vault *v = ctx;
        vboxes_remove(&v->boxes, ((const struct vault_id *)req)->id);
}

static void on_synced(void *ctx, struct peer_request *rq UNUSED, const void *req UNUSED,
                      int *fds UNUSED, uint32_t n_fds UNUSED)
{
        struct vault *v = ctx;
        v->boxes.synced = true;
        egress_known(&v->egress);
}

/* ---- gate ---- */

static void on_dial(void *ctx, struct peer_request *rq, const void *req, int *fds UNUSED,
                    uint32_t n_fds UNUSED)
{
        struct vault *v = ctx;
        egress_dial(&v->egress, rq, req);
}

/* What it held is held by nobody now. */
static void gate_gone(void *ctx)
{
        struct vault *v = ctx;
        vboxes_cut_all(&v->boxes);
}

/* ---- secrets ---- */

static void open_store(struct vault *v, int credential)
{
        const char *mode = v->c.setting(v->c.ctx, "vault.key");
        enum seal_mode how = str_eq(mode, "passphrase")   ? SEAL_PASSPHRASE
                             : str_eq(mode, "credential") ? SEAL_CREDENTIAL
                                                          : SEAL_FILE;
        struct err err = {0};
        if (v->store || v->c.state_fd < 0 || (how == SEAL_CREDENTIAL && credential < 0))
                return;
        if (safe_open(v->c.state_fd, how, credential, &v->store, &err) < 0)
                log_error("vault.store", kv("error", err_text(&err)));
        else
                log_info("vault.store", kv("state", seal_state(safe_seal(v->store))),
                         kv("secrets", (uint64_t)safe_count(v->store)));
}

static struct safe *get_store(void *ctx, struct err *err)
{
        struct vault *v = ctx;
        if (!v->store)
                err_set(err, -ENOKEY, "the vault has no key: vault.key says where it comes from");
        return v->store;
}

static bool find_binding(void *ctx UNUSED, struct desk_secret *d UNUSED)
{
        return false;
}

static void on_changed(void *ctx UNUSED, const char *verb, const char *name, bool done)
{
        log_info("vault.control", kv("verb", verb), kv("name", name), kv("done", done));
}

void vault_listener(struct vault *v, const char *name, int fd)
{
        auto_close int owned = fd;
        if (str_eq(name, "desk"))
                desk_listen(v->desk, TAKE_FD(owned));
        else if (str_eq(name, "credential"))
                open_store(v, owned);
}

/* ---- the whole ---- */

void vault_reload(struct vault *v)
{
        struct err err = {0};
        const char *text = v->c.setting(v->c.ctx, "egress.private");
        if (networks_parse(text, &v->dialer.private_ok, &err) < 0)
                log_warn("vault.settings", kv("error", err_text(&err)));
}

int vault_new(const struct vault_config *c, struct vault **ret, struct err *err)
{
        CLEANUP(vault_freep) struct vault *v = xcalloc(1, sizeof *v);
        v->c = *c;
        vboxes_init(&v->boxes, c->loop);
        v->dialer.loop = c->loop;
        v->egress = (struct egress){.boxes = &v->boxes, .dialer = &v->dialer};
        int r = resolver_new(c->loop, &v->dialer.resolver, err);
        if (r < 0)
                return r;
        uint64_t uid = 0;
        struct desk_config desk = {.loop = c->loop,
                                   .store = get_store,
                                   .binding = find_binding,
                                   .changed = on_changed,
                                   .ctx = v};
        if (str_to_u64(c->setting(c->ctx, "serve.uid"), &uid) == 0)
                desk.uid = (uint32_t)uid;
        v->desk = desk_new(&desk);
        open_store(v, -1);
        vault_reload(v);
        *ret = TAKE_PTR(v);
        return 0;
}

void vault_free(struct vault *v)
{
        if (!v)
                return;
        egress_done(&v->egress);
        desk_free(v->desk);
        safe_free(v->store);
        vboxes_done(&v->boxes);
        resolver_free(v->dialer.resolver);
        free(v);
}

const struct peer_ops *vault_ops(const char *asker)
{
        static const struct peer_handler for_api[] = {{VAULT_STATUS, on_status}, {0, NULL}};
        static const struct peer_handler for_gate[] = {{VAULT_DIAL, on_dial}, {0, NULL}};
        static const struct peer_handler for_launch[] = {{VAULT_SANDBOX_ADD, on_add},
                                                         {VAULT_SANDBOX_REMOVE, on_remove},
                                                         {VAULT_SYNCED, on_synced},
                                                         {0, NULL}};
        static const struct peer_ops api = {&vault_link, for_api, NULL};
        static const struct peer_ops gate = {&vault_link, for_gate, gate_gone};
        static const struct peer_ops launch = {&vault_link, for_launch, NULL};
        return str_eq(asker, "api")      ? &api
               : str_eq(asker, "gate")   ? &gate
               : str_eq(asker, "launch") ? &launch
                                         : NULL;
}
