#include "box/template.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/str.h"
#include "box/pool.h"
#include "box/spec.h"
#include "box/warm/messages.h"
#include "os/caps.h"
#include "os/seccomp.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

static const char *const namespaces[WARM_NS] = {"user", "mnt", "pid",   "net",
                                                "ipc",  "uts", "cgroup"};

void warm_init(struct warm *w)
{
        *w = (struct warm){.socket = -1, .inner = -1, .main_pidfd = -1};
}

void warm_done(struct warm *w)
{
        loop_io_remove(w->io);
        w->io = NULL;
        closep(&w->socket);
        closep(&w->inner);
        closep(&w->main_pidfd);
        w->socket = w->inner = w->main_pidfd = -1;
}

int warm_open(struct warm *w, uint32_t owner, bool rootful, struct err *err)
{
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
                return err_sys(err, -errno, "socket pair");
        w->socket = pair[0];
        w->inner = pair[1];
        int r = fd_nonblock(w->inner, false);
        if (r == 0 && rootful && fchown(w->inner, owner, owner) < 0)
                r = -errno;
        return r < 0 ? err_sys(err, r, "socket pair") : 0;
}

/* ---- messages ---- */

/* From inside: -EPROTO for anything that is not one whole answer. */
static int receive(int socket, struct warm_answer *ret, int *ret_fd)
{
        size_t n_fds = 1;
        ssize_t n = fd_recv_with(socket, ret, sizeof *ret, false, ret_fd, &n_fds);
        if (n <= 0)
                return n == 0 ? -EPIPE : n == -EMSGSIZE ? -EPROTO : (int)n;
        if (n != (ssize_t)sizeof *ret)
                return -EPROTO;
        ret->step[sizeof ret->step - 1] = 0;
        for (char *s = ret->step; *s; s++)
                if (*s < ' ' || *s > '~')
                        *s = '?'; /* it goes into an error's text */
        if (ret->error > 0 || ret->error <= -4096)
                ret->error = -EIO;
        return 0;
}

/* ---- the template ---- */

int template_find(struct boxes *all, const char *id, const char *asker, struct box **ret,
                  struct err *err)
{
        struct box *t = box_find(all, id);
        if (!t || t->j.result.profile != BOX_TEMPLATE || (asker && !str_eq(t->j.asker, asker)) ||
            t->failed || t->j.stage == JOURNAL_ENDED)
                return err_set(err, -ENOENT, "template: it does not run");
        if (!t->warm.ready)
                return err_set(err, -EAGAIN, "template: it is not ready yet");
        *ret = t;
        return 0;
}

