#include "box/helper.h"
#include "base/fd.h"
#include "base/mem.h"
#include "os/ns.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

struct helper {
        struct helper *next;
        struct loop_io *io;
        int pidfd, said; /* the end of its pipe */
        helper_done_fn done;
        void *ctx;
};

static size_t running;
static struct helper *first;

size_t helpers_running(void)
{
        return running;
}

static bool is_needed(int fd, const int *fds, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (fds[i] == fd)
                        return true;
        return false;
}

/* A copy of the end of a pipe would keep a sandbox's reader waiting. */
static void close_others(const int *fds, size_t n)
{
        int most = 2;
        for (size_t i = 0; i < n; i++)
                most = fds[i] > most ? fds[i] : most;
        for (int fd = 3; fd < most; fd++)
                if (!is_needed(fd, fds, n))
                        close(fd);
        syscall(SYS_close_range, (unsigned)most + 1, ~0u, 0u);
}

NORETURN static void run(const int *fds, size_t n, int say, helper_work_fn work, void *ctx)
{
        struct err err = {0};
        int keep[HELPER_FDS_MAX + 1];
        memcpy(keep, fds, n * sizeof *fds);
        keep[n] = say;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close_others(keep, n + 1);
        int r = work(ctx, &err);
        if (r < 0 && !err.code)
                err_sys(&err, r, "helper");
        _exit(fd_write_all(say, &err, sizeof err) < 0);
}

static void reap(const struct helper *h)
{
        siginfo_t si;
        while (waitid(P_PIDFD, (id_t)h->pidfd, &si, WEXITED) < 0 && errno == EINTR)
                ;
}

static void finish(struct helper *h, const struct err *err)
{
        struct helper **at = &first;
        while (*at != h)
                at = &(*at)->next;
        *at = h->next;
        loop_io_remove(h->io);
        close(h->pidfd);
        close(h->said);
        running--;
        h->done(h->ctx, err->code, err);
        free(h);
}

static void on_end(void *ctx, uint32_t events UNUSED)
{
        struct helper *h = ctx;
        struct err err = {0};
        reap(h);
        if (fd_read_all(h->said, &err, sizeof err) < 0)
                err_set(&err, -EIO, "the helper was killed");
        err.text[sizeof err.text - 1] = 0;
        finish(h, &err);
}

void helpers_cancel(void)
{
        struct err err = {0};
        err_set(&err, -ECANCELED, "launch ends");
        while (first) {
                struct helper *h = first;
                pidfd_send_signal(h->pidfd, SIGKILL, NULL, 0);
                reap(h);
                finish(h, &err);
        }
}

int helper_start(struct loop *loop, const int *fds, size_t n, helper_work_fn work,
                 helper_done_fn done, void *ctx, struct err *err)
{
        int p[2], pidfd;
        if (pipe2(p, O_CLOEXEC) < 0)
                return err_sys(err, -errno, "pipe");
        pid_t pid = ns_fork(0, -1, &pidfd, err);
        if (pid == 0)
                run(fds, n, p[1], work, ctx);
        close(p[1]);
        if (pid < 0) {
                close(p[0]);
                return (int)pid;
        }
        struct helper *h = xcalloc(1, sizeof *h);
        *h = (struct helper){.pidfd = pidfd, .said = p[0], .done = done, .ctx = ctx};
        h->io = loop_io_add(loop, pidfd, EPOLLIN, on_end, h);
        h->next = first;
        first = h;
        running++;
        return 0;
}
