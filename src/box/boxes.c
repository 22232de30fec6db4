#include "box/boxes.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "box/disk.h"
#include "box/helper.h"
#include "box/layers.h"
#include "box/pool.h"
#include "box/template.h"
#include "box/verbs.h"
#include "box/spec.h"
#include "box/volume.h"
#include <signal.h>

#define SWEEP_PAUSE_MS 5
#define STOP_GRACE_MS  2000 /* for TERM, when everything is to end */

struct box *box_own(struct boxes *all, const char *asker, const char *id, struct peer_request *rq)
{
        struct box *b = box_find(all, id);
        if (b && str_eq(b->j.asker, asker) && !b->failed)
                return b;
        peer_fail(rq, -ENOENT, "no such sandbox");
        return NULL;
}

static void on_create(struct boxes *all, const char *asker, struct peer_request *rq,
                      const void *req, int *fds, uint32_t n_fds)
{
        const struct launch_spec *spec = req;
        struct err err = {0};
        if (n_fds != 1) {
                peer_fail(rq, -EINVAL, "command: one descriptor expected");
        } else if (spec_check(spec, &err) < 0) {
                peer_fail_err(rq, &err);
        } else if (box_find(all, spec->id)) {
                peer_fail(rq, -EEXIST, "id: there is a sandbox of that id");
        } else {
                box_create_with_disk(all, asker, spec, TAKE_FD(fds[0]), rq);
        }
}

static void on_query(struct boxes *all, const char *asker, struct peer_request *rq, const void *req,
                     int *fds UNUSED, uint32_t n_fds UNUSED)
{
        const struct launch_id *q = req;
        struct box *b = box_own(all, asker, q->id, rq);
        if (b)
                peer_reply(rq, &b->j.result, NULL, 0, false);
}

void box_done(struct peer_request *rq, int r)
{
        if (r < 0)
                peer_fail(rq, r, "%s", errno_text(r));
        else
                peer_reply(rq, &(struct launch_empty){0}, NULL, 0, false);
}

static void on_stop(struct boxes *all, const char *asker, struct peer_request *rq, const void *req,
                    int *fds UNUSED, uint32_t n_fds UNUSED)
{
        const struct launch_stop *s = req;
        struct box *b = box_own(all, asker, s->id, rq);
        if (!b)
                return;
        if (b->j.result.profile == BOX_TEMPLATE && template_children(b))
                peer_fail(rq, -EBUSY, "the template is in use by a sandbox");
        else if (b->j.stage == JOURNAL_ENDED)
                box_done(rq, 0); /* what was asked for is so */
        else if (!box_ready(b, rq))
                return;
        else if (s->reason && s->reason != BOX_KILLED && s->reason != BOX_OUTPUT &&
                 s->reason != BOX_POLICY && s->reason != BOX_DISK)
                peer_fail(rq, -EINVAL, "reason: expected killed, output, policy or disk");
        else
                box_done(rq, box_stop(b, s->grace_ms, s->reason ? s->reason : BOX_KILLED));
}

static void on_forget(struct boxes *all, const char *asker, struct peer_request *rq,
                      const void *req, int *fds UNUSED, uint32_t n_fds UNUSED)
{
        const struct launch_id *q = req;
        struct box *b = box_own(all, asker, q->id, rq);
        if (!b)
                return;
        if (b->j.stage != JOURNAL_ENDED) {
                peer_fail(rq, -EBUSY, "the sandbox is running");
                return;
        }
        box_keep_drop(b, "");
        box_execs_drop(b);
        b->failed = true;
        if (!b->timer && b->s.pidfd < 0) /* else when the last of it is gone */
                box_remove_group(b);
        box_done(rq, 0);
}

static void on_list(struct boxes *all, const char *asker, struct peer_request *rq,
                    const void *req UNUSED, int *fds UNUSED, uint32_t n_fds UNUSED)
{
        for (struct box *b = all->first; b; b = b->next)
                if (str_eq(b->j.asker, asker) && !b->failed)
                        peer_reply(rq, &b->j.result, NULL, 0, true);
        peer_reply(rq, &(struct launch_result){0}, NULL, 0, false);
}

