/* launch.c - the time of one sandbox at launch's link: from the request sent to the result
 * received, by the real program `launch` and a keep in a process of its own.
 *
 *     bench-launch LIBEXEC ROUNDS IN_FLIGHT READY PAUSE_MS COMMAND [ARGUMENT...]
 *
 * Prints the microseconds of every sandbox, one a line. IN_FLIGHT > 1 keeps that many going at
 * once. READY sandboxes are made ahead; PAUSE_MS before each request is time to refill the pool.
 */
#include "base/clock.h"
#include "base/fd.h"
#include "base/id.h"
#include "base/mem.h"
#include "keep/store.h"
#include "link/keep.h"
#include "link/launch.h"
#include "link/serve.h"
#include "net/peer.h"
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

struct run {
        struct launch_spec spec;
        uint64_t began_us;
        bool busy;
};

static struct bench {
        struct loop *loop;
        struct peer *serve, *launch;
        pid_t pid; /* of launch */
        int command, rounds, started, finished, in_flight;
        uint64_t pause_ms;
        struct run runs[64];
} bench;

NORETURN static void fail(const char *what)
{
        fprintf(stderr, "bench-launch: %s\n", what);
        exit(1);
}

/* ---- keep, in a child ---- */

static void on_put(void *ctx, struct peer_request *rq, const void *req, int *fds, uint32_t n)
{
        if (store_put(ctx, req, fds, n) == 0)
                peer_reply(rq, &(struct keep_done){n}, NULL, 0, false);
        else
                peer_fail(rq, -EMFILE, "full");
}
static void on_drop(void *ctx, struct peer_request *rq, const void *req, int *fds UNUSED,
                    uint32_t n UNUSED)
{
        peer_reply(rq, &(struct keep_done){store_drop(ctx, req)}, NULL, 0, false);
}
static void on_list(void *ctx UNUSED, struct peer_request *rq, const void *req UNUSED,
                    int *fds UNUSED, uint32_t n UNUSED)
{
        peer_reply(rq, &(struct keep_entry){0}, NULL, 0, false);
}
static void keep_closed(void *ctx UNUSED)
{
        _exit(0);
}

static void run_keep(int fd)
{
        static const struct peer_handler handlers[] = {
                {KEEP_PUT, on_put}, {KEEP_DROP, on_drop}, {KEEP_LIST, on_list}, {0, NULL}};
        static const struct peer_ops ops = {&keep_link, handlers, keep_closed};
        struct loop *l = loop_new();
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        peer_new(l, fd, &ops, store_new(1024));
        _exit(loop_run(l, NULL) < 0);
}

/* ---- launch ---- */

static int fork_keep(void)
{
        int pair[2];
        if (link_pair(pair) < 0)
                fail("socket pair");
        if (fork() == 0) {
                close(pair[0]);
                run_keep(pair[1]);
        }
        close(pair[1]);
        return pair[0];
}

static int start_launch(const char *libexec, const char *state)
{
        int pair[2];
        char given[4096], path[PATH_MAX];
        snprintf(given, sizeof given, "%s/launch", libexec);
        if (!realpath(given, path))
                fail(given);
        if (link_pair(pair) < 0)
                fail("socket pair");
        bench.pid = fork();
        if (bench.pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (chdir(state) < 0 || dup2(pair[1], 3) < 0)
                        _exit(1);
                execl(path, path, (char *)NULL);
                _exit(127);
        }
        close(pair[1]);
        return pair[0];
}

static void on_ready(void *ctx UNUSED, struct peer_request *rq UNUSED, const void *req UNUSED,
                     int *fds UNUSED, uint32_t n UNUSED)
{
        loop_stop(bench.loop);
}
static void gone(void *ctx UNUSED)
{
        fail("launch ended");
}

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
                peer_call(bench.launch, LAUNCH_FORGET, &id, NULL, 0, on_forgotten, NULL);
                bench.finished++;
                if (bench.pause_ms)
                        loop_timer_add(bench.loop, bench.pause_ms, begin, r);
                else
                        begin(r);
        }
        if (bench.finished == bench.rounds)
                loop_stop(bench.loop);
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
        peer_call(bench.launch, LAUNCH_CREATE, &r->spec, &bench.command, 1, on_created, r);
}

static int make_command(char **argv)
{
        CLEANUP(buf_done) struct buf b;
        static const char env[] = "PATH=/usr/bin:/bin";
        uint32_t head[2] = {0, 1};
        buf_init(&b, ARGS_BYTES_MAX);
        while (argv[head[0]])
                head[0]++;
        int r = buf_add(&b, head, sizeof head);
        for (uint32_t i = 0; i < head[0] && r == 0; i++)
                r = buf_add(&b, argv[i], strlen(argv[i]) + 1);
        if (r == 0)
                r = buf_add(&b, env, sizeof env);
        return r < 0 ? r : memfd_sealed("command", b.data, b.len);
}

static void send_settings(const char *ready)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 4096);
        const char *pairs[] = {"serve.rootful", geteuid() == 0 ? "true" : "false",
                               "log.level",     "warn",
                               "sandbox.ready", ready};
        for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
                if (buf_add(&b, pairs[i], strlen(pairs[i]) + 1) < 0)
                        fail("settings");
        struct serve_settings settings = {{b.data, b.len}};
        peer_event(bench.serve, SERVE_SETTINGS, &settings, NULL, 0);
}

static void send_peer(const char *name, int fd)
{
        struct serve_peer p = {0};
        snprintf(p.name, sizeof p.name, "%s", name);
        if (!peer_event(bench.serve, SERVE_PEER, &p, &fd, 1))
                fail("launch is gone");
        close(fd);
}

int main(int argc, char **argv)
{
        static const struct peer_handler serve_handlers[] = {{SERVE_READY, on_ready}, {0, NULL}};
        static const struct peer_handler handlers[] = {{LAUNCH_EXITED, on_exited}, {0, NULL}};
        static const struct peer_ops serve_ops = {&serve_link, serve_handlers, gone};
        static const struct peer_ops ops = {&launch_link, handlers, gone};
        char state[] = "/tmp/bench-launch-XXXXXX";
        int pair[2];
        if (argc < 7 || !mkdtemp(state))
                fail("usage: bench-launch LIBEXEC ROUNDS IN_FLIGHT READY PAUSE_MS COMMAND "
                     "[ARGUMENT...]");
        bench.rounds = (int)strtol(argv[2], NULL, 10);
        bench.in_flight = (int)strtol(argv[3], NULL, 10);
        if (bench.rounds < 1 || bench.in_flight < 1 || bench.in_flight > 64)
                fail("ROUNDS from 1, IN_FLIGHT from 1 to 64");
        bench.pause_ms = strtoull(argv[5], NULL, 10);
        bench.command = make_command(argv + 6);
        int keep = fork_keep();
        int control = start_launch(argv[1], state);
        bench.loop = loop_new();
        bench.serve = peer_new(bench.loop, control, &serve_ops, NULL);
        send_settings(argv[4]);
        if (loop_run(bench.loop, NULL) < 0 || link_pair(pair) < 0)
                fail("loop");
        send_peer("keep", keep);
        send_peer("api", pair[1]);
        bench.launch = peer_new(bench.loop, pair[0], &ops, NULL);
        for (int i = 0; i < bench.in_flight; i++)
                begin(&bench.runs[i]);
        int r = loop_run(bench.loop, NULL);
        peer_event(bench.serve, SERVE_DRAIN, &(struct serve_empty){0}, NULL, 0);
        waitpid(bench.pid, NULL, 0);
        return r < 0 || tree_remove_at(AT_FDCWD, state) < 0;
}
