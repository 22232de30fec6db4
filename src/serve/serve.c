#include "serve/serve.h"
#include "base/build.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "serve/jail.h"
#include "serve/member.h"
#include "serve/sockets.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define DRAIN_MS        10000 /* what a role gets to finish before it is killed */
#define MEMBERS_MAX     8
#define PRIVATE_IDLE_MS 300000 /* a private instance leaves after this long without any use */

struct serve {
        const struct serve_options *options;
        struct config *config;
        struct loop *loop;
        struct member members[MEMBERS_MAX];
        size_t n;
        char libexec[4096];
        int lock, unix_fd, tcp_fd, keep_fd;
        bool rootful, stopping, announced;
};

static struct member *find(struct serve *s, const char *name)
{
        for (size_t i = 0; i < s->n; i++)
                if (str_eq(s->members[i].row->name, name))
                        return &s->members[i];
        return NULL;
}

/* ---- what a role is told ---- */

static int add_pair(struct buf *b, const char *name, const char *value)
{
        int r = buf_add(b, name, strlen(name) + 1);
        return r < 0 ? r : buf_add(b, value, strlen(value) + 1);
}

static void send_settings(struct member *m)
{
        struct serve *s = m->serve;
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, LINK_MESSAGE_MAX - 64);
        char uid[16], idle[24];
        snprintf(uid, sizeof uid, "%u", (unsigned)geteuid());
        uint64_t idle_ms = config_get_u64(s->config, "serve.idle_exit");
        snprintf(idle, sizeof idle, "%llu",
                 (unsigned long long)(idle_ms || !s->options->idle_exit ? idle_ms
                                                                        : PRIVATE_IDLE_MS));
        int r = config_flatten(s->config, &b);
        if (r == 0)
                r = add_pair(&b, "serve.uid", uid);
        if (r == 0)
                r = add_pair(&b, "serve.rootful", s->rootful ? "true" : "false");
        if (r == 0)
                r = add_pair(&b, "serve.idle_exit_ms", idle);
        if (r < 0) {
                log_error("serve.settings", kv("error", errno_text(r)));
                return;
        }
        struct serve_settings msg = {{b.data, b.len}};
        peer_event(m->control, SERVE_SETTINGS, &msg, NULL, 0);
}

static void send_listener(struct member *m, const char *name, int fd)
{
        struct serve_listener msg = {0};
        snprintf(msg.name, sizeof msg.name, "%s", name);
        if (fd >= 0)
                peer_event(m->control, SERVE_LISTENER, &msg, &fd, 1);
}

/* The certificate and its key, opened by us: api has no path to them. */
static void send_tls(struct member *m)
{
        static const char *const files[][2] = {{"http.tls_cert", "tls-cert"},
                                               {"http.tls_key", "tls-key"}};
        for (size_t i = 0; i < ARRAY_LEN(files); i++) {
                const char *path = config_get(m->serve->config, files[i][0]);
                auto_close int fd = *path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
                if (*path && fd < 0)
                        log_error("serve.tls", kv("file", path), kv("error", errno_text(errno)));
                send_listener(m, files[i][1], fd);
        }
}

static void tell_peer(struct member *m, const char *other, int fd)
{
        struct serve_peer msg = {0};
        snprintf(msg.name, sizeof msg.name, "%s", other);
        peer_event(m->control, SERVE_PEER, &msg, &fd, 1);
}

/* New ends for every pair that m is part of and whose other side lives. */
static void wire(struct member *m)
{
        for (size_t i = 0; i < role_pairs_n; i++) {
                const char *a = role_pairs[i].a, *b = role_pairs[i].b;
                if (!str_eq(a, m->row->name) && !str_eq(b, m->row->name))
                        continue;
                const char *other_name = str_eq(a, m->row->name) ? b : a;
                struct member *other = find(m->serve, other_name);
                int ends[2];
                if (!peer_alive(other->control) || link_pair(ends) < 0)
                        continue;
                tell_peer(m, other_name, ends[0]);
                tell_peer(other, m->row->name, ends[1]);
                close(ends[0]);
                close(ends[1]);
        }
}

/* ---- starting and watching ---- */

static void start_member(void *ctx);
static void finish_if_all_gone(struct serve *s);
static const struct peer_ops control_ops;

static void schedule(struct member *m, const char *reason)
{
        uint64_t pause = member_ended(m, clock_boot_ms(), reason);
        log_warn("serve.role_ended", kv("name", m->row->name), kv("reason", reason),
                 kv("again_ms", pause), kv("state", member_state_text(m->state)));
        m->again = loop_timer_add(m->serve->loop, pause, start_member, m);
}

