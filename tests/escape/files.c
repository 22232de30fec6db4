/* files.c - of the program escape: the file system, /proc, mounts, devices, programs. */
#include "escape.h"
#include <dirent.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>

static const char *working_directory(void)
{
        char cwd[256];
        if (TRY(SYS_getcwd, cwd, sizeof cwd) < 0 || cwd[0] != '/')
                return OPEN("the working directory is not below the root");
        for (int fd = 3; fd < 64; fd++) {
                char path[32];
                snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
                if (chdir(path) == 0)
                        return OPEN("descriptor %d is a directory", fd);
        }
        return NULL;
}

static const char *magic_links(void)
{
        static const char *const paths[] = {"/proc/self/root", "/proc/self/root/../..",
                                            "/proc/1/root", "/proc/self/cwd/../../../../.."};
        for (size_t i = 0; i < COUNT(paths); i++) {
                const char *r = same_root(paths[i]);
                if (r)
                        return r;
        }
        DIR *d = opendir("/proc");
        for (struct dirent *e; d && (e = readdir(d));) {
                char path[300];
                if (e->d_name[0] == '.')
                        continue; /* "/root" of an image */
                snprintf(path, sizeof path, "/proc/%s/root", e->d_name);
                const char *r = same_root(path);
                if (r)
                        return r;
        }
        if (d)
                closedir(d);
        return NULL;
}

static const char *kernel_files_written(void)
{
        static const char *const paths[] = {"/proc/sys/kernel/core_pattern",
                                            "/proc/sys/kernel/modprobe",
                                            "/proc/sys/kernel/hostname",
                                            "/proc/sysrq-trigger",
                                            "/sys/kernel/uevent_helper",
                                            "/proc/sys/vm/overcommit_memory",
                                            "/proc/sys/net/ipv4/ip_forward",
                                            "/proc/sys/user/max_user_namespaces",
                                            "/proc/self/attr/current",
                                            "/proc/self/oom_score_adj",
                                            "/proc/1/oom_score_adj",
                                            "/sys/fs/cgroup/release_agent",
                                            "/proc/self/uid_map",
                                            "/proc/self/setgroups"};
        for (size_t i = 0; i < COUNT(paths); i++)
                if (opens(paths[i], O_WRONLY))
                        return OPEN("%s can be opened for writing", paths[i]);
        return NULL;
}

static const char *kernel_files_read(void)
{
        static const char *const paths[] = {
                "/proc/kcore",       "/proc/keys",        "/proc/timer_list", "/proc/kallsyms",
                "/proc/kmsg",        "/proc/sched_debug", "/proc/interrupts", "/sys/firmware",
                "/dev/mem",          "/dev/kmsg",         "/dev/kvm",         "/dev/fuse",
                "/sys/kernel/debug", "/proc/config.gz"};
        char text[64];
        for (size_t i = 0; i < COUNT(paths); i++)
                if (read_file(paths[i], text, sizeof text) > 0)
                        return OPEN("%s can be read", paths[i]);
        return NULL;
}

static const char *handles(void)
{
        struct {
                unsigned bytes;
                int type;
                unsigned char id[8];
        } h = {8, 1, {2, 0, 0, 0, 0, 0, 0, 0}};
        long r = TRY(SYS_open_by_handle_at, AT_FDCWD, &h, O_RDONLY);
        return refused(r) ? NULL : OPEN("open_by_handle_at: %ld", r);
}

static const char *mounts(void)
{
        if (mount("none", "/tmp", "tmpfs", 0, NULL) == 0 ||
            mount("/", "/tmp", NULL, MS_BIND, NULL) == 0 ||
            mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL) == 0 ||
            mount(NULL, "/proc", NULL, MS_REMOUNT | MS_BIND, NULL) == 0)
                return OPEN("mount works");
        if (umount2("/proc/keys", MNT_DETACH) == 0 || umount2("/proc", MNT_DETACH) == 0)
                return OPEN("umount works");
        long r[] = {TRY(SYS_fsopen, "tmpfs", 0), TRY(SYS_open_tree, AT_FDCWD, "/", 1),
                    TRY(SYS_move_mount, AT_FDCWD, "/usr", AT_FDCWD, "/tmp", 0),
                    TRY(SYS_pivot_root, "/tmp", "/tmp"),
                    TRY(SYS_mount_setattr, AT_FDCWD, "/", 0, NULL, 0)};
        for (size_t i = 0; i < COUNT(r); i++)
                if (!refused(r[i]))
                        return OPEN("mount call %zu: %ld", i, r[i]);
        return NULL;
}

