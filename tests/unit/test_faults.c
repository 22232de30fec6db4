/* Every system call of a start fails once: those of launch, and those of the new process until it is
 * init. Nothing may be left, there is one clear error, and what starts all the same is as locked
 * down as ever. A tracer, the test's first process, does it to its child, which is launch. */
#include "box_fixture.h"
#include "box/box.h"
#include "os/caps.h"
#include <dirent.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

#if defined(__x86_64__)

enum whose { NOBODY, LAUNCH, CHILD };
/* What launch asks of its tracer, and what the tracer did. */
static struct orders {
        enum whose whose;
        int error, k, seen;
        long failed_call; /* -1: the start has fewer than k calls */
} *volatile orders;

/* ---- the tracer ---- */

/* To refuse these would break what the kernel never breaks, as closing always closes. A role that
 * cannot watch a descriptor ends at once, and what it leaves is swept: tests/fault/restart.sh. */
static bool may_fail(long nr)
{
        static const long never[] = {
                SYS_close, SYS_munmap,   SYS_exit_group, SYS_exit,      SYS_rt_sigreturn, SYS_brk,
                SYS_mmap,  SYS_mprotect, SYS_getpid,     SYS_epoll_ctl, SYS_clock_gettime};
        for (size_t i = 0; i < ARRAY_LEN(never); i++)
                if (nr == never[i])
                        return false;
        return nr >= 0;
}

struct tracee {
        pid_t pid;
        bool inside, refuse;
};
static struct tracee tracees[64];
static pid_t launch_pid, child_pid;

static struct tracee *tracee_of(pid_t pid)
{
        struct tracee *none = NULL;
        for (size_t i = 0; i < ARRAY_LEN(tracees); i++) {
                if (tracees[i].pid == pid)
                        return &tracees[i];
                if (!tracees[i].pid && !none)
                        none = &tracees[i];
        }
        CHECK(none);
        *none = (struct tracee){.pid = pid};
        return none;
}

static void at_syscall(struct tracee *t)
{
        struct user_regs_struct r;
        bool his = orders->whose == LAUNCH  ? t->pid == launch_pid
                   : orders->whose == CHILD ? t->pid == child_pid
                                            : false;
        t->inside = !t->inside;
        if (ptrace(PTRACE_GETREGS, t->pid, NULL, &r) < 0)
                return;
        if (t->inside && his && may_fail((long)r.orig_rax) && ++orders->seen == orders->k) {
                orders->failed_call = (long)r.orig_rax;
                r.orig_rax = (unsigned long long)-1;
                t->refuse = ptrace(PTRACE_SETREGS, t->pid, NULL, &r) == 0;
        } else if (!t->inside && t->refuse) {
                r.rax = (unsigned long long)-orders->error;
                t->refuse = false;
                if (ptrace(PTRACE_SETREGS, t->pid, NULL, &r) < 0)
                        return;
        }
}

static int at_stop(pid_t pid, int status)
{
        struct tracee *t = tracee_of(pid);
        unsigned long made = 0;
        int event = status >> 16, sig = WSTOPSIG(status);
        if (sig == (SIGTRAP | 0x80)) {
                at_syscall(t);
                return 0;
        }
        if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_CLONE ||
            event == PTRACE_EVENT_VFORK) {
                ptrace(PTRACE_GETEVENTMSG, pid, NULL, &made);
                if (pid == launch_pid && !child_pid)
                        child_pid = (pid_t)made;
                return 0;
        }
        if (event == PTRACE_EVENT_EXEC) { /* it is init, or further */
                t->pid = 0;
                return -1;
        }
        return event || sig == SIGTRAP || sig == SIGSTOP ? 0 : sig;
}

/* Until launch ends; its status. */
static int trace(pid_t launch)
{
        const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACECLONE |
                             PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
        int status;
        launch_pid = launch;
        CHECK_INT(waitpid(launch, &status, 0), ==, launch);
        CHECK_INT(ptrace(PTRACE_SETOPTIONS, launch, NULL, options), ==, 0);
        ptrace(PTRACE_SYSCALL, launch, NULL, 0);
        for (;;) {
                pid_t pid = waitpid(-1, &status, __WALL);
                CHECK_INT(pid, >, 0);
                if (!WIFSTOPPED(status)) {
                        if (pid == launch)
                                return status;
                        tracee_of(pid)->pid = 0;
                        continue;
                }
                int sig = at_stop(pid, status);
                if (orders->whose == NOBODY)
                        child_pid = 0;
                ptrace(sig < 0 ? PTRACE_DETACH : PTRACE_SYSCALL, pid, NULL, sig < 0 ? 0 : sig);
        }
}

