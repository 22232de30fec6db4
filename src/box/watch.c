/* watch.c - the limits that no kernel file holds: idleness and processor time; and freezing. What is
 * watched stands in the journal, so that a restarted launch goes on; how long a sandbox has been
 * idle begins anew then. */
#include "base/clock.h"
#include "base/log.h"
#include "box/box.h"

#define LOOK_MS       1000
#define LOOK_CPU_MS   100 /* a budget is overdrawn by at most this, times the cores */
#define LOOK_LEAST_MS 20
#define IDLE_PERCENT  1    /* of one core: less is no work */
#define IDLE_GRACE_MS 2000 /* for TERM; who spends too much gets none */

static uint64_t least(uint64_t a, uint64_t b)
{
        return a < b ? a : b;
}

/* How long until the next look; 0: there is nothing to look for. */
static uint64_t pause_ms(const struct box *b)
{
        const struct journal *j = &b->j;
        uint64_t ms = 0;
        if (j->idle_ms || j->freeze_ms || (j->wall_ms && b->frozen))
                ms = LOOK_MS;
        if (j->idle_ms)
                ms = least(ms, j->idle_ms / 4);
        if (j->freeze_ms)
                ms = least(ms, j->freeze_ms / 4);
        if (j->cpu_ms)
                ms = ms ? least(ms, LOOK_CPU_MS) : LOOK_CPU_MS;
        return ms && ms < LOOK_LEAST_MS ? LOOK_LEAST_MS : ms;
}

static void stop_for(struct box *b, uint64_t grace_ms, uint32_t reason)
{
        log_info("box.limit", kv("id", b->j.result.id), kv("reason", launch_reason_text(reason)));
        if (box_stop(b, grace_ms, reason) < 0)
                log_warn("box.stop", kv("id", b->j.result.id), kv("error", "no answer"));
}

static bool has_running_exec(const struct box *b)
{
        for (uint32_t i = 0; i < b->j.n_execs; i++)
                if (b->j.execs[i].state == BOX_RUNNING)
                        return true;
        return false;
}

/* Whether anything was done since the last look. */
static bool was_busy(struct box *b, uint64_t now_ms)
{
        uint64_t us = cgroup_cpu_us(b->all->c.host->cgroups, b->j.group);
        uint64_t worked = us - b->cpu_us, passed = (now_ms - b->looked_ms) * 1000;
        bool busy = has_running_exec(b) || worked * 100 >= passed * IDLE_PERCENT;
        b->cpu_us = us;
        b->looked_ms = now_ms;
        return busy;
}

static void thaw(struct box *b)
{
        if (b->frozen && box_freeze(b, false) < 0)
                log_warn("box.thaw", kv("id", b->j.result.id), kv("error", "refused, ignoring"));
}

static void freeze_idle(struct box *b)
{
        if (box_freeze(b, true) < 0)
                b->j.freeze_ms = 0; /* no freezer here: it is not tried again */
        else
                b->froze_idle = true;
}

static void look(void *ctx)
{
        struct box *b = ctx;
        const struct journal *j = &b->j;
        uint64_t now = clock_boot_ms();
        b->watch = NULL;
        if (was_busy(b, now) && !b->frozen)
                b->idle_since_ms = now;
        uint64_t idle = now - b->idle_since_ms;
        if (j->cpu_ms && b->cpu_us >= j->cpu_ms * 1000) {
                stop_for(b, 0, BOX_CPU);
                return;
        }
        if (j->idle_ms && idle >= j->idle_ms) {
                stop_for(b, IDLE_GRACE_MS, BOX_IDLE);
                return;
        }
        if (j->freeze_ms && idle >= j->freeze_ms && !b->frozen)
                freeze_idle(b);
        /* init cannot keep its deadline while it is frozen itself; thawed, it does at once. */
        if (j->wall_ms && now - j->released_ms >= j->wall_ms)
                thaw(b);
        box_unwatch_limits(b);
        uint64_t ms = pause_ms(b);
        if (ms)
                b->watch = loop_timer_add(b->all->c.loop, ms, look, b);
}

void box_watch_limits(struct box *b, bool adopted)
{
        if (adopted)
                b->frozen = cgroup_is_frozen(b->all->c.host->cgroups, b->j.group);
        b->froze_idle = b->frozen && b->j.freeze_ms;
        b->looked_ms = b->idle_since_ms = clock_boot_ms();
        box_unwatch_limits(b);
        uint64_t ms = pause_ms(b);
        if (ms)
                b->watch = loop_timer_add(b->all->c.loop, ms, look, b);
}

void box_unwatch_limits(struct box *b)
{
        loop_timer_remove(b->watch);
        b->watch = NULL;
}

void box_touch(struct box *b)
{
        b->idle_since_ms = clock_boot_ms();
        if (b->froze_idle)
                thaw(b);
}

void box_wake(struct box *b)
{
        box_touch(b);
        thaw(b);
}

int box_freeze(struct box *b, bool on)
{
        int r = cgroup_freeze(b->all->c.host->cgroups, b->j.group, on);
        if (r < 0)
                return r;
        b->frozen = on;
        b->froze_idle = false;
        if (on && b->j.wall_ms && !b->watch)
                b->watch = loop_timer_add(b->all->c.loop, pause_ms(b), look, b);
        log_info(on ? "box.freeze" : "box.thaw", kv("id", b->j.result.id));
        return 0;
}

bool box_had_oom(struct box *b)
{
        struct cgroup_stats s;
        cgroup_stats_read(b->all->c.host->cgroups, b->j.group, &s);
        bool more = s.oom_kills > b->oom_kills;
        b->oom_kills = s.oom_kills;
        return more;
}

void box_stats(struct box *b, struct launch_stats *ret)
{
        struct cgroup_stats s;
        cgroup_stats_read(b->all->c.host->cgroups, b->j.group, &s);
        if (!cgroup_has(b->all->c.host->cgroups, CGROUP_IO))
                cgroup_task_io(b->all->c.host->cgroups, b->j.group, &s);
        *ret = (struct launch_stats){.cpu_us = s.cpu_us,
                                     .memory_bytes = s.memory_bytes,
                                     .peak_memory_bytes = s.peak_memory_bytes,
                                     .pids = s.pids ? s.pids - 1 : 0, /* init is not its */
                                     .io_read_bytes = s.io_read_bytes,
                                     .io_write_bytes = s.io_write_bytes,
                                     .oom_kills = s.oom_kills,
                                     .frozen = b->frozen};
}
