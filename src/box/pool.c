#include "box/pool.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/id.h"
#include "base/log.h"
#include "base/str.h"
#include "box/enter.h"
#include "box/image.h"
#include "box/runsc.h"
#include "box/slot.h"
#include "box/spec.h"
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>

#define QUIET_MS 10 /* without a CREATE, before the pool takes the processor for itself */
#define FEW      5  /* of an image or a template: each holds more than one of "host" */

/* ---- kinds ---- */

/* Without control groups the limits are resource limits, set before init starts. */
static bool may_be_ahead(const struct boxes *all, const struct launch_spec *s)
{
        return all->c.ready && !all->pool.closed && s->profile == BOX_RUN && !s->tty &&
               !s->disk_backed && s->network == BOX_NET_NONE && !s->n_secrets && !s->n_gpus &&
               !runsc_asked(s) && all->c.host->facts.limits_in_cgroup;
}

static bool same_layers(const struct launch_spec *a, const struct launch_spec *b)
{
        if (a->n_layers != b->n_layers)
                return false;
        for (uint32_t i = 0; i < a->n_layers; i++)
                if (!str_eq(a->layers[i].key, b->layers[i].key))
                        return false;
        return true;
}

/* What cannot be changed at hand-over: the root, and the size of an image's scratch. */
static bool is_kind(const struct pool_kind *k, const struct launch_spec *s)
{
        return k->used && str_eq(k->spec.template, s->template) &&
               str_eq(k->spec.image, s->image) && same_layers(&k->spec, s) &&
               (!image_rooted(s) || k->spec.disk_bytes == s->disk_bytes);
}

static struct pool_kind *find_kind(struct boxes *all, const struct launch_spec *s)
{
        for (size_t i = 0; i < POOL_KINDS; i++)
                if (is_kind(&all->pool.kinds[i], s))
                        return &all->pool.kinds[i];
        return NULL;
}

static void end_spares(struct boxes *all, const struct pool_kind *k)
{
        for (struct box *b = all->first; b; b = b->next)
                if (b->spare && (!k || b->kind == k) && b->s.pidfd >= 0)
                        pidfd_send_signal(b->s.pidfd, SIGKILL, NULL, 0);
}

static void drop_kind(struct boxes *all, struct pool_kind *k)
{
        end_spares(all, k);
        for (struct box *b = all->first; b; b = b->next)
                if (b->kind == k)
                        b->kind = NULL;
        *k = (struct pool_kind){0};
}

/* The place of the kind that nobody has asked for the longest. */
static struct pool_kind *new_kind(struct boxes *all, const struct launch_spec *s)
{
        struct pool_kind *k = &all->pool.kinds[0];
        for (size_t i = 0; i < POOL_KINDS && k->used; i++)
                if (!all->pool.kinds[i].used || all->pool.kinds[i].used_ms < k->used_ms)
                        k = &all->pool.kinds[i];
        if (k->used)
                drop_kind(all, k);
        k->used = true;
        k->spec = (struct launch_spec){.profile = BOX_RUN,
                                       .disk_bytes = image_rooted(s) ? s->disk_bytes : 1u << 20};
        memcpy(k->spec.template, s->template, sizeof s->template);
        memcpy(k->spec.image, s->image, sizeof s->image);
        k->spec.n_layers = s->n_layers;
        memcpy(k->spec.layers, s->layers, sizeof s->layers);
        return k;
}

static size_t target(const struct boxes *all, const struct pool_kind *k)
{
        bool small = !k->spec.template[0] && !k->spec.n_layers;
        return small || all->c.ready < FEW ? all->c.ready : FEW;
}