/* ---- launch ---- */

struct left {
        size_t fds, boxes, slots, journals, mounts;
};

static size_t entries(const char *path)
{
        DIR *d = opendir(path);
        size_t n = 0;
        for (struct dirent *e; d && (e = readdir(d));)
                n += e->d_name[0] != '.';
        if (d)
                closedir(d);
        return n;
}

static struct left left(struct fixture *f)
{
        struct left l = {0};
        CLEANUP(buf_done) struct buf b;
        for (int fd = 0; fd < 1024; fd++)
                l.fds += fcntl(fd, F_GETFD) >= 0;
        for (const struct box *x = f->boxes->first; x; x = x->next)
                l.boxes++;
        for (size_t i = 0; i < SLOTS; i++)
                l.slots += f->boxes->slots[i];
        char path[96];
        snprintf(path, sizeof path, "%s/boxes", f->state);
        l.journals = entries(path);
        buf_init(&b, 1u << 20);
        if (file_read_at(AT_FDCWD, "/proc/self/mountinfo", &b) == 0)
                for (size_t i = 0; i < b.len; i++)
                        l.mounts += b.data[i] == '\n';
        return l;
}

static void check_left(struct fixture *f, const struct left *before, const char *id)
{
        struct left l = left(f);
        for (int i = 0; i < 200 && (l.boxes > before->boxes || l.fds > before->fds); i++) {
                fx_settle(f, 5);
                l = left(f);
        }
        CHECK_INT(l.boxes, ==, before->boxes);
        CHECK_INT(l.fds, ==, before->fds);
        CHECK_INT(l.slots, ==, before->slots);
        CHECK_INT(l.journals, ==, before->journals);
        CHECK_INT(l.mounts, ==, before->mounts);
        CHECK(!cgroup_exists(f->host->cgroups, id));
}

/* One that runs although a call failed: what the kernel says is what it says of any other. */
static void check_jail(const struct box *b, size_t mounts)
{
        static const char *const names[] = {"user", "mnt", "pid", "net", "ipc", "uts", "cgroup"};
        struct caps_status s;
        char path[64], ours[64], theirs[64];
        CLEANUP(buf_done) struct buf m;
        CHECK_INT(caps_read(b->s.pid, &s), ==, 0);
        CHECK_INT(s.inheritable | s.permitted | s.effective | s.bounding | s.ambient, ==, 0);
        CHECK_INT(s.no_new_privs, ==, 1);
        CHECK_INT(s.seccomp, ==, 2);
        for (size_t i = 0; i < ARRAY_LEN(names) && geteuid() == 0; i++) {
                snprintf(path, sizeof path, "/proc/self/ns/%s", names[i]);
                ssize_t n = readlink(path, ours, sizeof ours - 1);
                snprintf(path, sizeof path, "/proc/%d/ns/%s", b->s.pid, names[i]);
                ssize_t k = readlink(path, theirs, sizeof theirs - 1);
                CHECK(n > 0 && k > 0 && (n != k || memcmp(ours, theirs, (size_t)n) != 0));
        }
        buf_init(&m, 1u << 20);
        snprintf(path, sizeof path, "/proc/%d/mountinfo", b->s.pid);
        if (file_read_at(AT_FDCWD, path, &m) < 0)
                return; /* an ordinary user may not look */
        size_t lines = 0;
        for (size_t i = 0; i < m.len; i++)
                lines += m.data[i] == '\n';
        CHECK(!mounts || lines == mounts);
}

static size_t mounts_of(const struct box *b)
{
        char path[64];
        size_t lines = 0;
        CLEANUP(buf_done) struct buf m;
        buf_init(&m, 1u << 20);
        snprintf(path, sizeof path, "/proc/%d/mountinfo", b->s.pid);
        for (size_t i = 0; file_read_at(AT_FDCWD, path, &m) == 0 && lines == 0 && i < m.len; i++)
                for (size_t j = 0; j < m.len; j++)
                        lines += m.data[j] == '\n';
        return lines;
}

