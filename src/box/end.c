/* end.c - the end of a sandbox: its result, its record, its control group. */
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "box/ids.h"
#include "box/image.h"
#include "box/pool.h"
#include "box/template.h"
#include "os/task_io.h"
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>

#define GROUP_TRIES  250 /* of 20 ms each, until the control group is left to the next sweep */
#define GROUP_TRY_MS 20

static void try_again(void *ctx)
{
        struct box *b = ctx;
        b->timer = NULL;
        box_remove_group(b);
}

void box_remove_group(struct box *b)
{
        const struct box_host *h = b->all->c.host;
        int r = cgroup_remove(h->cgroups, b->j.group);
        if (r < 0 && b->tries++ < GROUP_TRIES) {
                cgroup_kill(h->cgroups, b->j.group);
                b->timer = loop_timer_add(b->all->c.loop, GROUP_TRY_MS, try_again, b);
                return;
        }
        if (r < 0)
                log_warn("box.cgroup", kv("id", b->j.result.id), kv("error", errno_text(r)));
        if (b->failed) {
                image_discard(b->all->c.host, b->j.result.id);
                boxes_sweep(b->all);
                journal_remove(h->boxes, b->j.result.id);
                journal_remove(h->boxes,
                               b->j.group); /* of the pool, where it failed at hand-over */
                box_free(b);
        }
}

/* A limit that launch or its asker watches: the result names it, however the command then ended. */
static bool is_watched(uint32_t reason)
{
        return reason >= BOX_IDLE && reason <= BOX_POLICY;
}

static void fill_result(struct box *b, const struct cgroup_stats *stats)
{
        static const uint32_t reasons[] = {[INIT_BY_ITSELF] = BOX_EXITED,
                                           [INIT_BY_SIGNAL] = BOX_SIGNAL,
                                           [INIT_BY_DEADLINE] = BOX_WALL,
                                           [INIT_BY_REQUEST] = BOX_KILLED};
        struct launch_result *r = &b->j.result;
        bool known =
                b->exited && b->exit.reason >= INIT_BY_ITSELF && b->exit.reason <= INIT_BY_REQUEST;
        r->cpu_us = stats->cpu_us;
        r->peak_memory_bytes = stats->peak_memory_bytes;
        r->oom_kills = stats->oom_kills;
        r->io_read_bytes = stats->io_read_bytes;
        r->io_write_bytes = stats->io_write_bytes;
        if (known) {
                r->reason = reasons[b->exit.reason];
                r->exit_code = b->exit.exit_code & 0xff;
                r->signal = b->exit.signal & 0x7f;
                r->run_ms = b->exit.run_ms;
                if (r->reason == BOX_SIGNAL && r->signal == SIGKILL && stats->oom_kills)
                        r->reason = BOX_OOM;
                if (b->j.runsc && stats->oom_kills && r->reason == BOX_EXITED)
                        r->reason = BOX_OOM; /* its kernel was killed: runsc ends by itself then */
                if (is_watched(b->j.stop_reason))
                        r->reason = b->j.stop_reason;
                return;
        }
        r->run_ms = clock_boot_ms() - b->j.released_ms;
        r->signal = SIGKILL;
        if (stats->oom_kills) {
                r->reason = BOX_OOM; /* init went with the rest of the group */
        } else if (b->j.stop_reason) {
                r->reason = b->j.stop_reason;
        } else {
                r->reason = BOX_LOST;
                r->signal = 0;
                snprintf(r->cause, sizeof r->cause, "%s",
                         b->j.parent[0] ? "its template ended" : "init ended without a report");
        }
}

/* Where no control group counts it: init has waited for all the others, and may be a zombie. */
static void add_task_io(const struct box *b, struct cgroup_stats *stats)
{
        struct task_io io = {0, 0};
        if (cgroup_has(b->all->c.host->cgroups, CGROUP_IO))
                return;
        task_io_add_pidfd(&io, b->s.pidfd);
        stats->io_read_bytes = io.read_bytes;
        stats->io_write_bytes = io.write_bytes;
}

void box_report(struct box *b)
{
        struct boxes *all = b->all;
        struct cgroup_stats stats;
        if (b->failed || b->j.stage != JOURNAL_RUNNING)
                return;
        box_unwatch_limits(b);
        reach_close(b);
        if (b->s.pidfd >= 0) /* it was about to end */
                pidfd_send_signal(b->s.pidfd, SIGKILL, NULL, 0);
        cgroup_stats_read(all->c.host->cgroups, b->j.group, &stats);
        add_task_io(b, &stats);
        fill_result(b, &stats);
        box_execs_ended(b);
        b->j.stage = JOURNAL_ENDED;
        b->j.result.state = BOX_ENDED;
        box_write_journal(b);
        box_keep_drop(b, "init");
        box_keep_drop(b, "upper"); /* it holds a file system */
        struct peer *asker = all->c.peer(all->c.peer_ctx, b->j.asker);
        if (asker)
                peer_event(asker, LAUNCH_EXITED, &b->j.result, NULL, 0);
        log_info("box.end", kv("id", b->j.result.id),
                 kv("reason", launch_reason_text(b->j.result.reason)),
                 kv("exit_code", b->j.result.exit_code), kv("ms", b->j.result.run_ms));
}

/* Everything of it is dead. */
void box_ended(struct box *b)
{
        struct err err = {0};
        if (b->keeping)
                return; /* the answers of keep come back to us first */
        loop_timer_remove(b->timer);
        b->timer = NULL;
        box_unwatch_limits(b);
        reach_close(b);
        ids_give(b);
        if (b->spare)
                pool_gone(b);
        if (b->j.stage == JOURNAL_MAKING) {
                err_set(&err, -EIO, "init ended before it was ready");
                box_fail(b, &err);
        }
        if (b->failed)
                box_keep_drop(b, "");
        box_report(b);
        if (b->j.result.profile == BOX_TEMPLATE)
                template_ended(b);
        box_remove_group(b);
}

void box_lost(struct box *b, const char *cause)
{
        struct boxes *all = b->all;
        struct launch_result *r = &b->j.result;
        box_unwatch_limits(b);
        cgroup_kill(all->c.host->cgroups, b->j.group);
        reach_close(b);
        r->reason = BOX_LOST;
        r->state = BOX_ENDED;
        snprintf(r->cause, sizeof r->cause, "%s", cause);
        b->j.stage = JOURNAL_ENDED;
        ids_give(b);
        box_execs_ended(b);
        box_write_journal(b);
        log_warn("box.lost", kv("id", r->id), kv("cause", cause));
        struct peer *asker = all->c.peer(all->c.peer_ctx, b->j.asker);
        if (asker)
                peer_event(asker, LAUNCH_EXITED, r, NULL, 0);
        box_remove_group(b);
}
