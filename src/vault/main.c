/* The role vault: the only process that may hold a secret, and the one that decides what a sandbox
 * reaches. It speaks to gate, launch and api; none of them can make it say a secret. */
#include "role/role.h"
#include "vault/vault.h"

static const char *setting(void *ctx, const char *name)
{
        return role_setting(ctx, name);
}

static int start(struct role_run *run, void **ret_ctx, struct err *err)
{
        struct vault_config c = {role_loop(run), role_state_fd(run), setting, run};
        struct vault *v;
        int r = vault_new(&c, &v, err);
        if (r == 0)
                *ret_ctx = v;
        return r;
}

static void reload(void *ctx)
{
        vault_reload(ctx);
}

static void listener(void *ctx, const char *name, int fd)
{
        vault_listener(ctx, name, fd);
}

int main(void)
{
        const struct role_peer peers[] = {{"api", vault_ops("api")},
                                          {"rag", vault_ops("rag")},
                                          {"gate", vault_ops("gate")},
                                          {"launch", vault_ops("launch")},
                                          {NULL, NULL}};
        const struct role role = {.name = "vault",
                                  .peers = peers,
                                  .start = start,
                                  .listener = listener,
                                  .reload = reload};
        return role_main(&role);
}
