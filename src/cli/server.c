#include "cli/server.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/remote.h"
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define START_TIMEOUT_MS 30000
#define POLL_MS          10

static const char *env_dir(const char *name)
{
        const char *s = getenv(name);
        return s && s[0] == '/' ? s : NULL;
}

static int put_path(char *dst, const char *dir, const char *below, struct err *err)
{
        if (snprintf(dst, DIR_TEXT_MAX, "%s%s", dir, below) >= DIR_TEXT_MAX)
                return err_set(err, -EINVAL, "path too long: %.128s...", dir);
        return 0;
}

static int check_socket_path(const char *path, struct err *err)
{
        if (strlen(path) <= SOCKET_PATH_MAX)
                return 0;
        return err_set(err, -EINVAL,
                       "the socket's path has %zu bytes and may have %d; choose a shorter one with "
                       "--socket or PADDOCK_SOCKET: %.128s...",
                       strlen(path), SOCKET_PATH_MAX, path);
}

int server_own_dirs(struct server *ret, struct err *err)
{
        const char *state = env_dir("XDG_STATE_HOME"), *home = env_dir("HOME");
        const char *run = env_dir("XDG_RUNTIME_DIR");
        ret->own = true;
        if (!state && !home)
                return err_set(err, -EINVAL, "neither HOME nor XDG_STATE_HOME is set");
        int r = state ? put_path(ret->state_dir, state, "/paddock", err)
                      : put_path(ret->state_dir, home, "/.local/state/paddock", err);
        if (r < 0)
                return r;
        r = run ? put_path(ret->socket, run, "/paddock/paddock.sock", err)
                : put_path(ret->socket, ret->state_dir, "/run/paddock.sock", err);
        return r < 0 ? r : check_socket_path(ret->socket, err);
}

char *server_config_path(void)
{
        const char *dir = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
        if (geteuid() == 0)
                return xstrdup("/etc/paddock/paddock.yaml");
        if (dir && *dir)
                return xasprintf("%s/paddock/paddock.yaml", dir);
        return xasprintf("%s/.config/paddock/paddock.yaml", home ? home : "");
}

static bool in_group_paddock(void)
{
        gid_t ids[256];
        const struct group *g = getgrnam("paddock");
        if (geteuid() == 0)
                return true;
        int n = g ? getgroups(ARRAY_LEN(ids), ids) : 0;
        for (int i = 0; i < n; i++)
                if (ids[i] == g->gr_gid)
                        return true;
        return g && getegid() == g->gr_gid;
}

int server_locate(const char *given, struct server *ret, struct err *err)
{
        struct stat st;
        const char *chosen = given ? given : getenv("PADDOCK_SOCKET");
        *ret = (struct server){0};
        if (chosen && *chosen) {
                int r = put_path(ret->socket, chosen, "", err);
                return r < 0 ? r : check_socket_path(ret->socket, err);
        }
        if (!in_group_paddock())
                return server_own_dirs(ret, err);
        if (stat(SYSTEM_SOCKET, &st) == 0)
                return put_path(ret->socket, SYSTEM_SOCKET, "", err);
        if (errno != ENOENT && errno != ENOTDIR)
                return err_sys(err, -errno, "the system's server at %s", SYSTEM_SOCKET);
        return server_own_dirs(ret, err);
}

int make_dirs(const char *path, struct err *err)
{
        char part[DIR_TEXT_MAX + 1];
        int r = str_copy(part, sizeof part, path);
        if (r < 0)
                return err_set(err, -EINVAL, "path too long: %.128s...", path);
        for (char *s = part + 1; r >= 0; s++) {
                if (*s && *s != '/')
                        continue;
                char was = *s;
                *s = '\0';
                r = mkdir(part, 0700) < 0 && errno != EEXIST ? -errno : 0;
                *s = was;
                if (!was)
                        break;
        }
        return r < 0 ? err_sys(err, r, "mkdir %s", path) : 0;
}

int server_ready(const char *socket, struct err *err)
{
        CLEANUP(client_freep) struct client *c = client_new(socket);
        return client_call(c, "GET", "/v1/health", NULL, NULL, err);
}

/* True when a systemd of this user runs: it can give the server control groups of its own. */
static bool has_user_manager(void)
{
        char path[DIR_TEXT_MAX];
        const char *run = env_dir("XDG_RUNTIME_DIR");
        return run && put_path(path, run, "/systemd/private", NULL) == 0 && access(path, F_OK) == 0;
}

/* systemd-run in front of the command: a transient unit that may divide its control group and whose
 * sandboxes outlive it. */
