/* Kernel features, by trying them. What changes namespaces is tried in a child. */
#include "cli/doctor.h"
#include "base/fd.h"
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* Runs fn in a child; its result is 0 or an errno. */
static int in_child(int (*fn)(void))
{
        int ends[2], result = EIO;
        if (pipe2(ends, O_CLOEXEC) < 0)
                return errno;
        pid_t pid = fork();
        if (pid == 0) {
                result = fn();
                ssize_t n = write(ends[1], &result, sizeof result);
                _exit(n == sizeof result ? 0 : 1);
        }
        close(ends[1]);
        if (pid < 0 || fd_read_all(ends[0], &result, sizeof result) < 0)
                result = pid < 0 ? errno : EIO;
        close(ends[0]);
        while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
        return result;
}

static enum finding told(int e, const char *ok, char detail[DETAIL_MAX])
{
        snprintf(detail, DETAIL_MAX, "%s", e ? errno_text(e) : ok);
        return e ? MISSING : FOUND;
}

/* A user namespace in which we are root: the beginning of every other test. */
static int become_root(void)
{
        char map[64];
        unsigned uid = geteuid(), gid = getegid();
        if (unshare(CLONE_NEWUSER) < 0)
                return errno;
        int r = file_poke_at(AT_FDCWD, "/proc/self/setgroups", "deny");
        if (r < 0 && r != -ENOENT)
                return -r;
        snprintf(map, sizeof map, "0 %u 1", uid);
        r = file_poke_at(AT_FDCWD, "/proc/self/uid_map", map);
        if (r < 0)
                return -r;
        snprintf(map, sizeof map, "0 %u 1", gid);
        return -file_poke_at(AT_FDCWD, "/proc/self/gid_map", map);
}

enum finding probe_user_ns(char detail[DETAIL_MAX])
{
        return told(in_child(become_root), "made one and mapped an id", detail);
}

static int all_ns(void)
{
        int e = become_root();
        if (e)
                return e;
        return unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
                       CLONE_NEWCGROUP) < 0
                       ? errno
                       : 0;
}

enum finding probe_other_ns(char detail[DETAIL_MAX])
{
        return told(in_child(all_ns), "made one of each", detail);
}

/* In a mount namespace of our own with an empty tmpfs over /tmp. */
static int own_tmpfs(void)
{
        int e = all_ns();
        if (e)
                return e;
        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                return errno;
        return mount("tmpfs", "/tmp", "tmpfs", 0, "size=1m") < 0 ? errno : 0;
}

static int try_overlay(void)
{
        int e = own_tmpfs();
        if (e)
                return e;
        if (mkdir("/tmp/l", 0700) < 0 || mkdir("/tmp/u", 0700) < 0 || mkdir("/tmp/w", 0700) < 0 ||
            mkdir("/tmp/m", 0700) < 0)
                return errno;
        return mount("overlay", "/tmp/m", "overlay", 0,
                     "lowerdir=/tmp/l,upperdir=/tmp/u,workdir=/tmp/w") < 0
                       ? errno
                       : 0;
}

enum finding probe_overlay(char detail[DETAIL_MAX])
{
        return told(in_child(try_overlay), "mounted one", detail);
}

/* A tmpfs by the new calls, not attached anywhere; -errno. */
static int new_tmpfs(void)
{
        auto_close int fs = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
        if (fs < 0)
                return -errno;
        if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
                return -errno;
        int m = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
        return m < 0 ? -errno : m;
}

static int try_mount_api(void)
{
        int e = all_ns();
        if (e)
                return e;
        int m = new_tmpfs();
        return m < 0 ? -m : 0;
}

enum finding probe_mount_api(char detail[DETAIL_MAX])
{
        return told(in_child(try_mount_api), "mounted a tmpfs by it", detail);
}

