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
#include "base/limits.h"
#include "box/command.h"
#include "link/init.h"
#include "os/landlock.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#define CONTROL       3
#define START_WAIT_MS 60000 /* launch died while making us: nobody will ask any more */
#define NOT_FOUND     127   /* exit codes of a command that cannot be started, as shells have it */
#define NOT_RUNNABLE  126

struct init {
        struct init_start start;
        struct command command;
        pid_t main;
        uint64_t began_ms;
        int signals, deadline, grace;
        uint32_t reason;    /* why we killed, 0 while we did not */
        uint32_t asked_for; /* the last signal that launch sent to the main process */
        char storage[LINK_MESSAGE_MAX];
};

static int send_struct(uint32_t verb, uint32_t flags, uint64_t id, const struct wire_type *t,
                       const void *obj)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, LINK_MESSAGE_MAX / 2);
        int r = wire_encode(t, obj, &b, NULL);
        struct link_message m = {
                .verb = verb, .flags = flags, .id = id, .body = {b.data ? b.data : "", b.len}};
        return r < 0 ? r : link_send(CONTROL, &init_link, &m);
}

static int send_event(uint32_t verb, const void *obj)
{
        return send_struct(verb, LINK_EVENT, 0, link_find(&init_link, verb)->req, obj);
}

static void answer_error(const struct link_message *rq, const struct err *err)
{
        const char *text = err_text(err);
        struct link_message m = {.verb = rq->verb,
                                 .flags = LINK_ANSWER,
                                 .id = rq->id,
                                 .status = err->code,
                                 .body = {text, strlen(text)}};
        if (link_send(CONTROL, &init_link, &m) < 0)
                _exit(1);
}

/* The command memfd of link/launch.h. It comes from the asker: everything is checked. */
static int read_command(struct init *in, int fd, struct err *err)
{
        int64_t size = memfd_sealed_size(fd);
        if (size < 8 || size > ARGS_BYTES_MAX)
                return err_set(err, -EINVAL, "command: not a sealed memfd of 8 B to 2 MiB");
        char *text = malloc((size_t)size);
        if (!text || lseek(fd, 0, SEEK_SET) < 0 || fd_read_all(fd, text, (size_t)size) < 0)
                return err_set(err, -EIO, "command: cannot be read");
        return command_parse(text, (size_t)size, &in->command, err);
}

NORETURN static void run_command(struct init *in, const int stdio[3])
{
        sigset_t none;
        sigemptyset(&none);
        for (int i = 0; i < 3; i++)
                if (dup2(stdio[i], i) < 0)
                        _exit(NOT_RUNNABLE);
        if (syscall(SYS_close_range, 3u, ~0u, 0u) < 0)
                _exit(NOT_RUNNABLE);
        setsid();
        umask(022);
        if (chdir(in->start.workdir) < 0) {
                dprintf(2, "paddock: working directory '%s': %s\n", in->start.workdir,
                        strerror(errno));
                _exit(NOT_RUNNABLE);
        }
        environ = in->command.env;
        sigprocmask(SIG_SETMASK, &none, NULL);
        execvp(in->command.argv[0], in->command.argv);
        int e = errno;
        dprintf(2, "paddock: cannot run '%s': %s\n", in->command.argv[0], strerror(e));
        _exit(e == ENOENT ? NOT_FOUND : NOT_RUNNABLE);
}

static void arm(int timer, uint64_t ms)
{
        struct itimerspec t = {.it_value = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000}};
        if (ms == 0)
                t.it_value.tv_nsec = 1;
        timerfd_settime(timer, 0, &t, NULL);
}

/* The second layer over the file system, from here on for all that this sandbox will ever run. TCP
 * is free: it is that of a network namespace of its own. */
static int restrict_files(const struct init_start *s, struct err *err)
{
        struct landlock_rule rules[INIT_WRITABLE_MAX + 2] = {
                {"/", LANDLOCK_READ | LANDLOCK_EXECUTE}};
        for (uint32_t i = 0; i < s->n_writable; i++)
                rules[i + 1] = (struct landlock_rule){
                        s->writable[i].path, LANDLOCK_READ | LANDLOCK_WRITE | LANDLOCK_EXECUTE};
        int r = landlock_apply(rules, false, err);
        return r < 0 ? r : 0;
}

