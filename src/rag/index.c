#include "rag/index.h"
#include "rag/index_plan.h"
#include "rag/parser.h"
#include "rag/embedding.h"
#include "rag/models.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#define TICK_MS      50  /* between two looks whether a transaction should end */
#define COMMIT_MS    500 /* what is found by then is seen: later ones make a segment of their own */
#define PROGRESS_MS  100 /* between two reports */
#define COMMIT_BYTES (64u << 20) /* of memory for what is not committed */
#define OPEN_TRIES   5           /* launch may be restarting */

struct run {
        const struct index_job *job;
        struct space *space;
        struct plan plan;
        pthread_mutex_t lock; /* over everything below, and the changes of the space */
        pthread_cond_t wake;  /* a worker has ended */
        size_t next;          /* work not given out yet */
        unsigned workers;     /* still running */
        struct rag_progress progress;
        uint64_t reported_ms, begun_ms; /* begun: of the open change, 0 = none is open */
        struct err failed;              /* what ended the job early; code 0 = nothing */
};
/* One thread with a parse sandbox of its own. */
struct worker {
        struct run *run;
        struct index_box box;
        struct parser parser;
        bool open;
        struct gathered text;
        struct chunker chunker;
};

static bool stopped(struct run *run)
{
        return run->failed.code ||
               (run->job->stop && __atomic_load_n(run->job->stop, __ATOMIC_RELAXED));
}

/* With the lock. A path makes it a report about one file, which is always sent. */
static void report(struct run *run, const char *path, const char *reason)
{
        uint64_t now = clock_boot_ms();
        if (!path && now - run->reported_ms < PROGRESS_MS)
                return;
        struct rag_progress p = run->progress;
        if (path) {
                snprintf(p.path, sizeof p.path, "%s", path);
                snprintf(p.reason, sizeof p.reason, "%s", reason);
        } else {
                run->reported_ms = now;
        }
        run->job->progress(run->job->ctx, &p);
}

/* With the lock. */
static int commit(struct run *run, struct err *err)
{
        if (!run->begun_ms)
                return 0;
        run->begun_ms = 0;
        return space_commit(run->space, err);
}

/* With the lock, before a change. */
static int begin(struct run *run, struct err *err)
{
        int r = run->begun_ms && space_pending(run->space) >= COMMIT_BYTES ? commit(run, err) : 0;
        if (r < 0 || run->begun_ms)
                return r;
        r = space_begin(run->space, err);
        if (r == 0)
                run->begun_ms = clock_boot_ms();
        return r;
}

static void close_box(struct worker *w, char reason[128])
{
        reason[0] = '\0';
        if (!w->open)
                return;
        w->open = false;
        close(w->box.in);
        close(w->box.out);
        w->run->job->host->close(w->run->job->host->ctx, &w->box, reason);
        parser_done(&w->parser);
}

static int open_box(struct worker *w, struct err *err)
{
        const struct index_host *host = w->run->job->host;
        int r = -EIO;
        for (int i = 0; i < OPEN_TRIES; i++) {
                if (i)
                        nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
                r = host->open(host->ctx, w->run->job->rq->volume, &w->box, err);
                if (r != -EAGAIN && r != -EPIPE && r != -ECANCELED && r != -EBUSY)
                        break;
        }
        if (r < 0)
                return err_wrap(err, r, "starting a parser");
        parser_init(&w->parser, w->box.in, w->box.out);
        if (w->run->job->file_ms)
                w->parser.file_ms = w->run->job->file_ms;
        w->open = true;
        return 0;
}

static int on_block(void *ctx, const struct parse_block *b, struct err *err)
{
        struct worker *w = ctx;
        return chunk_add(&w->chunker, b, err);
}

static bool box_is_lost(int r)
{
        return r == -EPROTO || r == -EPIPE || r == -ETIMEDOUT;
}

