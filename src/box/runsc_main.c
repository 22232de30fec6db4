/* runsc - starts gVisor's program of that name for the one command of a sandbox: writes its bundle
 * (the OCI specification, config.json) and becomes it. Started by init, as root of the sandbox's
 * user namespace:
 *
 *     runsc WORKDIR N VARIABLE... ARGUMENT...     N variables
 *
 * The root of the guest is /.paddock/guest, made by launch. Its command is user 1000 without a
 * capability; the network is gVisor's own loopback. docs/sandboxes.md says what differs. */
#include "base/fd.h"
#include "base/json.h"
#include "base/str.h"
#include "box/init_run.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define BUNDLE "/run/bundle"
#define GUEST  "/.paddock/guest"
#define USER   1000

NORETURN static void fail(const char *what)
{
        dprintf(2, "paddock: runsc: %s\n", what);
        _exit(RUN_NOT_RUNNABLE);
}

static json_t *texts(char **list, size_t n)
{
        json_t *a = json_array();
        for (size_t i = 0; i < n; i++)
                if (json_array_append_new(a, json_string(list[i])) < 0)
                        fail("an argument or a variable is not UTF-8, which its specification "
                             "cannot say");
        return a;
}

static json_t *limits(void)
{
        json_t *a = json_array();
        struct rlimit l;
        if (getrlimit(RLIMIT_NOFILE, &l) == 0)
                json_array_append_new(a, json_pack("{s:s,s:I,s:I}", "type", "RLIMIT_NOFILE", "hard",
                                                   (json_int_t)l.rlim_max, "soft",
                                                   (json_int_t)l.rlim_cur));
        return a;
}

static json_t *specification(const char *workdir, json_t *args, json_t *env)
{
        char host[64] = "sandbox";
        if (gethostname(host, sizeof host - 1) < 0)
                fail("the name of the host");
        json_t *process = json_pack("{s:b,s:{s:i,s:i,s:[]},s:o,s:o,s:s,s:b,s:{},s:o}", "terminal",
                                    0, "user", "uid", USER, "gid", USER, "additionalGids", "args",
                                    args, "env", env, "cwd", workdir, "noNewPrivileges", 1,
                                    "capabilities", "rlimits", limits());
        return json_pack("{s:s,s:o,s:{s:s,s:b},s:s,s:[{s:s,s:s,s:s}],"
                         "s:{s:[{s:s},{s:s},{s:s},{s:s},{s:s}]}}",
                         "ociVersion", "1.0.2", "process", process, "root", "path", GUEST,
                         "readonly", 0, "hostname", host, "mounts", "destination", "/proc", "type",
                         "proc", "source", "proc", "linux", "namespaces", "type", "pid", "type",
                         "network", "type", "ipc", "type", "uts", "type", "mount");
}

static void write_bundle(json_t *spec)
{
        if (!spec)
                fail("the working directory is not UTF-8");
        if (mkdir(BUNDLE, 0700) < 0 || mkdir("/run/runsc", 0700) < 0)
                fail("its directories");
        auto_close int fd = open(BUNDLE "/config.json", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0 || json_dumpfd(spec, fd, JSON_COMPACT) < 0)
                fail("its specification");
}

/* runsc, asked for one thing; what follows is its verb. */
static pid_t start(const char *verb, const char *what, const char *more, const sigset_t *mask)
{
        static const char *const programs[] = {"/usr/local/bin/runsc", "/usr/bin/runsc"};
        const char *const args[] = {"runsc",
                                    "--root=/run/runsc",
                                    "--platform=ptrace",
                                    "--network=none",
                                    "--ignore-cgroups",
                                    "--file-access=shared",
                                    verb,
                                    what,
                                    more,
                                    NULL};
        char *const none[] = {NULL};
        pid_t pid = fork();
        if (pid != 0)
                return pid;
        sigprocmask(SIG_SETMASK, mask, NULL);
        for (size_t i = 0; i < ARRAY_LEN(programs); i++)
                execve(programs[i], (char *const *)args, none);
        fail(strerror(errno));
}

/* As the command ended, or by the signal that we passed on and that ended it. */
NORETURN static void end_as(int status, int passed)
{
        int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        sigset_t set;
        if (passed && code == 128 + passed) {
                signal(passed, SIG_DFL);
                sigemptyset(&set);
                sigaddset(&set, passed);
                raise(passed);
                sigprocmask(SIG_UNBLOCK, &set, NULL);
        }
        _exit(code);
}

static pid_t pass_on(int sig, const sigset_t *mask)
{
        char name[16];
        snprintf(name, sizeof name, "%d", sig);
        return start("kill", "guest", name, mask);
}

/* `runsc run` takes a signal for its own: those for the command go through `runsc kill`, which fails
 * as long as the command does not run. */
NORETURN static void supervise(pid_t guest, const sigset_t *all, const sigset_t *old)
{
        const struct timespec pause = {.tv_nsec = 100000000};
        int status, passed = 0;
        bool again = false;
        pid_t killer = 0;
        for (;;) {
                int sig = again ? sigtimedwait(all, NULL, &pause) : sigwaitinfo(all, NULL);
                if (sig > 0 && sig != SIGCHLD)
                        passed = sig;
                if (again || (sig > 0 && sig != SIGCHLD)) {
                        killer = pass_on(passed, old);
                        again = killer < 0;
                }
                for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
                        if (pid == guest)
                                end_as(status, passed);
                        again |= pid == killer && status != 0;
                }
        }
}

int main(int argc, char **argv)
{
        uint64_t n_env = 0;
        sigset_t all, old;
        if (argc < 4 || str_to_u64(argv[2], &n_env) < 0 || n_env > (uint64_t)argc - 4)
                fail("it is a part of paddock and is started by it");
        size_t first = 3 + (size_t)n_env;
        auto_json json_t *spec = specification(argv[1], texts(argv + first, (size_t)argc - first),
                                               texts(argv + 3, (size_t)n_env));
        write_bundle(spec);
        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, &old);
        pid_t guest = start("run", "-bundle=" BUNDLE, "guest", &old);
        if (guest < 0)
                fail("it cannot be started");
        supervise(guest, &all, &old);
}