static void on_volume_create(struct boxes *all, const char *asker UNUSED, struct peer_request *rq,
                             const void *req, int *fds UNUSED, uint32_t n_fds UNUSED)
{
        const struct launch_id *q = req;
        struct err err = {0};
        if (volume_create(all->c.host, q->id, &err) < 0)
                peer_fail_err(rq, &err);
        else
                box_done(rq, 0);
}

bool boxes_use_volume(const struct boxes *all, const char *id)
{
        for (const struct box *b = all->first; b; b = b->next)
                for (uint32_t i = 0;
                     !b->failed && b->j.stage != JOURNAL_ENDED && i < b->j.n_volumes; i++)
                        if (str_eq(b->j.volumes[i].id, id))
                                return true;
        return false;
}

static void sweep(void *ctx);

void boxes_sweep(struct boxes *all)
{
        if (!all->sweeper)
                all->sweeper = loop_timer_add(all->c.loop, SWEEP_PAUSE_MS, sweep, all);
}

static void sweep(void *ctx)
{
        struct boxes *all = ctx;
        int r = volume_sweep(all->c.host);
        all->sweeper = NULL;
        if (r == -EAGAIN)
                boxes_sweep(all);
        else if (r < 0)
                log_warn("volume.sweep", kv("error", errno_text(r)));
}

static void on_volume_remove(struct boxes *all, const char *asker UNUSED, struct peer_request *rq,
                             const void *req, int *fds UNUSED, uint32_t n_fds UNUSED)
{
        const struct launch_id *q = req;
        struct err err = {0};
        if (boxes_use_volume(all, q->id))
                peer_fail(rq, -EBUSY, "the volume is in use by a sandbox");
        else if (volume_remove(all->c.host, q->id, &err) < 0)
                peer_fail_err(rq, &err);
        else
                box_done(rq, 0);
        boxes_sweep(all);
}

/* The handlers know which role asks from the table that the link was made with. */
#define HANDLER(asker, verb)                                                                       \
        static void asker##_##verb(void *ctx, struct peer_request *rq, const void *req, int *fds,  \
                                   uint32_t n)                                                     \
        {                                                                                          \
                on_##verb(ctx, #asker, rq, req, fds, n);                                           \
        }
