/* init - the first process of every sandbox.
 *
 * A static program of its own, embedded in launch and started from a sealed memfd after everything
 * is locked down: no capability, no_new_privs, seccomp, Landlock, the sandbox's own user id. It
 * starts the one command, reaps, passes signals on, keeps the wall deadline without help from
 * outside, and reports the end. When it ends, the kernel ends everything else in its namespace.
 */
#include "base/build.h"
#include "base/clock.h"
#include "base/fd.h"
#include "box/init_execs.h"
#include "link/init.h"
#include "os/landlock.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

struct init {
        struct init_start start;
        struct run run;
        pid_t main; /* 0: there is no main command */
        uint64_t began_ms;
        int signals, deadline, grace;
        uint32_t reason;    /* why we killed, 0 while we did not */
        uint32_t asked_for; /* the last signal that launch sent to the main process */
        struct execs execs;
        char storage[LINK_MESSAGE_MAX];
};

static void arm(int timer, uint64_t ms)
{
        struct itimerspec t = {.it_value = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000}};
        if (ms == 0)
                t.it_value.tv_nsec = 1;
        timerfd_settime(timer, 0, &t, NULL);
}

/* The second layer over the file system, from here on for all that this sandbox will ever run. TCP
 * is free: it is that of a network namespace of its own. A forked main command is in another domain,
 * and has to be killed all the same; the pid namespace bounds signals anyway. */
static int restrict_files(const struct init_start *s, struct err *err)
{
        struct landlock_rule rules[INIT_WRITABLE_MAX + 2] = {
                {"/", LANDLOCK_READ | LANDLOCK_EXECUTE}};
        for (uint32_t i = 0; i < s->n_writable; i++)
                rules[i + 1] = (struct landlock_rule){
                        s->writable[i].path, LANDLOCK_READ | LANDLOCK_WRITE | LANDLOCK_EXECUTE};
        int r = landlock_apply(rules, s->main ? LANDLOCK_FREE_SIGNALS : 0, err);
        return r < 0 ? r : 0;
}

static int start_command(struct init *in, struct link_message *m, struct err *err)
{
        int r = wire_decode(link_find(&init_link, INIT_START)->req, m->body.data, m->body.len,
                            &in->start, err);
        in->main = (pid_t)in->start.main;
        if (r == 0 && !in->main)
                r = init_take_fds(&in->run, m, err);
        if (r == 0 && in->run.runsc && !in->run.command.argv[0])
                r = err_set(err, -ENOTSUP, "driver: with runsc a sandbox has a command");
        /* Its forks could not read the files of their own sandboxes: they get a layer of their own.
         * runsc mounts, which nobody behind such a layer may. */
        if (r == 0 && !in->start.orphans && !in->run.runsc)
                r = restrict_files(&in->start, err);
        if (r < 0)
                return r;
        in->run.workdir = in->start.workdir;
        in->began_ms = clock_boot_ms();
        if (!in->main && in->run.command.argv[0]) {
                in->main = fork();
                if (in->main < 0)
                        return err_sys(err, -errno, "fork");
                if (in->main == 0)
                        run_become(&in->run);
        }
        run_done(&in->run);
        if (in->run.tty)
                close(in->run.stdio[0]);
        if (in->start.wall_ms)
                arm(in->deadline, in->start.wall_ms);
        return 0;
}

/* Reports the end of the command when nothing else is alive, and ends. */
NORETURN static void finish(struct init *in, int status)
{
        struct init_exited e = {.run_ms = clock_boot_ms() - in->began_ms};
        if (WIFEXITED(status))
                e.exit_code = (uint32_t)WEXITSTATUS(status);
        else
                e.signal = (uint32_t)WTERMSIG(status);
        if (in->reason)
                e.reason = in->reason;
        else if (!e.signal)
                e.reason = INIT_BY_ITSELF;
        else
                e.reason = e.signal == in->asked_for ? INIT_BY_REQUEST : INIT_BY_SIGNAL;
        for (size_t i = 0; i < BOX_EXECS_MAX; i++) /* what ended before is said before */
                if (!in->reason && in->execs.list[i].report >= 0)
                        execs_hear(&in->execs.list[i]);
        /* As the kernel would do when we end; but this way the asker need not wait for the namespaces
         * to be taken down. */
        kill(-1, SIGKILL);
        while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
                ;
        _exit(init_event(INIT_EXITED, &e) < 0);
}

