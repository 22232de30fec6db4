/* exec.c - more commands in a running sandbox: launch's side. The record of each is in the box's
 * journal from before init is asked until the asker forgets it; a `struct exec` exists only between
 * the request and its answer. The answer is given when keep has the outer ends and init has started
 * it; an end that comes before waits for that. */
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "box/box.h"
#include <signal.h>
#include <stdio.h>

struct exec {
        struct exec *next;
        char id[ID_TEXT_LEN + 1];
        struct peer_request *rq; /* NULL: it was refused, its end is nobody's */
        uint64_t ask, received_us;
        int inner[3], outer[3];
        uint32_t n_outer;
        bool keeping, started, ended;
};

struct launch_exec_result *box_exec_find(struct box *b, const char *exec)
{
        for (uint32_t i = 0; i < b->j.n_execs; i++)
                if (str_eq(b->j.execs[i].exec, exec))
                        return &b->j.execs[i];
        return NULL;
}

static struct exec *pending(struct box *b, const char *id)
{
        struct exec *e = b->execs;
        while (e && !str_eq(e->id, id))
                e = e->next;
        return e;
}

static void close_fds(int *fds, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                closep(&fds[i]);
                fds[i] = -1;
        }
}

static void drop_pending(struct box *b, struct exec *e)
{
        struct exec **at = &b->execs;
        while (*at != e)
                at = &(*at)->next;
        *at = e->next;
        close_fds(e->inner, 3);
        close_fds(e->outer, 3);
        free(e);
}

static void drop_record(struct box *b, const char *id)
{
        struct launch_exec_result *r = box_exec_find(b, id);
        box_keep_drop_id(b, id, "");
        if (!r)
                return;
        *r = b->j.execs[--b->j.n_execs];
        box_write_journal(b);
}

/* Has no effect, or kills what was begun: the asker hears of it once, here. */
static void refuse(struct box *b, struct exec *e, const struct err *err)
{
        log_warn("exec.failed", kv("id", e->id), kv("error", err_text(err)));
        if (e->rq)
                peer_fail_err(e->rq, err);
        e->rq = NULL;
        if (e->started && !e->ended && box_exec_signal(b, e->id, SIGKILL) == 0)
                return; /* its end comes as an event */
        drop_record(b, e->id);
        drop_pending(b, e);
}

static void tell_end(struct box *b, const struct launch_exec_result *r)
{
        struct peer *asker = b->all->c.peer(b->all->c.peer_ctx, b->j.asker);
        if (asker)
                peer_event(asker, LAUNCH_EXEC_EXITED, r, NULL, 0);
        log_info("exec.end", kv("id", r->exec), kv("box", r->id),
                 kv("reason", launch_reason_text(r->reason)), kv("exit_code", r->exit_code),
                 kv("ms", r->run_ms));
}

static void answer_when_ready(struct box *b, struct exec *e)
{
        if (!e->started || e->keeping || !e->rq)
                return;
        struct launch_exec_made made = {clock_boot_us() - e->received_us};
        peer_reply(e->rq, &made, e->outer, e->n_outer, false);
        e->rq = NULL;
        log_info("exec.start", kv("id", e->id), kv("box", b->j.result.id), kv("us", made.start_us));
        if (e->ended)
                tell_end(b, box_exec_find(b, e->id));
        drop_pending(b, e);
}

struct question {
        struct boxes *all;
        char id[ID_TEXT_LEN + 1], exec[ID_TEXT_LEN + 1];
};

static void on_kept(void *ctx, const struct peer_answer *a)
{
        struct question q = *(struct question *)ctx;
        struct err err = {0};
        free(ctx);
        struct box *b = a->status == -ECANCELED ? NULL : box_find(q.all, q.id);
        struct exec *e = b ? pending(b, q.exec) : NULL;
        if (!e)
                return;
        e->keeping = false;
        if (a->status == 0) {
                answer_when_ready(b, e);
                return;
        }
        err_set(&err, -EAGAIN, "the descriptor store: %s", err_text(a->err));
        refuse(b, e, &err);
}

