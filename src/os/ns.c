#include "os/ns.h"
#include "base/fd.h"
#include <fcntl.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

pid_t ns_fork(uint64_t flags, int cgroup_fd, int *ret_pidfd, struct err *err)
{
        int pidfd = -1;
        struct clone_args a = {.flags = flags | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
                               .pidfd = (uint64_t)(uintptr_t)&pidfd,
                               .exit_signal = SIGCHLD};
        if (cgroup_fd >= 0) {
                a.flags |= CLONE_INTO_CGROUP;
                a.cgroup = (uint64_t)cgroup_fd;
        }
        long pid = syscall(SYS_clone3, &a, sizeof a);
        if (pid < 0)
                return err_sys(err, -errno, "new namespaces");
        if (pid > 0)
                *ret_pidfd = pidfd;
        return (pid_t)pid;
}

static int write_map(int proc, const char *name, const struct ns_map *m, bool and_root,
                     struct err *err)
{
        char text[96];
        snprintf(text, sizeof text, "%u %u %u\n%s", m->inside, m->outside, m->count,
                 and_root ? "0 0 1\n" : "");
        int r = file_poke_at(proc, name, text);
        return r < 0 ? err_sys(err, r, "%s", name) : 0;
}

static int write_maps(pid_t pid, const struct ns_map *uids, const struct ns_map *gids,
                      bool deny_setgroups, bool and_root, struct err *err)
{
        char path[32] = "/proc/self"; /* not getpid(): this /proc may be another pid namespace's */
        if (pid)
                snprintf(path, sizeof path, "/proc/%d", pid);
        auto_close int proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (proc < 0)
                return err_sys(err, -errno, "%s", path);
        int r = deny_setgroups ? file_poke_at(proc, "setgroups", "deny") : 0;
        if (r < 0)
                return err_sys(err, r, "setgroups");
        r = write_map(proc, "uid_map", uids, and_root, err);
        return r < 0 ? r : write_map(proc, "gid_map", gids, and_root, err);
}

int ns_write_maps(pid_t pid, const struct ns_map *uids, const struct ns_map *gids,
                  bool deny_setgroups, struct err *err)
{
        return write_maps(pid, uids, gids, deny_setgroups, false, err);
}

static int write_mixed(int proc, const char *name, uint32_t first, uint32_t count, uint32_t own,
                       uint32_t id, struct err *err)
{
        char text[128];
        snprintf(text, sizeof text, "0 %u %u\n%u %u 1\n%u %u %u\n", first, own, own, id, own + 1,
                 first + own + 1, count - own - 1);
        int r = file_poke_at(proc, name, text);
        return r < 0 ? err_sys(err, r, "%s", name) : 0;
}

int ns_write_mixed(pid_t pid, uint32_t first, uint32_t count, uint32_t own, uint32_t uid,
                   uint32_t gid, struct err *err)
{
        char path[32];
        snprintf(path, sizeof path, "/proc/%d", pid);
        auto_close int proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (proc < 0)
                return err_sys(err, -errno, "%s", path);
        int r = write_mixed(proc, "uid_map", first, count, own, uid, err);
        return r < 0 ? r : write_mixed(proc, "gid_map", first, count, own, gid, err);
}

int ns_user(const struct ns_map *map, struct err *err)
{
        auto_close int pidfd = -1;
        pid_t pid = ns_fork(CLONE_NEWUSER, -1, &pidfd, err);
        if (pid < 0)
                return pid;
        if (pid == 0)
                for (;;)
                        pause();
        char path[48];
        snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
        int r = write_maps(pid, map, map, false, true, err);
        int fd = r < 0 ? r : open(path, O_RDONLY | O_CLOEXEC);
        if (r == 0 && fd < 0)
                fd = err_sys(err, -errno, "%s", path);
        kill(pid, SIGKILL); /* our unreaped child: the pid cannot be another's */
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
        return fd;
}

int ns_loopback_up(struct err *err)
{
        auto_close int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (s < 0)
                return err_sys(err, -errno, "loopback");
        struct ifreq req = {.ifr_name = "lo", .ifr_flags = IFF_UP};
        return ioctl(s, SIOCSIFFLAGS, &req) < 0 ? err_sys(err, -errno, "loopback") : 0;
}
