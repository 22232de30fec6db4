#include "role/role.h"
#include "base/build.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "link/serve.h"
#include "role/confine.h"
#include "role/settings.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>

#define CONTROL_FD 3
#define PEERS_MAX  8

struct slot {
        struct role_run *run;
        const struct role_peer *decl;
        struct peer *peer;
        bool asked; /* for a new link in the place of one that ended */
};

struct role_run {
        const struct role *role;
        const struct role_row *row;
        struct loop *loop;
        struct peer *serve;
        struct settings *settings;
        struct slot slots[PEERS_MAX];
        size_t n_slots;
        int state_fd;
        int listen_fd; /* keep: where a new serve knocks; -1 */
        void *ctx;
        bool started, stopping_all;
        int status;
};

static const struct peer_ops serve_ops;

struct loop *role_loop(struct role_run *run)
{
        return run->loop;
}
int role_state_fd(struct role_run *run)
{
        return run->state_fd;
}
struct peer *role_serve(struct role_run *run)
{
        return run->serve;
}
const char *role_setting(struct role_run *run, const char *name)
{
        return settings_get(run->settings, name);
}
uint64_t role_setting_u64(struct role_run *run, const char *name)
{
        uint64_t v = 0;
        return str_to_u64(role_setting(run, name), &v) < 0 ? 0 : v;
}
bool role_setting_bool(struct role_run *run, const char *name)
{
        return str_eq(role_setting(run, name), "true");
}
bool role_rootful(struct role_run *run)
{
        return role_setting_bool(run, "serve.rootful");
}

bool role_stopping_all(struct role_run *run)
{
        return run->stopping_all;
}

void role_drained(struct role_run *run)
{
        loop_stop(run->loop);
}

static void fatal(struct role_run *run, const char *event, const struct err *err)
{
        log_error(event, kv("error", err_text(err)));
        run->status = 1;
        loop_stop(run->loop);
}

static int read_log_settings(struct role_run *run)
{
        enum log_level level = LOG_INFO;
        const char *text = role_setting(run, "log.level");
        if (*text && log_level_parse(text, &level) < 0)
                return -EINVAL;
        log_setup(run->role->name, level,
                  str_eq(role_setting(run, "log.format"), "json") ? LOG_JSON : LOG_LOGFMT);
        return 0;
}

static int start(struct role_run *run, struct err *err)
{
        int abi = 0;
        int r = role_confine(run->row, &abi, err);
        if (r == 0 && run->role->start)
                r = run->role->start(run, &run->ctx, err);
        if (r < 0)
                return r;
        run->started = true;
        struct serve_ready ready = {0};
        snprintf(ready.build_id, sizeof ready.build_id, "%s", build_id);
        peer_event(run->serve, SERVE_READY, &ready, NULL, 0);
        log_debug("role.ready", kv("landlock", abi));
        return 0;
}

static void on_settings(void *ctx, struct peer_request *rq UNUSED, const void *req, int *fds UNUSED,
                        uint32_t n_fds UNUSED)
{
        struct role_run *run = ctx;
        const struct serve_settings *s = req;
        struct settings *fresh;
        struct err err = {0};
        int r = settings_parse(s->pairs.data, s->pairs.len, &fresh);
        if (r < 0) {
                err_set(&err, r, "malformed settings");
                fatal(run, "role.settings", &err);
                return;
        }
        settings_free(run->settings);
        run->settings = fresh;
        if (read_log_settings(run) < 0)
                log_warn("role.settings", kv("error", "unknown log level, ignoring"));
        if (run->started) {
                if (run->role->reload)
                        run->role->reload(run->ctx);
        } else if (start(run, &err) < 0) {
                fatal(run, "role.start", &err);
        }
}

static struct slot *find_slot(struct role_run *run, const char *name)
{
        for (size_t i = 0; i < run->n_slots; i++)
                if (str_eq(run->slots[i].decl->name, name))
                        return &run->slots[i];
        return NULL;
}

/* A link that ended although both roles live (one of them broke the protocol) is asked for anew.
 * When the other role died instead, serve makes the new link as soon as it has started it again. */
static void ask_relink(struct role_run *run, struct slot *slot)
{
        struct serve_peer msg = {0};
        snprintf(msg.name, sizeof msg.name, "%s", slot->decl->name);
        slot->asked = peer_event(run->serve, SERVE_RELINK, &msg, NULL, 0);
}

struct peer *role_peer(struct role_run *run, const char *name)
{
        struct slot *slot = find_slot(run, name);
        if (slot && peer_alive(slot->peer))
                return slot->peer;
        if (slot && slot->peer && !slot->asked && peer_alive(run->serve))
                ask_relink(run, slot);
        return NULL;
}

