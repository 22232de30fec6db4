#include "api/live.h"
#include "base/str.h"

void live_add(struct api *a, struct live *job)
{
        job->api = a;
        job->next = a->jobs;
        a->jobs = job;
}

void live_remove(struct live *job)
{
        struct live **at = &job->api->jobs;
        while (*at && *at != job)
                at = &(*at)->next;
        if (*at)
                *at = job->next;
}

struct live *live_find(const struct api *a, const char *id, enum live_kind kind)
{
        for (struct live *j = a->jobs; j; j = j->next)
                if (j->kind == kind && str_eq(j->id, id))
                        return j;
        return NULL;
}

void live_watch(struct live *job, struct live_watch *w)
{
        w->job = job;
        w->told = 0;
        w->next = job->watches;
        job->watches = w;
}

void live_unwatch(struct live_watch *w)
{
        if (!w->job)
                return;
        struct live_watch **at = &w->job->watches;
        while (*at != w)
                at = &(*at)->next;
        *at = w->next;
        w->job = NULL;
}

/* A watcher may leave, and take others along, while it is told: who was told carries the number of
 * the turn, and the list is walked anew after each. */
void live_tell(struct live *job, enum live_event ev)
{
        uint64_t turn = ++job->turn;
        for (struct live_watch *w = job->watches; w;) {
                if (w->told == turn) {
                        w = w->next;
                        continue;
                }
                w->told = turn;
                w->fn(w->ctx, ev);
                w = job->watches;
        }
}

void live_end(struct live *job)
{
        while (job->watches) {
                struct live_watch *w = job->watches;
                live_unwatch(w);
                w->fn(w->ctx, LIVE_ENDED);
        }
}