#define ASKER(asker)                                                                               \
        HANDLER(asker, create)                                                                     \
        HANDLER(asker, query)                                                                      \
        HANDLER(asker, signal)                                                                     \
        HANDLER(asker, stop)                                                                       \
        HANDLER(asker, forget)                                                                     \
        HANDLER(asker, list)                                                                       \
        HANDLER(asker, exec)                                                                       \
        HANDLER(asker, exec_signal)                                                                \
        HANDLER(asker, exec_forget)                                                                \
        HANDLER(asker, touch)                                                                      \
        HANDLER(asker, stats)                                                                      \
        HANDLER(asker, freeze)                                                                     \
        HANDLER(asker, thaw)                                                                       \
        HANDLER(asker, policy)                                                                     \
        HANDLER(asker, exec_list)                                                                  \
        HANDLER(asker, volume_create)                                                              \
        HANDLER(asker, volume_remove)                                                              \
        HANDLER(asker, volume_quota)                                                               \
        HANDLER(asker, volume_copy)                                                                \
        HANDLER(asker, layer_have)                                                                 \
        HANDLER(asker, layer_list)                                                                 \
        HANDLER(asker, layer_remove)                                                               \
        HANDLER(asker, layer_commit)                                                               \
        HANDLER(asker, layer_snapshot)                                                             \
        static const struct peer_handler asker##_handlers[] = {                                    \
                {LAUNCH_CREATE, asker##_create},                                                   \
                {LAUNCH_QUERY, asker##_query},                                                     \
                {LAUNCH_SIGNAL, asker##_signal},                                                   \
                {LAUNCH_STOP, asker##_stop},                                                       \
                {LAUNCH_FORGET, asker##_forget},                                                   \
                {LAUNCH_LIST, asker##_list},                                                       \
                {LAUNCH_EXEC, asker##_exec},                                                       \
                {LAUNCH_EXEC_SIGNAL, asker##_exec_signal},                                         \
                {LAUNCH_EXEC_FORGET, asker##_exec_forget},                                         \
                {LAUNCH_EXEC_LIST, asker##_exec_list},                                             \
                {LAUNCH_TOUCH, asker##_touch},                                                     \
                {LAUNCH_STATS, asker##_stats},                                                     \
                {LAUNCH_FREEZE, asker##_freeze},                                                   \
                {LAUNCH_THAW, asker##_thaw},                                                       \
                {LAUNCH_POLICY, asker##_policy},                                                   \
                {LAUNCH_VOLUME_CREATE, asker##_volume_create},                                     \
                {LAUNCH_VOLUME_REMOVE, asker##_volume_remove},                                     \
                {LAUNCH_VOLUME_QUOTA, asker##_volume_quota},                                       \
                {LAUNCH_VOLUME_COPY, asker##_volume_copy},                                         \
                {LAUNCH_LAYER_HAVE, asker##_layer_have},                                           \
                {LAUNCH_LAYER_LIST, asker##_layer_list},                                           \
                {LAUNCH_LAYER_REMOVE, asker##_layer_remove},                                       \
                {LAUNCH_LAYER_COMMIT, asker##_layer_commit},                                       \
                {LAUNCH_LAYER_SNAPSHOT, asker##_layer_snapshot},                                   \
                {0, NULL},                                                                         \
        };                                                                                         \
        static const struct peer_ops asker##_ops = {&launch_link, asker##_handlers, NULL};

ASKER(api)
ASKER(rag)

const struct peer_ops *boxes_ops(const char *asker)
{
        return str_eq(asker, "api") ? &api_ops : str_eq(asker, "rag") ? &rag_ops : NULL;
}

int boxes_new(const struct boxes_config *c, struct boxes **ret, struct err *err)
{
        CLEANUP(boxes_freep) struct boxes *all = xcalloc(1, sizeof *all);
        all->c = *c;
        int r = boxes_recover(all, err);
        if (r < 0)
                return r;
        boxes_sweep(all);
        *ret = TAKE_PTR(all);
        return 0;
}

void boxes_free(struct boxes *all)
{
        if (!all)
                return;
        helpers_cancel();
        while (all->first)
                box_free(all->first);
        loop_timer_remove(all->sweeper);
        loop_timer_remove(all->disk_timer);
        loop_timer_remove(all->pool.timer);
        free(all);
}

size_t boxes_stop(struct boxes *all, bool helpers_only)
{
        size_t n = 0;
        pool_close(all);
        for (struct box *b = all->first; b; b = b->next) {
                /* a template that has sandboxes stays with them */
                bool helper = b->j.result.profile != BOX_RUN && !template_children(b),
                     ended = b->j.stage == JOURNAL_ENDED;
                if (ended && helper && b->stop_sent)
                        box_keep_drop(b, ""); /* its asker may end before it can say so */
                if (ended || b->spare || (helpers_only && !helper))
                        continue;
                n++;
                if (!b->control_io || b->stop_sent)
                        continue;
                b->stop_sent = true; /* once: each asking would start the grace anew */
                if (box_stop(b, STOP_GRACE_MS, BOX_KILLED) < 0)
                        log_warn("box.stop", kv("id", b->j.result.id), kv("error", "no answer"));
        }
        return n;
}

size_t boxes_making(const struct boxes *all)
{
        size_t n = all->preparing;
        for (const struct box *b = all->first; b; b = b->next)
                n += b->j.stage == JOURNAL_MAKING;
        return n;
}