/* ---- handing over ---- */

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
        struct pool_kind *k = may_be_ahead(all, spec) ? find_kind(all, spec) : NULL;
        struct box *b = k ? all->first : NULL;
        while (b && !(b->spare && b->kind == k && b->ready && !b->failed && b->pidfd_io))
                b = b->next;
        if (!b) {
                all->pool.misses++;
                return NULL;
        }
        if (host_volumes(all->c.host, spec, b->j.slot, all->pool.trees, err) < 0)
                return NULL;
        b->spare = false;
        b->kind = NULL;
        k->ready--;
        all->pool.hits++;
        memcpy(b->j.result.id, spec->id, sizeof b->j.result.id);
        return b;
}

/* ---- filling ---- */

static struct pool_kind *neediest(struct boxes *all)
{
        struct pool_kind *found = NULL;
        for (size_t i = 0; i < POOL_KINDS; i++) {
                struct pool_kind *k = &all->pool.kinds[i];
                if (k->wanted && k->ready + k->making < target(all, k) &&
                    (!found || k->used_ms > found->used_ms))
                        found = k;
        }
        return found;
}

static void refill(void *ctx);

/* Soon when few are left, else when there is a pause. */
static void schedule(struct boxes *all, bool created)
{
        struct pool *p = &all->pool;
        struct pool_kind *k = p->closed || p->making ? NULL : neediest(all);
        if (!k)
                return;
        bool urgent = k->ready * 2 < target(all, k);
        if (p->timer && !(created && !urgent))
                return;
        loop_timer_remove(p->timer);
        p->timer = loop_timer_add(all->c.loop, urgent ? 0 : QUIET_MS, refill, all);
}

static void refill(void *ctx)
{
        struct boxes *all = ctx;
        struct err err = {0};
        struct pool_kind *k = neediest(all);
        all->pool.timer = NULL;
        if (!k)
                return;
        snprintf(k->spec.id, sizeof k->spec.id, "%s", id_new().s);
        if (box_make_ahead(all, k, &err) == 0) {
                all->pool.making++;
                k->making++;
        } else {
                log_info("box.pool", kv("error", err_text(&err)));
                k->wanted = false; /* until the next CREATE: that one hears why */
        }
}

void pool_wanted(struct boxes *all, const struct launch_spec *spec)
{
        if (!may_be_ahead(all, spec))
                return;
        struct pool_kind *k = find_kind(all, spec);
        if (!k)
                k = new_kind(all, spec);
        k->wanted = true;
        k->used_ms = clock_boot_ms();
        schedule(all, true);
}

void pool_ready(struct box *b)
{
        b->ready = true;
        b->all->pool.making--;
        if (b->kind) {
                b->kind->making--;
                b->kind->ready++;
        }
        if (b->all->pool.closed || !b->kind)
                pidfd_send_signal(b->s.pidfd, SIGKILL, NULL, 0);
        else
                schedule(b->all, false);
}

void pool_gone(struct box *b)
{
        if (!b->ready)
                b->all->pool.making--;
        if (b->kind && b->ready) {
                b->kind->ready--;
        } else if (b->kind) {
                b->kind->making--;
                b->kind->wanted = false; /* it failed: not again and again */
        }
        b->spare = false;
        b->kind = NULL;
        schedule(b->all, false);
}

size_t pool_size(const struct boxes *all, const struct launch_spec *spec)
{
        for (size_t i = 0; i < POOL_KINDS; i++)
                if (is_kind(&all->pool.kinds[i], spec))
                        return all->pool.kinds[i].ready;
        return 0;
}

static bool has_layer(const struct launch_spec *s, const char *key)
{
        for (uint32_t i = 0; i < s->n_layers; i++)
                if (str_eq(s->layers[i].key, key))
                        return true;
        return false;
}

void pool_forget(struct boxes *all, const char *which)
{
        for (size_t i = 0; i < POOL_KINDS; i++) {
                struct pool_kind *k = &all->pool.kinds[i];
                if (k->used &&
                    (!*which || str_eq(k->spec.template, which) || has_layer(&k->spec, which)))
                        drop_kind(all, k);
        }
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
        end_spares(all, NULL);
}
