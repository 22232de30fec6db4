/* escape - tries to get out. A static program that is run inside a sandbox as its command and
 * prints TAP; the numbers are those of the list of escapes in docs/THREATS.md. "ok" means: closed.
 *
 *     escape            everything that one sandbox can try alone
 *     escape hold       makes what another sandbox must not find, prints "held", waits
 *     escape find       looks for it
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
static char why[512];

/* A failed check: its reason. Returned by the tests; NULL is "closed". */
#define OPEN(...) (snprintf(why, sizeof why, __VA_ARGS__), why)

static long nothing(long r)
{
        return r < 0 ? -errno : r;
}
#define TRY(...) nothing(syscall(__VA_ARGS__))

static int refused(long r)
{
        return r == -EPERM || r == -ENOSYS || r == -EACCES;
}

/* The text of a small file; -errno. */
static long read_file(const char *path, char *to, size_t size)
{
        int fd = open(path, O_RDONLY);
        if (fd < 0)
                return -errno;
        long n = nothing(read(fd, to, size - 1));
        close(fd);
        to[n < 0 ? 0 : n] = 0;
        return n;
}

static const char *same_root(const char *path)
{
        struct stat root, st;
        if (stat("/", &root) < 0 || stat(path, &st) < 0)
                return NULL; /* not to be had at all */
        if (st.st_dev != root.st_dev || st.st_ino != root.st_ino)
                return OPEN("%s leads elsewhere", path);
        return NULL;
}

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
                if (open(paths[i], O_WRONLY) >= 0)
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

static const char *other_processes(void)
{
        DIR *d = opendir("/proc");
        int seen = 0;
        for (struct dirent *e; d && (e = readdir(d));)
                seen += e->d_name[0] > '0' && e->d_name[0] <= '9';
        if (d)
                closedir(d);
        if (seen > 4)
                return OPEN("%d processes are visible", seen);
        for (pid_t pid = 30; pid < 33000; pid += 7)
                if (kill(pid, 0) == 0 || errno == EPERM)
                        return OPEN("process %d answers", pid);
        long r = TRY(SYS_pidfd_open, 32000, 0);
        return r >= 0 ? OPEN("pidfd_open of a foreign number") : NULL;
}

