/* exec.c - the time of one command in a sandbox that runs, at launch's link: from the request sent to
 * the result received. One after another.
 *
 *     bench-exec LIBEXEC ROUNDS COMMAND [ARGUMENT...]
 *
 * Prints the microseconds of every one, one a line.
 */
#include "role.h"

static struct bench {
        struct launch_spec spec;
        int command, rounds, finished;
        uint64_t began_us;
} bench;

static void on_forgotten(void *ctx UNUSED, const struct peer_answer *a)
{
        if (a->status < 0)
                fail(err_text(a->err));
}

/* The descriptors of its pipes are closed by the caller. */
static void on_begun(void *ctx UNUSED, const struct peer_answer *a)
{
        if (a->status < 0)
                fail(err_text(a->err));
}

static void begin(void)
{
        struct launch_exec x = {.program = EXEC_COMMAND};
        memcpy(x.id, bench.spec.id, sizeof x.id);
        memcpy(x.exec, id_new().s, sizeof x.exec);
        bench.began_us = clock_boot_us();
        peer_call(role.launch, LAUNCH_EXEC, &x, &bench.command, 1, on_begun, NULL);
}

static void on_exited(void *ctx UNUSED, struct peer_request *rq UNUSED, const void *req,
                      int *fds UNUSED, uint32_t n UNUSED)
{
        const struct launch_exec_result *e = req;
        struct launch_exec_id id;
        printf("%llu\n", (unsigned long long)(clock_boot_us() - bench.began_us));
        if (e->reason != BOX_EXITED || e->exit_code != 0)
                fail(launch_reason_text(e->reason));
        memcpy(id.id, e->id, sizeof id.id);
        memcpy(id.exec, e->exec, sizeof id.exec);
        peer_call(role.launch, LAUNCH_EXEC_FORGET, &id, NULL, 0, on_forgotten, NULL);
        if (++bench.finished < bench.rounds) {
                begin();
                return;
        }
        struct launch_stop stop = {.grace_ms = 0};
        memcpy(stop.id, bench.spec.id, sizeof stop.id);
        peer_call(role.launch, LAUNCH_STOP, &stop, NULL, 0, on_forgotten, NULL);
}

static void on_box_exited(void *ctx UNUSED, struct peer_request *rq UNUSED, const void *req UNUSED,
                          int *fds UNUSED, uint32_t n UNUSED)
{
        loop_stop(role.loop);
}

static void on_created(void *ctx UNUSED, const struct peer_answer *a)
{
        if (a->status < 0)
                fail(err_text(a->err));
        begin();
}

int main(int argc, char **argv)
{
        static const struct peer_handler handlers[] = {
                {LAUNCH_EXEC_EXITED, on_exited}, {LAUNCH_EXITED, on_box_exited}, {0, NULL}};
        static const struct peer_ops ops = {&launch_link, handlers, gone};
        if (argc < 4 || (bench.rounds = (int)strtol(argv[2], NULL, 10)) < 1)
                fail("usage: bench-exec LIBEXEC ROUNDS COMMAND [ARGUMENT...]");
        bench.command = make_command(argv + 3);
        role_start(argv[1], "0", &ops);
        bench.spec = (struct launch_spec){.image = "host",
                                          .profile = BOX_RUN,
                                          .cpu_milli = 1000,
                                          .pids = 64,
                                          .memory_bytes = 256u << 20,
                                          .disk_bytes = 64u << 20};
        memcpy(bench.spec.id, id_new().s, sizeof bench.spec.id);
        auto_close int none = memfd_sealed("none", "\0\0\0\0\0\0\0\0", 8);
        peer_call(role.launch, LAUNCH_CREATE, &bench.spec, &none, 1, on_created, NULL);
        return role_run();
}