/* A child that sits in a user namespace of its own, for its descriptor. */
static int other_user_ns(void)
{
        int ends[2], fd = -1;
        char path[48], byte = 0;
        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        pid_t pid = fork();
        if (pid == 0) {
                byte = (char)become_root();
                ssize_t n = write(ends[1], &byte, 1);
                pause();
                _exit(n == 1);
        }
        int r = pid < 0 ? -errno : fd_read_all(ends[0], &byte, 1);
        if (r >= 0) {
                snprintf(path, sizeof path, "/proc/%d/ns/user", (int)pid);
                fd = byte ? -1 : open(path, O_RDONLY | O_CLOEXEC);
                r = byte ? -byte : fd < 0 ? -errno : fd;
        }
        close(ends[0]);
        close(ends[1]);
        if (pid > 0) {
                kill(pid, SIGKILL);
                waitpid(pid, NULL, 0);
        }
        return r;
}

static int try_idmap(void)
{
        int e = geteuid() == 0 && unshare(CLONE_NEWNS) == 0 ? 0 : all_ns();
        if (e)
                return e;
        int m = new_tmpfs();
        int ns = m < 0 ? m : other_user_ns();
        if (ns < 0)
                return -ns;
        struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)ns};
        return syscall(SYS_mount_setattr, m, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0 ? errno : 0;
}

enum finding probe_idmap(char detail[DETAIL_MAX])
{
        return told(in_child(try_idmap), "mapped a tmpfs", detail);
}

/* /proc can be mounted only by a process of the new pid namespace: one fork further. */
static int try_proc(void)
{
        int e = all_ns(), status;
        if (e)
                return e;
        pid_t pid = fork();
        if (pid == 0) {
                if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                        _exit(errno & 0xff);
                _exit(mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0
                              ? errno & 0xff
                              : 0);
        }
        if (pid < 0 || waitpid(pid, &status, 0) < 0)
                return errno;
        return WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}

enum finding probe_proc_mount(char detail[DETAIL_MAX])
{
        return told(in_child(try_proc), "mounted one", detail);
}

enum finding probe_openat2(char detail[DETAIL_MAX])
{
        struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
                               .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
        auto_close int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        auto_close int fd = (int)syscall(SYS_openat2, root, ".", &how, sizeof how);
        return told(fd < 0 ? errno : 0, "opened beneath a directory", detail);
}

enum finding probe_clone3(char detail[DETAIL_MAX])
{
        int pidfd = -1;
        struct clone_args a = {
                .flags = CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)&pidfd, .exit_signal = SIGCHLD};
        long pid = syscall(SYS_clone3, &a, sizeof a);
        if (pid == 0)
                _exit(0);
        int e = pid < 0 ? errno : 0;
        if (pid > 0)
                waitpid((pid_t)pid, NULL, 0);
        if (pidfd >= 0)
                close(pidfd);
        return told(e, "started a child by it", detail);
}

enum finding probe_pidfd(char detail[DETAIL_MAX])
{
        auto_close int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
        int e = fd < 0 ? errno : 0;
        if (!e && syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0) < 0)
                e = errno;
        return told(e, "opened one and signalled by it", detail);
}

enum finding probe_landlock(char detail[DETAIL_MAX])
{
        long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
        if (abi <= 0)
                return told(abi < 0 ? errno : ENOSYS, "", detail);
        snprintf(detail, DETAIL_MAX, "ABI %ld%s", abi,
                 abi < 4 ? ": files only, TCP and signals are held by the namespaces alone" : "");
        return FOUND;
}

enum finding probe_seccomp(char detail[DETAIL_MAX])
{
        uint32_t action = SECCOMP_RET_KILL_PROCESS;
        long r = syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action);
        return told(r < 0 ? errno : 0, "filters can kill a process", detail);
}

enum finding probe_memfd(char detail[DETAIL_MAX])
{
        auto_close int fd = memfd_sealed("doctor", "x", 1);
        int64_t size = fd < 0 ? fd : memfd_sealed_size(fd);
        return told(size < 0 ? (int)-size : 0, "sealed one", detail);
}