static const char *init_replaced(void)
{
        char text[64];
        if (open("/proc/1/exe", O_RDONLY) >= 0 || open("/proc/1/exe", O_WRONLY) >= 0)
                return OPEN("/proc/1/exe can be opened");
        if (read_file("/proc/1/environ", text, sizeof text) > 0 ||
            read_file("/proc/1/maps", text, sizeof text) > 0)
                return OPEN("the memory of init can be looked at");
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

static const char *chroot_breakout(void)
{
        mkdir("/tmp/jail", 0755);
        int fd = open("/", O_RDONLY | O_DIRECTORY);
        if (chroot("/tmp/jail") == 0)
                return OPEN("chroot works");
        for (int i = 0; fd >= 0 && i < 64; i++)
                if (fchdir(fd) < 0 || chdir("..") < 0)
                        break;
        close(fd);
        const char *r = same_root(".");
        if (chdir("/work") < 0)
                return OPEN("/work is gone");
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
        if (setuid(0) == 0 || setresuid(0, 0, 0) == 0 || setgid(0) == 0)
                return OPEN("another id can be had");
        return NULL;
}

static const uint64_t namespaces[] = {CLONE_NEWNS,   CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
                                      CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET, 0x80};

static const char *new_namespaces(void)
{
        for (size_t i = 0; i < COUNT(namespaces); i++) {
                long r = TRY(SYS_unshare, namespaces[i]);
                if (r != -EPERM)
                        return OPEN("unshare %#llx: %ld", (unsigned long long)namespaces[i], r);
                r = namespaces[i] == 0x80 ? -EPERM
                                          : TRY(SYS_clone, namespaces[i] | SIGCHLD, 0, 0, 0, 0);
                if (r == 0)
                        _exit(0);
                if (r != -EPERM)
                        return OPEN("clone %#llx: %ld", (unsigned long long)namespaces[i], r);
                uint64_t args[11] = {namespaces[i]};
                r = TRY(SYS_clone3, args, sizeof args);
                if (r == 0)
                        _exit(0);
                if (r != -ENOSYS)
                        return OPEN("clone3 %#llx: %ld", (unsigned long long)namespaces[i], r);
        }
        int fd = open("/proc/self/ns/user", O_RDONLY);
        long r = TRY(SYS_setns, fd, 0);
        return refused(r) ? NULL : OPEN("setns: %ld", r);
}

static int killed_by_sigsys(void (*fn)(void))
{
        pid_t pid = fork();
        if (pid == 0) {
                fn();
                _exit(0);
        }
        int status = 0;
        waitpid(pid, &status, 0);
        return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

#if defined(__x86_64__)
static void call_i386(void)
{
        long r = 20;
        __asm__ volatile("int $0x80" : "+a"(r) : : "memory");
}
static void call_i386_socketcall(void)
{
        long r = 102;
        __asm__ volatile("int $0x80" : "+a"(r) : : "memory");
}
static void call_x32(void)
{
        syscall(0x40000000 | SYS_getpid);
}
#endif

static const char *other_architectures(void)
{
#if defined(__x86_64__)
        if (!killed_by_sigsys(call_i386) || !killed_by_sigsys(call_i386_socketcall))
                return OPEN("int 0x80 is answered");
        if (!killed_by_sigsys(call_x32))
                return OPEN("x32 is answered");
#endif
        return NULL;
}

static const char *io_uring(void)
{
        char params[256] = {0};
        long r = TRY(SYS_io_uring_setup, 4, params);
        if (!refused(r))
                return OPEN("io_uring_setup: %ld", r);
        r = TRY(SYS_io_uring_enter, 0, 0, 0, 0, NULL, 0);
        return refused(r) ? NULL : OPEN("io_uring_enter: %ld", r);
}

static const char *denied_calls(void)
{
        static const int calls[] = {
                SYS_kexec_load,
                SYS_init_module,
                SYS_finit_module,
                SYS_delete_module,
                SYS_reboot,
                SYS_swapon,
                SYS_swapoff,
                SYS_acct,
                SYS_syslog,
                SYS_sethostname,
                SYS_setdomainname,
                SYS_settimeofday,
                SYS_clock_settime,
                SYS_adjtimex,
                SYS_quotactl,
                SYS_lookup_dcookie,
                SYS_vhangup,
                SYS_kcmp,
                SYS_pidfd_getfd,
                SYS_name_to_handle_at,
                SYS_fanotify_init,
                SYS_process_vm_readv,
                SYS_process_vm_writev,
#if defined(__x86_64__)
                SYS_iopl,
                SYS_ioperm,
                SYS_modify_ldt,
#endif
        };
        for (size_t i = 0; i < COUNT(calls); i++) {
                long r = TRY(calls[i], 0, 0, 0, 0, 0, 0);
                if (!refused(r))
                        return OPEN("call %d: %ld", calls[i], r);
        }
        for (int nr = 470; nr < 700; nr++) { /* what later kernels may have */
                long r = TRY(nr, 0, 0, 0, 0, 0, 0);
                if (r != -ENOSYS)
                        return OPEN("call %d: %ld", nr, r);
        }
        return NULL;
}

static const char *socket_families(void)
{
        static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET};
        for (int family = 0; family < 46; family++)
                for (size_t t = 0; t < COUNT(types); t++) {
                        int fd = socket(family, types[t], 0);
                        if (fd < 0)
                                continue;
                        close(fd);
                        if (family != AF_UNIX && family != AF_INET && family != AF_INET6)
                                return OPEN("a socket of family %d", family);
                        if (types[t] == SOCK_RAW && family != AF_UNIX)
                                return OPEN("a raw socket of family %d", family);
                }
        return NULL;
}

static const char *terminal_input(void)
{
        int pts = open("/dev/ptmx", O_RDWR | O_NOCTTY);
        char c = 'x';
        if (pts < 0)
                return OPEN("no pseudo terminal: %s", strerror(errno));
        long r[] = {TRY(SYS_ioctl, pts, 0x5412ul, &c),
                    TRY(SYS_ioctl, pts, 0x5412ul | 1ul << 32, &c),
                    TRY(SYS_ioctl, pts, 0x541Cul, &c), TRY(SYS_ioctl, pts, 0x5423ul, &c)};
        for (size_t i = 0; i < COUNT(r); i++)
                if (r[i] != -EPERM)
                        return OPEN("request %zu: %ld", i, r[i]);
        if (open("/dev/tty", O_RDWR) >= 0)
                return OPEN("there is a controlling terminal");
        return NULL;
}

static const char *keyrings(void)
{
        long r = TRY(SYS_keyctl, 0, -3, 1);
        if (!refused(r))
                return OPEN("keyctl: %ld", r);
        r = TRY(SYS_add_key, "user", "x", "y", 1, -3);
        return refused(r) ? NULL : OPEN("add_key: %ld", r);
}

static const char *capabilities(void)
{
        struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct d[2] = {{0}};
        if (TRY(SYS_capget, &head, d) < 0)
                return OPEN("capget");
        for (int i = 0; i < 2; i++)
                if (d[i].effective | d[i].permitted | d[i].inheritable)
                        return OPEN("capabilities are there");
        for (int cap = 0; cap < 64; cap++)
                if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1 ||
                    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) == 1)
                        return OPEN("capability %d is in the bounding or ambient set", cap);
        d[0].effective = d[0].permitted = 1u << CAP_SYS_ADMIN;
        if (TRY(SYS_capset, &head, d) >= 0)
                return OPEN("a capability can be raised");
        int bits = prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);
        if ((bits & 0xaf) != 0xaf)
                return OPEN("securebits are %#x", bits);
        return prctl(PR_SET_SECUREBITS, 0, 0, 0, 0) == 0 ? OPEN("securebits can be changed") : NULL;
}

