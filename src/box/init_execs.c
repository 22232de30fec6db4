#include "box/init_execs.h"
#include "base/clock.h"
#include "base/fd.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

struct exec *execs_find(struct execs *all, const char *id)
{
        for (size_t i = 0; i < BOX_EXECS_MAX; i++)
                if (all->list[i].report >= 0 && strcmp(all->list[i].id, id) == 0)
                        return &all->list[i];
        return NULL;
}

static struct exec *free_exec(struct execs *all)
{
        for (size_t i = 0; i < BOX_EXECS_MAX; i++)
                if (all->list[i].report < 0)
                        return &all->list[i];
        return NULL;
}

static int fork_exec(struct exec *e, const struct init_exec *rq, const struct run *run,
                     pid_t *ret_pid, struct err *err)
{
        int pipe_fds[2];
        if (pipe2(pipe_fds, O_CLOEXEC) < 0)
                return err_sys(err, -errno, "pipe");
        auto_close int from = pipe_fds[0], to = pipe_fds[1];
        int r = fd_nonblock(from, true);
        if (r < 0)
                return err_sys(err, r, "pipe");
        *ret_pid = fork();
        if (*ret_pid < 0)
                return err_sys(err, -errno, "fork");
        if (*ret_pid == 0)
                exec_supervise(run, rq->wall_ms, to);
        *e = (struct exec){.report = TAKE_FD(from), .began_ms = clock_boot_ms()};
        memcpy(e->id, rq->exec, sizeof e->id);
        return 0;
}

int execs_start(struct execs *all, struct link_message *m, struct err *err)
{
        static struct init_exec rq;
        int r = wire_decode(link_find(&init_link, INIT_EXEC)->req, m->body.data, m->body.len, &rq,
                            err);
        if (r < 0)
                return r;
        struct exec *e = free_exec(all);
        if (!e || execs_find(all, rq.exec))
                return err_set(err, -EBUSY, "too many execs");
        struct run run = {.program = rq.program && m->n_fds ? m->fds[0] : -1,
                          .tty = rq.tty,
                          .workdir = rq.workdir};
        pid_t pid = 0;
        auto_close int master = -1;
        r = init_take_fds(&run, m, err);
        if (r == 0 && run.program < 0 && !run.command.argv[0])
                r = err_set(err, -EINVAL, "command: no argument");
        if (r == 0 && rq.tty) {
                master = run_terminal(&run, rq.rows, rq.cols, err);
                r = master < 0 ? master : 0;
        }
        if (r == 0)
                r = fork_exec(e, &rq, &run, &pid, err);
        run_done(&run);
        if (master >= 0)
                close(run.stdio[0]);
        if (r == 0)
                init_answer(m, pid, master);
        return r;
}

static void exec_ended(struct exec *e, uint32_t kind, int status)
{
        struct init_exec_exited x = {.run_ms = clock_boot_ms() - e->began_ms};
        memcpy(x.exec, e->id, sizeof x.exec);
        if (WIFEXITED(status))
                x.exit_code = (uint32_t)WEXITSTATUS(status);
        else
                x.signal = (uint32_t)WTERMSIG(status);
        x.reason = kind == EXEC_TIMED_OUT                     ? INIT_BY_DEADLINE
                   : !x.signal                                ? INIT_BY_ITSELF
                   : e->asked_for && e->asked_for == x.signal ? INIT_BY_REQUEST
                                                              : INIT_BY_SIGNAL;
        close(e->report);
        e->report = -1;
        if (init_event(INIT_EXEC_EXITED, &x) < 0)
                _exit(1);
}

/* Reads what its supervisor has to say; one that says nothing more was killed. */
void execs_hear(struct exec *e)
{
        struct exec_report r;
        ssize_t n;
        while ((n = read(e->report, &r, sizeof r)) == (ssize_t)sizeof r) {
                if (r.kind != EXEC_RUNS) {
                        exec_ended(e, r.kind, r.value);
                        return;
                }
                e->command = r.value;
                if (e->asked_for)
                        kill(e->command, (int)e->asked_for);
        }
        if (n >= 0)
                exec_ended(e, EXEC_ENDED, SIGKILL);
}

void execs_signal(struct execs *all, const struct init_exec_signal *s)
{
        struct exec *e = execs_find(all, s->exec);
        if (!e || s->signal >= NSIG)
                return;
        if (!e->command)
                execs_hear(e);
        if (e->report < 0)
                return;
        e->asked_for = s->signal; /* sent when its pid is known, if that is later */
        if (e->command)
                kill(e->command, (int)s->signal);
}

size_t execs_count(const struct execs *all)
{
        size_t n = 0;
        for (size_t i = 0; i < BOX_EXECS_MAX; i++)
                n += all->list[i].report >= 0;
        return n;
}
