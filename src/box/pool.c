#include "box/pool.h"
#include "base/fd.h"
#include "base/id.h"
#include "base/log.h"
#include "base/str.h"
#include "box/enter.h"
#include "box/slot.h"
#include "box/spec.h"
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>

#define QUIET_MS 10 /* without a CREATE, before the pool takes the processor for itself */

/* What is made ahead; its limits come at hand-over. */
static void generic(struct launch_spec *ret)
{
        *ret = (struct launch_spec){.profile = BOX_RUN, .disk_bytes = 1u << 20};
        snprintf(ret->id, sizeof ret->id, "%s", id_new().s);
        snprintf(ret->image, sizeof ret->image, "host");
}

/* Without control groups the limits are resource limits, set before init starts. */
static bool fits(const struct boxes *all, const struct launch_spec *s)
{
        return all->c.ready && s->profile == BOX_RUN && !s->n_layers && !s->tty &&
               !s->disk_backed && s->network == BOX_NET_NONE && !s->n_secrets && !s->n_gpus &&
               all->c.host->facts.limits_in_cgroup;
}

int pool_change(struct box *b, const struct launch_spec *spec, struct err *err)
{
        struct box_host *h = b->all->c.host;
        struct cgroup_limits limits = {spec->memory_bytes, spec->pids + 1, spec->cpu_milli};
        int r = cgroup_limit(h->cgroups, b->j.group, &limits, err);
        if (r == 0)
                r = enter_and_change(h, b->s.pidfd, b->j.slot, spec, b->all->pool.trees, err);
        host_close_trees(b->all->pool.trees);
        return r;
}

struct box *pool_take(struct boxes *all, const struct launch_spec *spec, struct err *err)
{
        if (!fits(all, spec))
                return NULL;
        struct box *b = all->first;
        while (b && !(b->spare && b->hello && !b->failed && b->pidfd_io))
                b = b->next;
        if (!b) {
                all->pool.misses++;
                return NULL;
        }
        if (host_volumes(all->c.host, spec, b->j.slot, all->pool.trees, err) < 0)
                return NULL;
        b->spare = false;
        all->pool.ready--;
        all->pool.hits++;
        memcpy(b->j.result.id, spec->id, sizeof b->j.result.id);
        return b;
}

static void refill(void *ctx);

/* Soon when few are left, else when there is a pause. */
static void schedule(struct boxes *all, bool created)
{
        struct pool *p = &all->pool;
        if (p->closed || !p->wanted || p->ready + p->making >= all->c.ready || p->making)
                return;
        bool urgent = p->ready * 2 < all->c.ready;
        if (p->timer && !(created && !urgent))
                return;
        loop_timer_remove(p->timer);
        p->timer = loop_timer_add(all->c.loop, urgent ? 0 : QUIET_MS, refill, all);
}

static void refill(void *ctx)
{
        struct boxes *all = ctx;
        struct err err = {0};
        struct launch_spec spec;
        all->pool.timer = NULL;
        generic(&spec);
        if (box_make_ahead(all, &spec, &err) == 0)
                all->pool.making++;
        else
                all->pool.wanted = false; /* until the next CREATE: that one hears why */
}

void pool_wanted(struct boxes *all, const struct launch_spec *spec)
{
        if (!fits(all, spec))
                return;
        all->pool.wanted = true;
        schedule(all, true);
}

void pool_ready(struct box *b)
{
        b->all->pool.making--;
        b->all->pool.ready++;
        if (b->all->pool.closed)
                pidfd_send_signal(b->s.pidfd, SIGKILL, NULL, 0);
        else
                schedule(b->all, false);
}

void pool_gone(struct box *b)
{
        struct pool *p = &b->all->pool;
        if (b->hello) {
                p->ready--;
        } else {
                p->making--;
                p->wanted = false; /* it failed: not again and again */
        }
        b->spare = false;
        schedule(b->all, false);
}

void pool_close(struct boxes *all)
{
        struct pool *p = &all->pool;
        if (p->closed)
                return;
        p->closed = true;
        loop_timer_remove(p->timer);
        p->timer = NULL;
        log_info("box.pool", kv("hits", p->hits), kv("misses", p->misses));
        for (struct box *b = all->first; b; b = b->next)
                if (b->spare && b->s.pidfd >= 0)
                        pidfd_send_signal(b->s.pidfd, SIGKILL, NULL, 0);
}