static const char *every_process_is_filtered(void)
{
        DIR *d = opendir("/proc");
        int seen = 0;
        for (struct dirent *e; d && (e = readdir(d));) {
                char path[300], text[4096];
                if (e->d_name[0] < '1' || e->d_name[0] > '9')
                        continue;
                snprintf(path, sizeof path, "/proc/%s/status", e->d_name);
                if (read_file(path, text, sizeof text) <= 0)
                        continue;
                seen++;
                if (!strstr(text, "NoNewPrivs:\t1\n") || !strstr(text, "Seccomp:\t2\n"))
                        return OPEN("process %s is not", e->d_name);
        }
        if (d)
                closedir(d);
        return seen ? NULL : OPEN("no process could be read");
}

/* Programs from memory are allowed in this profile: they are confined as every other. */
static const char *fileless_exec(void)
{
        int fd = (int)TRY(SYS_memfd_create, "x", 0);
        int self = open("/proc/self/exe", O_RDONLY);
        char buf[65536];
        for (ssize_t n; self >= 0 && (n = read(self, buf, sizeof buf)) > 0;)
                if (write(fd, buf, (size_t)n) != n)
                        return OPEN("memfd cannot be written");
        pid_t pid = fork();
        if (pid == 0) {
                char *argv[] = {"escape", "confined", NULL}, *env[] = {NULL};
                syscall(SYS_execveat, fd, "", argv, env, AT_EMPTY_PATH);
                _exit(0);
        }
        int status = 0;
        waitpid(pid, &status, 0);
        return status == 0 ? NULL : OPEN("a program from memory is not confined");
}

static const char *kernel_interfaces(void)
{
        char attr[128] = {0};
        long r[] = {TRY(SYS_userfaultfd, 0), TRY(SYS_perf_event_open, attr, 0, -1, -1, 0),
                    TRY(SYS_bpf, 0, attr, sizeof attr), TRY(SYS_fanotify_init, 0, 0),
                    TRY(SYS_request_key, "user", "x", NULL, 0)};
        for (size_t i = 0; i < COUNT(r); i++)
                if (!refused(r[i]))
                        return OPEN("interface %zu: %ld", i, r[i]);
        return NULL;
}

static const char *tracing(void)
{
        char byte = 0;
        struct iovec iov = {&byte, 1};
        long r[] = {TRY(SYS_ptrace, PTRACE_ATTACH, 1, 0, 0),
                    TRY(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0),
                    TRY(SYS_process_vm_writev, 1, &iov, 1, &iov, 1, 0),
                    TRY(SYS_process_vm_readv, 1, &iov, 1, &iov, 1, 0),
                    TRY(SYS_prlimit64, 1, 7, &(uint64_t[2]){0, 0}, NULL)};
        for (size_t i = 0; i < COUNT(r); i++)
                if (!refused(r[i]))
                        return OPEN("call %zu: %ld", i, r[i]);
        if (open("/proc/1/mem", O_RDWR) >= 0 || open("/proc/1/fd", O_RDONLY) >= 0)
                return OPEN("init can be reached through /proc");
        kill(1, SIGKILL); /* from inside its namespace: no effect, and we go on */
        kill(1, SIGSTOP);
        kill(1, SIGSEGV);
        return NULL;
}

static const char *descriptors(void)
{
        for (int fd = 3; fd < 1024; fd++)
                if (fcntl(fd, F_GETFD) >= 0)
                        return OPEN("descriptor %d is open", fd);
        for (int fd = 0; fd < 3; fd++) {
                struct stat st;
                if (fstat(fd, &st) < 0 || !(S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)))
                        return OPEN("descriptor %d is no pipe", fd);
        }
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