static void exec_as_unit(const char *const *args, const char *log_path)
{
        char exe[DIR_TEXT_MAX], log[DIR_TEXT_MAX + 64];
        const char *const front[] = {"systemd-run",
                                     "--user",
                                     "--quiet",
                                     "--collect",
                                     "-p",
                                     "Delegate=yes",
                                     "-p",
                                     "KillMode=process",
                                     "-p",
                                     log,
                                     "--setenv=XDG_CONFIG_HOME",
                                     "--setenv=HOME",
                                     "--",
                                     exe};
        size_t n = ARRAY_LEN(front), n_args = 0;
        while (args[n_args])
                n_args++;
        auto_free const char **argv = xcalloc(n + n_args + 1, sizeof *argv);
        memcpy(argv, front, sizeof front);
        ssize_t len = readlink("/proc/self/exe", exe, sizeof exe - 1);
        if (len < 0)
                return;
        exe[len] = '\0';
        snprintf(log, sizeof log, "StandardError=append:%s", log_path);
        for (size_t i = 1; i < n_args; i++)
                argv[n++] = args[i];
        execvp(argv[0], (char *const *)argv);
}

/* In the child: a session of its own, nothing of ours but the log. */
NORETURN static void become_server(const char *const *args, const char *log_path, bool as_unit)
{
        int null = open("/dev/null", O_RDWR);
        int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0600);
        if (null < 0 || log < 0 || setsid() < 0)
                _exit(127);
        dup2(null, STDIN_FILENO);
        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
        if (as_unit)
                exec_as_unit(args, log_path);
        else
                execv("/proc/self/exe", (char *const *)args);
        _exit(127);
}

/* The child may end with 0 before: systemd-run has handed the server over. */
static int wait_ready(pid_t pid, const char *socket, const char *log_path, struct err *err)
{
        uint64_t end = clock_boot_ms() + START_TIMEOUT_MS;
        for (;;) {
                int status = 0;
                if (server_ready(socket, NULL) == 0)
                        return 0;
                if (pid > 0 && waitpid(pid, &status, WNOHANG) == pid)
                        pid = -1;
                if (status)
                        return err_set(err, -ECONNREFUSED,
                                       "the server ended while it started (%s %d); see %s",
                                       WIFSIGNALED(status) ? "signal" : "status",
                                       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
                                       log_path);
                if (clock_boot_ms() > end)
                        return err_set(err, -EAGAIN, "the server is not ready after %d s; see %s",
                                       START_TIMEOUT_MS / 1000, log_path);
                clock_sleep_ms(POLL_MS);
        }
}

static int spawn(const char *const *args, const char *socket, const char *log_path, bool as_unit,
                 struct err *err)
{
        fflush(NULL);
        pid_t pid = fork();
        if (pid < 0)
                return err_sys(err, -errno, "fork");
        if (pid == 0)
                become_server(args, log_path, as_unit);
        return wait_ready(pid, socket, log_path, err);
}

int server_spawn(const char *const *args, const char *socket, const char *log_path, struct err *err)
{
        /* A manager that cannot do it is no reason not to start at all. */
        if (has_user_manager() && spawn(args, socket, log_path, true, NULL) == 0)
                return 0;
        return spawn(args, socket, log_path, false, err);
}

static int start_own(const struct server *s, struct err *err)
{
        char lock_path[DIR_TEXT_MAX + 16], log_path[DIR_TEXT_MAX + 16];
        char socket_dir[DIR_TEXT_MAX];
        snprintf(socket_dir, sizeof socket_dir, "%.*s", (int)(strrchr(s->socket, '/') - s->socket),
                 s->socket);
        int r = make_dirs(s->state_dir, err);
        r = r < 0 ? r : make_dirs(socket_dir, err);
        if (r < 0)
                return r;
        snprintf(lock_path, sizeof lock_path, "%s/start.lock", s->state_dir);
        snprintf(log_path, sizeof log_path, "%s/serve.log", s->state_dir);
        auto_close int lock = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (lock < 0 || flock(lock, LOCK_EX) < 0)
                return err_sys(err, -errno, "%s", lock_path);
        if (server_ready(s->socket, NULL) == 0)
                return 0; /* another command was faster */
        const char *args[] = {"paddock",    "serve",    "--private", "--state-dir",
                              s->state_dir, "--socket", s->socket,   NULL};
        r = server_spawn(args, s->socket, log_path, err);
        if (r >= 0)
                fprintf(stderr, "paddock: started your own server, state in %s\n", s->state_dir);
        return r;
}

int server_connect(const struct invocation *inv, enum server_start start, struct client **ret,
                   struct err *err)
{
        struct server s;
        struct remote elsewhere;
        int r = remote_meant(inv, &elsewhere, err);
        if (r > 0)
                *ret = client_new_remote(&elsewhere);
        explicit_bzero(elsewhere.token, sizeof elsewhere.token);
        if (r != 0)
                return r < 0 ? r : 0;
        r = server_locate(flag_text(inv, "socket"), &s, err);
        if (r < 0)
                return r;
        if (start == SERVER_START && s.own) {
                r = server_ready(s.socket, err);
                if (r == -ECONNREFUSED)
                        r = start_own(&s, err);
                if (r < 0)
                        return r;
        }
        *ret = client_new(s.socket);
        return 0;
}

int server_answers(const struct invocation *inv, struct err *err)
{
        CLEANUP(client_freep) struct client *c = NULL;
        int r = server_connect(inv, SERVER_ASK_ONLY, &c, err);
        return r < 0 ? r : client_call(c, "GET", "/v1/health", NULL, NULL, err);
}
