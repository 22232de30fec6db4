/* A private instance leaves when nothing has used it for a while: no request, no job. */
#include "api/handlers.h"
#include "base/clock.h"
#include "base/log.h"
#include "link/serve.h"

#define CHECKS 4 /* in the time after which it leaves: it leaves at most a quarter late */

static void check(void *ctx);

static void check_later(struct api *a, uint64_t idle_ms)
{
        a->idle_timer = loop_timer_add(a->env.loop, idle_ms / CHECKS + 1, check, a);
}

static void on_stopped(void *ctx, const struct peer_answer *answer)
{
        struct api *a = ctx;
        if (answer->status < 0 && !a->idle_timer) /* serve was away: we ask again */
                check_later(a, api_setting_u64(a, "serve.idle_exit_ms"));
}

static void check(void *ctx)
{
        struct api *a = ctx;
        struct peer *serve = api_peer(a, "serve");
        uint64_t idle_ms = api_setting_u64(a, "serve.idle_exit_ms");
        bool used = a->jobs || api_busy(a) || clock_boot_ms() - a->used_ms < idle_ms;
        a->idle_timer = NULL;
        if (used || !serve) {
                check_later(a, idle_ms);
                return;
        }
        struct serve_stop req = {.all = 0};
        log_info("api.idle", kv("ms", idle_ms));
        peer_call(serve, SERVE_STOP, &req, NULL, 0, on_stopped, a);
}

void idle_start(struct api *a)
{
        uint64_t idle_ms = api_setting_u64(a, "serve.idle_exit_ms");
        a->used_ms = clock_boot_ms();
        if (idle_ms)
                check_later(a, idle_ms);
}

void idle_used(struct api *a)
{
        a->used_ms = clock_boot_ms();
}
