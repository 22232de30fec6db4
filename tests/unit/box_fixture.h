/* box_fixture.h - launch's code on one loop with an asker and a keep of the test's own: what the
 * roles do over real links, in one process that the test may look into. */
#pragma once
#include "base/clock.h"
#include "base/fd.h"
#include "base/id.h"
#include "base/mem.h"
#include "box/boxes.h"
#include "box/pool.h"
#include "box/spec.h"
#include "keep/store.h"
#include "link/keep.h"
#include "test.h"
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#define TEST_USER 54321 /* an ordinary user, known to nobody */

struct fixture {
        char state[64];
        int state_fd;
        struct loop *loop;
        struct box_host *host;
        struct boxes *boxes;
        struct store *store;
        struct peer *asker, *asked; /* both ends of the link of api */
        struct peer *keep, *keeper; /* launch's end and keep's end */
        bool no_keep;
        /* of the last answer and event */
        bool answered, exited, exec_exited;
        int status;
        char error[ERR_TEXT_MAX];
        struct launch_created created;
        struct launch_result result, ended;
        struct launch_exec_result exec_ended, execs[4]; /* the last event, the last list */
        struct launch_stats stats;
        uint32_t listed, n_stdio;
        int stdio[3];
};

struct outcome {
        struct launch_result result;
        struct launch_created created;
        char out[16384], err[4096];
};

static void fx_put(void *ctx, struct peer_request *rq, const void *req, int *fds, uint32_t n)
{
        struct fixture *f = ctx;
        int r = store_put(f->store, req, fds, n);
        if (r < 0)
                peer_fail(rq, r, "store");
        else
                peer_reply(rq, &(struct keep_done){n}, NULL, 0, false);
}
static void fx_get(void *ctx, struct peer_request *rq, const void *req, int *fds UNUSED,
                   uint32_t n_fds UNUSED)
{
        struct fixture *f = ctx;
        uint32_t n;
        const int *stored = store_get(f->store, req, &n);
        if (stored)
                peer_reply(rq, &(struct keep_done){n}, stored, n, false);
        else
                peer_fail(rq, -ENOENT, "nothing");
}
static void fx_drop(void *ctx, struct peer_request *rq, const void *req, int *fds UNUSED,
                    uint32_t n_fds UNUSED)
{
        struct fixture *f = ctx;
        peer_reply(rq, &(struct keep_done){store_drop(f->store, req)}, NULL, 0, false);
}
static void fx_list(void *ctx, struct peer_request *rq, const void *req UNUSED, int *fds UNUSED,
                    uint32_t n_fds UNUSED)
{
        struct fixture *f = ctx;
        struct keep_entry e;
        for (size_t i = 0; store_nth(f->store, "", i, &e); i++)
                peer_reply(rq, &e, NULL, 0, true);
        peer_reply(rq, &(struct keep_entry){0}, NULL, 0, false);
}
static const struct peer_handler fx_keep_handlers[] = {{KEEP_PUT, fx_put},
                                                       {KEEP_GET, fx_get},
                                                       {KEEP_DROP, fx_drop},
                                                       {KEEP_LIST, fx_list},
                                                       {0, NULL}};
static const struct peer_ops fx_keeper_ops = {&keep_link, fx_keep_handlers, NULL};
static const struct peer_ops fx_keep_ops = {&keep_link, NULL, NULL};

static void fx_exited(void *ctx, struct peer_request *rq UNUSED, const void *req, int *fds UNUSED,
                      uint32_t n_fds UNUSED)
{
        struct fixture *f = ctx;
        f->ended = *(const struct launch_result *)req;
        f->exited = true;
}
static void fx_exec_exited(void *ctx, struct peer_request *rq UNUSED, const void *req,
                           int *fds UNUSED, uint32_t n_fds UNUSED)
{
        struct fixture *f = ctx;
        f->exec_ended = *(const struct launch_exec_result *)req;
        f->exec_exited = true;
}
static void fx_ready_told(void *ctx UNUSED, struct peer_request *rq UNUSED, const void *req UNUSED,
                          int *fds UNUSED, uint32_t n_fds UNUSED)
{
}
static const struct peer_handler fx_asker_handlers[] = {{LAUNCH_READY, fx_ready_told},
                                                        {LAUNCH_EXITED, fx_exited},
                                                        {LAUNCH_EXEC_EXITED, fx_exec_exited},
                                                        {0, NULL}};