static int open_ns(pid_t pid, const char *name)
{
        char path[48];
        snprintf(path, sizeof path, "/proc/%d/ns/%s", pid, name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

int template_nest(const struct box *t, uint32_t slot, struct nest *ret, struct err *err)
{
        pid_t pid;
        int r = nest_pid_of(t->s.pidfd, &pid, NULL, err);
        if (r < 0)
                return r;
        ret->first = (slot - t->j.slot) * SLOT_SIZE;
        ret->user_ns = open_ns(pid, "user");
        ret->pid_ns = open_ns(pid, "pid");
        if (ret->user_ns >= 0 && ret->pid_ns >= 0)
                return 0;
        template_nest_close(ret);
        return err_set(err, -ESRCH, "template: it has ended");
}

void template_nest_close(struct nest *n)
{
        closep(&n->user_ns);
        closep(&n->pid_ns);
}

static bool is_child(const struct box *t, const struct box *b)
{
        return str_eq(b->j.parent, t->j.result.id);
}

size_t template_children(const struct box *t)
{
        size_t n = 0;
        for (const struct box *b = t->all->first; b; b = b->next)
                n += is_child(t, b) && !b->spare && !b->failed && b->j.stage != JOURNAL_ENDED;
        return n;
}

/* ---- a fork ---- */

static int fill_fds(struct box *b, int fds[WARM_FDS_MAX], size_t *ret_n, struct err *err)
{
        const struct box_host *h = b->all->c.host;
        int doors[CGROUP_CONTROLLERS];
        size_t n = 0;
        for (; n < WARM_NS; n++)
                if ((fds[n] = open_ns(b->s.pid, namespaces[n])) < 0) {
                        int r = fds[n];
                        *ret_n = n;
                        return err_sys(err, r, "namespace %s", namespaces[n]);
                }
        for (int i = 0; i < 3; i++)
                fds[n++] = fcntl(b->s.inner[i], F_DUPFD_CLOEXEC, 3);
        fds[n++] = fcntl(b->warm.inner, F_DUPFD_CLOEXEC, 3);
        *ret_n = n;
        int r = cgroup_doors(h->cgroups, b->j.group, doors, err);
        if (r < 0)
                return r;
        for (int c = 0; c < CGROUP_CONTROLLERS; c++)
                if (doors[c] >= 0)
                        fds[n++] = doors[c];
        int door = cgroup_door_v2(h->cgroups, b->j.group);
        if (door >= 0)
                fds[n++] = door;
        *ret_n = n;
        return 0;
}

static void ask_next(struct box *t)
{
        for (struct box *b = t->all->first; b && !t->warm.asked; b = b->next)
                if (is_child(t, b) && b->warm.queued)
                        template_fork(b);
}

void template_fork(struct box *b)
{
        static struct warm_fork rq; /* large */
        struct err err = {0};
        struct box *t = box_find(b->all, b->j.parent);
        const struct seccomp_filter *f = seccomp_find(b->filter);
        int fds[WARM_FDS_MAX];
        size_t n = 0;
        b->warm.queued = t && t->warm.asked; /* one after the other */
        if (b->warm.queued)
                return;
        int r = t && t->warm.socket >= 0 && f->len <= WARM_FILTER_MAX
                        ? fill_fds(b, fds, &n, &err)
                        : err_set(&err, -EPIPE, "the template has ended");
        if (r == 0) {
                rq = (struct warm_fork){
                        .kind = WARM_FORK, .uid = BOX_UID, .n_filter = (uint32_t)f->len};
                memcpy(rq.filter, f->program, f->len * sizeof *f->program);
                r = fd_send_with(t->warm.socket, &rq, sizeof rq, fds, n);
                if (r < 0)
                        err_sys(&err, r, "asking the template");
        }
        for (size_t i = 0; i < n; i++)
                closep(&fds[i]);
        if (r < 0) {
                box_fail(b, &err);
                return;
        }
        t->warm.forking = b;
        t->warm.asked = true;
        closep(&b->warm.inner);
        b->warm.inner = -1;
}

/* The fork is where it was sent: what the kernel says, not what anybody inside does. */
static int check_place(const struct box *b, pid_t pid, struct err *err)
{
        for (size_t i = 0; i < WARM_NS; i++) {
                struct stat of_init, of_main;
                auto_close int a = open_ns(b->s.pid, namespaces[i]);
                auto_close int c = open_ns(pid, namespaces[i]);
                if (a < 0 || c < 0 || fstat(a, &of_init) < 0 || fstat(c, &of_main) < 0 ||
                    of_init.st_ino != of_main.st_ino)
                        return err_set(err, -EPERM, "the fork is not in its %s namespace",
                                       namespaces[i]);
        }
        return 0;
}

/* One filter more than init has: those of launch, the template's, its own. Which one it put on the
 * kernel does not say; the template's bounds it in any case. */
static int check_main(const struct box *b, struct err *err)
{
        struct caps_status s, init;
        pid_t pid;
        int r = nest_pid_of(b->warm.main_pidfd, &pid, NULL, err);
        if (r == 0)
                r = check_place(b, pid, err);
        if (r == 0)
                r = caps_read(pid, &s);
        if (r == 0)
                r = caps_read(b->s.pid, &init);
        if (r < 0)
                return err->code ? r : err_sys(err, r, "status of the fork");
        uint32_t uid = SLOT_BASE + b->j.slot * SLOT_SIZE + BOX_UID;
        if (s.inheritable | s.permitted | s.effective | s.bounding | s.ambient || !s.no_new_privs ||
            s.seccomp != 2 || s.filters != init.filters + !!init.filters || s.uid != uid ||
            s.gid != uid)
                return err_set(err, -EPERM, "the fork is not locked down; it was not started");
        return 0;
}

static void child_ready(void *ctx, uint32_t events UNUSED)
{
        struct box *b = ctx;
        struct warm_answer a;
        struct err err = {0};
        auto_close int fd = -1;
        int r = receive(b->warm.socket, &a, &fd);
        if (r == -EAGAIN)
                return;
        if (r == -EPIPE && b->warm.waiting && b->j.stage == JOURNAL_RUNNING && !b->rq) {
                loop_io_remove(b->warm.io); /* it runs; it has closed its end */
                b->warm.io = NULL;
                return;
        }
        if (r < 0) {
                err_sys(&err, r, "the forked process");
        } else if (a.error) {
                err_set(&err, a.error, "in the fork, %s: %s", a.step, errno_text(a.error));
        } else if (a.kind == WARM_WAITING && !b->warm.waiting) {
                b->warm.waiting = true;
                if (check_main(b, &err) == 0) {
                        box_made(b);
                        return;
                }
        } else if (a.kind == WARM_GONE && b->j.stage == JOURNAL_RUNNING && b->rq) {
                box_gone(b);
                return;
        } else {
                err_set(&err, -EPROTO, "the forked process said something else");
        }
        box_fail(b, &err);
}

static void forked(struct box *t, const struct warm_answer *a, int *pidfd)
{
        struct box *b = t->warm.forking;
        struct err err = {0};
        pid_t pid;
        t->warm.forking = NULL;
        t->warm.asked = false;
        if (!b)
                return; /* it did not live to see it; the fork ends with its namespaces */
        int code = a->error ? a->error : *pidfd < 0 ? -EIO : 0;
        int r = code ? err_set(&err, code, "fork of the template, %s: %s", a->step,
                               errno_text(code))
                     : 0;
        if (r == 0) {
                b->warm.main_pidfd = TAKE_FD(*pidfd);
                r = nest_pid_of(b->warm.main_pidfd, &pid, &b->warm.inner_pid, &err);
        }
        b->j.parent_pid = (uint32_t)a->pid;
        if (r < 0)
                box_fail(b, &err);
        else
                b->warm.io = loop_io_add(t->all->c.loop, b->warm.socket, EPOLLIN, child_ready, b);
}

static void zygote_ready(void *ctx, uint32_t events UNUSED)
{
        struct box *t = ctx;
        struct warm_answer a;
        auto_close int fd = -1;
        int r = receive(t->warm.socket, &a, &fd);
        if (r == -EAGAIN)
                return;
        if (r < 0) { /* its end comes from the pidfd */
                warm_done(&t->warm);
                return;
        }
        if (a.kind == WARM_READY && !t->warm.ready) {
                struct launch_id id;
                struct peer *asker = t->all->c.peer(t->all->c.peer_ctx, t->j.asker);
                memcpy(id.id, t->j.result.id, sizeof id.id);
                t->warm.ready = true;
                t->j.result.ready = 1;
                box_write_journal(t);
                if (asker)
                        peer_event(asker, LAUNCH_READY, &id, NULL, 0);
                log_info("template.ready", kv("id", id.id));
        } else if (a.kind == WARM_FORKED && t->warm.asked) {
                forked(t, &a, &fd);
                ask_next(t);
        }
}

void template_started(struct box *t)
{
        closep(&t->warm.inner);
        t->warm.inner = -1;
        if (t->warm.socket >= 0 && !t->warm.io)
                t->warm.io = loop_io_add(t->all->c.loop, t->warm.socket, EPOLLIN, zygote_ready, t);
}

int template_go(struct box *b, struct err *err)
{
        static struct warm_go go;
        go = (struct warm_go){.kind = WARM_GO, .n_writable = b->start.n_writable};
        memcpy(go.workdir, b->start.workdir, sizeof go.workdir);
        for (uint32_t i = 0; i < b->start.n_writable; i++)
                memcpy(go.writable[i], b->start.writable[i].path, sizeof go.writable[i]);
        int r = fd_send_with(b->warm.socket, &go, sizeof go, &b->command, 1);
        return r < 0 ? err_sys(err, r, "the forked process") : 0;
}

void template_orphan(struct box *t, uint32_t pid, uint32_t status)
{
        struct init_main_ended e = {status};
        for (struct box *b = t->all->first; b; b = b->next) {
                if (!is_child(t, b) || b->j.parent_pid != pid || b->j.stage == JOURNAL_ENDED)
                        continue;
                if (b->j.stage == JOURNAL_RUNNING && b->rq)
                        child_ready(b, EPOLLIN); /* it may have been quick: GONE is on its way */
                if (b->j.stage == JOURNAL_RUNNING && !b->rq) {
                        if (box_send(b, INIT_MAIN_ENDED, &e) < 0)
                                log_warn("box.orphan", kv("id", b->j.result.id));
                } else {
                        struct err err = {0};
                        err_set(&err, -EIO, "the forked process ended before it was started");
                        box_fail(b, &err);
                }
                return;
        }
}

void template_forget(struct box *b)
{
        struct box *t = b->j.parent[0] ? box_find(b->all, b->j.parent) : NULL;
        if (t && t->warm.forking == b)
                t->warm.forking = NULL;
}

void template_ended(struct box *t)
{
        struct err err = {0};
        warm_done(&t->warm);
        t->warm.ready = t->warm.wanted = t->warm.asked = false;
        t->warm.forking = NULL;
        err_set(&err, -EPIPE, "the template has ended");
        for (struct box *b = t->all->first; b; b = b->next)
                if (is_child(t, b) && b->j.stage == JOURNAL_MAKING)
                        box_fail(b, &err);
}
