/* Control groups of the host that runs the tests, whatever their layout. */
#include "base/clock.h"
#include "base/fd.h"
#include "base/id.h"
#include "os/cgroup.h"
#include "os/ns.h"
#include "test.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

static struct cgroup_host *host(void)
{
        struct cgroup_host *h = cgroup_host_new(NULL);
        if (strcmp(cgroup_mode(h), "none") == 0)
                SKIP("the right to make control groups");
        return h;
}

static pid_t child_in(struct cgroup_host *h, const char *name, void (*fn)(void))
{
        struct err err = {0};
        int doors[CGROUP_CONTROLLERS];
        auto_close int v2 = cgroup_open(h, name);
        auto_close int pidfd = -1;
        if (cgroup_doors(h, name, doors, &err) < 0)
                test_failed(__FILE__, __LINE__, "doors: %s", err_text(&err));
        pid_t pid = ns_fork(0, v2, &pidfd, &err);
        CHECK_INT(pid, >=, 0);
        if (pid == 0) {
                if (cgroup_enter(doors, &err) < 0)
                        _exit(99);
                fn();
                _exit(0);
        }
        for (int i = 0; i < CGROUP_CONTROLLERS; i++)
                closep(&doors[i]);
        return pid;
}

static int status_of(pid_t pid)
{
        int status;
        CHECK_INT(waitpid(pid, &status, 0), ==, pid);
        return status;
}

static void make(struct cgroup_host *h, const char *name, struct cgroup_limits l)
{
        struct err err = {0};
        if (cgroup_make(h, name, &l, &err) < 0)
                test_failed(__FILE__, __LINE__, "make: %s", err_text(&err));
        CHECK(cgroup_exists(h, name));
}

static void forks(void)
{
        for (int i = 0; i < 50; i++) {
                pid_t pid = fork();
                if (pid < 0)
                        _exit(i);
                if (pid == 0) {
                        pause();
                        _exit(0);
                }
        }
        _exit(50);
}

static void allocates(void)
{
        size_t n = 128u << 20;
        char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memset(p, 1, n);
        _exit(0);
}

static void spins(void)
{
        for (uint64_t end = clock_boot_ms() + 400; clock_boot_ms() < end;)
                ;
        _exit(0);
}

static void sleeps(void)
{
        if (fork() == 0)
                setsid();
        for (;;)
                pause();
}

TEST(the_pids_limit_is_the_kernels)
{
        CLEANUP(cgroup_host_freep) struct cgroup_host *h = host();
        struct id name = id_new();
        if (!cgroup_has(h, CGROUP_PIDS))
                SKIP("a pids controller");
        make(h, name.s, (struct cgroup_limits){.pids = 5});
        int status = status_of(child_in(h, name.s, forks));
        CHECK(WIFEXITED(status));
        CHECK_INT(WEXITSTATUS(status), ==, 4);
        cgroup_kill(h, name.s);
        for (int i = 0; i < 200 && cgroup_remove(h, name.s) < 0; i++)
                poll(NULL, 0, 10);
        CHECK(!cgroup_exists(h, name.s));
}

TEST(the_memory_limit_kills_and_is_counted)
{
        CLEANUP(cgroup_host_freep) struct cgroup_host *h = host();
        struct id name = id_new();
        struct cgroup_stats s;
        if (!cgroup_has(h, CGROUP_MEMORY))
                SKIP("a memory controller");
        make(h, name.s, (struct cgroup_limits){.memory_bytes = 32u << 20});
        int status = status_of(child_in(h, name.s, allocates));
        CHECK(WIFSIGNALED(status));
        CHECK_INT(WTERMSIG(status), ==, SIGKILL);
        cgroup_stats_read(h, name.s, &s);
        CHECK_INT(s.oom_kills, >=, 1);
        CHECK_INT(s.peak_memory_bytes, >, 16u << 20);
        CHECK_INT(s.peak_memory_bytes, <=, 32u << 20);
        CHECK_INT(cgroup_remove(h, name.s), ==, 0);
}

TEST(the_cpu_limit_throttles_and_time_is_counted)
{
        CLEANUP(cgroup_host_freep) struct cgroup_host *h = host();
        struct id name = id_new();
        struct cgroup_stats s;
        if (!cgroup_has(h, CGROUP_CPU))
                SKIP("a cpu controller");
        make(h, name.s, (struct cgroup_limits){.cpu_milli = 100});
        CHECK_INT(status_of(child_in(h, name.s, spins)), ==, 0);
        cgroup_stats_read(h, name.s, &s);
        CHECK_INT(s.cpu_us, >, 0);
        CHECK_INT(s.cpu_us, <, 250000); /* 400 ms of wall at a tenth of a core */
        CHECK_INT(cgroup_remove(h, name.s), ==, 0);
}

TEST(kill_reaches_every_process)
{
        CLEANUP(cgroup_host_freep) struct cgroup_host *h = host();
        struct id name = id_new();
        make(h, name.s, (struct cgroup_limits){0});
        pid_t pid = child_in(h, name.s, sleeps);
        poll(NULL, 0, 50); /* until it is in */
        CHECK_INT(cgroup_remove(h, name.s), ==, -EBUSY);
        cgroup_kill(h, name.s);
        int status = status_of(pid);
        CHECK(WIFSIGNALED(status));
        int r = -EBUSY;
        for (int i = 0; i < 200 && (r = cgroup_remove(h, name.s)) < 0; i++)
                poll(NULL, 0, 10);
        CHECK_INT(r, ==, 0);
        CHECK_INT(cgroup_remove(h, name.s), ==, 0); /* and a second time */
}

TEST(a_limit_that_the_kernel_refuses_leaves_no_group)
{
        CLEANUP(cgroup_host_freep) struct cgroup_host *h = host();
        struct id name = id_new();
        struct err err = {0};
        if (!cgroup_has(h, CGROUP_CPU))
                SKIP("a cpu controller");
        /* a quota of 0.1 ms: under the kernel's least, 1 ms */
        CHECK_INT(cgroup_make(h, name.s, &(struct cgroup_limits){.cpu_milli = 1}, &err), <, 0);
        CHECK_CONTAINS(err_text(&err), "cpu limit");
        CHECK(!cgroup_exists(h, name.s));
}

TEST(names_are_not_paths)
{
        CLEANUP(cgroup_host_freep) struct cgroup_host *h = cgroup_host_new(NULL);
        CHECK_INT(cgroup_make(h, "../x", &(struct cgroup_limits){0}, NULL), ==, -EINVAL);
}

TEST(without_groups_nothing_is_claimed)
{
        CLEANUP(cgroup_host_freep) struct cgroup_host *h = cgroup_host_none();
        struct cgroup_stats s = {.cpu_us = 7};
        CHECK_STR(cgroup_mode(h), "none");
        CHECK(!cgroup_has(h, CGROUP_MEMORY));
        CHECK_INT(cgroup_make(h, "x", &(struct cgroup_limits){1, 1, 1}, NULL), ==, 0);
        CHECK_INT(cgroup_open(h, "x"), ==, -ENOENT);
        int doors[CGROUP_CONTROLLERS];
        CHECK_INT(cgroup_doors(h, "x", doors, NULL), ==, 0);
        CHECK_INT(cgroup_enter(doors, NULL), ==, 0);
        cgroup_stats_read(h, "x", &s);
        CHECK_INT(s.cpu_us, ==, 0);
        CHECK_INT(cgroup_remove(h, "x"), ==, 0);
}
