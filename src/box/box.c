#include "box/box.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "box/template.h"
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

/* ---- table ---- */

struct box *box_find(struct boxes *all, const char *id)
{
        for (struct box *b = all->first; b; b = b->next)
                if (str_eq(b->j.result.id, id))
                        return b;
        return NULL;
}

struct box *box_add(struct boxes *all, const struct journal *j)
{
        struct box *b = xcalloc(1, sizeof *b);
        b->all = all;
        b->j = *j;
        if (!b->j.group[0])
                memcpy(b->j.group, j->result.id, sizeof b->j.group);
        b->command = b->lock = -1;
        b->next_id = clock_boot_us(); /* no answer to an earlier launch is taken for ours */
        reach_init(&b->reach);
        deliver_init(&b->deliver);
        warm_init(&b->warm);
        b->s = (struct spawned){0, -1, -1, {-1, -1, -1}, {-1, -1, -1}, -1};
        b->next = all->first;
        all->first = b;
        return b;
}

static void unwatch(struct box *b)
{
        loop_io_remove(b->control_io);
        loop_io_remove(b->pidfd_io);
        b->control_io = b->pidfd_io = NULL;
        closep(&b->s.control);
        closep(&b->s.pidfd);
        closep(&b->lock);
        b->s.control = b->s.pidfd = b->lock = -1;
}

void box_free(struct box *b)
{
        struct box **at = &b->all->first;
        while (*at != b)
                at = &(*at)->next;
        *at = b->next;
        unwatch(b);
        template_forget(b);
        loop_timer_remove(b->timer);
        box_execs_free(b);
        box_unwatch_limits(b);
        spawned_close_stdio(&b->s, true, true);
        closep(&b->s.upper);
        reach_done(&b->reach);
        deliver_done(&b->deliver);
        warm_done(&b->warm);
        closep(&b->command);
        free(b);
}

void box_write_journal(struct box *b)
{
        int r = journal_write(b->all->c.host->boxes, &b->j);
        if (r < 0)
                log_error("box.journal", kv("id", b->j.result.id), kv("error", errno_text(r)));
}

/* ---- keep ---- */

static void ignore_answer(void *ctx UNUSED, const struct peer_answer *a UNUSED)
{
}

void box_keep_drop(struct box *b, const char *name)
{
        box_keep_drop_id(b, b->j.result.id, name);
}

void box_keep_drop_id(struct box *b, const char *id, const char *name)
{
        struct peer *keep = b->all->c.peer(b->all->c.peer_ctx, "keep");
        struct keep_key key = {0};
        if (!keep)
                return; /* what it holds is dropped when it is found without a journal */
        snprintf(key.id, sizeof key.id, "%s", id);
        snprintf(key.name, sizeof key.name, "%s", name);
        peer_call(keep, KEEP_DROP, &key, NULL, 0, ignore_answer, NULL);
}

void box_keep_put(struct box *b, const char *name, const int *fds, uint32_t n, peer_answer_fn fn)
{
        box_keep_put_id(b, b->j.result.id, name, fds, n, fn ? fn : ignore_answer, fn ? b : NULL);
}

void box_keep_put_id(struct box *b, const char *id, const char *name, const int *fds, uint32_t n,
                     peer_answer_fn fn, void *ctx)
{
        struct keep_key key = {0};
        struct peer *keep = b->all->c.peer(b->all->c.peer_ctx, "keep");
        snprintf(key.id, sizeof key.id, "%s", id);
        snprintf(key.name, sizeof key.name, "%s", name);
        if (keep)
                peer_call(keep, KEEP_PUT, &key, fds, n, fn, ctx);
}

void box_keep_init(struct box *b, peer_answer_fn fn)
{
        int fds[3] = {b->s.control, b->s.pidfd, b->lock};
        box_keep_put(b, "init", fds, b->lock < 0 ? 2 : 3, fn);
}

/* ---- init ---- */

static int send_to_init(struct box *b, uint32_t verb, uint64_t id, const void *obj, const int *fds,
                        uint32_t n)
{
        CLEANUP(buf_done) struct buf buf;
        buf_init(&buf, 8192);
        int r = wire_encode(link_find(&init_link, verb)->req, obj, &buf, NULL);
        struct link_message m = {.version = b->j.init_version,
                                 .verb = verb,
                                 .flags = id ? LINK_REQUEST : LINK_EVENT,
                                 .id = id,
                                 .body = {buf_text(&buf), buf.len},
                                 .n_fds = n};
        for (uint32_t i = 0; i < n; i++)
                m.fds[i] = fds[i];
        return r < 0 ? r : link_send(b->s.control, &init_link, &m);
}