/* Everything in this pid namespace but us. */
static void kill_all(struct init *in, uint32_t reason)
{
        if (!in->reason)
                in->reason = reason;
        kill(-1, SIGKILL);
        if (!in->main)
                finish(in, SIGKILL);
}

static void on_request(struct init *in, struct link_message *m)
{
        struct err err = {0};
        struct init_exec_id find;
        int r = 0;
        if (m->verb == INIT_EXEC)
                r = execs_start(&in->execs, m, &err);
        else if (m->verb != INIT_EXEC_FIND)
                r = err_set(&err, -EPROTO, "asked for twice");
        else if (wire_decode(link_find(&init_link, m->verb)->req, m->body.data, m->body.len, &find,
                             &err) < 0)
                r = err.code;
        else if (!execs_find(&in->execs, find.exec))
                r = err_set(&err, -ENOENT, "%s", find.exec);
        else
                init_answer(m, 1, -1);
        if (r < 0)
                init_refuse(m, &err);
}

static void stop(struct init *in, uint64_t grace_ms)
{
        in->asked_for = SIGTERM;
        if (in->main)
                kill(in->main, SIGTERM);
        for (size_t i = 0; i < BOX_EXECS_MAX && !in->main; i++)
                in->execs.list[i].asked_for = SIGTERM;
        if (!in->main)
                kill(-1, SIGTERM);
        if (!in->main && !in->reason)
                in->reason = INIT_BY_REQUEST;
        arm(in->grace, in->main || execs_count(&in->execs) ? grace_ms : 0);
}

static void on_message(struct init *in, struct link_message *m)
{
        union {
                struct init_signal signal;
                struct init_stop stop;
                struct init_exec_signal exec;
                struct init_main_ended ended;
        } u;
        const struct link_verb *v = link_find(&init_link, m->verb);
        if (m->flags == LINK_REQUEST) {
                on_request(in, m);
                return;
        }
        if (m->flags != LINK_EVENT ||
            (m->verb != INIT_SIGNAL && m->verb != INIT_STOP && m->verb != INIT_EXEC_SIGNAL &&
             m->verb != INIT_MAIN_ENDED) ||
            wire_decode(v->req, m->body.data, m->body.len, &u, NULL) < 0)
                return;
        if (m->verb == INIT_EXEC_SIGNAL) {
                execs_signal(&in->execs, &u.exec);
        } else if (m->verb == INIT_MAIN_ENDED) {
                finish(in, (int)u.ended.status);
        } else if (m->verb == INIT_STOP) {
                stop(in, u.stop.grace_ms);
        } else if (in->main && u.signal.signal < NSIG) {
                in->asked_for = u.signal.signal;
                kill(in->main, (int)u.signal.signal);
        }
}

static void reap(struct init *in)
{
        int status;
        struct signalfd_siginfo si;
        while (read(in->signals, &si, sizeof si) > 0)
                ;
        for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
                if (in->main && pid == in->main)
                        finish(in, status);
                struct init_orphan o = {(uint32_t)pid, (uint32_t)status};
                if (in->start.orphans && init_event(INIT_ORPHAN, &o) < 0)
                        _exit(1);
        }
}

static bool fired(int timer)
{
        uint64_t n;
        return read(timer, &n, sizeof n) == (ssize_t)sizeof n;
}

static void read_control(struct init *in)
{
        struct link_message m;
        int r = link_recv(INIT_CONTROL, &init_link, in->storage, &m);
        if (r == 0) {
                on_message(in, &m);
                link_close_fds(&m);
        } else if (r != -EAGAIN) {
                _exit(1); /* keep and launch are both gone: nobody can know us */
        }
}