static const struct peer_ops fx_asker_ops = {&launch_link, fx_asker_handlers, NULL};

static struct peer *fx_peer(void *ctx, const char *name)
{
        struct fixture *f = ctx;
        if (strcmp(name, "keep") == 0)
                return f->no_keep ? NULL : f->keep;
        return strcmp(name, "api") == 0 ? f->asked : NULL;
}

static void fx_links(struct fixture *f)
{
        int pair[2];
        CHECK_INT(link_pair(pair), ==, 0);
        f->keep = peer_new(f->loop, pair[0], &fx_keep_ops, f->boxes);
        f->keeper = peer_new(f->loop, pair[1], &fx_keeper_ops, f);
        CHECK_INT(link_pair(pair), ==, 0);
        f->asker = peer_new(f->loop, pair[0], &fx_asker_ops, f);
        f->asked = peer_new(f->loop, pair[1], boxes_ops("api"), f->boxes);
}

static size_t fx_ready; /* sandboxes to have made ahead; 0 = none */

/* launch begins (again): journals, keep. */
static void fx_begin(struct fixture *f)
{
        struct err err = {0};
        struct boxes_config c = {f->loop, f->host, fx_peer, f, fx_ready};
        f->asked = f->keep = NULL;
        if (boxes_new(&c, &f->boxes, &err) < 0)
                test_failed(__FILE__, __LINE__, "boxes: %s", err_text(&err));
        fx_links(f);
        boxes_keep_up(f->boxes);
}

/* launch is gone as by SIGKILL: its ends are closed, nothing is said. */
static void fx_crash(struct fixture *f)
{
        peer_free(f->keep);
        peer_free(f->keeper);
        peer_free(f->asked);
        peer_free(f->asker);
        boxes_free(f->boxes);
        f->boxes = NULL;
}

static const char *fx_libexec;    /* NULL: beside the test */
static uid_t fx_user = TEST_USER; /* of a fixture that is not rootful */

static struct fixture *fx_new_with(bool rootful, bool no_cgroups)
{
        struct fixture *f = xcalloc(1, sizeof *f);
        struct err err = {0};
        umask(077); /* as the roles have it: nothing may depend on it */
        snprintf(f->state, sizeof f->state, "/tmp/paddock-launch-XXXXXX");
        CHECK(mkdtemp(f->state));
        if (!rootful && geteuid() == 0) {
                CHECK_INT(chown(f->state, fx_user, fx_user), ==, 0);
                CHECK_INT(setgroups(0, NULL), ==, 0);
                CHECK_INT(setresgid(fx_user, fx_user, fx_user), ==, 0);
                CHECK_INT(setresuid(fx_user, fx_user, fx_user), ==, 0);
        }
        f->state_fd = dir_open_at(AT_FDCWD, f->state);
        CHECK_INT(f->state_fd, >=, 0);
        struct host_options o = {.rootful = rootful,
                                 .state_fd = f->state_fd,
                                 .libexec = fx_libexec,
                                 .no_cgroups = no_cgroups};
        if (host_new(&o, &f->host, &err) < 0)
                test_failed(__FILE__, __LINE__, "host: %s", err_text(&err));
        f->loop = loop_new();
        f->store = store_new(4096);
        fx_begin(f);
        return f;
}

UNUSED static struct fixture *fx_new(void)
{
        if (geteuid() != 0)
                SKIP("root is needed for the rootful mode");
        return fx_new_with(true, false);
}

static void fx_settle(struct fixture *f, int ms)
{
        for (uint64_t end = clock_boot_ms() + (uint64_t)ms; clock_boot_ms() < end;)
                CHECK_INT(loop_once(f->loop, 5, NULL), ==, 0);
}

static bool fx_some_group(const struct fixture *f, const struct cgroup_host *g)
{
        for (const struct box *b = f->boxes->first; b; b = b->next)
                if (cgroup_exists(g, b->j.group))
                        return true;
        return false;
}

