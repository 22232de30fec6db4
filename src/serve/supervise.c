/* Starts the roles, tells them what they need, links them, restarts them, stops them. */
#include "serve/state.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "serve/gpus.h"
#include "serve/jail.h"
#include "serve/mirrors.h"
#include "serve/sockets.h"
#include "base/build.h"
#include "os/memory.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#define DRAIN_MS        10000  /* what a role gets to finish before it is killed */
#define PRIVATE_IDLE_MS 300000 /* a private instance leaves after this long without any use */

struct member *find_member(struct serve *s, const char *name)
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

void send_settings(struct member *m)
{
        struct serve *s = m->serve;
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, LINK_MESSAGE_MAX - 64);
        char uid[16], idle[24], memory[24], mirrors[MIRRORS_TEXT_MAX], usr[USR_TEXT_MAX];
        struct mirrors found;
        mirrors_of_host(&found);
        mirrors_text(&found, mirrors, sizeof mirrors);
        host_usr_text(usr, sizeof usr);
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
        if (r == 0)
                r = add_pair(&b, "host.mirrors", mirrors);
        if (r == 0)
                r = add_pair(&b, "host.usr", usr);
        snprintf(memory, sizeof memory, "%llu",
                 (unsigned long long)memory_for_sandboxes(memory_of_host()));
        if (r == 0)
                r = add_pair(&b, "host.sandbox_memory", memory);
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

/* What vault needs of the host's files. */
static void send_vault_files(struct member *m)
{
        const char *dir = getenv("CREDENTIALS_DIRECTORY");
        const char *ca = config_get(m->serve->config, "egress.ca_file");
        char path[4096] = "";
        if (dir)
                snprintf(path, sizeof path, "%s/paddock-vault-key", dir);
        auto_close int key = *path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        auto_close int authorities = *ca ? open(ca, O_RDONLY | O_CLOEXEC) : -1;
        if (*ca && authorities < 0)
                log_error("serve.ca", kv("file", ca), kv("error", errno_text(errno)));
        send_listener(m, "credential", key);
        send_listener(m, "ca", authorities);
}

/* The devices that the CDI files describe, read by us: launch parses nothing. */
void send_gpus(struct member *m)
{
        const struct config *c = m->serve->config;
        struct gpus_options o = {config_get(c, "gpu.cdi_dirs"), config_get(c, "gpu.paths"),
                                 config_get(c, "gpu.drivers")};
        struct err err = {0};
        auto_close int fd = gpus_of_host(&o, &err);
        if (fd < 0)
                log_error("serve.gpus", kv("error", err_text(&err)));
        send_listener(m, "gpus", fd);
}

static void tell_peer(struct member *m, const char *other, int fd)
{
        struct serve_peer msg = {0};
        snprintf(msg.name, sizeof msg.name, "%s", other);
        peer_event(m->control, SERVE_PEER, &msg, &fd, 1);
}

static void link_members(struct member *m, struct member *other)
{
        int ends[2];
        if (!peer_alive(m->control) || !peer_alive(other->control) || link_pair(ends) < 0)
                return;
        tell_peer(m, other->row->name, ends[0]);
        tell_peer(other, m->row->name, ends[1]);
        close(ends[0]);
        close(ends[1]);
}

/* New ends for the pairs that m is part of: all of them, or only that with `only`. */
void wire(struct member *m, const char *only)
{
        for (size_t i = 0; i < role_pairs_n; i++) {
                const char *a = role_pairs[i].a, *b = role_pairs[i].b;
                if (!str_eq(a, m->row->name) && !str_eq(b, m->row->name))
                        continue;
                const char *other = str_eq(a, m->row->name) ? b : a;
                if (!only || str_eq(only, other))
                        link_members(m, find_member(m->serve, other));
        }
}

/* ---- starting and watching ---- */

static void finish_if_all_gone(struct serve *s);

static bool is_member(const struct serve *s, pid_t pid)
{
        for (size_t i = 0; i < s->n; i++)
                if (s->members[i].pid == pid)
                        return true;
        return false;
}

/* A launch that dies leaves its sandboxes to us (we are their subreaper); the next launch watches
 * them through pidfds, but only a parent can reap. */
void reap_orphans(struct serve *s)
{
        for (;;) {
                siginfo_t si = {0};
                if (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) < 0 || si.si_pid == 0 ||
                    is_member(s, si.si_pid))
                        return; /* a member's end is the loop's to tell; it calls us again */
                waitpid(si.si_pid, NULL, 0);
        }
}

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
        loop_timer_remove(m->again);
        m->again = NULL;
        reap_orphans(m->serve);
        peer_free(m->control);
        m->control = NULL;
        if (m->serve->stopping) {
                m->state = MEMBER_DOWN;
                finish_if_all_gone(m->serve);
        } else {
                schedule(m, reason);
        }
}

static void kill_mute(void *ctx)
{
        struct member *m = ctx;
        m->again = NULL;
        log_warn("serve.role_mute", kv("name", m->row->name));
        kill(m->pid, SIGKILL);
}

void control_closed(void *ctx)
{
        struct member *m = ctx;
        if (m->pid) { /* our child: its end tells the same, with the reason, if it ends */
                if (!m->serve->stopping && !m->row->outlives_serve)
                        m->again = loop_timer_add(m->serve->loop, DRAIN_MS, kill_mute, m);
                return;
        }
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
        if (str_eq(m->row->name, "launch"))
                send_gpus(m);
        if (str_eq(m->row->name, "vault")) {
                send_vault_files(m);
                send_listener(m, "desk", s->vault_fd);
        }
        wire(m, NULL);
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
        if (r == 0)
                return 0;
        kill(m->pid, SIGKILL);
        waitpid(m->pid, NULL, 0);
        m->pid = 0;
        peer_free(m->control);
        m->control = NULL;
        return err_sys(err, r, "watch");
}

void start_member(void *ctx)
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

void announce_when_ready(struct serve *s)
{
        for (size_t i = 0; i < s->n; i++)
                if (s->members[i].state != MEMBER_READY && s->members[i].state != MEMBER_FAILED)
                        return;
        if (s->announced)
                return;
        s->announced = true;
        log_info("serve.ready", kv("socket", s->options->socket_path),
                 kv("state", s->options->state_dir), kv("version", build_version));
        notify_manager("READY=1");
}

/* ---- stopping ---- */

static void send_drain(struct member *m)
{
        struct serve_stop msg = {.all = m->serve->stop_all};
        m->state = MEMBER_DRAINING;
        peer_event(m->control, SERVE_DRAIN, &msg, NULL, 0);
}

/* keep is told last: launch still needs it while it ends what is to end. It stays by itself as long
 * as it holds a sandbox, unless all is to end. */
static void finish_if_all_gone(struct serve *s)
{
        struct member *keep = NULL;
        for (size_t i = 0; i < s->n; i++) {
                if (s->members[i].row->outlives_serve)
                        keep = &s->members[i];
                else if (s->members[i].control)
                        return;
        }
        if (keep && keep->control)
                send_drain(keep);
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

/* Every role finishes what it has in hand. */
void begin_stop(struct serve *s)
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
                if (m->control && !m->row->outlives_serve)
                        send_drain(m);
        }
        loop_timer_add(s->loop, DRAIN_MS, kill_rest, s);
        finish_if_all_gone(s);
}
