/* calls.c - of the program escape: system calls that are not to be had. */
#include "escape.h"
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

static const uint64_t namespaces[] = {CLONE_NEWNS,   CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
                                      CLONE_NEWUSER, CLONE_NEWPID,    CLONE_NEWNET, 0x80};

const char *new_namespaces(void)
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
                        if (profile == PROXY && types[t] != SOCK_STREAM && family != AF_UNIX)
                                return OPEN("type %d of family %d", types[t], family);
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
        if (opens("/dev/tty", O_RDWR))
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

const struct escape call_escapes[] = {
        {23, "no new namespaces", new_namespaces},
        {24, "other architectures are killed", other_architectures},
        {25, "no io_uring", io_uring},
        {26, "denied and unknown system calls", denied_calls},
        {27, "socket families", socket_families},
        {28, "no forged terminal input", terminal_input},
        {29, "no keyrings", keyrings},
        {33, "no userfaultfd, perf, bpf, fanotify", kernel_interfaces},
        {0, NULL, NULL},
};