static void keep_stdio(struct box *b, struct exec *e)
{
        if (!str_eq(b->j.asker, "api"))
                return; /* as with the main command: box/make.c */
        struct question *q = xcalloc(1, sizeof *q);
        q->all = b->all;
        snprintf(q->id, sizeof q->id, "%s", b->j.result.id);
        snprintf(q->exec, sizeof q->exec, "%s", e->id);
        e->keeping = true;
        box_keep_put_id(b, e->id, "stdio", e->outer, e->n_outer, on_kept, q);
}

static void record(struct box *b, const struct launch_exec *rq)
{
        struct launch_exec_result *r = &b->j.execs[b->j.n_execs++];
        *r = (struct launch_exec_result){.state = BOX_RUNNING, .tty = rq->tty};
        snprintf(r->id, sizeof r->id, "%s", rq->id);
        snprintf(r->exec, sizeof r->exec, "%s", rq->exec);
        box_write_journal(b); /* before init hears of it: nothing runs unnamed */
}

static int ask_init(struct box *b, struct exec *e, const struct launch_exec *rq, int command)
{
        struct init_exec x = {.program = rq->program == EXEC_FILES,
                              .tty = rq->tty,
                              .rows = rq->rows,
                              .cols = rq->cols,
                              .wall_ms = rq->wall_ms};
        int fds[4] = {x.program ? b->all->c.host->files : command, e->inner[0], e->inner[1],
                      e->inner[2]};
        snprintf(x.exec, sizeof x.exec, "%s", rq->exec);
        snprintf(x.workdir, sizeof x.workdir, "%s", rq->workdir[0] ? rq->workdir : "/work");
        return box_ask(b, INIT_EXEC, &x, fds, rq->tty ? 1 : 4, &e->ask);
}

void box_exec(struct box *b, const struct launch_exec *rq, int command, struct peer_request *peer)
{
        struct err err = {0};
        struct exec *e = xcalloc(1, sizeof *e);
        box_wake(b);
        *e = (struct exec){.next = b->execs,
                           .rq = peer,
                           .received_us = clock_boot_us(),
                           .inner = {-1, -1, -1},
                           .outer = {-1, -1, -1},
                           .n_outer = rq->tty ? 1 : 3};
        snprintf(e->id, sizeof e->id, "%s", rq->exec);
        b->execs = e;
        record(b, rq);
        int r = rq->tty ? 0 : spawn_pipes(b->all->c.host, b->j.slot, e->inner, e->outer, &err);
        if (r == 0 && (r = ask_init(b, e, rq, command)) < 0)
                err_sys(&err, r, "init of the sandbox");
        close_fds(e->inner, 3);
        if (r < 0)
                refuse(b, e, &err);
        else if (!rq->tty)
                keep_stdio(b, e);
}

static void lost(struct box *b, const char *exec, uint32_t reason)
{
        struct launch_exec_result *r = box_exec_find(b, exec);
        r->state = BOX_ENDED;
        r->reason = reason;
        box_write_journal(b);
        tell_end(b, r);
}

/* init does not know an exec that an earlier launch began; the text is its id. */
static void not_found(struct box *b, const struct link_message *m)
{
        char id[ID_TEXT_LEN + 1];
        snprintf(id, sizeof id, "%.*s", (int)m->body.len, m->body.data);
        struct launch_exec_result *r = box_exec_find(b, id);
        if (r && r->state == BOX_RUNNING)
                lost(b, id, BOX_LOST);
}

void box_exec_answer(struct box *b, struct link_message *m)
{
        struct err err = {0};
        struct exec *e = b->execs;
        if (m->verb == INIT_EXEC_FIND && m->status == -ENOENT)
                not_found(b, m);
        while (e && e->ask != m->id)
                e = e->next;
        if (!e || m->verb != INIT_EXEC || e->started)
                return;
        if (m->status < 0) {
                err_set(&err, m->status, "%.*s", (int)m->body.len, m->body.data);
                refuse(b, e, &err);
                return;
        }
        e->started = true;
        if (e->n_outer == 1) {
                if (m->n_fds != 1)
                        err_set(&err, -EPROTO, "init gave no terminal");
                else if (box_check_master(m->fds[0], &err) == 0)
                        e->outer[0] = TAKE_FD(m->fds[0]);
                if (err.code < 0) {
                        refuse(b, e, &err);
                        return;
                }
                keep_stdio(b, e);
        }
        answer_when_ready(b, e);
}

