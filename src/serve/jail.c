#include "serve/jail.h"
#include "base/fd.h"
#include "serve/subid.h"
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define CONTROL_FD   3
#define READONLY     (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
#define ROLE_EXE_DIR "/paddock"

uid_t jail_uid(const struct jail *j)
{
        return j->rootful && !j->row->host_view ? j->uid_base + j->row->uid_offset : geteuid();
}

/* ---- the root of a role, built in the child ---- */

static int make_parents(char *path, size_t skip)
{
        for (char *p = path + skip + 1; (p = strchr(p, '/')); p++) {
                *p = '\0';
                int r = mkdir(path, 0755);
                *p = '/';
                if (r < 0 && errno != EEXIST)
                        return -errno;
        }
        return 0;
}

/* Binds `source` (a file or a directory) at ROOT/target with the attributes. */
static int bind_at(const char *root, const char *source, const char *target, uint64_t attr,
                   struct err *err)
{
        char path[4096];
        struct stat st;
        if (stat(source, &st) < 0)
                return err_sys(err, -errno, "%s", source);
        if (snprintf(path, sizeof path, "%s%s", root, target) >= (int)sizeof path)
                return err_set(err, -ENAMETOOLONG, "%s", target);
        int r = make_parents(path, strlen(root));
        if (r < 0)
                return err_sys(err, r, "%s", target);
        if (S_ISDIR(st.st_mode)) {
                if (mkdir(path, 0755) < 0 && errno != EEXIST)
                        return err_sys(err, -errno, "%s", target);
        } else {
                auto_close int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
                if (fd < 0)
                        return err_sys(err, -errno, "%s", target);
        }
        struct mount_attr a = {.attr_set = attr};
        if (mount(source, path, NULL, MS_BIND, NULL) < 0)
                return err_sys(err, -errno, "bind %s", source);
        if (mount_setattr(AT_FDCWD, path, 0, &a, sizeof a) < 0)
                return err_sys(err, -errno, "attributes of %s", source);
        return 0;
}

