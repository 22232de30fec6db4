#include "api/admission.h"
#include "api/box.h"
#include "api/warm.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#define RATES 256 /* owners whose creates of this second are counted */

struct ticket {
        struct admission *q;
        struct ticket *next;
        struct want want;
        struct loop_timer *deadline;
        admitted_fn fn;
        void *ctx;
};

struct admission {
        struct api *api;
        struct ticket *first; /* the oldest */
        struct loop_timer *soon;
        struct rate {
                int64_t owner;
                uint64_t second;
                uint64_t n;
        } rates[RATES];
};

struct use {
        uint64_t running, memory_bytes, disk_bytes, cpu_milli;
};

struct admission *admission_new(struct api *a)
{
        struct admission *q = xcalloc(1, sizeof *q);
        q->api = a;
        return q;
}

void admission_cancel(struct ticket *t)
{
        struct ticket **at = &t->q->first;
        while (*at != t)
                at = &(*at)->next;
        *at = t->next;
        loop_timer_remove(t->deadline);
        free(t);
}

void admission_free(struct admission *q)
{
        if (!q)
                return;
        while (q->first)
                admission_cancel(q->first);
        loop_timer_remove(q->soon);
        free(q);
}

/* ---- what there is, and what fits ---- */

static struct use used(const struct api *a, int64_t owner)
{
        struct use u = {.memory_bytes = warm_memory(a, owner)};
        for (const struct live *j = a->jobs; j; j = j->next) {
                const struct box *b = (const struct box *)j;
                if (j->kind != LIVE_BOX || b->parent[0] || (owner >= 0 && j->owner != owner))
                        continue;
                u.running++;
                u.memory_bytes += b->memory_bytes;
                u.disk_bytes += b->disk_bytes;
                u.cpu_milli += b->cpu_milli;
        }
        return u;
}

struct bound {
        const char *what, *host, *owner;
};
static const struct bound bounds[] = {
        {"sandboxes", "limits.running", "limits.owner_running"},
        {"memory_bytes", "limits.memory", "limits.owner_memory"},
        {"disk_bytes", "limits.disk", "limits.owner_disk"},
        {"cpu_milli", "limits.cpu", "limits.owner_cpu"},
};

/* The first limit that it would pass; NULL: none. */
static const char *passes(const struct api *a, const struct want *w, const struct use *u, bool host)
{
        const uint64_t sums[] = {u->running + 1, u->memory_bytes + w->memory_bytes,
                                 u->disk_bytes + w->disk_bytes, u->cpu_milli + w->cpu_milli};
        for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
                const char *name = host ? bounds[i].host : bounds[i].owner;
                uint64_t max = api_setting_u64(a, name);
                if (!max && str_eq(name, "limits.memory"))
                        max = api_setting_u64(a, "host.sandbox_memory");
                if (max && sums[i] > max)
                        return name;
        }
        return NULL;
}

static const char *blocked(const struct api *a, const struct want *w, bool host)
{
        struct use u = used(a, host ? -1 : w->owner);
        return passes(a, w, &u, host);
}

/* ---- the queue ---- */

static bool is_first_of_owner(const struct admission *q, const struct ticket *t)
{
        for (const struct ticket *o = q->first; o != t; o = o->next)
                if (o->want.owner == t->want.owner)
                        return false;
        return true;
}

static struct ticket *next_ticket(struct admission *q)
{
        struct ticket *best = NULL;
        uint64_t best_running = 0;
        for (struct ticket *t = q->first; t; t = t->next) {
                if (!is_first_of_owner(q, t) || blocked(q->api, &t->want, false))
                        continue;
                uint64_t running = used(q->api, t->want.owner).running;
                if (!best || running < best_running) {
                        best = t;
                        best_running = running;
                }
        }
        return best;
}

static void answer(struct ticket *t, int status, const struct err *err)
{
        admitted_fn fn = t->fn;
        void *ctx = t->ctx;
        admission_cancel(t);
        fn(ctx, status, err);
}

/* One that the host has no room for yet is waited for, not passed by smaller ones: else a large one
 * would never have its turn. Its deadline bounds that. */
static void run_queue(struct admission *q)
{
        struct ticket *t;
        const char *by = NULL;
        while ((t = next_ticket(q)) && !(by = blocked(q->api, &t->want, true)))
                answer(t, 0, NULL);
        if (t && by && str_eq(by, "limits.memory"))
                warm_yield(q->api);
}

