/* launch.c - the time of one sandbox at launch's link: from the request sent to the result
 * received, by the real program `launch` and a keep in a process of its own.
 *
 *     bench-launch LIBEXEC ROUNDS IN_FLIGHT READY PAUSE_MS COMMAND [ARGUMENT...]
 *
 * Prints the microseconds of every sandbox, one a line. IN_FLIGHT > 1 keeps that many going at
 * once. READY sandboxes are made ahead; PAUSE_MS before each request is time to refill the pool.
 */
#include "role.h"

struct run {
        struct launch_spec spec;
        uint64_t began_us;
        bool busy;
};

static struct bench {
        int command, rounds, started, finished, in_flight;
        uint64_t pause_ms;
        struct run runs[64];
} bench;

/* ---- sandboxes ---- */

static void begin(void *ctx);

static void on_forgotten(void *ctx UNUSED, const struct peer_answer *a)
{
        if (a->status < 0)
                fail(err_text(a->err));
}

static void on_created(void *ctx UNUSED, const struct peer_answer *a)
{
        if (a->status < 0)
                fail(err_text(a->err));
}

static void on_exited(void *ctx UNUSED, struct peer_request *rq UNUSED, const void *req,
                      int *fds UNUSED, uint32_t n UNUSED)
{
        const struct launch_result *e = req;
        for (int i = 0; i < bench.in_flight; i++) {
                struct run *r = &bench.runs[i];
                if (!r->busy || strcmp(r->spec.id, e->id) != 0)
                        continue;
                printf("%llu\n", (unsigned long long)(clock_boot_us() - r->began_us));
                if (e->reason != BOX_EXITED || e->exit_code != 0)
                        fail(launch_reason_text(e->reason));
                r->busy = false;
                struct launch_id id;
                memcpy(id.id, e->id, sizeof id.id);
                peer_call(role.launch, LAUNCH_FORGET, &id, NULL, 0, on_forgotten, NULL);
                bench.finished++;
                if (bench.pause_ms)
                        loop_timer_add(role.loop, bench.pause_ms, begin, r);
                else
                        begin(r);
        }
        if (bench.finished == bench.rounds)
                loop_stop(role.loop);
}

static void begin(void *ctx)
{
        struct run *r = ctx;
        if (bench.started == bench.rounds)
                return;
        bench.started++;
        r->spec = (struct launch_spec){.image = "host",
                                       .profile = BOX_RUN,
                                       .cpu_milli = 1000,
                                       .pids = 64,
                                       .memory_bytes = 256u << 20,
                                       .disk_bytes = 64u << 20,
                                       .wall_ms = 60000};
        memcpy(r->spec.id, id_new().s, sizeof r->spec.id);
        r->busy = true;
        r->began_us = clock_boot_us();
        peer_call(role.launch, LAUNCH_CREATE, &r->spec, &bench.command, 1, on_created, r);
}

int main(int argc, char **argv)
{
        static const struct peer_handler handlers[] = {{LAUNCH_EXITED, on_exited}, {0, NULL}};
        static const struct peer_ops ops = {&launch_link, handlers, gone};
        if (argc < 7)
                fail("usage: bench-launch LIBEXEC ROUNDS IN_FLIGHT READY PAUSE_MS COMMAND "
                     "[ARGUMENT...]");
        bench.rounds = (int)strtol(argv[2], NULL, 10);
        bench.in_flight = (int)strtol(argv[3], NULL, 10);
        if (bench.rounds < 1 || bench.in_flight < 1 || bench.in_flight > 64)
                fail("ROUNDS from 1, IN_FLIGHT from 1 to 64");
        bench.pause_ms = strtoull(argv[5], NULL, 10);
        bench.command = make_command(argv + 6);
        role_start(argv[1], argv[4], &ops);
        for (int i = 0; i < bench.in_flight; i++)
                begin(&bench.runs[i]);
        return role_run();
}