/* The working directory is still what the descriptor of the old root is, or lies below it. */
static const char *leads_out(int root)
{
        struct stat is, at;
        if (fstat(root, &is) < 0 || stat(".", &at) < 0)
                return NULL;
        return is.st_dev == at.st_dev && is.st_ino == at.st_ino ? NULL : OPEN("chroot leads out");
}

static const char *chroot_breakout(void)
{
        mkdir("/tmp/jail", 0755);
        int fd = open("/", O_RDONLY | O_DIRECTORY);
        int pid = profile == BUILD ? fork() : 0; /* a build may; it does not lead out either */
        if (pid > 0) {
                int status = 0;
                waitpid(pid, &status, 0);
                close(fd);
                return status ? OPEN("chroot and fchdir lead out") : NULL;
        }
        if (chroot("/tmp/jail") == 0 && profile != BUILD)
                return OPEN("chroot works");
        for (int i = 0; fd >= 0 && i < 64; i++)
                if (fchdir(fd) < 0 || chdir("..") < 0)
                        break;
        const char *r = leads_out(fd);
        if (profile == BUILD)
                _exit(r != NULL);
        if (chdir("/work") < 0)
                return OPEN("/work is gone");
        close(fd);
        return r;
}

static const char *device_nodes(void)
{
        static const char *const dirs[] = {"/tmp", "/work", "/dev/shm", "/run"};
        for (size_t i = 0; i < COUNT(dirs); i++) {
                char path[64];
                struct statvfs v;
                snprintf(path, sizeof path, "%s/node", dirs[i]);
                if (mknod(path, S_IFCHR | 0666, makedev(1, 1)) == 0 ||
                    mknod(path, S_IFBLK | 0666, makedev(8, 0)) == 0)
                        return OPEN("a node in %s", dirs[i]);
                if (statvfs(dirs[i], &v) < 0 || !(v.f_flag & ST_NODEV))
                        return OPEN("%s is not nodev", dirs[i]);
        }
        return NULL;
}

static const char *setuid_programs(void)
{
        static const char *const dirs[] = {"/",        "/usr", "/tmp", "/work",
                                           "/dev/shm", "/dev", "/etc"};
        for (size_t i = 0; i < COUNT(dirs); i++) {
                struct statvfs v;
                if (statvfs(dirs[i], &v) < 0 || !(v.f_flag & ST_NOSUID))
                        return OPEN("%s is not nosuid", dirs[i]);
        }
        if (profile == BUILD)
                return NULL; /* root inside, which is nobody outside */
        if (setuid(0) == 0 || setresuid(0, 0, 0) == 0 || setgid(0) == 0)
                return OPEN("another id can be had");
        return NULL;
}

/* A lease holds up whoever opens the file from outside. */

static const char *leases(void)
{
        int fd = open("/work/lease", O_CREAT | O_RDWR, 0600);
        int dir = open("/usr", O_RDONLY | O_DIRECTORY);
        long r[] = {TRY(SYS_fcntl, fd, F_SETLEASE, F_WRLCK),
                    TRY(SYS_fcntl, fd, F_SETLEASE, F_RDLCK),
                    TRY(SYS_fcntl, dir, F_NOTIFY, DN_ACCESS)};
        for (size_t i = 0; i < COUNT(r); i++)
                if (!refused(r[i]))
                        return OPEN("call %zu: %ld", i, r[i]);
        close(fd);
        close(dir);
        return NULL;
}

/* What tells the kernel something is a procfs and read-only, by whatever path it is reached. */
static const char *kernel_files_are_the_kernels(void)
{
        static const char *const paths[] = {"/proc",           "/proc/self/attr",
                                            "/proc/sys",       "/proc/self/oom_score_adj",
                                            "/proc/self/task", "/proc/sysrq-trigger"};
        for (size_t i = 0; i < COUNT(paths); i++) {
                struct statfs s;
                if (statfs(paths[i], &s) < 0)
                        continue;
                if (s.f_type != PROC_SUPER_MAGIC || !(s.f_flags & ST_RDONLY))
                        return OPEN("%s: type %#lx, flags %#lx", paths[i], (long)s.f_type,
                                    (long)s.f_flags);
        }
        static const char *const written[] = {"/proc/self/attr/exec",
                                              "/proc/self/attr/fscreate",
                                              "/proc/thread-self/attr/current",
                                              "/proc/self/timerslack_ns",
                                              "/proc/self/clear_refs",
                                              "/proc/self/coredump_filter",
                                              "/proc/self/comm"};
        for (size_t i = 0; i < COUNT(written); i++)
                if (opens(written[i], O_WRONLY))
                        return OPEN("%s can be opened for writing", written[i]);
        return symlink("/proc/sysrq-trigger", "/proc/self/x") == 0 ? OPEN("a link in /proc") : NULL;
}