static void on_end(void *ctx, pid_t pid UNUSED, int status)
{
        struct member *m = ctx;
        char reason[64];
        if (WIFSIGNALED(status))
                snprintf(reason, sizeof reason, "killed by signal %d", WTERMSIG(status));
        else
                snprintf(reason, sizeof reason, "exit status %d", WEXITSTATUS(status));
        m->pid = 0;
        peer_free(m->control);
        m->control = NULL;
        if (m->serve->stopping) {
                m->state = MEMBER_DOWN;
                finish_if_all_gone(m->serve);
        } else {
                schedule(m, reason);
        }
}

static void control_closed(void *ctx)
{
        struct member *m = ctx;
        if (m->pid)
                return; /* our child: its end tells the same, with the reason */
        peer_free(m->control);
        m->control = NULL;
        if (m->serve->stopping)
                finish_if_all_gone(m->serve);
        else
                schedule(m, "the keep of an earlier serve ended");
}

static void greet(struct member *m)
{
        struct serve *s = m->serve;
        send_settings(m);
        if (m->row->outlives_serve)
                send_listener(m, "keep", s->keep_fd);
        if (str_eq(m->row->name, "api")) {
                send_tls(m);
                send_listener(m, "unix", s->unix_fd);
                send_listener(m, "tcp", s->tcp_fd);
        }
        wire(m);
}

/* The keep of an earlier serve still holds the sandboxes' descriptors: take it over. */
static bool adopt_keep(struct member *m)
{
        int fd = connect_keep(m->serve->options->state_dir);
        if (fd < 0)
                return false;
        m->state = MEMBER_STARTING;
        m->since_ms = clock_wall_ms();
        m->control = peer_new(m->serve->loop, fd, &control_ops, m);
        greet(m);
        log_info("serve.keep_adopted");
        return true;
}

static int spawn(struct member *m, struct err *err)
{
        struct serve *s = m->serve;
        char program[4200], state[4200], root[4200];
        snprintf(program, sizeof program, "%s/%s", s->libexec, m->row->name);
        snprintf(state, sizeof state, "%s/%s", s->options->state_dir, m->row->name);
        snprintf(root, sizeof root, "%s/run/root", s->options->state_dir);
        int ends[2];
        int r = link_pair(ends);
        if (r < 0)
                return err_sys(err, r, "control link");
        struct jail j = {.row = m->row,
                         .program = program,
                         .state = state,
                         .root = root,
                         .uid_base = (uint32_t)config_get_u64(s->config, "roles.uid_base"),
                         .rootful = s->rootful,
                         .control = ends[1]};
        r = state_subdir(s->options->state_dir, m->row->name, jail_uid(&j), err);
        if (r == 0)
                r = jail_spawn(&j, &m->pid, err);
        close(ends[1]);
        if (r < 0) {
                close(ends[0]);
                return r;
        }
        m->control = peer_new(s->loop, ends[0], &control_ops, m);
        r = loop_child(s->loop, m->pid, on_end, m);
        return r < 0 ? err_sys(err, r, "watch") : 0;
}

static void start_member(void *ctx)
{
        struct member *m = ctx;
        m->again = NULL;
        if (m->row->outlives_serve && adopt_keep(m))
                return;
        struct err err = {0};
        if (m->since_ms)
                m->restarts++;
        m->since_ms = clock_wall_ms();
        m->state = MEMBER_STARTING;
        int r = 0;
        if (m->row->outlives_serve)
                r = m->serve->keep_fd = listen_keep(m->serve->options->state_dir, &err);
        if (r >= 0)
                r = spawn(m, &err);
        if (r < 0)
                schedule(m, err_text(&err));
        else
                greet(m);
        /* From now on the socket is keep's alone: a refused connection means that keep is dead. */
        if (m->row->outlives_serve && m->serve->keep_fd >= 0)
                close(TAKE_FD(m->serve->keep_fd));
}

static void announce_when_ready(struct serve *s)
{
        for (size_t i = 0; i < s->n; i++)
                if (s->members[i].state != MEMBER_READY)
                        return;
        if (s->announced)
                return;
        s->announced = true;
        log_info("serve.ready", kv("socket", s->options->socket_path),
                 kv("state", s->options->state_dir), kv("version", build_version));
        notify_manager("READY=1");
}

/* ---- stopping ---- */

static void finish_if_all_gone(struct serve *s)
{
        for (size_t i = 0; i < s->n; i++)
                if (s->members[i].control && !s->members[i].row->outlives_serve)
                        return;
        loop_stop(s->loop);
}

static void kill_rest(void *ctx)
{
        struct serve *s = ctx;
        for (size_t i = 0; i < s->n; i++)
                if (s->members[i].pid && !s->members[i].row->outlives_serve) {
                        log_warn("serve.drain_timeout", kv("name", s->members[i].row->name));
                        kill(s->members[i].pid, SIGKILL);
                }
}