/* Kills what still runs and waits until no group of ours is left. */
static void fx_free(struct fixture *f)
{
        struct cgroup_host *g = f->host->cgroups;
        pool_close(f->boxes);
        for (struct box *b = f->boxes->first; b; b = b->next)
                if (b->s.pidfd >= 0)
                        pidfd_send_signal(b->s.pidfd, SIGKILL, NULL, 0);
        for (int i = 0; fx_some_group(f, g); i++) {
                CHECK_INT(i, <, 1000);
                fx_settle(f, 5);
        }
        fx_crash(f);
        store_free(f->store);
        host_free(f->host);
        loop_free(f->loop);
        close(f->state_fd);
        CHECK_INT(tree_remove_at(AT_FDCWD, f->state), ==, 0);
        free(f);
}

static void fx_pump(struct fixture *f, const bool *until)
{
        uint64_t end = clock_boot_ms() + 30000;
        while (!*until) {
                CHECK_INT(loop_once(f->loop, 1000, NULL), ==, 0);
                CHECK_INT(clock_boot_ms(), <, end);
        }
}

static void fx_answer(void *ctx, const struct peer_answer *a)
{
        struct fixture *f = ctx;
        f->answered = !a->more;
        f->status = a->status;
        snprintf(f->error, sizeof f->error, "%s", a->status < 0 ? err_text(a->err) : "");
        f->n_stdio = a->n_fds;
        for (uint32_t i = 0; i < a->n_fds; i++)
                f->stdio[i] = TAKE_FD(a->fds[i]);
}
static void fx_created(void *ctx, const struct peer_answer *a)
{
        struct fixture *f = ctx;
        fx_answer(ctx, a);
        if (a->status == 0)
                f->created = *(const struct launch_created *)a->rep;
}
static void fx_listed_execs(void *ctx, const struct peer_answer *a)
{
        struct fixture *f = ctx;
        f->answered = !a->more;
        f->status = a->status;
        if (a->status == 0 && a->more && f->listed < ARRAY_LEN(f->execs))
                f->execs[f->listed++] = *(const struct launch_exec_result *)a->rep;
}
static void fx_got_stats(void *ctx, const struct peer_answer *a)
{
        struct fixture *f = ctx;
        fx_answer(ctx, a);
        if (a->status == 0)
                f->stats = *(const struct launch_stats *)a->rep;
}
static void fx_result_answer(void *ctx, const struct peer_answer *a)
{
        struct fixture *f = ctx;
        f->answered = !a->more;
        f->status = a->status;
        if (a->status == 0 && a->more)
                f->listed++;
        if (a->status == 0 && (a->more || f->listed == 0))
                f->result = *(const struct launch_result *)a->rep;
}

static int fx_call(struct fixture *f, uint32_t verb, const void *req, const int *fds, uint32_t n)
{
        peer_answer_fn fn = verb == LAUNCH_QUERY || verb == LAUNCH_LIST ? fx_result_answer
                            : verb == LAUNCH_CREATE                     ? fx_created
                            : verb == LAUNCH_EXEC_LIST                  ? fx_listed_execs
                            : verb == LAUNCH_STATS                      ? fx_got_stats
                                                                        : fx_answer;
        f->answered = false;
        f->listed = 0;
        peer_call(f->asker, verb, req, fds, n, fn, f);
        fx_pump(f, &f->answered);
        return f->status;
}

static struct launch_spec fx_spec(void)
{
        struct launch_spec s = {.profile = BOX_RUN,
                                .image = "host",
                                .pids = 64,
                                .cpu_milli = 2000,
                                .memory_bytes = 256u << 20,
                                .disk_bytes = 64u << 20,
                                .wall_ms = 20000};
        snprintf(s.id, sizeof s.id, "%s", id_new().s);
        return s;
}

/* The command memfd: argv is NULL-terminated, environment PATH and HOME. */
static int fx_command(const char *const *argv)
{
        CLEANUP(buf_done) struct buf b;
        static const char env[] = "PATH=/usr/bin:/bin\0HOME=/work";
        uint32_t head[2] = {0, 2};
        while (argv[head[0]])
                head[0]++;
        buf_init(&b, ARGS_BYTES_MAX);
        CHECK_INT(buf_add(&b, head, sizeof head), ==, 0);
        for (uint32_t i = 0; i < head[0]; i++)
                CHECK_INT(buf_add(&b, argv[i], strlen(argv[i]) + 1), ==, 0);
        CHECK_INT(buf_add(&b, env, sizeof env), ==, 0);
        int fd = memfd_sealed("command", b.data, b.len);
        CHECK_INT(fd, >=, 0);
        return fd;
}

