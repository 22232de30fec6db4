/* template.c - the time from a request at launch's link to the first byte that a Python program
 * writes, and to its result: started cold, forked from a template on demand, or by a child that
 * waits.
 *
 *     bench-template LIBEXEC cold|demand|waiting ROUNDS AT_ONCE MODULE[,MODULE...]
 *
 * Prints the microseconds to the first byte of every sandbox, one a line; AT_ONCE > 1: until all of
 * that many at a time have their results.
 */
#include "role.h"

#define PAUSE_MS 60 /* before each round: time to fill the pool */

static struct bench {
        struct launch_spec spec;
        struct loop_io *out;
        int command, fd, rounds, at_once, waiting;
        uint64_t began_us;
        bool warm, template_ready;
        char template[ID_TEXT_LEN + 1];
} bench;

static void begin(void *ctx);

static void check(void *ctx UNUSED, const struct peer_answer *a)
{
        if (a->status < 0)
                fail(err_text(a->err));
}

static void print_time(void)
{
        printf("%llu\n", (unsigned long long)(clock_boot_us() - bench.began_us));
}

static void first_byte(void *ctx UNUSED, uint32_t events UNUSED)
{
        print_time();
        loop_io_remove(bench.out);
        bench.out = NULL;
}

static void on_created(void *ctx UNUSED, const struct peer_answer *a)
{
        check(NULL, a);
        if (bench.at_once > 1)
                return;
        bench.fd = TAKE_FD(a->fds[1]);
        bench.out = loop_io_add(role.loop, bench.fd, EPOLLIN, first_byte, NULL);
}

static void on_template_ready(void *ctx UNUSED, struct peer_request *rq UNUSED,
                              const void *req UNUSED, int *fds UNUSED, uint32_t n UNUSED)
{
        bench.template_ready = true;
        loop_timer_add(role.loop, PAUSE_MS, begin, NULL);
}

static void on_exited(void *ctx UNUSED, struct peer_request *rq UNUSED, const void *req,
                      int *fds UNUSED, uint32_t n UNUSED)
{
        const struct launch_result *e = req;
        struct launch_id id;
        if (e->reason != BOX_EXITED || e->exit_code != 0)
                fail(strcmp(e->id, bench.template) == 0 ? "the template ended"
                                                        : launch_reason_text(e->reason));
        memcpy(id.id, e->id, sizeof id.id);
        peer_call(role.launch, LAUNCH_FORGET, &id, NULL, 0, check, NULL);
        if (--bench.waiting > 0)
                return;
        if (bench.at_once > 1)
                print_time();
        else if (bench.out)
                first_byte(NULL, 0);
        closep(&bench.fd);
        if (--bench.rounds > 0)
                loop_timer_add(role.loop, PAUSE_MS, begin, NULL);
        else
                loop_stop(role.loop);
}

static struct launch_spec specification(void)
{
        struct launch_spec s = {.image = "host",
                                .profile = BOX_RUN,
                                .cpu_milli = 2000,
                                .pids = 64,
                                .memory_bytes = 512u << 20,
                                .disk_bytes = 64u << 20,
                                .wall_ms = 60000};
        memcpy(s.id, id_new().s, sizeof s.id);
        return s;
}

static void begin(void *ctx UNUSED)
{
        bench.began_us = clock_boot_us();
        for (int i = 0; i < bench.at_once; i++) {
                bench.spec = specification();
                if (bench.warm)
                        memcpy(bench.spec.template, bench.template, sizeof bench.template);
                bench.waiting++;
                peer_call(role.launch, LAUNCH_CREATE, &bench.spec, &bench.command, 1, on_created,
                          NULL);
        }
}

static void begin_template(const char *modules)
{
        char *argv[40] = {(char *)"python3", (char *)"/.paddock/warm/python.py",
                          (char *)"/.paddock/warm/libwarm.so"};
        char *rest = xstrdup(modules);
        for (size_t i = 3; i < ARRAY_LEN(argv) - 1 && rest; i++)
                argv[i] = strsep(&rest, ",");
        struct launch_spec s = specification();
        s.profile = BOX_TEMPLATE;
        s.wall_ms = 0;
        memcpy(bench.template, s.id, sizeof s.id);
        auto_close int command = make_command(argv);
        peer_call(role.launch, LAUNCH_CREATE, &s, &command, 1, check, NULL);
}

int main(int argc, char **argv)
{
        static const struct peer_handler handlers[] = {
                {LAUNCH_EXITED, on_exited}, {LAUNCH_READY, on_template_ready}, {0, NULL}};
        static const struct peer_ops ops = {&launch_link, handlers, gone};
        char code[1024];
        if (argc != 6)
                fail("usage: bench-template LIBEXEC cold|demand|waiting ROUNDS AT_ONCE MODULES");
        snprintf(code, sizeof code, "import os, %s; os.write(1, b'x')", argv[5]);
        char *command[] = {(char *)"python3", (char *)"-c", code, NULL};
        bench.warm = strcmp(argv[2], "cold") != 0;
        bench.rounds = (int)strtol(argv[3], NULL, 10);
        bench.at_once = (int)strtol(argv[4], NULL, 10);
        bench.command = make_command(command);
        bench.fd = -1;
        role_start(argv[1], strcmp(argv[2], "waiting") == 0 ? "8" : "0", &ops);
        if (bench.warm)
                begin_template(argv[5]);
        else
                begin(NULL);
        return role_run();
}