/* Said to its askers before the end of the whole is. */
static void hear_execs(struct init *in, const struct pollfd *p)
{
        for (size_t i = 0; i < BOX_EXECS_MAX; i++)
                if (in->execs.list[i].report >= 0 && p[i].fd == in->execs.list[i].report &&
                    p[i].revents)
                        execs_hear(&in->execs.list[i]);
        if (!in->main && in->reason && execs_count(&in->execs) == 0)
                finish(in, SIGTERM);
}

NORETURN static void supervise(struct init *in)
{
        struct pollfd p[4 + BOX_EXECS_MAX] = {{INIT_CONTROL, POLLIN, 0},
                                              {in->signals, POLLIN, 0},
                                              {in->deadline, POLLIN, 0},
                                              {in->grace, POLLIN, 0}};
        for (;;) {
                for (size_t i = 0; i < BOX_EXECS_MAX; i++)
                        p[4 + i] = (struct pollfd){in->execs.list[i].report, POLLIN, 0};
                if (poll(p, ARRAY_LEN(p), -1) < 0 && errno != EINTR)
                        _exit(1);
                hear_execs(in, p + 4);
                if (p[1].revents)
                        reap(in);
                if (p[2].revents && fired(in->deadline))
                        kill_all(in, INIT_BY_DEADLINE);
                if (p[3].revents && fired(in->grace))
                        kill_all(in, INIT_BY_REQUEST);
                if (p[0].revents)
                        read_control(in);
        }
}

/* Waits for START; on a bad command the asker is told and the sandbox ends. */
static void await_start(struct init *in)
{
        struct pollfd p = {INIT_CONTROL, POLLIN, 0};
        struct link_message m;
        struct err err = {0};
        int r;
        do {
                r = poll(&p, 1, -1); /* made ahead, it may take long */
                r = r < 0 ? -errno : link_recv(INIT_CONTROL, &init_link, in->storage, &m);
        } while (r == -EINTR || r == -EAGAIN);
        if (r < 0 || m.verb != INIT_START || m.flags != LINK_REQUEST)
                _exit(1);
        r = start_command(in, &m, &err);
        link_close_fds(&m);
        if (r < 0) {
                init_refuse(&m, &err);
                _exit(1);
        }
        init_answer(&m, in->main, -1);
}

/* HELLO, with the master of the main command's terminal when there is to be one: its outer end is
 * stored before anything runs. */
static int hello(struct init *in, int argc, char **argv)
{
        static struct init_hello h;
        auto_close int master = -1;
        in->run.runsc = argc == 2;
        if (argc == 3) {
                uint32_t rows = (uint32_t)strtoul(argv[1], NULL, 10);
                uint32_t cols = (uint32_t)strtoul(argv[2], NULL, 10);
                struct err err = {0};
                struct init_failed f = {0};
                master = run_terminal(&in->run, rows, cols, &err);
                if (master < 0) {
                        f.code = master;
                        snprintf(f.text, sizeof f.text, "%.255s", err_text(&err));
                        return init_event(INIT_FAILED, &f) < 0 ? -EIO : master;
                }
        }
        snprintf(h.build_id, sizeof h.build_id, "%s", build_id);
        return init_send(INIT_HELLO, LINK_EVENT, 0, link_find(&init_link, INIT_HELLO)->req, &h,
                         master);
}

int main(int argc, char **argv)
{
        static struct init in;
        sigset_t chld;
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
        sigemptyset(&chld);
        sigaddset(&chld, SIGCHLD);
        sigprocmask(SIG_SETMASK, &chld, NULL);
        in.signals = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
        in.deadline = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
        in.grace = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
        if (in.signals < 0 || in.deadline < 0 || in.grace < 0 || fd_cloexec(INIT_CONTROL, true) < 0)
                return 1;
        in.run.program = -1;
        for (size_t i = 0; i < BOX_EXECS_MAX; i++)
                in.execs.list[i].report = -1;
        if (hello(&in, argc, argv) < 0)
                return 1;
        await_start(&in);
        supervise(&in);
}
