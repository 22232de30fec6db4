/* role.h - the real program `launch` with a keep in a process of its own, for programs that measure
 * at launch's link.
 *
 *     role_start(libexec, "8", &ops);       ops: what launch's events do
 *     peer_call(role.launch, ...);
 *     return role_run();
 */
#pragma once
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

static struct role {
        struct loop *loop;
        struct peer *serve, *launch;
        pid_t pid; /* of launch */
        char state[32];
} role;

NORETURN static void fail(const char *what)
{
        fprintf(stderr, "bench: %s\n", what);
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
        role.pid = fork();
        if (role.pid == 0) {
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
        loop_stop(role.loop);
}
static void gone(void *ctx UNUSED)
{
        fail("launch ended");
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
                               "log.level",     getenv("BENCH_LOG") ? getenv("BENCH_LOG") : "warn",
                               "sandbox.ready", ready};
        for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
                if (buf_add(&b, pairs[i], strlen(pairs[i]) + 1) < 0)
                        fail("settings");
        struct serve_settings settings = {{b.data, b.len}};
        peer_event(role.serve, SERVE_SETTINGS, &settings, NULL, 0);
}

static void send_peer(const char *name, int fd)
{
        struct serve_peer p = {0};
        snprintf(p.name, sizeof p.name, "%s", name);
        if (!peer_event(role.serve, SERVE_PEER, &p, &fd, 1))
                fail("launch is gone");
        close(fd);
}

/* `ready`: how many sandboxes are made ahead. */
static void role_start(const char *libexec, const char *ready, const struct peer_ops *ops)
{
        static const struct peer_handler serve_handlers[] = {{SERVE_READY, on_ready}, {0, NULL}};
        static const struct peer_ops serve_ops = {&serve_link, serve_handlers, gone};
        int pair[2];
        snprintf(role.state, sizeof role.state, "/tmp/bench-launch-XXXXXX");
        if (!mkdtemp(role.state))
                fail("state directory");
        int keep = fork_keep();
        int control = start_launch(libexec, role.state);
        role.loop = loop_new();
        role.serve = peer_new(role.loop, control, &serve_ops, NULL);
        send_settings(ready);
        if (loop_run(role.loop, NULL) < 0 || link_pair(pair) < 0)
                fail("loop");
        send_peer("keep", keep);
        send_peer("api", pair[1]);
        role.launch = peer_new(role.loop, pair[0], ops, NULL);
}

/* Runs until loop_stop; then launch ends. */
static int role_run(void)
{
        int r = loop_run(role.loop, NULL);
        peer_event(role.serve, SERVE_DRAIN, &(struct serve_empty){0}, NULL, 0);
        waitpid(role.pid, NULL, 0);
        return r < 0 || tree_remove_at(AT_FDCWD, role.state) < 0;
}