/* The layers below: not by link, not by descriptor, not by the marks of overlayfs. */
static const char *layers_below(void)
{
        char path[64];
        int low = open("/usr/bin/env", O_RDONLY);
        snprintf(path, sizeof path, "/proc/self/fd/%d", low);
        if (low >= 0 && profile != IMAGE && profile != BUILD && opens(path, O_WRONLY))
                return OPEN("a file of /usr through its descriptor");
        close(low);
        if (linkat(AT_FDCWD, "/usr/bin/env", AT_FDCWD, "/work/env", 0) == 0 &&
            opens("/work/env", O_WRONLY) && profile != IMAGE && profile != BUILD)
                return OPEN("a file of /usr through a hard link");
        if (mknod("/work/gone", S_IFCHR, 0) == 0 && profile != RUN) {
                struct stat st;
                if (stat("/work/gone", &st) == 0 && S_ISCHR(st.st_mode))
                        return OPEN("a whiteout by mknod is a device");
        }
        mkdir("/work/marked", 0755);
        if (setxattr("/work/marked", "trusted.overlay.opaque", "y", 1, 0) == 0 ||
            setxattr("/work/marked", "trusted.overlay.redirect", "/etc", 4, 0) == 0 ||
            setxattr("/work/marked", "security.capability", "x", 1, 0) == 0)
                return OPEN("attributes of the overlay or of capabilities can be set");
        return NULL;
}

/* /dev has what it should and no more. */
static const char *devices_are_those(void)
{
        static const char *const known[] = {
                "null", "zero", "full",  "random", "urandom", "tty",    "ptmx", "pts",
                "shm",  "fd",   "stdin", "stdout", "stderr",  "mqueue", ".",    ".."};
        DIR *d = opendir("/dev");
        const char *r = d ? NULL : OPEN("/dev cannot be listed");
        for (struct dirent *e; d && !r && (e = readdir(d));) {
                size_t i = 0;
                while (i < COUNT(known) && strcmp(known[i], e->d_name) != 0)
                        i++;
                if (i == COUNT(known))
                        r = OPEN("/dev/%s is there", e->d_name);
        }
        if (d)
                closedir(d);
        static const char *const gpu[] = {"/dev/nvidia0", "/dev/nvidiactl", "/dev/nvidia-uvm",
                                          "/dev/dri/renderD128", "/dev/kfd"};
        for (size_t i = 0; i < COUNT(gpu) && !r; i++)
                if (opens(gpu[i], O_RDWR) || opens(gpu[i], O_RDONLY))
                        r = OPEN("%s can be opened", gpu[i]);
        return r;
}

/* What launch and serve can see and the sandbox may not. */
static const char *paths_of_the_host(void)
{
        static const char *const paths[] = {"/root/.ssh",     "/var/lib/paddock", "/home",
                                            "/boot",          "/lost+found",      "/run/paddock",
                                            "/var/lib/cloud", "/etc/ssh",         "/var/log"};
        if (profile == IMAGE || profile == BUILD)
                return NULL; /* an image may have directories of these names: classes.c looks */
        for (size_t i = 0; i < COUNT(paths); i++)
                if (access(paths[i], F_OK) == 0 || errno != ENOENT)
                        return OPEN("%s: %s", paths[i], strerror(errno));
        return opens("/etc/shadow", O_RDONLY) ? OPEN("/etc/shadow can be read") : NULL;
}

const struct escape file_escapes[] = {
        {1, "the working directory and descriptors lead nowhere", working_directory},
        {2, "magic links of /proc stay inside", magic_links},
        {7, "files of the kernel are the kernel's, and read-only", kernel_files_are_the_kernels},
        {8, "files of the kernel cannot be written", kernel_files_written},
        {9, "secrets of the kernel cannot be read", kernel_files_read},
        {12, "files cannot be opened by handle", handles},
        {13, "nothing can be mounted or unmounted", mounts},
        {14, "no way out by chroot", chroot_breakout},
        {15, "no device nodes", device_nodes},
        {16, "no gain by set-user-id", setuid_programs},
        {17, "the layers below cannot be changed or marked", layers_below},
        {22, "paths of the host do not exist", paths_of_the_host},
        {36, "no leases on files", leases},
        {70, "no device that was not asked for", devices_are_those},
        {0, NULL, NULL},
};