static int bind_listed(const char *root, const char *list, struct err *err)
{
        char copy[512];
        snprintf(copy, sizeof copy, "%s", list ? list : "");
        char *rest = copy;
        for (char *p; (p = strsep(&rest, " "));) {
                if (!*p || access(p, F_OK) < 0)
                        continue; /* a host without it: the role says what it lacks when asked */
                int r = bind_at(root, p, p, READONLY, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int bind_all(const struct jail *j, struct err *err)
{
        char exe[64];
        snprintf(exe, sizeof exe, ROLE_EXE_DIR "/%s", j->row->name);
        const uint64_t dev = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
        int r = bind_at(j->root, "/usr/lib", "/usr/lib", READONLY, err);
        if (r == 0)
                r = bind_listed(j->root, "/usr/lib64 /etc/ld.so.cache", err);
        if (r == 0)
                r = bind_listed(j->root, j->row->mounts, err);
        if (r == 0)
                r = bind_at(j->root, j->program, exe, READONLY, err);
        if (r == 0)
                r = bind_at(j->root, "/dev/null", "/dev/null", dev & ~MOUNT_ATTR_RDONLY, err);
        if (r == 0)
                r = bind_at(j->root, "/dev/urandom", "/dev/urandom", dev, err);
        if (r == 0)
                r = bind_at(j->root, j->state, "/state",
                            MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, err);
        return r;
}

/* How mounts of the host travel into this namespace. */
static int set_propagation(unsigned long kind, struct err *err)
{
        if (mount(NULL, "/", NULL, MS_REC | kind, NULL) == 0)
                return 0;
        return errno == EINVAL ? err_set(err, -EINVAL,
                                         "/ is no mount point: in a chroot paddock "
                                         "cannot build the roots of its roles")
                               : err_sys(err, -errno, "mount propagation");
}

static int enter_root(const struct jail *j, struct err *err)
{
        int r = set_propagation(MS_PRIVATE, err);
        if (r < 0)
                return r;
        if (mount("paddock", j->root, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=256k") < 0)
                return err_sys(err, -errno, "root");
        r = bind_all(j, err);
        if (r < 0)
                return r;
        struct mount_attr ro = {.attr_set = READONLY | MOUNT_ATTR_NOEXEC};
        if (chdir(j->root) < 0 || symlink("usr/lib", "lib") < 0 ||
            symlink("usr/lib64", "lib64") < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
            umount2(".", MNT_DETACH) < 0 || chdir("/") < 0 ||
            mount_setattr(AT_FDCWD, "/", 0, &ro, sizeof ro) < 0)
                return err_sys(err, -errno, "root");
        return 0;
}

/* ---- privileges and descriptors, in the child ---- */

static int drop_privileges(const struct jail *j, struct err *err)
{
        uid_t id = jail_uid(j);
        for (int cap = 0; cap <= 63; cap++)
                if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EINVAL)
                        return err_sys(err, -errno, "capability %d", cap);
        if (j->rootful &&
            (setgroups(0, NULL) < 0 || setresgid(id, id, id) < 0 || setresuid(id, id, id) < 0))
                return err_sys(err, -errno, "uid %u", (unsigned)id);
        struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct none[2] = {0};
        if (syscall(SYS_capset, &head, none) < 0)
                return err_sys(err, -errno, "capabilities");
        return 0;
}

static int arrange_descriptors(const struct jail *j, int report, struct err *err)
{
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        /* A terminal is open for reading as well: what is typed there is not for a role. */
        int tty = isatty(2) ? open("/proc/self/fd/2", O_WRONLY | O_NOCTTY | O_CLOEXEC) : 2;
        if (null < 0 || dup2(null, 0) < 0 || dup2(tty < 0 ? 2 : tty, 2) < 0 || dup2(2, 1) < 0 ||
            (j->control != CONTROL_FD && dup2(j->control, CONTROL_FD) < 0) ||
            fd_cloexec(CONTROL_FD, false) < 0 ||
            close_range(CONTROL_FD + 1, (unsigned)report - 1, 0) < 0 ||
            close_range((unsigned)report + 1, ~0u, 0) < 0)
                return err_sys(err, -errno, "descriptors");
        return 0;
}

static void reset_signals(void)
{
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        for (int s = 1; s < NSIG; s++)
                signal(s, SIG_DFL);
}

/* launch keeps its capabilities in this user namespace over execve: it holds the further ids that
 * only who has them may give to a sandbox. */
static int keep_capabilities(struct err *err)
{
        struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct d[2];
        if (syscall(SYS_capget, &head, d) < 0)
                return err_sys(err, -errno, "capabilities");
        for (int i = 0; i < 2; i++)
                d[i].inheritable = d[i].permitted;
        if (syscall(SYS_capset, &head, d) < 0)
                return err_sys(err, -errno, "capabilities");
        for (int cap = 0; prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) == 0; cap++)
                ;
        return 0;
}

static int become(const struct jail *j, bool ranged, int report, struct err *err)
{
        char lang[] = "LANG=C.UTF-8", *env[] = {lang, NULL};
        char exe[64], *argv[] = {exe, NULL};
        snprintf(exe, sizeof exe, ROLE_EXE_DIR "/%s", j->row->name);
        reset_signals();
        umask(022);
        setsid();
        int r = arrange_descriptors(j, report, err);
        if (r < 0)
                return r;
        if (j->row->host_view) {
                /* launch: slave, so that an unmounted disk of the host leaves here as well */
                r = set_propagation(MS_SLAVE, err);
                if (r < 0)
                        return r;
                if (chdir(j->state) < 0)
                        return err_sys(err, -errno, "%s", j->state);
                r = ranged ? keep_capabilities(err) : 0;
                if (r < 0)
                        return r;
                umask(077);
                execve(j->program, argv, env);
                return err_sys(err, -errno, "%s", j->program);
        }
        r = enter_root(j, err);
        if (r == 0)
                r = drop_privileges(j, err);
        if (r < 0)
                return r;
        /* A role ends by itself with its control link; this is for one that hangs or is no longer
         * ours. Behind drop_privileges, which would clear it. */
        if (!j->row->outlives_serve && prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
                return err_sys(err, -errno, "signal at the end of serve");
        umask(077);
        execve(exe, argv, env);
        return err_sys(err, -errno, "%s", j->program);
}

/* ---- the parent ---- */

static uint64_t namespaces(const struct jail *j)
{
        uint64_t f = CLONE_NEWNS | CLONE_NEWIPC;
        if (!j->rootful)
                f |= CLONE_NEWUSER;
        if (j->row->net == ROLE_NET_NONE)
                f |= CLONE_NEWNET;
        if (!j->row->host_view)
                f |= CLONE_NEWPID; /* no other process can even be named */
        return f;
}

static int write_single_maps(pid_t pid, struct err *err)
{
        char dir[64], map[64];
        snprintf(dir, sizeof dir, "/proc/%d", (int)pid);
        auto_close int fd = dir_open_at(AT_FDCWD, dir);
        snprintf(map, sizeof map, "%u %u 1", (unsigned)geteuid(), (unsigned)geteuid());
        int r = fd < 0 ? fd : file_poke_at(fd, "uid_map", map);
        if (r == 0)
                r = file_poke_at(fd, "setgroups", "deny");
        snprintf(map, sizeof map, "%u %u 1", (unsigned)getegid(), (unsigned)getegid());
        if (r == 0)
                r = file_poke_at(fd, "gid_map", map);
        return r < 0 ? err_sys(err, r, "user namespace") : 0;
}

/* Rootless: launch gets the user's further ids where the host gives him some, all others have his
 * one id. */
static int write_maps(const struct jail *j, pid_t pid, bool *ret_ranged, struct err *err)
{
        int r = j->row->host_view ? subid_map(pid, err) : -ENOENT;
        *ret_ranged = r == 0;
        return r == -ENOENT ? write_single_maps(pid, err) : r;
}

/* The child: waits for its id maps, then becomes the role or reports why not. */
NORETURN static void child(const struct jail *j, int go, int report)
{
        struct err err = {0};
        char byte;
        if (read(go, &byte, 1) == 1) {
                become(j, byte == 'r', report, &err);
                if (write(report, &err, sizeof err) < 0)
                        _exit(127);
        }
        _exit(127);
}

static int start_child(const struct jail *j, int go[2], int report[2], pid_t *ret_pid,
                       struct err *err)
{
        struct clone_args a = {.flags = namespaces(j), .exit_signal = SIGCHLD};
        pid_t pid = (pid_t)syscall(SYS_clone3, &a, sizeof a);
        if (pid < 0)
                return err_sys(err, -errno, "namespaces");
        if (pid == 0) {
                close(go[1]); /* or our own end would keep the parent's death from being seen */
                child(j, go[0], report[1]);
        }
        *ret_pid = pid;
        bool ranged = false;
        int r = j->rootful ? 0 : write_maps(j, pid, &ranged, err);
        if (r == 0 && write(go[1], ranged ? "r" : "g", 1) != 1)
                r = err_sys(err, -errno, "start");
        return r;
}

int jail_spawn(const struct jail *j, pid_t *ret_pid, struct err *err)
{
        auto_close int go_r = -1, go_w = -1, report_r = -1, report_w = -1;
        int go[2], report[2];
        if (pipe2(go, O_CLOEXEC) < 0)
                return err_sys(err, -errno, "pipe");
        go_r = go[0];
        go_w = go[1];
        if (pipe2(report, O_CLOEXEC) < 0)
                return err_sys(err, -errno, "pipe");
        report_r = report[0];
        report_w =
                fcntl(report[1], F_DUPFD_CLOEXEC, 64); /* clear of the descriptors arranged below */
        close(report[1]);
        report[1] = report_w;
        pid_t pid = 0;
        int r = report_w < 0 ? err_sys(err, -errno, "pipe") : start_child(j, go, report, &pid, err);
        close(TAKE_FD(go_w));
        close(TAKE_FD(report_w));
        struct err failed;
        if (r == 0 && fd_read_all(report_r, &failed, sizeof failed) == 0)
                r = err_set(err, failed.code, "%s: %s", j->row->name, err_text(&failed));
        if (r < 0 && pid > 0) {
                kill(pid, SIGKILL);
                waitpid(pid, NULL, 0);
        }
        if (r == 0)
                *ret_pid = pid;
        return r;
}