void box_exec_exited(struct box *b, const struct init_exec_exited *x)
{
        static const uint32_t reasons[] = {[INIT_BY_ITSELF] = BOX_EXITED,
                                           [INIT_BY_SIGNAL] = BOX_SIGNAL,
                                           [INIT_BY_DEADLINE] = BOX_WALL,
                                           [INIT_BY_REQUEST] = BOX_KILLED};
        struct launch_exec_result *r = box_exec_find(b, x->exec);
        struct exec *e = pending(b, x->exec);
        if (!r || r->state != BOX_RUNNING || x->reason < INIT_BY_ITSELF ||
            x->reason > INIT_BY_REQUEST)
                return;
        r->state = BOX_ENDED;
        r->reason = reasons[x->reason];
        r->exit_code = x->exit_code & 0xff;
        r->signal = x->signal & 0x7f;
        r->run_ms = x->run_ms;
        if (r->reason == BOX_SIGNAL && r->signal == SIGKILL && box_had_oom(b))
                r->reason = BOX_OOM;
        if (e && !e->rq) {
                drop_record(b, e->id);
                drop_pending(b, e);
                return;
        }
        box_write_journal(b);
        if (e)
                e->ended = true;
        else
                tell_end(b, r);
}

int box_exec_signal(struct box *b, const char *exec, uint32_t signal)
{
        struct init_exec_signal s = {.signal = signal};
        snprintf(s.exec, sizeof s.exec, "%s", exec);
        box_wake(b);
        return box_send(b, INIT_EXEC_SIGNAL, &s);
}

int box_exec_forget(struct box *b, const char *exec)
{
        struct launch_exec_result *r = box_exec_find(b, exec);
        if (!r)
                return -ENOENT;
        if (r->state != BOX_ENDED || pending(b, exec))
                return -EBUSY;
        drop_record(b, exec);
        return 0;
}

void box_execs_check(struct box *b)
{
        uint64_t id;
        for (uint32_t i = 0; i < b->j.n_execs; i++) {
                struct init_exec_id x;
                memcpy(x.exec, b->j.execs[i].exec, sizeof x.exec);
                if (box_ask(b, INIT_EXEC_FIND, &x, NULL, 0, &id) < 0)
                        return; /* init is gone: the end of all of it follows */
        }
}

void box_execs_ended(struct box *b)
{
        const struct launch_result *whole = &b->j.result;
        bool by_itself = whole->reason == BOX_EXITED || whole->reason == BOX_SIGNAL;
        struct err err = {0};
        err_set(&err, -ESRCH, "the sandbox has ended");
        while (b->execs) {
                struct exec *e = b->execs;
                if (e->rq)
                        peer_fail_err(e->rq, &err);
                drop_record(b, e->id);
                drop_pending(b, e);
        }
        for (uint32_t i = 0; i < b->j.n_execs; i++)
                if (b->j.execs[i].state == BOX_RUNNING)
                        lost(b, b->j.execs[i].exec, by_itself ? BOX_KILLED : whole->reason);
}

void box_execs_drop(struct box *b)
{
        for (uint32_t i = 0; i < b->j.n_execs; i++)
                box_keep_drop_id(b, b->j.execs[i].exec, "");
}

void box_execs_free(struct box *b)
{
        while (b->execs) {
                if (b->execs->rq) { /* launch ends: the asker sees its link end */
                        struct err err = {0};
                        err_set(&err, -ECANCELED, "launch ends");
                        peer_fail_err(b->execs->rq, &err);
                }
                drop_pending(b, b->execs);
        }
}