static int parse_once(struct worker *w, const char *path, const char *hash, struct parse_end *ret,
                      struct err *err)
{
        int r = w->open ? 0 : open_box(w, err);
        if (r < 0)
                return r == -EPIPE || r == -ETIMEDOUT || r == -EPROTO ? -EIO : r;
        gathered_clear(&w->text);
        chunk_init(&w->chunker, gathered_add, &w->text);
        r = parser_file(&w->parser, path, hash, on_block, w, ret, err);
        if (r == 0)
                r = chunk_end(&w->chunker, err);
        chunk_done(&w->chunker);
        return r;
}

static void set_failed(struct parse_end *end, const struct parse_entry *found, const char *why,
                       const char *how)
{
        *end = (struct parse_end){.status = PARSE_FAILED,
                                  .size = found->size,
                                  .inode = found->inode,
                                  .mtime_ns = found->mtime_ns,
                                  .ctime_ns = found->ctime_ns};
        snprintf(end->reason, sizeof end->reason, "%s%s%s", why, *how ? ": " : "", how);
}

/* Parses one file; a sandbox that dies is thrown away and the file tried once more in a new one.
 * Negative only when the job cannot go on. */
static int parse(struct worker *w, const struct parse_entry *found, const char *hash,
                 struct parse_end *ret, struct err *err)
{
        struct err why = {0};
        char how[128];
        int r = parse_once(w, found->path, hash, ret, &why);
        for (int i = 0; i < 2 && box_is_lost(r); i++) {
                close_box(w, how);
                if (i == 0)
                        r = parse_once(w, found->path, hash, ret, &why);
        }
        if (box_is_lost(r)) {
                gathered_clear(&w->text);
                set_failed(ret, found, err_text(&why), how);
                return 0;
        }
        return r < 0 ? err_set(err, r, "%s", err_text(&why)) : 0;
}

static void cut_is_partial(const struct gathered *g, struct parse_end *end)
{
        if (!g->full || end->status != PARSE_INDEXED)
                return;
        end->status = PARSE_PARTIAL;
        snprintf(end->reason, sizeof end->reason, "too much text: the rest is left out");
}

/* With the lock. 1 = done, 0 = must be parsed without a guess. */
static int store(struct run *run, struct worker *w, const struct work *k, struct parse_end *end,
                 struct err *err)
{
        const char *path = k->found->path;
        int r = begin(run, err);
        if (r < 0)
                return r;
        if (end->status == PARSE_SAME && !k->old && k->guess->seen)
                return 0; /* another file was it */
        if (end->status == PARSE_SAME && k->old) {
                r = space_move(run->space, k->old->id, path, end, err);
                run->progress.failed += k->old->status != PARSE_INDEXED;
        } else if (end->status == PARSE_SAME) {
                k->guess->seen = true;
                r = space_move(run->space, k->guess->id, path, end, err);
                run->progress.changed++;
                run->progress.failed += k->guess->status != PARSE_INDEXED;
        } else {
                cut_is_partial(&w->text, end);
                r = space_put(run->space, path, end, &w->text, err);
                run->progress.changed++;
                run->progress.passages += w->text.n;
                run->progress.failed += end->status != PARSE_INDEXED;
        }
        if (r < 0)
                return r;
        run->progress.done++;
        if (end->status != PARSE_SAME && end->status != PARSE_INDEXED)
                report(run, path, end->reason);
        else
                report(run, NULL, NULL);
        return 1;
}

static int do_file(struct worker *w, const struct work *k, struct err *err)
{
        struct run *run = w->run;
        const char *hash = run->plan.force ? ""
                           : k->old        ? k->old->hash
                           : k->guess      ? k->guess->hash
                                           : "";
        for (;;) {
                struct parse_end end;
                int r = parse(w, k->found, hash, &end, err);
                if (r < 0)
                        return r;
                pthread_mutex_lock(&run->lock);
                r = store(run, w, k, &end, err);
                pthread_mutex_unlock(&run->lock);
                if (r != 0)
                        return r;
                hash = "";
        }
}

