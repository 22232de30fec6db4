/* adopt.c - after a restart of launch: running sandboxes are taken on with the descriptors that
 * keep holds, those that were being made are swept, those whose descriptors are gone are lost. */
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "box/ids.h"
#include "box/template.h"
#include "box/image.h"
#include "link/keep.h"
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>

static void found_journal(void *ctx, const struct journal *j)
{
        struct boxes *all = ctx;
        struct box *b = box_add(all, j);
        if (j->stage != JOURNAL_ENDED)
                ids_mark(b);
}

/* The record of one made ahead, which launch was about to remove when it ended: its group is that
 * of a sandbox that runs. */
static bool handed_over(const struct box *spare)
{
        for (const struct box *b = spare->all->first; b; b = b->next)
                if (b != spare && str_eq(b->j.group, spare->j.result.id))
                        return true;
        return false;
}

static void recover(struct box *b)
{
        b->failed = b->j.stage == JOURNAL_MAKING && !b->j.asker[0]; /* made ahead: no result */
        if (b->failed && handed_over(b)) {
                journal_remove(b->all->c.host->boxes, b->j.result.id);
                box_free(b);
        } else if (b->j.stage == 0) {
                box_lost(b, "its record cannot be read");
        } else if (b->j.stage == JOURNAL_MAKING) {
                box_lost(b, "launch was ended while it was being made");
        } else if (b->j.stage == JOURNAL_ENDED) {
                box_remove_group(b); /* most often gone already */
        }
}

/* What a sandbox wrote goes with its record; what has none was half made. */
static bool has_record(void *ctx, const char *id)
{
        return box_find(ctx, id);
}

int boxes_recover(struct boxes *all, struct err *err)
{
        int r = journal_each(all->c.host->boxes, found_journal, all);
        if (r < 0)
                return err_sys(err, r, "journals");
        for (struct box *b = all->first, *next; b; b = next) {
                next = b->next;
                recover(b);
        }
        r = images_sweep(all->c.host, has_record, all);
        return r < 0 ? err_sys(err, r, "upper layers") : 0;
}

/* ---- with keep ---- */

struct question {
        struct boxes *all;
        char id[ID_TEXT_LEN + 1];
};

static void on_zygote(void *ctx, const struct peer_answer *a)
{
        struct question q = *(struct question *)ctx;
        free(ctx);
        if (a->status == -ECANCELED || a->status == -EPIPE)
                return;
        struct box *t = box_find(q.all, q.id);
        if (t && a->status == 0 && a->n_fds == 1 && t->warm.socket < 0) {
                t->warm.socket = TAKE_FD(a->fds[0]);
                t->warm.ready = t->j.result.ready;
                template_started(t);
        }
}

static void adopt_zygote(struct box *t)
{
        struct keep_key key = {.name = "warm"};
        struct peer *keep = t->all->c.peer(t->all->c.peer_ctx, "keep");
        struct question *q = xcalloc(1, sizeof *q);
        q->all = t->all;
        memcpy(q->id, t->j.result.id, sizeof q->id);
        memcpy(key.id, q->id, sizeof key.id);
        if (keep)
                peer_call(keep, KEEP_GET, &key, NULL, 0, on_zygote, q);
        else
                free(q);
}

static void on_init(void *ctx, const struct peer_answer *a)
{
        struct question q = *(struct question *)ctx;
        free(ctx);
        struct box *b = box_find(q.all, q.id);
        if (!b || a->status == -ECANCELED || a->status == -EPIPE)
                return; /* asked again when keep is back */
        if (b->j.stage != JOURNAL_RUNNING) {
                if (a->status == 0 && a->n_fds >= 2)
                        pidfd_send_signal(a->fds[1], SIGKILL, NULL, 0);
                box_keep_drop(b, "");
                return;
        }
        if (b->s.pidfd >= 0)
                return;
        if (a->status < 0 || a->n_fds < 2) {
                box_lost(b, "its descriptors are gone: the host or the role keep was restarted");
                return;
        }
        b->s.control = TAKE_FD(a->fds[0]);
        b->s.pidfd = TAKE_FD(a->fds[1]);
        if (a->n_fds > 2)
                b->lock = TAKE_FD(a->fds[2]);
        log_info("box.adopted", kv("id", b->j.result.id));
        box_watch(b);
        if (b->j.result.profile == BOX_TEMPLATE)
                adopt_zygote(b);
        reach_adopt(b);
        box_execs_check(b);
        box_watch_limits(b, true);
        box_watch_disk(b->all);
}

/* The stdio of an exec is stored under the exec's own id. */
static bool is_exec(struct boxes *all, const char *id)
{
        for (struct box *b = all->first; b; b = b->next)
                if (box_exec_find(b, id))
                        return true;
        return false;
}

static void on_entry(void *ctx, const struct peer_answer *a)
{
        struct boxes *all = ctx;
        const struct keep_entry *e = a->rep;
        struct peer *keep = all->c.peer(all->c.peer_ctx, "keep");
        if (a->status < 0 || !e->id[0] || !keep || box_find(all, e->id) || is_exec(all, e->id))
                return;
        struct journal j = {.stage = JOURNAL_ENDED, .result.state = BOX_ENDED};
        struct box *unknown = box_add(all, &j);
        memcpy(unknown->j.result.id, e->id, sizeof j.result.id);
        box_keep_drop(unknown, "");
        box_free(unknown);
}

void boxes_keep_up(struct boxes *all)
{
        struct peer *keep = all->c.peer(all->c.peer_ctx, "keep");
        struct keep_key any = {0};
        if (!keep)
                return;
        for (struct box *b = all->first; b; b = b->next) {
                struct keep_key key = {.name = "init"};
                snprintf(key.id, sizeof key.id, "%s", b->j.result.id);
                if (b->s.pidfd >= 0 && b->j.stage == JOURNAL_RUNNING) {
                        box_keep_init(b, NULL); /* keep was restarted */
                        reach_keep(b);
                } else if (b->s.pidfd < 0 &&
                           (b->j.stage == JOURNAL_RUNNING || b->j.result.reason == BOX_LOST)) {
                        struct question *q = xcalloc(1, sizeof *q);
                        q->all = all;
                        memcpy(q->id, key.id, sizeof q->id);
                        peer_call(keep, KEEP_GET, &key, NULL, 0, on_init, q);
                }
        }
        peer_call(keep, KEEP_LIST, &any, NULL, 0, on_entry, all);
        all->asked_keep = true;
        boxes_reach_synced(all);
}
