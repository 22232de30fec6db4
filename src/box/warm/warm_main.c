/* libwarm.so - the part of a warm process that is ours: loaded into an interpreter by its loader
 * (python.py), it waits for FORK and returns in the child, jailed and told to go. See messages.h.
 *
 * It is linked with nothing: the few functions of libc that it uses are those of the interpreter it
 * finds itself in, whatever its version.
 */
#include "box/warm/messages.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ZYGOTE_SOCKET 0
#define CHILD_SOCKET  3
#define FIRST_FREE    64 /* where descriptors are put out of the way of 0 to 3 */

/* For the loader. Forks as often as it is asked to; returns 0 in each child, or a negative errno in
 * the zygote when launch is gone. */
__attribute__((visibility("default"))) int warm_fork_loop(void);
/* In the child, once it has done all that it can do before it is somebody's: waits to be told to go.
 * Returns the descriptor of the command. */
__attribute__((visibility("default"))) int warm_wait(void);
/* Tells launch that the imports are done. */
__attribute__((visibility("default"))) int warm_ready(void);

static struct warm_fork request;
static struct warm_answer answer;
static struct warm_go go;

static void name_step(const char *step)
{
        size_t n = strnlen(step, sizeof answer.step - 1);
        memcpy(answer.step, step, n);
        answer.step[n] = 0;
}

static int say(int fd, uint32_t kind, int error, const char *step)
{
        answer.kind = kind;
        answer.error = error;
        name_step(step ? step : "");
        return send(fd, &answer, sizeof answer, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* ---- one message with descriptors ---- */

union control {
        char bytes[CMSG_SPACE(WARM_FDS_MAX * sizeof(int))];
        struct cmsghdr align;
};

static ssize_t receive(int fd, void *p, size_t size, int *fds, size_t *n_fds)
{
        union control c;
        struct iovec io = {p, size};
        struct msghdr m = {.msg_iov = &io,
                           .msg_iovlen = 1,
                           .msg_control = c.bytes,
                           .msg_controllen = sizeof c.bytes};
        ssize_t n;
        do
                n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        *n_fds = 0;
        for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); n >= 0 && h; h = CMSG_NXTHDR(&m, h)) {
                if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
                        continue;
                *n_fds = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                memcpy(fds, CMSG_DATA(h), *n_fds * sizeof(int));
        }
        return n < 0 ? -errno : n;
}

static int send_pidfd(int pidfd)
{
        union control c;
        struct iovec io = {&answer, sizeof answer};
        struct msghdr m = {.msg_iov = &io,
                           .msg_iovlen = 1,
                           .msg_control = c.bytes,
                           .msg_controllen = CMSG_SPACE(sizeof(int))};
        memset(&c, 0, sizeof c);
        struct cmsghdr *h = CMSG_FIRSTHDR(&m);
        h->cmsg_level = SOL_SOCKET;
        h->cmsg_type = SCM_RIGHTS;
        h->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(h), &pidfd, sizeof(int));
        return sendmsg(ZYGOTE_SOCKET, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* ---- the helper: into the namespaces ---- */

/* Shares the zygote's memory: answer is where it says what did not work. */
static int enter(const int *fds, size_t n_fds)
{
        static const char *const names[WARM_NS] = {"user", "mount", "pid",   "net",
                                                   "ipc",  "uts",   "cgroup"};
        for (size_t i = WARM_FIXED_FDS; i < n_fds; i++)
                if (write(fds[i], "0", 1) != 1) {
                        name_step("control group");
                        return -errno;
                }
        for (int i = 0; i < WARM_NS; i++)
                if (syscall(SYS_setns, fds[i], 0) < 0) {
                        name_step(names[i]);
                        return -errno;
                }
        return 0;
}

/* ---- the child: gives everything up ---- */

static int drop(uint32_t uid)
{
        struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct none[2] = {{0}};
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
                return -errno;
        for (int cap = 0; cap < 64; cap++)
                if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EINVAL)
                        return -errno;
        if (prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED |
                                             SECBIT_NO_SETUID_FIXUP_LOCKED |
                                             SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
                                             SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED) < 0)
                return -errno;
        syscall(SYS_setgroups, 0, NULL); /* refused where setgroups is denied: there are none */
        if (syscall(SYS_setresgid, uid, uid, uid) < 0 || syscall(SYS_setresuid, uid, uid, uid) < 0)
                return -errno;
        if (syscall(SYS_capset, &head, none) < 0)
                return -errno;
        return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

/* Nothing of the zygote's or the helper's stays open. */
static int arrange(const int *fds)
{
        int high[4];
        for (int i = 0; i < 4; i++)
                if ((high[i] = fcntl(fds[WARM_NS + i], F_DUPFD_CLOEXEC, FIRST_FREE)) < 0)
                        return -errno;
        for (int i = 0; i < 4; i++)
                if (dup2(high[i], i) < 0)
                        return -errno;
        fcntl(CHILD_SOCKET, F_SETFD, FD_CLOEXEC);
        return syscall(SYS_close_range, CHILD_SOCKET + 1u, ~0u, 0u) < 0 ? -errno : 0;
}

static int put_on_filter(void)
{
        struct sock_fprog f = {(unsigned short)request.n_filter, request.filter};
        return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &f) < 0 ? -errno : 0;
}

/* ---- the child: told to go ---- */

