/* The api role: HTTP on listeners that serve made, everything else asked of other roles. */
#include "api/api.h"
#include "base/log.h"
#include "base/str.h"
#include "link/vault.h"
#include "role/role.h"

static const char *setting(void *ctx, const char *name)
{
        return role_setting(ctx, name);
}

static struct peer *peer(void *ctx, const char *name)
{
        return str_eq(name, "serve") ? role_serve(ctx) : role_peer(ctx, name);
}

/* The links' handlers are given the struct api itself: it is what start() returns. */
static int start(struct role_run *run, void **ret_ctx, struct err *err)
{
        struct api_env env = {.loop = role_loop(run),
                              .state_fd = role_state_fd(run),
                              .state_path = "/state",
                              .serve_uid = (uint32_t)role_setting_u64(run, "serve.uid"),
                              .setting = setting,
                              .peer = peer,
                              .ctx = run};
        struct api *a;
        int r = api_new(&env, &a, err);
        if (r < 0)
                return r;
        *ret_ctx = a;
        return 0;
}

static void peer_up(void *ctx, const char *name, struct peer *p UNUSED)
{
        api_peer_up(ctx, name);
}

static void listener(void *ctx, const char *name, int fd)
{
        struct err err = {0};
        bool is_key = str_eq(name, "tls-key");
        int r = is_key || str_eq(name, "tls-cert") ? api_tls(ctx, is_key, fd, &err)
                                                   : api_listen(ctx, fd, &err);
        if (r < 0)
                log_error("api.listen", kv("name", name), kv("error", err_text(&err)));
}

static void drained(void *ctx)
{
        role_drained(ctx);
}

static void drain(void *ctx)
{
        struct api *a = ctx;
        api_drain(a, drained, a->env.ctx);
}

static const struct peer_ops vault_ops = {&vault_link, NULL, NULL};
static const struct role_peer peers[] = {{"keep", &api_keep_ops},
                                         {"launch", &api_launch_ops},
                                         {"rag", &api_rag_ops},
                                         {"vault", &vault_ops},
                                         {NULL, NULL}};
static const struct role api = {.name = "api",
                                .peers = peers,
                                .start = start,
                                .peer_up = peer_up,
                                .listener = listener,
                                .drain = drain};

int main(void)
{
        return role_main(&api);
}
