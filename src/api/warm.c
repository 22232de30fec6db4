/* Who wants a warm process, and which one goes to make room. */
#include "api/warm_impl.h"
#include "api/admission.h"
#include "api/box.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include <stdio.h>

void warm_free(struct warm *all)
{
        if (!all)
                return;
        while (all->waits)
                warm_cancel(all->waits);
        while (all->first)
                warm_process_free(all->first);
        loop_timer_remove(all->soon);
        free(all);
}

/* ---- what there is ---- */

static struct warm_process *current(const struct warm *all, int64_t owner, const char *name,
                                    const char *digest)
{
        for (struct warm_process *p = all->first; p; p = p->next)
                if (p->owner == owner && str_eq(p->template, name) && p->step != WARM_ENDING &&
                    (!digest || str_eq(p->digest, digest)))
                        return p;
        return NULL;
}

const char *warm_state(const struct api *a, int64_t owner, const char *name)
{
        const struct warm_process *p = current(a->warm, owner, name, NULL);
        return !p ? "stopped" : p->step == WARM_READY ? "ready" : "starting";
}

uint64_t warm_sandboxes(const struct api *a, int64_t owner, const char *name)
{
        uint64_t n = 0;
        for (const struct live *j = a->jobs; j; j = j->next)
                n += j->kind == LIVE_BOX && j->owner == owner &&
                     str_eq(((const struct box *)j)->template, name);
        return n;
}

uint64_t warm_memory(const struct api *a, int64_t owner)
{
        uint64_t sum = 0;
        for (const struct warm_process *p = a->warm->first; p; p = p->next)
                if (owner < 0 || p->owner == owner)
                        sum += p->memory_bytes;
        return sum;
}

/* ---- room ---- */

static bool is_wanted(const struct warm *all, const struct warm_process *p)
{
        for (const struct warm_wait *w = all->waits; w; w = w->next)
                if (str_eq(w->process, p->id))
                        return true;
        return false;
}

/* Ends the idle one that was used longest ago, unless one is ending already. false: there is none. */
static bool end_one(struct warm *all)
{
        struct warm_process *oldest = NULL;
        for (struct warm_process *p = all->first; p; p = p->next) {
                if (p->step == WARM_ENDING)
                        return true;
                bool idle = p->step == WARM_READY && !p->refused && !is_wanted(all, p) &&
                            !warm_sandboxes(all->api, p->owner, p->template);
                if (idle && (!oldest || p->used_ms < oldest->used_ms))
                        oldest = p;
        }
        if (oldest)
                warm_process_stop(oldest);
        return oldest != NULL;
}

void warm_yield(struct api *a)
{
        (void)!end_one(a->warm);
}

/* 1 there is room, 0 there will be, or a refusal. */
static int need_room(struct warm *all, const struct template *t, struct err *err)
{
        uint64_t most = api_setting_u64(all->api, "templates.memory");
        if (!most || warm_memory(all->api, -1) + t->memory_bytes <= most)
                return 1;
        if (t->memory_bytes > most)
                return err_set(err, -EINVAL, "template: it asks for more than templates.memory");
        if (end_one(all))
                return 0;
        return err_set(err, -EAGAIN,
                       "template: the others are in use and have all of templates.memory: try "
                       "later");
}

/* Those made from what is no more: they end with their last sandbox. */
static void end_stale(struct warm *all, const struct template *t, const char *digest)
{
        for (struct warm_process *p = all->first; p; p = p->next)
                if (p->owner == t->owner && str_eq(p->template, t->name) && p->step == WARM_READY &&
                    !str_eq(p->digest, digest))
                        warm_process_stop(p);
}

/* ---- who waits ---- */

void warm_cancel(struct warm_wait *w)
{
        struct warm_wait **at = &w->all->waits;
        while (*at != w)
                at = &(*at)->next;
        *at = w->next;
        free(w);
}

static void answer(struct warm_wait *w, int status, const char *process, const struct err *err)
{
        warm_fn fn = w->fn;
        void *ctx = w->ctx;
        warm_cancel(w);
        fn(ctx, status, process, err);
}

/* 1 ready, 0 on its way (*ret NULL: not even started), or a refusal. */
static int reach(struct warm *all, const struct template *t, struct warm_process **ret,
                 struct err *err)
{
        char digest[65];
        int r = warm_digest(all->api, t, digest, err);
        if (r < 0)
                return r;
        end_stale(all, t, digest);
        *ret = current(all, t->owner, t->name, digest);
        if (!*ret && (r = need_room(all, t, err)) <= 0)
                return r;
        if (!*ret && (r = warm_process_start(all, t, ret, err)) < 0)
                return r;
        (*ret)->used_ms = clock_boot_ms();
        (*ret)->refused = false;
        return (*ret)->step == WARM_READY;
}