static bool started(const struct box *b)
{
        return b && !b->failed && b->j.stage == JOURNAL_RUNNING && !b->timer;
}

static struct launch_id q; /* of the last start */
/* What may come of it: an error at once, an error later, or a whole sandbox. */
static enum outcome_kind {
        REFUSED,
        FAILED,
        WHOLE
} start(struct fixture *f, enum whose whose, int error, int k, size_t *mounts)
{
        static const char *const argv[] = {"/bin/sleep", "100", NULL};
        struct launch_spec s = fx_spec();
        struct err err = {0};
        memcpy(q.id, s.id, sizeof q.id);
        *orders = (struct orders){whose, error, k, 0, -1};
        static struct pool_kind kind;
        kind = (struct pool_kind){.spec = s};
        int r = box_make_ahead(f->boxes, &kind, &err);
        if (whose == LAUNCH)
                orders->whose = NOBODY;
        struct box *b = r < 0 ? NULL : box_find(f->boxes, s.id);
        if (r < 0) {
                CHECK(err.text[0]);
                CHECK_INT(err.code, <, 0);
                orders->whose = NOBODY;
                return REFUSED;
        }
        b->spare = false; /* somebody's, from now on */
        b->kind = NULL;
        snprintf(b->j.asker, sizeof b->j.asker, "api");
        b->command = fx_command(argv);
        for (int i = 0; i < 2000 && b && !started(b); i++) {
                CHECK_INT(loop_once(f->loop, 10, NULL), ==, 0);
                b = box_find(f->boxes, s.id);
        }
        orders->whose = NOBODY;
        if (!b)
                return FAILED;
        CHECK(started(b));
        if (!*mounts)
                *mounts = mounts_of(b);
        check_jail(b, *mounts);
        for (int i = 0; i < 3; i++) /* the asker's copies */
                closep(&b->s.outer[i]), b->s.outer[i] = -1;
        f->exited = false;
        stop_now(f, s.id);
        CHECK_INT(fx_call(f, LAUNCH_FORGET, &q, NULL, 0), ==, 0);
        return WHOLE;
}

static void every_call(struct fixture *f, enum whose whose, int error)
{
        int count[3] = {0};
        size_t mounts = 0;
        CHECK_INT(start(f, NOBODY, 0, 0, &mounts), ==, WHOLE);
        fx_settle(f, 50);
        CHECK_INT(start(f, NOBODY, 0, 0, &mounts), ==, WHOLE);
        fx_settle(f, 100);
        struct left before = left(f);
        for (int k = 1;; k++) {
                CHECK_INT(k, <, 2000);
                enum outcome_kind o = start(f, whose, error, k, &mounts);
                if (orders->failed_call < 0)
                        break;
                count[o]++;
                printf("# k %d call %ld: %d\n", k, orders->failed_call, (int)o);
                check_left(f, &before, q.id);
        }
        printf("# %s, error %d: %d refused at once, %d failed, %d whole all the same\n",
               whose == LAUNCH ? "launch" : "child", error, count[REFUSED], count[FAILED],
               count[WHOLE]);
        CHECK_INT(count[REFUSED] + count[FAILED], >, 10);
}

static void traced(bool rootful, enum whose whose)
{
        orders = mmap(NULL, sizeof *orders, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                      0);
        CHECK(orders != MAP_FAILED);
        pid_t pid = fork();
        CHECK_INT(pid, >=, 0);
        if (pid == 0) {
                if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
                        _exit(77);
                raise(SIGSTOP);
                struct fixture *f = rootful ? fx_new() : fx_new_with(false, false);
                every_call(f, whose, EPERM);
                every_call(f, whose, ENOMEM);
                fx_free(f);
                fflush(NULL);
                _exit(0);
        }
        int status = trace(pid);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
                SKIP("host lacks the right to trace");
        CHECK_INT(status, ==, 0);
}

TEST(each_call_of_launch_fails_rootful)
{
        traced(true, LAUNCH);
}
TEST(each_call_of_launch_fails_rootless)
{
        traced(false, LAUNCH);
}
TEST(each_call_of_the_new_process_fails_rootful)
{
        traced(true, CHILD);
}
TEST(each_call_of_the_new_process_fails_rootless)
{
        traced(false, CHILD);
}

#else
TEST(each_call_fails)
{
        SKIP("host lacks x86_64, whose registers the tracer knows");
}
#endif