/* Every role finishes what it has in hand; keep ends only when it holds no sandbox. */
static void begin_stop(struct serve *s)
{
        if (s->stopping)
                return;
        s->stopping = true;
        log_info("serve.stopping");
        notify_manager("STOPPING=1");
        for (size_t i = 0; i < s->n; i++) {
                struct member *m = &s->members[i];
                loop_timer_remove(m->again);
                m->again = NULL;
                if (!m->control)
                        continue;
                m->state = MEMBER_DRAINING;
                peer_event(m->control, SERVE_DRAIN, &(struct serve_empty){0}, NULL, 0);
        }
        loop_timer_add(s->loop, DRAIN_MS, kill_rest, s);
        finish_if_all_gone(s);
}

static void on_stop_signal(void *ctx, int signo UNUSED)
{
        begin_stop(ctx);
}

/* ---- reload ---- */

struct reload_report {
        struct serve_change changes[128];
        size_t n;
};

static int reload(struct serve *s, struct reload_report *rep, struct err *err)
{
        if (!s->options->config_path)
                return err_set(err, -ENOENT, "this serve was started without a configuration file");
        CLEANUP(config_problems_done) struct config_problems p;
        config_problems_init(&p);
        CLEANUP(config_freep) struct config *fresh = NULL;
        int r = config_load(s->options->config_path, &fresh, &p);
        if (r < 0)
                return err_set(err, r, "%s", p.count ? buf_text(&p.text) : errno_text(r));
        auto_free const struct option **diff = xcalloc(config_options_n, sizeof(struct option *));
        size_t n = config_diff(s->config, fresh, diff);
        for (size_t i = 0; i < n && rep->n < ARRAY_LEN(rep->changes); i++) {
                struct serve_change *c = &rep->changes[rep->n++];
                snprintf(c->option, sizeof c->option, "%s", diff[i]->name);
                if (!diff[i]->reloadable ||
                    str_eq(config_origin(s->config, diff[i]->name), "command line"))
                        continue;
                config_adopt(s->config, fresh, diff[i]->name);
                c->applied = 1;
        }
        for (size_t i = 0; i < s->n; i++)
                if (peer_alive(s->members[i].control))
                        send_settings(&s->members[i]);
        return 0;
}

static void on_reload_signal(void *ctx, int signo UNUSED)
{
        struct reload_report rep = {.n = 0};
        struct err err = {0};
        if (reload(ctx, &rep, &err) < 0)
                log_error("serve.reload", kv("error", err_text(&err)));
        for (size_t i = 0; i < rep.n; i++)
                log_info("serve.reload", kv("option", rep.changes[i].option),
                         kv("applied", rep.changes[i].applied ? "yes" : "needs a restart"));
}

/* ---- what a role may say ---- */

static void on_ready(void *ctx, struct peer_request *rq UNUSED, const void *req, int *fds UNUSED,
                     uint32_t n UNUSED)
{
        struct member *m = ctx;
        const struct serve_ready *r = req;
        if (!m->row->outlives_serve && !str_eq(r->build_id, build_id)) {
                log_error("serve.foreign_build", kv("name", m->row->name));
                kill(m->pid, SIGKILL);
                return;
        }
        if (m->state == MEMBER_STARTING)
                m->state = MEMBER_READY;
        announce_when_ready(m->serve);
}

/* Only api speaks for clients. */
static bool may_ask(struct member *m, struct peer_request *rq)
{
        if (str_eq(m->row->name, "api"))
                return true;
        peer_fail(rq, -EPERM, "only api may ask this");
        return false;
}

static void on_status(void *ctx, struct peer_request *rq, const void *req UNUSED, int *fds UNUSED,
                      uint32_t n UNUSED)
{
        struct member *m = ctx;
        struct serve *s = m->serve;
        if (!may_ask(m, rq))
                return;
        for (size_t i = 0; i < s->n; i++) {
                const struct member *x = &s->members[i];
                struct serve_status st = {
                        .pid = (uint32_t)x->pid, .restarts = x->restarts, .since_ms = x->since_ms};
                snprintf(st.role, sizeof st.role, "%s", x->row->name);
                snprintf(st.state, sizeof st.state, "%s", member_state_text(x->state));
                snprintf(st.reason, sizeof st.reason, "%s", x->reason);
                peer_reply(rq, &st, NULL, 0, i + 1 < s->n);
        }
}

static void on_stop(void *ctx, struct peer_request *rq, const void *req UNUSED, int *fds UNUSED,
                    uint32_t n UNUSED)
{
        struct member *m = ctx;
        if (!may_ask(m, rq))
                return;
        peer_reply(rq, &(struct serve_empty){0}, NULL, 0, false);
        begin_stop(m->serve);
}