int box_send(struct box *b, uint32_t verb, const void *obj)
{
        return send_to_init(b, verb, 0, obj, NULL, 0);
}

int box_ask(struct box *b, uint32_t verb, const void *obj, const int *fds, uint32_t n,
            uint64_t *ret_id)
{
        *ret_id = ++b->next_id;
        return send_to_init(b, verb, *ret_id, obj, fds, n);
}

int box_check_master(int fd, struct err *err)
{
        struct stat st;
        if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2))
                return err_set(err, -EPROTO, "what init gave is no terminal");
        return 0;
}

static void on_message(struct box *b, struct link_message *m)
{
        union {
                struct init_hello hello;
                struct init_exec_exited exec;
                struct init_listening listening;
                struct init_place place;
                struct init_failed failed;
                struct init_exited exited;
                struct init_orphan orphan;
        } u;
        const struct link_verb *v = link_find(&init_link, m->verb);
        struct err err = {0};
        if (m->verb == INIT_START && m->flags == LINK_ANSWER) {
                box_started(b, m);
                return;
        }
        if (m->flags == LINK_ANSWER) {
                box_exec_answer(b, m);
                return;
        }
        if (m->flags != LINK_EVENT || v->req->size > sizeof u ||
            wire_decode(v->req, m->body.data, m->body.len, &u, NULL) < 0)
                return; /* from inside the sandbox: nothing to believe */
        if (m->verb == INIT_PLACE) {
                if (b->hello || m->n_fds != 1 ||
                    deliver_take(&b->deliver, u.place.index, &m->fds[0]) < 0)
                        return;
        } else if (m->verb == INIT_LISTENING) {
                if (b->hello || reach_take(&b->reach, m->fds, m->n_fds) < 0)
                        return; /* nothing of the sort is expected from inside */
        } else if (m->verb == INIT_HELLO) {
                box_hello(b, m);
        } else if (m->verb == INIT_FAILED) {
                err_set(&err,
                        u.failed.code < 0 && u.failed.code > -4096 ? (int)u.failed.code : -EIO,
                        "%s", u.failed.text);
                box_fail(b, &err);
        } else if (m->verb == INIT_EXEC_EXITED) {
                box_exec_exited(b, &u.exec);
        } else if (m->verb == INIT_ORPHAN && b->j.result.profile == BOX_TEMPLATE) {
                template_orphan(b, u.orphan.pid, u.orphan.status);
        } else if (m->verb == INIT_EXITED && !b->exited) {
                b->exited = true;
                b->exit = u.exited;
                if (b->j.result.profile != BOX_BUILD) /* its asker takes its files at once */
                        box_report(b);
        }
}

static void read_control(struct box *b)
{
        while (b->control_io) {
                struct link_message m;
                int r = link_recv(b->s.control, &init_link, b->all->storage, &m);
                if (r == -EAGAIN)
                        return;
                if (r < 0) { /* the end; what follows comes from the pidfd */
                        loop_io_remove(b->control_io);
                        b->control_io = NULL;
                        return;
                }
                on_message(b, &m);
                link_close_fds(&m);
        }
}

static void control_ready(void *ctx, uint32_t events UNUSED)
{
        read_control(ctx);
}

static void pidfd_ready(void *ctx, uint32_t events UNUSED)
{
        struct box *b = ctx;
        read_control(b);
        siginfo_t si;
        waitid(P_PIDFD, (id_t)b->s.pidfd, &si, WEXITED | WNOHANG); /* ours, unless adopted */
        unwatch(b);
        box_ended(b);
}

void box_watch(struct box *b)
{
        struct loop *l = b->all->c.loop;
        b->control_io = loop_io_add(l, b->s.control, EPOLLIN, control_ready, b);
        b->pidfd_io = loop_io_add(l, b->s.pidfd, EPOLLIN, pidfd_ready, b);
}

/* ---- requests ---- */

int box_signal(struct box *b, uint32_t signal)
{
        struct init_signal s = {signal};
        box_wake(b);
        return box_send(b, INIT_SIGNAL, &s);
}

int box_stop(struct box *b, uint64_t grace_ms, uint32_t reason)
{
        struct init_stop s = {grace_ms};
        box_wake(b);
        if (!b->j.stop_reason || b->j.stop_reason == BOX_KILLED) {
                b->j.stop_reason = reason;
                box_write_journal(b);
        }
        return box_send(b, INIT_STOP, &s);
}