static int allow(int ruleset, const char *path, uint64_t rights)
{
        struct landlock_path_beneath_attr a = {.allowed_access = rights};
        a.parent_fd = open(path, O_PATH | O_CLOEXEC);
        if (a.parent_fd < 0)
                return errno == ENOENT || errno == EACCES ? 0 : -errno;
        long r = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &a, 0);
        int e = r < 0 ? -errno : 0;
        close(a.parent_fd);
        return e;
}

/* As os/landlock.c does for a command that init starts. */
static int restrict_files(void)
{
        struct {
                uint64_t fs, net, scoped;
        } attr = {(1ull << 13) - 1, 0, 0};
        long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
        if (abi <= 0)
                return 0;
        size_t size = abi >= 6 ? sizeof attr : abi >= 4 ? 16 : 8;
        attr.fs |= (abi >= 2 ? 1ull << 13 : 0) | (abi >= 3 ? 1ull << 14 : 0) |
                   (abi >= 5 ? 1ull << 15 : 0);
        attr.scoped = abi >= 6 ? 1 : 0; /* abstract sockets; signals are for the pid namespace */
        const uint64_t read_ = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
                               LANDLOCK_ACCESS_FS_EXECUTE;
        const uint64_t nodes = LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK;
        int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
        if (ruleset < 0)
                return -errno;
        int r = allow(ruleset, "/", read_);
        for (uint32_t i = 0; i < go.n_writable && r == 0; i++)
                r = allow(ruleset, go.writable[i], attr.fs & ~nodes);
        if (r == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
                r = -errno;
        close(ruleset);
        return r;
}

static int be_told(void)
{
        int fds[WARM_FDS_MAX], r = 0;
        size_t n_fds;
        ssize_t n = receive(CHILD_SOCKET, &go, sizeof go, fds, &n_fds);
        if (n != (ssize_t)sizeof go || go.kind != WARM_GO || n_fds != 1 ||
            go.n_writable > WARM_WRITABLE)
                _exit(1); /* launch is gone: this sandbox is swept */
        const char *step = "landlock";
        r = restrict_files();
        if (r == 0 && chdir(go.workdir) < 0) {
                step = "working directory";
                r = -errno;
        }
        umask(022);
        if (say(CHILD_SOCKET, WARM_GONE, r, step) < 0 || r < 0)
                _exit(1);
        close(CHILD_SOCKET);
        return fds[0];
}

/* In the fork: its own memory, the namespaces of its sandbox, all capabilities in them. */
static int become_child(const int *fds)
{
        const char *step = "identity";
        int r = arrange(fds);
        setsid();
        if (r == 0)
                r = drop(request.uid);
        if (r == 0) {
                step = "filter";
                r = put_on_filter();
        }
        /* Its own /proc/self is its own: there is nothing of another's in this memory. */
        prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
        if (r < 0) {
                say(CHILD_SOCKET, WARM_WAITING, r, step);
                _exit(1);
        }
        return 0;
}

int warm_wait(void)
{
        if (say(CHILD_SOCKET, WARM_WAITING, 0, NULL) < 0)
                _exit(1);
        return be_told();
}

static void close_all(const int *fds, size_t n)
{
        for (size_t i = 0; i < n; i++)
                close(fds[i]);
}

/* The helper runs on this stack, frames below: it may not return. The fork it makes has a copy of
 * the stack and does. */
static int fork_into(const int *fds, size_t n_fds, bool *ret_child)
{
        volatile int pid = -1, error = 0;
        *ret_child = false;
        answer.step[0] = 0;
        pid_t helper = vfork();
        if (helper == 0) {
                error = enter(fds, n_fds);
                if (error < 0)
                        _exit(1);
                pid_t child = fork();
                if (child == 0) {
                        *ret_child = true;
                        return become_child(fds);
                }
                pid = child;
                if (child < 0)
                        error = -errno;
                _exit(0);
        }
        if (helper < 0)
                return -errno;
        /* A zombie would hold the namespaces of the sandbox. */
        while (syscall(SYS_wait4, helper, NULL, 0, NULL) < 0 && errno == EINTR)
                ;
        return error < 0 ? error : pid;
}

int warm_ready(void)
{
        return say(ZYGOTE_SOCKET, WARM_READY, 0, NULL);
}

int warm_fork_loop(void)
{
        for (;;) {
                int fds[WARM_FDS_MAX];
                size_t n_fds;
                bool child;
                ssize_t n = receive(ZYGOTE_SOCKET, &request, sizeof request, fds, &n_fds);
                if (n <= 0)
                        return n < 0 ? (int)n : -EPIPE;
                if (request.kind != WARM_FORK || n_fds < WARM_FIXED_FDS ||
                    request.n_filter > WARM_FILTER_MAX)
                        return -EPROTO;
                int r = fork_into(fds, n_fds, &child);
                if (child)
                        return r;
                close_all(fds, n_fds);
                answer.pid = r;
                int pidfd = r < 0 ? -1 : (int)syscall(SYS_pidfd_open, r, 0);
                if (pidfd < 0) {
                        if (!answer.step[0])
                                name_step("fork");
                        answer.kind = WARM_FORKED;
                        answer.error = r < 0 ? r : -errno;
                        r = send(ZYGOTE_SOCKET, &answer, sizeof answer, MSG_NOSIGNAL) < 0 ? -errno
                                                                                          : 0;
                } else {
                        answer.kind = WARM_FORKED;
                        answer.error = 0;
                        r = send_pidfd(pidfd);
                        close(pidfd);
                }
                if (r < 0)
                        return r;
        }
}
