#include "box/verbs.h"
#include "base/fd.h"
#include "base/str.h"
#include "box/reach.h"
#include "box/spec.h"
#include <signal.h>

bool box_ready(struct box *b, struct peer_request *rq)
{
        if (b->j.stage == JOURNAL_ENDED)
                peer_fail(rq, -ESRCH, "the sandbox has ended");
        else if (b->j.stage == JOURNAL_MAKING || !b->control_io)
                peer_fail(rq, -EAGAIN, "the sandbox is not ready yet");
        else
                return true;
        return false;
}

static bool good_signal(uint32_t signal, struct peer_request *rq)
{
        if (signal >= 1 && signal < NSIG)
                return true;
        peer_fail(rq, -EINVAL, "signal: expected 1 to 64");
        return false;
}

BOX_VERB(signal)
{
        (void)fds, (void)n_fds;
        const struct launch_signal *s = req;
        struct box *b = box_own(all, asker, s->id, rq);
        if (b && good_signal(s->signal, rq) && box_ready(b, rq))
                box_done(rq, box_signal(b, s->signal));
}

static int check_exec(struct box *b, const struct launch_exec *x, const int *fds, uint32_t n_fds,
                      struct err *err)
{
        int r = spec_check_exec(x, err);
        if (r < 0)
                return r;
        if (b->j.init_version < INIT_EXECS_SINCE)
                return err_set(err, -ENOTSUP, "the sandbox was made by an older paddock");
        if (x->program == EXEC_FILES && b->all->c.host->files < 0)
                return err_set(err, -ENOENT, "the program `files` is not installed");
        if (x->program == EXEC_COMMAND && n_fds != 1)
                return err_set(err, -EINVAL, "command: one descriptor expected");
        int64_t size = x->program == EXEC_COMMAND ? memfd_sealed_size(fds[0]) : 8;
        if (size < 8 || size > ARGS_BYTES_MAX)
                return err_set(err, -EINVAL, "command: not a sealed memfd of 8 B to 2 MiB");
        if (b->j.runsc)
                return err_set(err, -ENOTSUP,
                               "driver: with runsc a sandbox runs its one command, without exec "
                               "and cp");
        if (box_exec_find(b, x->exec))
                return err_set(err, -EEXIST, "exec: there is one of that id");
        if (b->j.n_execs == BOX_EXECS_MAX)
                return err_set(err, -EBUSY, "%d execs run or are not forgotten", BOX_EXECS_MAX);
        if (!b->all->c.peer(b->all->c.peer_ctx, "keep"))
                return err_set(err, -EAGAIN, "the descriptor store is not there");
        return 0;
}

BOX_VERB(exec)
{
        const struct launch_exec *x = req;
        struct err err = {0};
        struct box *b = box_own(all, asker, x->id, rq);
        if (!b || !box_ready(b, rq))
                return;
        if (check_exec(b, x, fds, n_fds, &err) < 0)
                peer_fail_err(rq, &err);
        else
                box_exec(b, x, n_fds ? fds[0] : -1, rq);
}

BOX_VERB(exec_signal)
{
        (void)fds, (void)n_fds;
        const struct launch_exec_signal *s = req;
        struct box *b = box_own(all, asker, s->id, rq);
        if (!b || !good_signal(s->signal, rq) || !box_ready(b, rq))
                return;
        struct launch_exec_result *r = s->exec[0] ? box_exec_find(b, s->exec) : NULL;
        if (!s->exec[0])
                box_done(rq, box_signal(b, s->signal));
        else if (!r)
                peer_fail(rq, -ENOENT, "no such exec");
        else if (r->state == BOX_ENDED)
                peer_fail(rq, -ESRCH, "the exec has ended");
        else
                box_done(rq, box_exec_signal(b, s->exec, s->signal));
}

BOX_VERB(exec_forget)
{
        (void)fds, (void)n_fds;
        const struct launch_exec_id *x = req;
        struct box *b = box_own(all, asker, x->id, rq);
        if (b)
                box_done(rq, box_exec_forget(b, x->exec));
}

BOX_VERB(exec_list)
{
        (void)req, (void)fds, (void)n_fds;
        for (struct box *b = all->first; b; b = b->next)
                for (uint32_t i = 0; i < b->j.n_execs && !b->failed; i++)
                        if (str_eq(b->j.asker, asker))
                                peer_reply(rq, &b->j.execs[i], NULL, 0, true);
        peer_reply(rq, &(struct launch_exec_result){0}, NULL, 0, false);
}

/* An event: nobody is told that there is no such sandbox. */
BOX_VERB(touch)
{
        (void)rq, (void)fds, (void)n_fds;
        const struct launch_id *q = req;
        struct box *b = box_find(all, q->id);
        if (b && str_eq(b->j.asker, asker) && b->j.stage == JOURNAL_RUNNING)
                box_touch(b);
}

BOX_VERB(stats)
{
        (void)fds, (void)n_fds;
        const struct launch_id *q = req;
        struct box *b = box_own(all, asker, q->id, rq);
        struct launch_stats s;
        if (!b || !box_ready(b, rq))
                return;
        box_stats(b, &s);
        peer_reply(rq, &s, NULL, 0, false);
}

static void freeze_or_thaw(struct box *b, struct peer_request *rq, bool on)
{
        if (b && box_ready(b, rq))
                box_done(rq, box_freeze(b, on));
}

BOX_VERB(freeze)
{
        (void)fds, (void)n_fds;
        freeze_or_thaw(box_own(all, asker, ((const struct launch_id *)req)->id, rq), rq, true);
}

BOX_VERB(thaw)
{
        (void)fds, (void)n_fds;
        freeze_or_thaw(box_own(all, asker, ((const struct launch_id *)req)->id, rq), rq, false);
}

BOX_VERB(policy)
{
        (void)fds, (void)n_fds;
        const struct launch_policy *p = req;
        struct box *b = box_own(all, asker, p->id, rq);
        if (b && box_ready(b, rq))
                reach_replace(b, p->policy, rq);
}
