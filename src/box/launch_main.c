/* The role launch: makes sandboxes. It parses no JSON, no HTTP and no path of a client, and carries
 * no byte of a sandbox; see docs/ARCHITECTURE.md. */
#include "base/log.h"
#include "box/boxes.h"
#include "box/reach.h"
#include "link/gate.h"
#include "link/keep.h"
#include "link/vault.h"
#include "role/role.h"
#include "base/str.h"
#include <sys/resource.h>

#define DRAIN_STEP_MS 20

static struct launch {
        struct role_run *run;
        struct box_host *host;
        struct boxes *boxes;
} launch;

static struct peer *find_peer(void *ctx, const char *name)
{
        struct launch *l = ctx;
        return role_peer(l->run, name);
}

/* Two descriptors for each running sandbox, beside some for the moment of making. */
static void allow_many_files(void)
{
        struct rlimit l;
        if (getrlimit(RLIMIT_NOFILE, &l) < 0)
                return;
        l.rlim_cur = l.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &l) < 0)
                log_warn("launch.files", kv("error", "the limit of descriptors stays, ignoring"));
}

/* What serve read of this host for us. */
static void listener(void *ctx UNUSED, const char *name, int given)
{
        auto_close int fd = given;
        struct err err = {0};
        if (str_eq(name, "gpus") && gpu_load(&launch.host->gpus, fd, &err) < 0)
                log_error("launch.gpus", kv("error", err_text(&err)));
}

static void reload(void *ctx UNUSED)
{
        launch.host->gpus.shared = role_setting_bool(launch.run, "gpu.shared");
}

static int start(struct role_run *run, void **ret_ctx, struct err *err)
{
        launch.run = run;
        allow_many_files();
        struct host_options o = {.rootful = role_rootful(run), .state_fd = role_state_fd(run)};
        int r = host_new(&o, &launch.host, err);
        if (r < 0)
                return r;
        reload(NULL);
        struct boxes_config c = {role_loop(run), launch.host, find_peer, &launch,
                                 (size_t)role_setting_u64(run, "sandbox.ready")};
        r = boxes_new(&c, &launch.boxes, err);
        if (r < 0)
                return r;
        log_info("launch.host", kv("cgroup", cgroup_mode(launch.host->cgroups)),
                 kv("landlock", launch.host->landlock_abi), kv("missing", launch.host->missing));
        *ret_ctx = launch.boxes;
        return 0;
}

static void peer_up(void *ctx, const char *name, struct peer *p UNUSED)
{
        if (str_eq(name, "keep"))
                boxes_keep_up(ctx);
        else if (str_eq(name, "vault"))
                boxes_vault_up(ctx);
        else if (str_eq(name, "gate"))
                boxes_gate_up(ctx);
}

/* A user's sandboxes run on, unless all is to end; those that are being made are finished first. */
static void drain(void *ctx)
{
        size_t left = boxes_making(ctx) + boxes_stop(ctx, !role_stopping_all(launch.run));
        if (left == 0)
                role_drained(launch.run);
        else
                loop_timer_add(role_loop(launch.run), DRAIN_STEP_MS, drain, ctx);
}

int main(void)
{
        static const struct peer_ops keep = {&keep_link, NULL, NULL};
        static const struct peer_ops vault = {&vault_link, NULL, NULL};
        static const struct peer_ops gate = {&gate_link, NULL, NULL};
        const struct role_peer peers[] = {{"keep", &keep},           {"vault", &vault},
                                          {"gate", &gate},           {"api", boxes_ops("api")},
                                          {"rag", boxes_ops("rag")}, {NULL, NULL}};
        const struct role role = {.name = "launch",
                                  .peers = peers,
                                  .start = start,
                                  .peer_up = peer_up,
                                  .listener = listener,
                                  .reload = reload,
                                  .drain = drain};
        return role_main(&role); /* the sandboxes run on; the kernel closes our ends */
}
