/* process.c - of the program escape: processes, capabilities, tracing, descriptors, Landlock. */
#include "escape.h"
#include <dirent.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>

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
        if (opens("/proc/1/exe", O_RDONLY) || opens("/proc/1/exe", O_WRONLY))
                return OPEN("/proc/1/exe can be opened");
        if (read_file("/proc/1/environ", text, sizeof text) > 0 ||
            read_file("/proc/1/maps", text, sizeof text) > 0)
                return OPEN("the memory of init can be looked at");
        return NULL;
}

/* What root has in a build, and there only. */
static uint32_t may_have(void)
{
        static const int caps[] = {CAP_CHOWN,  CAP_DAC_OVERRIDE,     CAP_FOWNER,
                                   CAP_FSETID, CAP_SETUID,           CAP_SETGID,
                                   CAP_KILL,   CAP_NET_BIND_SERVICE, CAP_SYS_CHROOT};
        uint32_t all = 0;
        for (size_t i = 0; profile == BUILD && i < COUNT(caps); i++)
                all |= 1u << caps[i];
        return all;
}

const char *capabilities(void)
{
        struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct d[2] = {{0}};
        if (TRY(SYS_capget, &head, d) < 0)
                return OPEN("capget");
        for (int i = 0; i < 2; i++)
                if ((d[i].effective | d[i].permitted | d[i].inheritable) & ~(i ? 0 : may_have()))
                        return OPEN("capabilities are there: %#x", d[i].effective);
        for (int cap = 0; cap < 64; cap++)
                if (!(cap < 32 && may_have() >> cap & 1) &&
                    (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1 ||
                     prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) == 1))
                        return OPEN("capability %d is in the bounding or ambient set", cap);
        d[0].effective = d[0].permitted = d[0].permitted | 1u << CAP_SYS_ADMIN;
        if (TRY(SYS_capset, &head, d) >= 0)
                return OPEN("a capability can be raised");
        if (profile == BUILD)
                return NULL; /* root there is root for what it starts: the bounding set holds */
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
                char *argv[] = {"escape", "confined", profile == BUILD ? "build" : "run", NULL};
                char *env[] = {NULL};
                syscall(SYS_execveat, fd, "", argv, env, AT_EMPTY_PATH);
                _exit(0);
        }
        int status = 0;
        waitpid(pid, &status, 0);
        return status == 0 ? NULL : OPEN("a program from memory is not confined");
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
        if (opens("/proc/1/mem", O_RDWR) || opens("/proc/1/fd", O_RDONLY))
                return OPEN("init can be reached through /proc");
        kill(1, SIGKILL); /* from inside its namespace: no effect, and we go on */
        kill(1, SIGSTOP);
        kill(1, SIGSEGV);
        return NULL;
}

static const char *landlock_stands(void)
{
        long abi = TRY(SYS_landlock_create_ruleset, NULL, 0, 1);
        if (abi <= 0)
                return NULL; /* doctor and the record say that it is missing */
        uint64_t attr = 1;   /* handles EXECUTE, allows it nowhere */
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

const struct escape process_escapes[] = {
        {10, "processes of the host do not exist", other_processes},
        {11, "init and its program cannot be touched", init_replaced},
        {30, "no capabilities but the profile's, none to be had", capabilities},
        {31, "every process is filtered", every_process_is_filtered},
        {32, "programs from memory are confined", fileless_exec},
        {34, "no tracing", tracing},
        {37, "Landlock is in force", landlock_stands},
        {0, NULL, NULL},
};