static void on_peer(void *ctx, struct peer_request *rq UNUSED, const void *req, int *fds,
                    uint32_t n_fds)
{
        struct role_run *run = ctx;
        const struct serve_peer *p = req;
        struct slot *slot = find_slot(run, p->name);
        if (!run->started || !slot || n_fds != 1)
                return;
        peer_free(slot->peer);
        slot->peer = peer_new(run->loop, TAKE_FD(fds[0]), slot->decl->ops, run->ctx);
        slot->asked = false;
        if (run->role->peer_up)
                run->role->peer_up(run->ctx, p->name, slot->peer);
}

static void control_accepted(void *ctx, uint32_t events UNUSED)
{
        struct role_run *run = ctx;
        int fd = accept4(run->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
                return;
        struct ucred who;
        socklen_t n = sizeof who;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) < 0 ||
            (who.uid != 0 && who.uid != geteuid()) || peer_alive(run->serve)) {
                close(fd); /* one serve at a time: the state directory's lock says which */
                return;
        }
        peer_free(run->serve);
        run->serve = peer_new(run->loop, fd, &serve_ops, run);
        struct serve_ready ready = {0};
        snprintf(ready.build_id, sizeof ready.build_id, "%s", build_id);
        peer_event(run->serve, SERVE_READY, &ready, NULL, 0);
}

static void on_listener(void *ctx, struct peer_request *rq UNUSED, const void *req, int *fds,
                        uint32_t n_fds)
{
        struct role_run *run = ctx;
        const struct serve_listener *l = req;
        if (!run->started || n_fds != 1)
                return;
        if (run->row->outlives_serve && run->listen_fd < 0) {
                run->listen_fd = TAKE_FD(fds[0]);
                loop_io_add(run->loop, run->listen_fd, EPOLLIN, control_accepted, run);
        } else if (run->role->listener) {
                run->role->listener(run->ctx, l->name, TAKE_FD(fds[0]));
        }
}

static void on_drain(void *ctx, struct peer_request *rq UNUSED, const void *req, int *fds UNUSED,
                     uint32_t n_fds UNUSED)
{
        struct role_run *run = ctx;
        run->stopping_all = ((const struct serve_stop *)req)->all;
        if (run->started && run->role->drain)
                run->role->drain(run->ctx);
        else
                role_drained(run);
}

static void serve_gone(void *ctx)
{
        struct role_run *run = ctx;
        if (run->row->outlives_serve)
                return;
        log_info("role.orphaned");
        loop_stop(run->loop);
}

static const struct peer_handler serve_handlers[] = {
        {SERVE_SETTINGS, on_settings},
        {SERVE_PEER, on_peer},
        {SERVE_LISTENER, on_listener},
        {SERVE_DRAIN, on_drain},
        {0, NULL},
};
static const struct peer_ops serve_ops = {&serve_link, serve_handlers, serve_gone};

/* /state inside a role's own root; launch, which has the host's view, is handed it as the working
 * directory by serve. */
static int open_state(const struct role_row *row, struct err *err)
{
        int fd = dir_open_at(AT_FDCWD, row->host_view ? "." : "/state");
        return fd < 0 ? err_sys(err, fd, "state directory") : fd;
}

static void free_run(struct role_run *run)
{
        for (size_t i = 0; i < run->n_slots; i++)
                peer_free(run->slots[i].peer);
        peer_free(run->serve);
        settings_free(run->settings);
        loop_free(run->loop);
        if (run->state_fd >= 0)
                close(run->state_fd);
}

int role_main(const struct role *r)
{
        struct err err = {0};
        struct role_run run = {.role = r, .row = role_row_find(r->name), .listen_fd = -1};
        log_setup(r->name, LOG_INFO, LOG_LOGFMT);
        signal(SIGPIPE, SIG_IGN);
        if (!run.row || fcntl(CONTROL_FD, F_GETFD) < 0) {
                fprintf(stderr, "%s is a part of paddock and is started by `paddock serve`\n",
                        r->name);
                return 2;
        }
        run.state_fd = open_state(run.row, &err);
        if (run.state_fd < 0 || fd_cloexec(CONTROL_FD, true) < 0 ||
            fd_nonblock(CONTROL_FD, true) < 0) {
                log_error("role.start", kv("error", err_text(&err)));
                return 1;
        }
        run.loop = loop_new();
        for (const struct role_peer *p = r->peers; p && p->name; p++)
                run.slots[run.n_slots++] = (struct slot){.run = &run, .decl = p};
        run.serve = peer_new(run.loop, CONTROL_FD, &serve_ops, &run);
        if (loop_run(run.loop, &err) < 0)
                fatal(&run, "role.loop", &err);
        free_run(&run);
        return run.status;
}