static void run_soon(void *ctx)
{
        struct admission *q = ctx;
        q->soon = NULL;
        run_queue(q);
}

void admission_turn(struct api *a)
{
        struct admission *q = a->admission;
        if (q && q->first && !q->soon)
                q->soon = loop_timer_add(a->env.loop, 0, run_soon, q);
}

static size_t place_of(const struct ticket *t)
{
        size_t n = 1;
        for (const struct ticket *o = t->q->first; o != t; o = o->next)
                n++;
        return n;
}

size_t admission_waiting(const struct api *a, int64_t owner, size_t *ret_place)
{
        size_t n = 0;
        *ret_place = 0;
        for (const struct ticket *t = a->admission->first; t; t = t->next) {
                n++;
                if (t->want.owner == owner && !*ret_place)
                        *ret_place = n;
        }
        return n;
}

static void too_late(void *ctx)
{
        struct ticket *t = ctx;
        struct err err = {0};
        char time[32];
        const char *why = blocked(t->q->api, &t->want, false);
        why = why ? why : blocked(t->q->api, &t->want, true);
        t->deadline = NULL;
        err_set(&err, -EAGAIN, "there was no room in %s (%s), place %zu in the queue: try later",
                str_from_ms(time, sizeof time, api_setting_u64(t->q->api, "limits.queue_time")),
                why ? why : "others were first", place_of(t));
        struct api *a = t->q->api;
        answer(t, -EAGAIN, &err);
        admission_turn(a);
}

void admission_drain(struct api *a)
{
        struct err err = {0};
        err_set(&err, -ECANCELED, "this server is being stopped");
        while (a->admission->first)
                answer(a->admission->first, -ECANCELED, &err);
}

/* ---- asking ---- */

/* Its own, or the one that was not used for longest: so one owner never resets another's of the
 * same second while fewer than RATES ask in it. */
static struct rate *rate_of(struct admission *q, int64_t owner)
{
        struct rate *oldest = q->rates;
        for (struct rate *r = q->rates; r < q->rates + RATES; r++) {
                if (r->owner == owner && r->n)
                        return r;
                if (r->second < oldest->second)
                        oldest = r;
        }
        return oldest;
}

static bool too_fast(struct admission *q, int64_t owner)
{
        uint64_t max = api_setting_u64(q->api, "limits.owner_creates");
        uint64_t second = clock_boot_ms() / 1000;
        struct rate *r = rate_of(q, owner);
        if (r->owner != owner || r->second != second)
                *r = (struct rate){.owner = owner, .second = second};
        return ++r->n > max && max;
}

static int refusal(struct admission *q, const struct want *w, struct err *err)
{
        static const struct use nothing;
        const char *never = passes(q->api, w, &nothing, true);
        uint64_t waiting = 0, max = api_setting_u64(q->api, "limits.owner_waiting");
        never = never ? never : passes(q->api, w, &nothing, false);
        if (never)
                return err_set(err, -EINVAL, "it asks for more than %s allows at all", never);
        if (!w->again && too_fast(q, w->owner))
                return err_set(err, -EAGAIN, "more than limits.owner_creates in one second");
        for (const struct ticket *t = q->first; t; t = t->next)
                waiting += t->want.owner == w->owner;
        if (max && waiting >= max)
                return err_set(err, -EAGAIN, "%llu of yours wait already: limits.owner_waiting",
                               (unsigned long long)waiting);
        return 0;
}

struct ticket *admission_ask(struct api *a, const struct want *w, admitted_fn fn, void *ctx)
{
        struct admission *q = a->admission;
        struct err err = {0};
        int r = refusal(q, w, &err);
        /* The common case, without a queue. */
        if (r < 0 || (!q->first && !blocked(a, w, false) && !blocked(a, w, true))) {
                fn(ctx, r, &err);
                return NULL;
        }
        struct ticket *t = xcalloc(1, sizeof *t), **last = &q->first;
        *t = (struct ticket){.q = q, .want = *w, .fn = fn, .ctx = ctx};
        t->deadline =
                loop_timer_add(a->env.loop, api_setting_u64(a, "limits.queue_time"), too_late, t);
        while (*last)
                last = &(*last)->next;
        *last = t;
        admission_turn(a);
        return t;
}