static void *work(void *ctx)
{
        struct worker *w = ctx;
        struct run *run = w->run;
        struct err err = {0};
        int r = 0;
        gathered_init(&w->text);
        pthread_mutex_lock(&run->lock);
        while (r >= 0 && run->next < run->plan.n && !stopped(run)) {
                const struct work *k = &run->plan.work[run->next++];
                pthread_mutex_unlock(&run->lock);
                r = do_file(w, k, &err);
                pthread_mutex_lock(&run->lock);
        }
        if (r < 0 && !run->failed.code)
                run->failed = err;
        run->workers--;
        pthread_cond_signal(&run->wake);
        pthread_mutex_unlock(&run->lock);
        gathered_done(&w->text);
        return NULL;
}

/* With the lock: until all workers have ended; commits and reports meanwhile. */
static void wait_workers(struct run *run)
{
        while (run->workers) {
                struct timespec until;
                clock_gettime(CLOCK_REALTIME, &until);
                until.tv_nsec += TICK_MS * 1000000;
                until.tv_sec += until.tv_nsec / 1000000000;
                until.tv_nsec %= 1000000000;
                pthread_cond_timedwait(&run->wake, &run->lock, &until);
                if (run->begun_ms && clock_boot_ms() - run->begun_ms >= COMMIT_MS) {
                        struct err err = {0};
                        if (commit(run, &err) < 0 && !run->failed.code)
                                run->failed = err;
                }
                report(run, NULL, NULL);
        }
}

static int parse_all(struct run *run, struct worker *w, struct err *err)
{
        unsigned n = run->plan.n >= INDEX_FILES_SECOND || run->plan.bytes >= INDEX_BYTES_SECOND
                             ? INDEX_BOXES
                             : 1;
        pthread_t thread[INDEX_BOXES];
        unsigned started = 0;
        if (run->plan.n == 0)
                return 0;
        pthread_mutex_lock(&run->lock);
        for (unsigned i = 0; i < n && i < run->plan.n; i++) {
                run->workers++;
                if (pthread_create(&thread[i], NULL, work, &w[i]) != 0) {
                        run->workers--;
                        break;
                }
                started++;
        }
        wait_workers(run);
        pthread_mutex_unlock(&run->lock);
        for (unsigned i = 0; i < started; i++)
                pthread_join(thread[i], NULL);
        if (!started)
                return err_set(err, -EAGAIN, "no thread can be started");
        if (run->failed.code)
                return err_set(err, run->failed.code, "%s", err_text(&run->failed));
        return stopped(run) ? err_set(err, -ECANCELED, "stopped") : 0;
}

static int remove_gone(struct run *run, struct err *err)
{
        int r = 0;
        pthread_mutex_lock(&run->lock);
        for (size_t i = 0; i < run->plan.gone && r >= 0 && !stopped(run); i++) {
                const struct known *k = run->plan.lost[i];
                if (k->seen)
                        continue; /* moved */
                r = begin(run, err);
                if (r == 0)
                        r = space_forget(run->space, k->id, err);
                run->progress.removed++;
                report(run, NULL, NULL);
        }
        if (r >= 0)
                r = commit(run, err);
        pthread_mutex_unlock(&run->lock);
        return r;
}

static int scan(struct run *run, struct worker *w, struct err *err)
{
        const struct rag_index *rq = run->job->rq;
        struct parse_scanned scanned;
        int r = list_known(run->space, rq->prefix, &run->plan.known, err);
        if (r == 0)
                r = open_box(w, err);
        if (r == 0)
                r = parser_scan(&w->parser, rq->prefix, plan_add, &run->plan, &scanned, err);
        if (r == 0)
                r = plan_end(&run->plan, err);
        if (r < 0)
                return err_wrap(err, r, "scanning the volume");
        if (run->plan.found == 0 && run->plan.gone >= INDEX_GONE_MANY)
                return err_set(err, -ENOENT,
                               "the volume shows no files where %zu are indexed: nothing was "
                               "removed; is its storage there?",
                               run->plan.gone);
        run->progress.total = (uint32_t)run->plan.found;
        run->progress.done = (uint32_t)(run->plan.found - run->plan.n);
        run->progress.failed = (uint32_t)run->plan.unread;
        run->progress.state = RAG_PARSING;
        report(run, NULL, NULL);
        return 0;
}

