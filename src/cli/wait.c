#include "cli/result.h"
#include "cli/simple.h"
#include "base/clock.h"
#include "base/str.h"

#define ASK_MS   20000 /* one question waits at most so long */
#define RETRY_MS 30000 /* a restarting server is waited for */

static bool try_again(int r)
{
        return r == -EPIPE || r == -ECONNREFUSED || r == -EAGAIN;
}

/* Asks until the job has ended. -ETIMEDOUT. */
static int wait_for(const struct invocation *inv, json_t **ret, struct err *err)
{
        CLEANUP(client_freep) struct client *c = NULL;
        uint64_t start = clock_boot_ms(), limit = flag_u64(inv, "timeout", UINT64_MAX / 2);
        uint64_t answered = start;
        char suffix[48];
        int r = server_connect(inv, SERVER_START, &c, err);
        while (r >= 0) {
                CLEANUP(buf_done) struct buf b = {0};
                auto_json json_t *job = NULL;
                uint64_t now = clock_boot_ms(), left = start + limit - now;
                if (now >= start + limit)
                        return err_set(err, -ETIMEDOUT, "still running after the time given");
                snprintf(suffix, sizeof suffix, "/wait?timeout_ms=%llu",
                         (unsigned long long)(left < ASK_MS ? left : ASK_MS));
                r = client_call(c, "GET", target_of(&b, "/v1/jobs/", inv->operands[0], suffix),
                                NULL, &job, err);
                if (r >= 0) {
                        answered = clock_boot_ms();
                        if (!str_eq(get_str(job, "state"), "ended"))
                                continue;
                        *ret = TAKE_PTR(job);
                        return 0;
                }
                if (!try_again(r) || clock_boot_ms() - answered > RETRY_MS)
                        return r;
                clock_sleep_ms(100);
                r = 0;
        }
        return r;
}

static int run(struct invocation *inv)
{
        struct err err = {0};
        auto_json json_t *job = NULL;
        int r = wait_for(inv, &job, &err);
        if (r == -ETIMEDOUT) {
                fail(r, &err);
                return EXIT_TIME_LIMIT;
        }
        if (r < 0)
                return fail(r, &err);
        const json_t *result = json_object_get(job, "result");
        if (inv->json)
                out_json(job);
        else
                result_explain(result);
        return result_exit_code(result);
}

static const struct flag flags[] = {
        {.o = {.name = "timeout",
               .type = OPTION_MS,
               .max = 365ull * 86400000,
               .doc = "Wait at most so long; exit code 124 when it still runs."},
         .letter = 't',
         .arg = "TIME"},
        FLAGS_END,
};

const struct command command_wait = {
        .name = "wait",
        .operands = "ID",
        .summary = "Wait for the end of a sandbox or an index run; its exit code becomes ours.",
        .flags = flags,
        .min_operands = 1,
        .max_operands = 1,
        .run = run,
};

const struct command command_sandbox_wait = {
        .name = "sandbox wait",
        .operands = "ID",
        .summary = "Wait for the end of a sandbox or an index run; its exit code becomes ours.",
        .flags = flags,
        .min_operands = 1,
        .max_operands = 1,
        .run = run,
};
