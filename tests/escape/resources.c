/* resources.c - of the program escape: processes, disk and network without end. */
#include "escape.h"
#include <arpa/inet.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

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
        if (profile == BUILD)
                return NULL; /* watched from outside: it would be ended */
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
                if (profile == PROXY && (port == 3128 || port == 1080)) {
                        close(s);
                        continue; /* gate */
                }
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

/* Until the limit ends it, or until the kernel says no. */
static int take_pages(int shared)
{
        for (size_t n = 0; n < 4096; n++) {
                char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
                               MAP_ANONYMOUS | (shared ? MAP_SHARED : MAP_PRIVATE), -1, 0);
                if (p == MAP_FAILED)
                        return 0;
                memset(p, 1, 1 << 20);
        }
        return 1;
}

static int take_file(int fd)
{
        static char block[1 << 16];
        for (size_t n = 0; n < 65536; n++)
                if (fd < 0 || write(fd, block, sizeof block) != (ssize_t)sizeof block)
                        return 0;
        return 1;
}

/* Buffers that belong to no page of the process: each holds what fits, then is left behind. */
static int take_buffers(int sockets)
{
        static char block[1 << 16];
        for (size_t made = 0; made < 4096; made++) {
                int p[2];
                int r = sockets ? socketpair(AF_UNIX, SOCK_STREAM, 0, p) : pipe(p);
                if (r < 0)
                        return 0; /* as many as descriptors */
                fcntl(p[1], F_SETFL, O_NONBLOCK);
                while (write(p[1], block, sizeof block) > 0)
                        ;
        }
        return 1;
}

int take_memory(const char *kind)
{
        if (strcmp(kind, "pages") == 0)
                return take_pages(0);
        if (strcmp(kind, "shared") == 0)
                return take_pages(1);
        if (strcmp(kind, "memfd") == 0)
                return take_file((int)TRY(SYS_memfd_create, "x", 0));
        if (strcmp(kind, "tmpfs") == 0)
                return take_file(open("/dev/shm/x", O_CREAT | O_WRONLY, 0600));
        if (strcmp(kind, "pipes") == 0)
                return take_buffers(0);
        if (strcmp(kind, "sockets") == 0)
                return take_buffers(1);
        return 2;
}

const struct escape resource_escapes[] = {
        {38, "a fork bomb is limited", fork_bomb},
        {40, "the disk is limited, inodes too", disk},
        {50, "no network but what was asked for", network},
        {0, NULL, NULL},
};