/* A damaged index is built again from the volume: nothing in it is not there. */
static int open_space(const struct index_job *job, struct space **ret, struct err *err)
{
        const char *name = job->rq->space;
        struct err why = {0};
        int r = space_get(job->spaces, name, true, ret, &why);
        if (r == -EBADMSG) {
                log_warn("index.rebuilt", kv("space", name), kv("reason", err_text(&why)));
                r = space_remove(job->spaces, name, &why);
                if (r == 0)
                        r = space_get(job->spaces, name, true, ret, &why);
        }
        return r < 0 ? err_set(err, r, "%s", err_text(&why)) : 0;
}

static void on_embedded(void *ctx, uint64_t done, uint64_t all)
{
        struct run *run = ctx;
        pthread_mutex_lock(&run->lock);
        run->progress.state = RAG_EMBEDDING;
        run->progress.embedded = done;
        run->progress.to_embed = all;
        report(run, NULL, NULL);
        pthread_mutex_unlock(&run->lock);
}

/* Without a model there is nothing to do; that is no failure. */
static int embed(struct run *run, struct err *err)
{
        struct models_lent *lent = NULL;
        struct embedded done = {0};
        int r = run->job->models ? models_take(run->job->models, "", &lent, NULL) : -ENOENT;
        if (r < 0)
                return r == -ENOENT ? 0 : err_set(err, r, "the model for embeddings");
        struct embedding e = {.space = run->space,
                              .model = lent->model,
                              .embedder = run->job->embedder,
                              .stop = run->job->stop,
                              .progress = on_embedded,
                              .ctx = run};
        r = embed_space(&e, &done, err);
        models_give(run->job->models, lent);
        if (r == 0 && done.made)
                log_info("index.embedded", kv("space", run->job->rq->space), kv("made", done.made),
                         kv("reused", done.reused));
        return r < 0 ? err_wrap(err, r, "the documents are found by word only") : 0;
}

static int run_all(struct run *run, struct worker *w, struct err *err)
{
        int r = open_space(run->job, &run->space, err);
        if (r < 0)
                return r;
        run->progress.state = RAG_SCANNING;
        r = scan(run, &w[0], err);
        if (r == 0)
                r = parse_all(run, w, err);
        if (r >= 0)
                r = remove_gone(run, err);
        /* what was done before an error stays */
        struct err late = {0};
        int c = commit(run, &late);
        while (c >= 0 && !stopped(run) && (c = space_tidy(run->space, &late)) > 0)
                continue;
        if (r >= 0 && c >= 0 && !stopped(run))
                c = embed(run, &late);
        if (r >= 0 && c < 0)
                r = err_set(err, c, "%s", err_text(&late));
        space_release(run->space);
        return r;
}

int index_run(const struct index_job *job, struct rag_progress *ret, struct err *err)
{
        struct err why = {0};
        auto_free struct run *run = xcalloc(1, sizeof *run);
        struct worker w[INDEX_BOXES] = {0};
        run->job = job;
        run->plan.force = job->rq->force;
        pthread_mutex_init(&run->lock, NULL);
        pthread_cond_init(&run->wake, NULL);
        for (unsigned i = 0; i < INDEX_BOXES; i++)
                w[i].run = run;
        int r = run_all(run, w, &why);
        for (unsigned i = 0; i < INDEX_BOXES; i++) {
                char how[128];
                close_box(&w[i], how);
        }
        run->progress.state = r < 0 ? RAG_FAILED : RAG_DONE;
        if (r < 0)
                snprintf(run->progress.reason, sizeof run->progress.reason, "%s", err_text(&why));
        *ret = run->progress;
        plan_done(&run->plan);
        pthread_cond_destroy(&run->wake);
        pthread_mutex_destroy(&run->lock);
        return r < 0 ? err_set(err, r, "%s", err_text(&why)) : 0;
}