static int start_command(struct init *in, struct link_message *m, struct err *err)
{
        int r = wire_decode(link_find(&init_link, INIT_START)->req, m->body.data, m->body.len,
                            &in->start, err);
        if (r < 0)
                return r;
        if (m->n_fds != 4)
                return err_set(err, -EINVAL, "start: four descriptors expected");
        r = read_command(in, m->fds[0], err);
        if (r == 0)
                r = restrict_files(&in->start, err);
        if (r < 0)
                return r;
        in->began_ms = clock_boot_ms();
        in->main = fork();
        if (in->main < 0)
                return err_sys(err, -errno, "fork");
        if (in->main == 0)
                run_command(in, &m->fds[1]);
        if (in->start.wall_ms)
                arm(in->deadline, in->start.wall_ms);
        return 0;
}

/* Everything in this pid namespace but us. */
static void kill_all(struct init *in, uint32_t reason)
{
        if (!in->reason)
                in->reason = reason;
        kill(-1, SIGKILL);
}

static void on_message(struct init *in, struct link_message *m)
{
        union {
                struct init_signal signal;
                struct init_stop stop;
        } u;
        const struct link_verb *v = link_find(&init_link, m->verb);
        if (m->flags != LINK_EVENT || wire_decode(v->req, m->body.data, m->body.len, &u, NULL) < 0)
                return;
        if (m->verb == INIT_SIGNAL && u.signal.signal < NSIG) {
                in->asked_for = u.signal.signal;
                kill(in->main, (int)u.signal.signal);
        } else if (m->verb == INIT_STOP) {
                in->asked_for = SIGTERM;
                kill(in->main, SIGTERM);
                arm(in->grace, u.stop.grace_ms);
        }
}

/* Reports the end of the command and ends; the kernel kills what is left. */
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
        _exit(send_event(INIT_EXITED, &e) < 0);
}

static void reap(struct init *in)
{
        int status;
        struct signalfd_siginfo si;
        while (read(in->signals, &si, sizeof si) > 0)
                ;
        for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
                if (pid == in->main)
                        finish(in, status);
}

static bool fired(int timer)
{
        uint64_t n;
        return read(timer, &n, sizeof n) == (ssize_t)sizeof n;
}

NORETURN static void supervise(struct init *in)
{
        struct pollfd p[4] = {{CONTROL, POLLIN, 0},
                              {in->signals, POLLIN, 0},
                              {in->deadline, POLLIN, 0},
                              {in->grace, POLLIN, 0}};
        for (;;) {
                if (poll(p, ARRAY_LEN(p), -1) < 0 && errno != EINTR)
                        _exit(1);
                if (p[1].revents)
                        reap(in);
                if (p[2].revents && fired(in->deadline))
                        kill_all(in, INIT_BY_DEADLINE);
                if (p[3].revents && fired(in->grace))
                        kill_all(in, INIT_BY_REQUEST);
                if (p[0].revents) {
                        struct link_message m;
                        int r = link_recv(CONTROL, &init_link, in->storage, &m);
                        if (r == 0) {
                                on_message(in, &m);
                                link_close_fds(&m);
                        } else if (r != -EAGAIN) {
                                _exit(1); /* keep and launch are both gone: nobody can know us */
                        }
                }
        }
}

/* Waits for START; on a bad command the asker is told and the sandbox ends. */
static void await_start(struct init *in)
{
        struct pollfd p = {CONTROL, POLLIN, 0};
        struct link_message m;
        struct err err = {0};
        int r;
        do {
                r = poll(&p, 1, START_WAIT_MS);
                if (r == 0)
                        _exit(1);
                r = r < 0 ? -errno : link_recv(CONTROL, &init_link, in->storage, &m);
        } while (r == -EINTR || r == -EAGAIN);
        if (r < 0 || m.verb != INIT_START || m.flags != LINK_REQUEST)
                _exit(1);
        r = start_command(in, &m, &err);
        link_close_fds(&m);
        if (r < 0) {
                answer_error(&m, &err);
                _exit(1);
        }
        struct init_started started = {.pid = (uint32_t)in->main};
        if (send_struct(INIT_START, LINK_ANSWER, m.id, link_find(&init_link, INIT_START)->rep,
                        &started) < 0)
                _exit(1);
}

int main(void)
{
        static struct init in;
        static struct init_hello hello;
        sigset_t chld;
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
        sigemptyset(&chld);
        sigaddset(&chld, SIGCHLD);
        sigprocmask(SIG_SETMASK, &chld, NULL);
        in.signals = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
        in.deadline = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
        in.grace = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
        if (in.signals < 0 || in.deadline < 0 || in.grace < 0 || fd_cloexec(CONTROL, true) < 0)
                return 1;
        snprintf(hello.build_id, sizeof hello.build_id, "%s", build_id);
        if (send_event(INIT_HELLO, &hello) < 0)
                return 1;
        await_start(&in);
        supervise(&in);
}
