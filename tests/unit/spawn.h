/* spawn.h - the programs of a sandbox as plain child processes: how the tests talk to the real
 * `parse` and `files` without a sandbox. The child ends with the test's process. */
#pragma once
#include "test.h"
#include "base/fd.h"
#include "base/mem.h"
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

struct spawned {
        pid_t pid;
        int to, from;
};

/* build/gcc/tests/test_x -> build/gcc/libexec/paddock/NAME */
static inline char *program_path(const char *name)
{
        char exe[PATH_MAX];
        ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
        CHECK(n > 0);
        exe[n] = '\0';
        return xasprintf("%s/../libexec/paddock/%s", dirname(exe), name);
}

static inline struct spawned spawn_program(const char *name, const char *arg)
{
        int in[2], out[2];
        auto_free char *path = program_path(name);
        CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (dup2(in[0], 0) == 0 && dup2(out[1], 1) == 1)
                        execl(path, name, arg, (char *)NULL);
                _exit(127);
        }
        close(in[0]);
        close(out[1]);
        return (struct spawned){pid, in[1], out[0]};
}

/* Closes its stdin and returns its wait status. */
static inline int spawned_end(struct spawned *s)
{
        int status = -1;
        close(s->to);
        close(s->from);
        waitpid(s->pid, &status, 0);
        return status;
}

static inline char *temp_dir(void)
{
        char *dir = xstrdup("/tmp/paddock-test-XXXXXX");
        CHECK(mkdtemp(dir) != NULL);
        return dir;
}

static inline void remove_temp(char **dir)
{
        int r = tree_remove_at(AT_FDCWD, *dir);
        free(*dir);
        CHECK(r == 0);
}
#define auto_dir CLEANUP(remove_temp)

/* Writes dir/path, folders made. */
static inline void put_bytes(const char *dir, const char *path, const void *p, size_t n)
{
        auto_free char *full = xasprintf("%s/%s", dir, path);
        for (char *slash = full + strlen(dir) + 1; (slash = strchr(slash, '/')); slash++) {
                *slash = '\0';
                CHECK(mkdir(full, 0755) == 0 || errno == EEXIST);
                *slash = '/';
        }
        auto_close int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        CHECK(fd >= 0);
        CHECK_INT(fd_write_all(fd, p, n), ==, 0);
}

static inline void put_file(const char *dir, const char *path, const char *text)
{
        put_bytes(dir, path, text, strlen(text));
}
