#include "box/nest.h"
#include "base/fd.h"
#include "box/host.h"
#include "box/spec.h"
#include "os/ns.h"
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

struct report {
        int code; /* negative errno */
        char step[48];
};

int nest_pid_of(int pidfd, pid_t *ret_pid, pid_t *ret_inner, struct err *err)
{
        char path[48], text[1024];
        snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pidfd);
        auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
        if (n < 0)
                return err_sys(err, -errno, "pidfd");
        text[n] = 0;
        const char *pid = strstr(text, "\nPid:\t"), *all = strstr(text, "\nNSpid:\t");
        if (!pid || !all || strtol(pid + 6, NULL, 10) <= 0)
                return err_set(err, -ESRCH, "the process has ended");
        *ret_pid = (pid_t)strtol(pid + 6, NULL, 10);
        long last = 0;
        for (char *end, *p = (char *)all + 8; *p && *p != '\n'; p = end) {
                last = strtol(p, &end, 10);
                if (end == p)
                        break;
        }
        if (ret_inner)
                *ret_inner = (pid_t)last;
        return 0;
}

static int set_effective(uint32_t id)
{
        bool root = id == 0; /* the group while we may, on either way */
        if (root && syscall(SYS_setresuid, -1, id, -1) < 0)
                return -errno;
        if (syscall(SYS_setresgid, -1, id, -1) < 0)
                return -errno;
        return !root && syscall(SYS_setresuid, -1, id, -1) < 0 ? -errno : 0;
}

/* Inside the template's namespaces, as its root: makes the process for its user, maps its ids.
 * Returns 0 in that process; in the maker itself it does not return. */
static pid_t make(const struct nest *n, uint64_t flags, int socket)
{
        struct err err = {0};
        struct report r = {0, "ids of the template"};
        struct ns_map range = {0, n->first, SLOT_SIZE};
        int pidfd = -1;
        pid_t pid = -1, host;
        if (syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0)
                r.code = -errno;
        if (r.code == 0)
                r.code = set_effective(BOX_UID);
        prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* else the child's /proc files were the host root's */
        if (r.code == 0) {
                pid = ns_fork(flags, -1, &pidfd, &err);
                if (pid == 0)
                        return 0;
        }
        if (pid < 0 && r.code == 0)
                r.code = err.code;
        if (r.code == 0)
                r.code = set_effective(0);
        if (r.code == 0)
                r.code = nest_pid_of(pidfd, &host, NULL, &err);
        if (r.code == 0)
                r.code = ns_write_maps(host, &range, &range, false, &err);
        if (err.code)
                snprintf(r.step, sizeof r.step, "%.47s", err_text(&err));
        _exit(fd_send_with(socket, &r, sizeof r, &pidfd, pidfd >= 0) < 0);
}

pid_t nest_fork(const struct nest *n, uint64_t flags, int cgroup,
                const int doors[CGROUP_CONTROLLERS], int *ret_pidfd, struct err *err)
{
        int pair[2];
        auto_close int outer_pidfd = -1;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return err_sys(err, -errno, "socket pair");
        auto_close int ours = pair[0];
        pid_t pid = ns_fork(0, cgroup, &outer_pidfd, err);
        if (pid == 0) {
                int inner_pidfd;
                if (cgroup_enter(doors, NULL) < 0)
                        _exit(1);
                if (setns(n->user_ns, CLONE_NEWUSER) < 0 || setns(n->pid_ns, CLONE_NEWPID) < 0)
                        _exit(1);
                pid_t maker = ns_fork(0, -1, &inner_pidfd, NULL); /* the pid namespace is its */
                if (maker == 0)
                        return make(n, flags, pair[1]);
                _exit(maker < 0 || waitpid(maker, NULL, 0) < 0);
        }
        close(pair[1]);
        if (pid < 0)
                return pid;
        struct report r;
        size_t n_fds = 1;
        ssize_t got = fd_recv_with(ours, &r, sizeof r, true, ret_pidfd, &n_fds);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
        if (got != (ssize_t)sizeof r)
                return err_sys(err, got < 0 ? (int)got : -EPIPE, "the template's namespaces");
        if (r.code == 0)
                r.code = nest_pid_of(*ret_pidfd, &pid, NULL, err);
        else
                err_set(err, r.code, "in the template: %.47s", r.step);
        if (r.code < 0)
                closep(ret_pidfd);
        return r.code < 0 ? r.code : pid;
}