struct warm_wait *warm_use(struct api *a, const struct template *t, warm_fn fn, void *ctx)
{
        struct warm *all = a->warm;
        struct warm_process *p = NULL;
        struct err err = {0};
        int r = reach(all, t, &p, &err);
        if (r != 0) {
                char id[ID_TEXT_LEN + 1] = "";
                if (p)
                        memcpy(id, p->id, sizeof id);
                fn(ctx, r < 0 ? r : 0, id, &err);
                return NULL;
        }
        struct warm_wait *w = xcalloc(1, sizeof *w), **last = &all->waits;
        *w = (struct warm_wait){.all = all, .owner = t->owner, .fn = fn, .ctx = ctx};
        snprintf(w->template, sizeof w->template, "%s", t->name);
        if (p)
                memcpy(w->process, p->id, sizeof w->process);
        while (*last)
                last = &(*last)->next;
        *last = w;
        return w;
}

static struct warm_wait *waiting_for(struct warm *all, const char *process)
{
        for (struct warm_wait *w = all->waits; w; w = w->next)
                if (str_eq(w->process, process))
                        return w;
        return NULL;
}

void warm_is_ready(struct warm_process *p)
{
        struct warm *all = p->all;
        struct warm_wait *w;
        char id[ID_TEXT_LEN + 1];
        memcpy(id, p->id, sizeof id);
        while ((w = waiting_for(all, id)))
                answer(w, 0, id, NULL);
}

void warm_has_failed(struct warm *all, const char *id, const struct err *why)
{
        struct warm_wait *w;
        while ((w = waiting_for(all, id)))
                answer(w, why->code, NULL, why);
        warm_turn(all);
}

/* One that had no room: looked at again. true: it was answered. */
static bool retry(struct warm_wait *w)
{
        struct warm *all = w->all;
        struct template t = {0};
        struct warm_process *p = NULL;
        struct err err = {0};
        int r = template_load(all->api, w->owner, w->template, &t, &err);
        if (r == 0)
                r = reach(all, &t, &p, &err);
        template_done(&t);
        if (p)
                memcpy(w->process, p->id, sizeof w->process);
        if (r == 0)
                return false;
        char id[ID_TEXT_LEN + 1];
        memcpy(id, w->process, sizeof id);
        answer(w, r < 0 ? r : 0, id, &err);
        return true;
}

static void turn(void *ctx)
{
        struct warm *all = ctx;
        all->soon = NULL;
        for (struct warm_wait *w = all->waits; w;) {
                bool answered = !w->process[0] && retry(w);
                w = answered ? all->waits : w->next; /* the list may have changed */
        }
        admission_turn(all->api);
}

void warm_released(struct api *a, int64_t owner, const char *name)
{
        for (struct warm_process *p = a->warm->first; p; p = p->next)
                if (p->owner == owner && str_eq(p->template, name))
                        p->refused = false;
        warm_turn(a->warm);
}

void warm_turn(struct warm *all)
{
        if (!all->soon)
                all->soon = loop_timer_add(all->api->env.loop, 0, turn, all);
}

/* ---- the template goes ---- */

struct ending {
        struct api *api;
        char process[ID_TEXT_LEN + 1];
        char name[NAME_TEXT_MAX + 1];
        void (*fn)(void *ctx, int status, const struct err *err);
        void *ctx;
};

static void on_stopped(void *ctx, const struct peer_answer *a)
{
        struct ending *e = ctx;
        struct err err = {0};
        struct warm_process *p = warm_process_find(e->api->warm, e->process);
        if (a->status == -EBUSY)
                err_set(&err, -EALREADY, "the template '%s' is in use by a sandbox", e->name);
        else if (a->status < 0 && a->status != -ENOENT)
                err_set(&err, a->status, "the template '%s': %s", e->name, err_text(a->err));
        if (p && err.code)
                p->step = WARM_READY;
        e->fn(e->ctx, err.code, &err);
        free(e);
}

void warm_end(struct api *a, int64_t owner, const char *name,
              void (*fn)(void *ctx, int status, const struct err *err), void *ctx)
{
        struct warm_process *p = current(a->warm, owner, name, NULL);
        struct peer *launch = api_peer(a, "launch");
        struct launch_stop stop = {0};
        struct err err = {0};
        if (p && warm_sandboxes(a, owner, name))
                err_set(&err, -EALREADY, "the template '%.63s' is in use by a sandbox", name);
        else if (p && !launch)
                err_set(&err, -EPIPE, "the role 'launch' is away, it is being started again");
        if (!p || err.code) {
                fn(ctx, err.code, &err);
                return;
        }
        struct ending *e = xcalloc(1, sizeof *e);
        *e = (struct ending){.api = a, .fn = fn, .ctx = ctx};
        snprintf(e->name, sizeof e->name, "%s", name);
        memcpy(e->process, p->id, sizeof e->process);
        memcpy(stop.id, p->id, sizeof stop.id);
        p->step = WARM_ENDING; /* its end is not a death to be mended */
        peer_call(launch, LAUNCH_STOP, &stop, NULL, 0, on_stopped, e);
}