static const char *landlock_stands(void)
{
        long abi = TRY(SYS_landlock_create_ruleset, NULL, 0, 1);
        if (abi <= 0)
                return NULL;
        uint64_t attr = 1; /* handles EXECUTE, allows it nowhere */
        int restricted = 0;
        pid_t pid = fork();
        if (pid == 0) {
                for (restricted = 0; restricted < 20; restricted++) {
                        int rs = (int)TRY(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
                        if (TRY(SYS_landlock_restrict_self, rs, 0) < 0)
                                _exit(errno == E2BIG ? restricted : 99);
                }
                _exit(98);
        }
        int status = 0;
        waitpid(pid, &status, 0);
        if (WEXITSTATUS(status) != 15) /* sixteen layers are the kernel's most: ours is one */
                return OPEN("%d more layers could be stacked, 15 if ours is there",
                            WEXITSTATUS(status));
        return NULL;
}

static const char *fork_bomb(void)
{
        int made = 0;
        for (; made < 5000; made++) {
                pid_t pid = fork();
                if (pid < 0)
                        break;
                if (pid == 0) {
                        setsid();
                        for (;;)
                                pause();
                }
        }
        int limited = made < 5000;
        kill(-1, SIGKILL); /* not us */
        while (wait(NULL) > 0)
                ;
        return limited ? NULL : OPEN("%d processes", made);
}

static const char *disk(void)
{
        static char block[1 << 16];
        static const char *const dirs[] = {"/work", "/tmp", "/dev/shm", "/run"};
        unsigned long long written = 0;
        for (size_t i = 0; i < COUNT(dirs); i++) {
                char path[64];
                snprintf(path, sizeof path, "%s/fill", dirs[i]);
                int fd = open(path, O_CREAT | O_WRONLY, 0600);
                memset(block, 1, sizeof block);
                for (ssize_t n;
                     fd >= 0 && written < 1ull << 30 && (n = write(fd, block, sizeof block)) > 0;)
                        written += (unsigned long long)n;
                close(fd);
        }
        int inodes = 0;
        for (size_t i = 0; i < COUNT(dirs); i++) {
                char path[64];
                snprintf(path, sizeof path, "%s/fill", dirs[i]);
                unlink(path);
        }
        for (char path[64]; inodes < 1 << 20; inodes++) {
                snprintf(path, sizeof path, "/work/i%d", inodes);
                int fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
                if (fd < 0)
                        break;
                close(fd);
        }
        for (int i = 0; i < inodes; i++) {
                char path[64];
                snprintf(path, sizeof path, "/work/i%d", i);
                unlink(path);
        }
        if (written >= 1ull << 30 || inodes == 1 << 20)
                return OPEN("%llu bytes, %d files", written, inodes);
        return NULL;
}

static const char *network(void)
{
        static const char *const addresses[] = {"1.1.1.1",    "169.254.169.254",
                                                "10.0.0.1",   "192.168.0.1",
                                                "172.17.0.1", "255.255.255.255"};
        for (size_t i = 0; i < COUNT(addresses); i++)
                for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
                        struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(53)};
                        inet_pton(AF_INET, addresses[i], &a.sin_addr);
                        int s = socket(AF_INET, type, 0);
                        if (connect(s, (struct sockaddr *)&a, sizeof a) == 0)
                                return OPEN("%s can be reached", addresses[i]);
                        close(s);
                }
        struct sockaddr_in lo = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
        for (int port = 1; port < 65536; port++) {
                int s = socket(AF_INET, SOCK_STREAM, 0);
                lo.sin_port = htons((uint16_t)port);
                struct sockaddr_in own = {0};
                socklen_t n = sizeof own;
                /* A socket whose own port this is connects to itself. */
                if (connect(s, (struct sockaddr *)&lo, sizeof lo) == 0 &&
                    getsockname(s, (struct sockaddr *)&own, &n) == 0 && own.sin_port != lo.sin_port)
                        return OPEN("port %d of the loopback answers", port);
                close(s);
        }
        return NULL;
}

/* ---- between two sandboxes ---- */

static const struct sockaddr_un abstract = {.sun_family = AF_UNIX, .sun_path = "\0paddock-escape"};
#define SHM_KEY 0x5eed

static const char *const shared[] = {"/usr/bin/env", "/usr", "/etc/passwd", "/etc"};