/* CREATE; the status, and f->stdio, f->created on success. */
static int fx_create(struct fixture *f, const struct launch_spec *s, const char *const *argv)
{
        auto_close int fd = fx_command(argv);
        f->exited = false;
        return fx_call(f, LAUNCH_CREATE, s, &fd, 1);
}

static void fx_drain(int fd, char *to, size_t size)
{
        size_t n = 0;
        ssize_t r;
        while ((r = read(fd, to + n, size - 1 - n)) > 0)
                n += (size_t)r;
        to[n] = 0;
        close(fd);
}

/* Runs `sh -c script` to its end. */
static struct outcome *fx_run_spec(struct fixture *f, const struct launch_spec *s,
                                   const char *const *argv)
{
        struct outcome *o = xcalloc(1, sizeof *o);
        if (fx_create(f, s, argv) < 0)
                test_failed(__FILE__, __LINE__, "create: %s", f->error);
        o->created = f->created;
        close(f->stdio[0]);
        fx_pump(f, &f->exited);
        CHECK_STR(f->ended.id, s->id);
        o->result = f->ended;
        fx_drain(f->stdio[1], o->out, sizeof o->out);
        fx_drain(f->stdio[2], o->err, sizeof o->err);
        return o;
}
static struct outcome *fx_sh_spec(struct fixture *f, const struct launch_spec *s,
                                  const char *script)
{
        const char *const argv[] = {"/bin/sh", "-c", script, NULL};
        return fx_run_spec(f, s, argv);
}
UNUSED static void stop_now(struct fixture *f, const char *id)
{
        struct launch_stop stop = {.grace_ms = 0};
        snprintf(stop.id, sizeof stop.id, "%s", id);
        f->exited = false;
        CHECK_INT(fx_call(f, LAUNCH_STOP, &stop, NULL, 0), ==, 0);
        fx_pump(f, &f->exited);
        CHECK_STR(f->ended.id, id);
        CHECK_INT(f->ended.reason, ==, BOX_KILLED);
}

UNUSED static void wait_dead(pid_t pid)
{
        char path[64], state[512];
        snprintf(path, sizeof path, "/proc/%d/stat", pid);
        for (int i = 0; i < 500; i++) {
                auto_close int fd = open(path, O_RDONLY);
                ssize_t n = fd < 0 ? 0 : read(fd, state, sizeof state - 1);
                if (n <= 0)
                        return;
                state[n] = 0;
                if (strstr(state, ") Z"))
                        return;
                poll(NULL, 0, 10);
        }
        test_failed(__FILE__, __LINE__, "process %d is alive", pid);
}

/* Waits until as many are ready as there may be. */
UNUSED static void fx_fill_pool(struct fixture *f)
{
        struct launch_spec any = fx_spec();
        pool_wanted(f->boxes, &any);
        for (int i = 0; pool_size(f->boxes, &any) < fx_ready; i++) {
                CHECK_INT(i, <, 1000);
                fx_settle(f, 10);
        }
}

/* With sandboxes made ahead, which the test should not be able to tell. */
UNUSED static struct fixture *fx_new_ahead(bool rootful)
{
        fx_ready = 3;
        struct fixture *f = rootful ? fx_new() : fx_new_with(false, false);
        if (f->host->facts.limits_in_cgroup)
                fx_fill_pool(f);
        return f;
}

/* Each of these runs in both modes, in sandboxes made when they are asked for and made ahead. */
#define FX_TEST(name, mode, make)                                                                  \
        TEST(name##_##mode)                                                                        \
        {                                                                                          \
                struct fixture *f = make;                                                          \
                name(f);                                                                           \
                fx_free(f);                                                                        \
        }
#define BOTH(name)                                                                                 \
        static void name(struct fixture *f);                                                       \
        FX_TEST(name, rootful, fx_new())                                                           \
        FX_TEST(name, rootless, fx_new_with(false, false))                                         \
        FX_TEST(name, rootful_ahead, fx_new_ahead(true))                                           \
        FX_TEST(name, rootless_ahead, fx_new_ahead(false))                                         \
        static void name(struct fixture *f)

UNUSED static struct outcome *fx_sh(struct fixture *f, const char *script)
{
        struct launch_spec s = fx_spec();
        return fx_sh_spec(f, &s, script);
}
