#include "rag/parse/child.h"
#include "base/clock.h"
#include "base/fd.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define CHILD_MEMORY (768ull << 20) /* address space: below the sandbox's own limit */
#define CHILD_READ   65536

NORETURN static void become(const char *const *argv, int in, int out, int errors)
{
        const struct rlimit as = {CHILD_MEMORY, CHILD_MEMORY}, core = {0, 0};
        static char *const env[] = {NULL};
        setrlimit(RLIMIT_AS, &as);
        setrlimit(RLIMIT_CORE, &core);
        if (dup2(in, 0) == 0 && dup2(out, 1) == 1 && dup2(errors, 2) == 2)
                execve(argv[0], (char *const *)argv, env);
        _exit(127);
}

static int start(const char *const *argv, int in, int ret_pipes[2], pid_t *ret_pid)
{
        int o[2], e[2];
        if (pipe2(o, O_CLOEXEC) < 0)
                return -errno;
        auto_close int out_read = o[0];
        auto_close int out_write = o[1];
        if (pipe2(e, O_CLOEXEC) < 0)
                return -errno;
        auto_close int err_read = e[0];
        auto_close int err_write = e[1];
        pid_t pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0)
                become(argv, in, out_write, err_write);
        ret_pipes[0] = TAKE_FD(out_read);
        ret_pipes[1] = TAKE_FD(err_read);
        *ret_pid = pid;
        return 0;
}

/* 1 = there may be more, 0 = the end, -E2BIG: b is full. */
static int take(int fd, struct buf *b)
{
        char piece[CHILD_READ];
        ssize_t n = read(fd, piece, sizeof piece);
        if (n < 0)
                return errno == EINTR ? 1 : -errno;
        if (n == 0)
                return 0;
        size_t room = b->max - b->len, k = (size_t)n < room ? (size_t)n : room;
        int r = buf_add(b, piece, k);
        if (r < 0)
                return r;
        return k < (size_t)n ? -E2BIG : 1;
}

/* Until both pipes have ended, or a limit. */
static int collect(int pipes[2], struct buf *bufs[2], uint64_t deadline, struct child_end *end)
{
        struct pollfd p[2] = {{pipes[0], POLLIN, 0}, {pipes[1], POLLIN, 0}};
        while (p[0].fd >= 0 || p[1].fd >= 0) {
                uint64_t now = clock_boot_ms();
                if (now >= deadline) {
                        end->timed_out = true;
                        return 0;
                }
                if (poll(p, 2, (int)(deadline - now)) < 0 && errno != EINTR)
                        return -errno;
                for (int i = 0; i < 2; i++) {
                        if (p[i].fd < 0 || !p[i].revents)
                                continue;
                        int r = take(p[i].fd, bufs[i]);
                        if (r == -E2BIG && i == 0) {
                                end->overflowed = true;
                                return 0;
                        }
                        if (r < 0 && r != -E2BIG)
                                return r;
                        if (r == 0)
                                p[i].fd = -1;
                }
        }
        return 0;
}

int child_run(const char *const *argv, const char *in, size_t n, uint64_t max_ms, struct buf *out,
              struct buf *errors, struct child_end *ret, struct err *err)
{
        struct child_end end = {0};
        uint64_t deadline = clock_boot_ms() + max_ms;
        int pipes[2] = {-1, -1}, status;
        pid_t pid = -1;
        auto_close int input = memfd_create("document", MFD_CLOEXEC);
        if (input < 0)
                return err_sys(err, -errno, "memfd_create");
        int r = fd_write_all(input, in, n);
        if (r < 0 || lseek(input, 0, SEEK_SET) < 0)
                return err_sys(err, r < 0 ? r : -errno, "copying the document");
        r = start(argv, input, pipes, &pid);
        if (r < 0)
                return err_sys(err, r, "starting %s", argv[0]);
        auto_close int out_fd = pipes[0];
        auto_close int err_fd = pipes[1];
        r = collect((int[]){out_fd, err_fd}, (struct buf *[]){out, errors}, deadline, &end);
        if (r < 0 || end.timed_out || end.overflowed)
                kill(pid, SIGKILL);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        if (r < 0)
                return err_sys(err, r, "reading from %s", argv[0]);
        end.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
        end.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        *ret = end;
        return 0;
}
