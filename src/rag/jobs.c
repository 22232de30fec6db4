#include "rag/jobs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include <pthread.h>
#include <stdio.h>

struct watcher {
        struct watcher *next;
        struct peer_request *rq;
        bool later; /* joined: its end is that of the next round */
};
struct job {
        struct job *next;
        struct jobs *all;
        struct rag_index what, again; /* this round; the next one, if a watcher is `later` */
        struct watcher *watchers;
        pthread_t thread;
        bool running, stop;
};
struct jobs {
        struct loop *loop;
        struct index_host host;
        struct index_job with;
        struct job *first;
        bool stopping;
};
/* What a job's thread has to say. */
struct news {
        struct job *job;
        struct rag_progress progress;
        bool end;
};

struct jobs *jobs_new(struct loop *loop, const struct index_job *with)
{
        struct jobs *j = xcalloc(1, sizeof *j);
        j->loop = loop;
        j->host = *with->host;
        j->with = *with;
        j->with.host = &j->host;
        return j;
}

void jobs_free(struct jobs *j)
{
        free(j);
}

size_t jobs_count(const struct jobs *j)
{
        size_t n = 0;
        for (const struct job *x = j->first; x; x = x->next)
                n++;
        return n;
}

static void job_done(struct job *x);

void jobs_stop(struct jobs *j)
{
        j->stopping = true;
        for (struct job *x = j->first, *next; x; x = next) {
                next = x->next;
                if (x->running)
                        __atomic_store_n(&x->stop, true, __ATOMIC_RELAXED);
                else
                        job_done(x);
        }
}

static void on_news(void *ctx);

static void tell(struct job *x, const struct rag_progress *p, bool end)
{
        struct news *n = xmalloc(sizeof *n);
        *n = (struct news){x, *p, end};
        loop_post(x->all->loop, on_news, n);
}

/* In the job's thread. */
static void on_progress(void *ctx, const struct rag_progress *p)
{
        tell(ctx, p, false);
}

static void *run(void *ctx)
{
        struct job *x = ctx;
        struct rag_progress end = {0};
        struct err err = {0};
        struct index_job job = x->all->with;
        job.rq = &x->what;
        job.progress = on_progress;
        job.ctx = x;
        job.stop = &x->stop;
        int r = index_run(&job, &end, &err);
        if (r < 0)
                log_warn("rag.index", kv("space", x->what.space), kv("error", err_text(&err)));
        else
                log_info("rag.index", kv("space", x->what.space), kv("files", end.total),
                         kv("changed", end.changed), kv("removed", end.removed),
                         kv("failed", end.failed), kv("passages", end.passages));
        tell(x, &end, true);
        return NULL;
}

static bool start_round(struct job *x, struct err *err)
{
        int r = pthread_create(&x->thread, NULL, run, x);
        if (r != 0)
                err_sys(err, -r, "starting a thread");
        x->running = r == 0;
        return r == 0;
}

/* The watchers of this round get the news; at its end they are gone and those that joined remain.
 */
static void spread(struct job *x, const struct news *n)
{
        struct watcher **p = &x->watchers;
        while (*p) {
                struct watcher *w = *p;
                bool last = n->end && !w->later;
                if (!(n->end && w->later))
                        peer_reply(w->rq, &n->progress, NULL, 0, !last);
                if (!last) {
                        p = &w->next;
                        continue;
                }
                *p = w->next;
                free(w);
        }
}

static void job_done(struct job *x)
{
        for (struct job **p = &x->all->first; *p; p = &(*p)->next)
                if (*p == x) {
                        *p = x->next;
                        break;
                }
        while (x->watchers) {
                struct watcher *w = x->watchers;
                x->watchers = w->next;
                free(w);
        }
        free(x);
}

static void fail_all(struct job *x, const struct err *err)
{
        for (struct watcher *w = x->watchers; w; w = w->next)
                peer_fail_err(w->rq, err);
        job_done(x);
}

/* Starts those whose turn it is, the longest waiting first (the list has the newest first). */
static void start_waiting(struct jobs *j)
{
        for (;;) {
                struct job *oldest = NULL;
                size_t running = 0;
                for (struct job *x = j->first; x; x = x->next) {
                        running += x->running;
                        oldest = x->running ? oldest : x;
                }
                struct err err = {0};
                if (!oldest || running >= JOBS_MAX || j->stopping)
                        return;
                if (!start_round(oldest, &err))
                        fail_all(oldest, &err);
        }
}

static void on_end(struct job *x)
{
        struct jobs *j = x->all;
        pthread_join(x->thread, NULL);
        x->running = false;
        if (!x->watchers || j->stopping) {
                job_done(x);
        } else {
                x->what = x->again;
                for (struct watcher *w = x->watchers; w; w = w->next)
                        w->later = false;
        }
        start_waiting(j);
}

static void on_news(void *ctx)
{
        struct news *n = ctx;
        struct job *x = n->job;
        bool end = n->end;
        if (!(end && x->all->stopping))
                spread(x, n);
        free(n);
        if (end)
                on_end(x);
}

static void watch(struct job *x, struct peer_request *rq, bool later)
{
        struct watcher *w = xmalloc(sizeof *w);
        *w = (struct watcher){x->watchers, rq, later};
        x->watchers = w;
}

static void join(struct job *x, const struct rag_index *what, struct peer_request *rq)
{
        bool first = true;
        for (struct watcher *w = x->watchers; w; w = w->next)
                first = first && !w->later;
        if (first) {
                x->again = *what;
        } else {
                x->again.force |= what->force;
                if (!str_eq(x->again.prefix, what->prefix))
                        x->again.prefix[0] = '\0';
        }
        watch(x, rq, true);
}

void jobs_start(struct jobs *j, const struct rag_index *what, struct peer_request *rq)
{
        for (struct job *x = j->first; x; x = x->next)
                if (str_eq(x->what.space, what->space)) {
                        join(x, what, rq);
                        return;
                }
        struct job *x = xcalloc(1, sizeof *x);
        x->all = j;
        x->what = *what;
        watch(x, rq, false);
        x->next = j->first;
        j->first = x;
        start_waiting(j);
}