static int hold(void)
{
        for (size_t i = 0; i < COUNT(shared); i++)
                if (flock(open(shared[i], O_RDONLY), LOCK_EX | LOCK_NB) < 0)
                        return 1;
        int s = socket(AF_UNIX, SOCK_STREAM, 0);
        int shm = shmget(SHM_KEY, 4096, IPC_CREAT | 0666);
        int fd = open("/dev/shm/escape", O_CREAT | O_RDWR, 0666);
        int tmp = open("/tmp/escape", O_CREAT | O_RDWR, 0666);
        if (bind(s, (const struct sockaddr *)&abstract, sizeof abstract) < 0 || listen(s, 1) < 0 ||
            shm < 0 || fd < 0 || tmp < 0)
                return 1;
        if (write(1, "held\n", 5) < 0)
                return 1;
        pause();
        return 0;
}

static const char *other_sandbox(void)
{
        int s = socket(AF_UNIX, SOCK_STREAM, 0);
        if (connect(s, (const struct sockaddr *)&abstract, sizeof abstract) == 0)
                return OPEN("an abstract socket of another sandbox answers");
        if (shmget(SHM_KEY, 4096, 0) >= 0)
                return OPEN("shared memory of another sandbox");
        if (access("/dev/shm/escape", F_OK) == 0 || access("/tmp/escape", F_OK) == 0)
                return OPEN("files of another sandbox");
        for (size_t i = 0; i < COUNT(shared); i++)
                if (flock(open(shared[i], O_RDONLY), LOCK_EX | LOCK_NB) < 0)
                        return OPEN("the lock of another sandbox on %s: %s", shared[i],
                                    strerror(errno));
        return NULL;
}

static const struct {
        int number;
        const char *name;
        const char *(*fn)(void);
} tests[] = {
        {35, "no descriptor but stdio", descriptors}, /* first: the others leave some open */
        {1, "the working directory and descriptors lead nowhere", working_directory},
        {2, "magic links of /proc stay inside", magic_links},
        {8, "files of the kernel cannot be written", kernel_files_written},
        {9, "secrets of the kernel cannot be read", kernel_files_read},
        {10, "processes of the host do not exist", other_processes},
        {11, "init and its program cannot be touched", init_replaced},
        {12, "files cannot be opened by handle", handles},
        {13, "nothing can be mounted or unmounted", mounts},
        {14, "no way out by chroot", chroot_breakout},
        {15, "no device nodes", device_nodes},
        {16, "no gain by set-user-id", setuid_programs},
        {23, "no new namespaces", new_namespaces},
        {24, "other architectures are killed", other_architectures},
        {25, "no io_uring", io_uring},
        {26, "denied and unknown system calls", denied_calls},
        {27, "socket families", socket_families},
        {28, "no forged terminal input", terminal_input},
        {29, "no keyrings", keyrings},
        {30, "no capabilities, none to be had", capabilities},
        {31, "every process is filtered", every_process_is_filtered},
        {32, "programs from memory are confined", fileless_exec},
        {33, "no userfaultfd, perf, bpf, fanotify", kernel_interfaces},
        {34, "no tracing", tracing},
        {36, "no leases on files", leases},
        {37, "Landlock is in force", landlock_stands},
        {38, "a fork bomb is limited", fork_bomb},
        {40, "the disk is limited, inodes too", disk},
        {50, "no network", network},
};

static int confined(void)
{
        const char *r = capabilities();
        if (!r)
                r = new_namespaces();
        return r != NULL;
}

int main(int argc, char **argv)
{
        if (access("/.paddock", F_OK) < 0) {
                fputs("escape: this tries dangerous calls; it runs in a sandbox only\n", stderr);
                return 2;
        }
        if (argc > 1 && strcmp(argv[1], "hold") == 0)
                return hold();
        if (argc > 1 && strcmp(argv[1], "confined") == 0)
                return confined();
        if (argc > 1 && strcmp(argv[1], "find") == 0) {
                const char *r = other_sandbox();
                printf("%s 36 - two sandboxes find nothing of each other%s%s\n",
                       r ? "not ok" : "ok", r ? ": " : "", r ? r : "");
                return r != NULL;
        }
        int open_doors = 0;
        setvbuf(stdout, NULL, _IOLBF, 0);
        for (size_t i = 0; i < COUNT(tests); i++) {
                const char *r = tests[i].fn();
                printf("%s %d - %s%s%s\n", r ? "not ok" : "ok", tests[i].number, tests[i].name,
                       r ? ": " : "", r ? r : "");
                open_doors += r != NULL;
        }
        printf("1..%zu\n", COUNT(tests));
        return open_doors != 0;
}
