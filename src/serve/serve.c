#include "serve/serve.h"
#include "base/log.h"
#include "base/str.h"
#include "serve/sockets.h"
#include "serve/state.h"
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>

static void on_stop_signal(void *ctx, int signo UNUSED)
{
        begin_stop(ctx);
}

static void on_reload_signal(void *ctx, int signo UNUSED)
{
        reload_and_log(ctx);
}

static void on_child_signal(void *ctx, int signo UNUSED)
{
        reap_orphans(ctx);
}

int serve_libexec(char *ret, size_t size, struct err *err)
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
        int r = serve_libexec(s->libexec, sizeof s->libexec, err);
        if (r == 0)
                r = state_subdir(o->state_dir, "run/root", geteuid(), err);
        if (r < 0)
                return r;
        s->unix_fd = listen_unix(o->socket_path, config_get(s->config, "serve.socket_group"), err);
        if (s->unix_fd < 0)
                return s->unix_fd;
        s->vault_fd = listen_vault(o->socket_path, err);
        if (s->vault_fd < 0)
                return s->vault_fd;
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
        if (s->unix_fd >= 0 && s->options->socket_path) {
                unlink(s->options->socket_path);
                unlink_vault(s->options->socket_path);
        }
        int fds[] = {s->unix_fd, s->tcp_fd, s->keep_fd, s->vault_fd, s->lock};
        for (size_t i = 0; i < ARRAY_LEN(fds); i++)
                if (fds[i] >= 0)
                        close(fds[i]);
        loop_free(s->loop);
        config_free(s->config);
}

void setup_log(const struct config *c)
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
        s.unix_fd = s.tcp_fd = s.keep_fd = s.vault_fd = -1;
        s.rootful = geteuid() == 0;
        s.loop = loop_new();
        setup_log(s.config);
        signal(SIGPIPE, SIG_IGN);
        signal(SIGCHLD, SIG_DFL); /* ignored by who started us, no status would ever reach us */
        umask(022);
        prctl(PR_SET_CHILD_SUBREAPER, 1); /* what a dying role leaves behind is ours to reap */
        int r = open_all(&s, &err);
        if (r == 0) {
                loop_signal(s.loop, SIGTERM, on_stop_signal, &s);
                loop_signal(s.loop, SIGINT, on_stop_signal, &s);
                loop_signal(s.loop, SIGCHLD, on_child_signal, &s);
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
