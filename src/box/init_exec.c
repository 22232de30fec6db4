#include "box/init_exec.h"
#include "base/fd.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#define REPORT      3
#define KILL_ROUNDS 2000 /* of a millisecond, for a tree that grows while it is being killed */

static void report(uint32_t kind, int32_t value)
{
        struct exec_report r = {kind, value};
        if (write(REPORT, &r, sizeof r) != sizeof r)
                _exit(1); /* init is gone: so is all of this */
}

/* Nothing of the command's stays open here: the ends of its pipes must be seen. */
static void keep_only(int fd)
{
        if (fd != REPORT && dup3(fd, REPORT, O_CLOEXEC) < 0)
                _exit(1);
        syscall(SYS_close_range, REPORT + 1u, ~0u, 0u);
}

/* Reaps what there is. True when the command was among it. */
static bool reap(pid_t command, int *ret_status, bool *ret_any_left)
{
        int status;
        pid_t pid;
        bool seen = false;
        while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
                if (pid == command) {
                        *ret_status = status;
                        seen = true;
                }
        *ret_any_left = pid == 0;
        return seen;
}

static void kill_children(pid_t command)
{
        char text[16384];
        auto_close int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
        if (n < 0) { /* a kernel without that list: what the command can be reached by */
                kill(-command, SIGKILL);
                kill(command, SIGKILL);
                return;
        }
        text[n] = 0;
        for (char *p = text, *end;; p = end) {
                long pid = strtol(p, &end, 10);
                if (end == p || pid <= 1)
                        return;
                kill((pid_t)pid, SIGKILL);
        }
}

/* Whoever dies leaves his children to us: round by round the whole tree. */
static void kill_tree(pid_t command, int *status)
{
        bool left = true;
        for (int i = 0; left && i < KILL_ROUNDS; i++) {
                kill_children(command);
                if (i)
                        poll(NULL, 0, 1);
                reap(command, status, &left);
        }
}

static int deadline(uint64_t ms)
{
        int fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
        struct itimerspec t = {.it_value = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000}};
        if (fd < 0 || timerfd_settime(fd, 0, &t, NULL) < 0) /* 0: never */
                _exit(1);
        return fd;
}

void exec_supervise(const struct run *run, uint64_t wall_ms, int fd)
{
        sigset_t all, child;
        sigfillset(&all);
        sigemptyset(&child);
        sigaddset(&child, SIGCHLD);
        sigprocmask(SIG_SETMASK, &all, NULL);
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
        pid_t command = fork();
        if (command == 0)
                run_become(run);
        if (command < 0)
                dprintf(run->stdio[2], "paddock: cannot start it: %s\n", strerror(errno));
        keep_only(fd);
        if (command < 0) {
                report(EXEC_ENDED, RUN_NOT_RUNNABLE << 8);
                _exit(0);
        }
        report(EXEC_RUNS, command);
        struct pollfd p[2] = {{signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK), POLLIN, 0},
                              {deadline(wall_ms), POLLIN, 0}};
        struct signalfd_siginfo si;
        int status = SIGKILL;
        bool left;
        while (!reap(command, &status, &left)) {
                if (poll(p, 2, -1) < 0 && errno != EINTR)
                        _exit(1);
                if (p[1].revents) {
                        kill_tree(command, &status);
                        report(EXEC_TIMED_OUT, status);
                        _exit(0);
                }
                while (read(p[0].fd, &si, sizeof si) > 0)
                        ;
        }
        report(EXEC_ENDED, status);
        _exit(0);
}