static void on_reload(void *ctx, struct peer_request *rq, const void *req UNUSED, int *fds UNUSED,
                      uint32_t n UNUSED)
{
        struct member *m = ctx;
        if (!may_ask(m, rq))
                return;
        struct reload_report rep = {.n = 0};
        struct err err = {0};
        if (reload(m->serve, &rep, &err) < 0) {
                peer_fail_err(rq, &err);
                return;
        }
        for (size_t i = 0; i < rep.n; i++)
                peer_reply(rq, &rep.changes[i], NULL, 0, true);
        peer_reply(rq, &(struct serve_change){0}, NULL, 0, false);
}

static const struct peer_handler control_handlers[] = {{SERVE_READY, on_ready},
                                                       {SERVE_STATUS, on_status},
                                                       {SERVE_STOP, on_stop},
                                                       {SERVE_RELOAD, on_reload},
                                                       {0, NULL}};
static const struct peer_ops control_ops = {&serve_link, control_handlers, control_closed};

/* ---- life ---- */

/* LIBEXEC beside our own executable: BIN/../libexec/paddock. */
static int find_libexec(char *ret, size_t size, struct err *err)
{
        char exe[4096];
        ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
        if (n < 0)
                return err_sys(err, -errno, "/proc/self/exe");
        exe[n] = '\0';
        for (int i = 0; i < 2; i++)
                if (strrchr(exe, '/'))
                        *strrchr(exe, '/') = '\0';
        snprintf(ret, size, "%s/libexec/paddock", exe);
        return 0;
}

static int open_all(struct serve *s, struct err *err)
{
        const struct serve_options *o = s->options;
        s->lock = state_lock(o->state_dir, err);
        if (s->lock < 0)
                return s->lock;
        int r = find_libexec(s->libexec, sizeof s->libexec, err);
        if (r == 0)
                r = state_subdir(o->state_dir, "run/root", geteuid(), err);
        if (r < 0)
                return r;
        s->unix_fd = listen_unix(o->socket_path, config_get(s->config, "serve.socket_group"), err);
        if (s->unix_fd < 0)
                return s->unix_fd;
        const char *listen = config_get(s->config, "http.listen");
        s->tcp_fd = *listen ? listen_tcp(listen, err) : -1;
        return *listen && s->tcp_fd < 0 ? s->tcp_fd : 0;
}

static void close_all(struct serve *s)
{
        for (size_t i = 0; i < s->n; i++) {
                loop_timer_remove(s->members[i].again);
                peer_free(s->members[i].control);
        }
        if (s->unix_fd >= 0 && s->options->socket_path)
                unlink(s->options->socket_path);
        int fds[] = {s->unix_fd, s->tcp_fd, s->keep_fd, s->lock};
        for (size_t i = 0; i < ARRAY_LEN(fds); i++)
                if (fds[i] >= 0)
                        close(fds[i]);
        loop_free(s->loop);
        config_free(s->config);
}

static void setup_log(const struct config *c)
{
        enum log_level level = LOG_INFO;
        if (log_level_parse(config_get(c, "log.level"), &level) < 0)
                level = LOG_INFO; /* the table allows only known ones */
        log_setup("serve", level,
                  str_eq(config_get(c, "log.format"), "json") ? LOG_JSON : LOG_LOGFMT);
}

int serve_main(const struct serve_options *o)
{
        struct serve s = {.options = o, .config = o->config, .lock = -1};
        struct err err = {0};
        s.unix_fd = s.tcp_fd = s.keep_fd = -1;
        s.rootful = geteuid() == 0;
        s.loop = loop_new();
        setup_log(s.config);
        signal(SIGPIPE, SIG_IGN);
        prctl(PR_SET_CHILD_SUBREAPER, 1); /* what a dying role leaves behind is ours to reap */
        int r = open_all(&s, &err);
        if (r == 0) {
                loop_signal(s.loop, SIGTERM, on_stop_signal, &s);
                loop_signal(s.loop, SIGINT, on_stop_signal, &s);
                loop_signal(s.loop, SIGHUP, on_reload_signal, &s);
                for (; s.n < role_rows_n; s.n++)
                        s.members[s.n] = (struct member){.serve = &s, .row = &role_rows[s.n]};
                for (size_t i = 0; i < s.n; i++)
                        start_member(&s.members[i]);
                r = loop_run(s.loop, &err);
        }
        if (r < 0)
                log_error("serve.failed", kv("error", err_text(&err)));
        close_all(&s);
        return r == 0 ? 0 : r == -EWOULDBLOCK ? 75 : 1;
}
