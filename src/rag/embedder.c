#include "rag/embedder.h"
#include "base/mem.h"
#include <pthread.h>
#include <sched.h>

#define THREADS_MAX 64
#define AT_ONCE     16 /* texts that a thread takes: some packs, and an end that all reach together */

struct task {
        struct task *next;
        const struct embed_model *m;
        enum embed_kind kind;
        const struct slice *texts;
        size_t n, taken, done;
        float *ret;
        int status;
        struct err err;
};
struct embedder {
        pthread_mutex_t lock;
        pthread_cond_t more;  /* for the threads: a task, or nothing urgent any more */
        pthread_cond_t ended; /* for who waits: a part of a task */
        pthread_t threads[THREADS_MAX];
        unsigned n_threads;
        struct task *first;
        unsigned urgent; /* callers at work that the threads let pass */
        bool stop;
};

struct embedder *embedder_new(void)
{
        struct embedder *e = xcalloc(1, sizeof *e);
        pthread_mutex_init(&e->lock, NULL);
        pthread_cond_init(&e->more, NULL);
        pthread_cond_init(&e->ended, NULL);
        return e;
}

void embedder_stop(struct embedder *e)
{
        pthread_mutex_lock(&e->lock);
        __atomic_store_n(&e->stop, true, __ATOMIC_RELAXED);
        pthread_cond_broadcast(&e->more);
        pthread_cond_broadcast(&e->ended);
        pthread_mutex_unlock(&e->lock);
}

void embedder_free(struct embedder *e)
{
        if (!e)
                return;
        embedder_stop(e);
        for (unsigned i = 0; i < e->n_threads; i++)
                pthread_join(e->threads[i], NULL);
        pthread_cond_destroy(&e->more);
        pthread_cond_destroy(&e->ended);
        pthread_mutex_destroy(&e->lock);
        free(e);
}

/* Between two pieces of work: a caller that is waited for has the core. */
static int let_pass(void *ctx)
{
        struct embedder *e = ctx;
        if (__atomic_load_n(&e->urgent, __ATOMIC_RELAXED) > 0) {
                pthread_mutex_lock(&e->lock);
                while (e->urgent > 0 && !e->stop)
                        pthread_cond_wait(&e->more, &e->lock);
                pthread_mutex_unlock(&e->lock);
        }
        return __atomic_load_n(&e->stop, __ATOMIC_RELAXED) ? -ECANCELED : 0;
}

static int stop_only(void *ctx)
{
        struct embedder *e = ctx;
        return __atomic_load_n(&e->stop, __ATOMIC_RELAXED) ? -ECANCELED : 0;
}

/* --- the threads */

/* With the lock: the first task that has texts nobody has taken. */
static struct task *next_task(struct embedder *e)
{
        struct task *t = e->first;
        while (t && t->taken == t->n)
                t = t->next;
        return t;
}

static void run_part(struct embedder *e, struct embed_worker *w, struct task *t)
{
        struct err err = {0};
        size_t from = t->taken, n = t->n - from < AT_ONCE ? t->n - from : AT_ONCE;
        uint32_t dims = embed_info(t->m)->dims;
        t->taken += n;
        bool go = t->status == 0;
        pthread_mutex_unlock(&e->lock);
        int r = go ? embed_texts(w, t->kind, t->texts + from, n, t->ret + from * dims, &err) : 0;
        pthread_mutex_lock(&e->lock);
        if (r < 0 && t->status == 0) {
                t->status = r;
                t->err = err;
                if (t->n > AT_ONCE) /* the number in the sentence counts from the part's first */
                        err_wrap(&t->err, r, "of the texts from %zu on", from + 1);
        }
        t->done += n;
        if (t->done == t->n)
                pthread_cond_broadcast(&e->ended);
}

static void *work(void *ctx)
{
        struct embedder *e = ctx;
        struct embed_hook hook = {let_pass, e};
        struct embed_worker *w = NULL;
        unsigned char of[sizeof embed_info(NULL)->id] = {0};
        struct sched_param none = {0};
        /* A host that forbids it gives indexing as much as anybody. */
        (void)!sched_setscheduler(0, SCHED_IDLE, &none);
        pthread_mutex_lock(&e->lock);
        while (!e->stop) {
                struct task *t = next_task(e);
                if (!t || e->urgent > 0) {
                        if (!t) { /* the model may go when its user gives it back */
                                embed_worker_free(w);
                                w = NULL;
                        }
                        pthread_cond_wait(&e->more, &e->lock);
                        continue;
                }
                /* Not by its address: another may be mapped there meanwhile. */
                if (!w || memcmp(of, embed_info(t->m)->id, sizeof of) != 0) {
                        embed_worker_free(w);
                        w = embed_worker_new(t->m, &hook);
                        memcpy(of, embed_info(t->m)->id, sizeof of);
                }
                run_part(e, w, t);
        }
        pthread_mutex_unlock(&e->lock);
        embed_worker_free(w);
        return NULL;
}

static unsigned cores(void)
{
        cpu_set_t set;
        if (sched_getaffinity(0, sizeof set, &set) < 0)
                return 1;
        int n = CPU_COUNT(&set);
        return n < 1 ? 1 : n > THREADS_MAX ? THREADS_MAX : (unsigned)n;
}

/* With the lock. One thread is enough to go on with. */
static int start_threads(struct embedder *e, struct err *err)
{
        for (unsigned want = e->n_threads ? e->n_threads : cores(); e->n_threads < want;) {
                int r = pthread_create(&e->threads[e->n_threads], NULL, work, e);
                if (r != 0)
                        return e->n_threads ? 0 : err_sys(err, -r, "starting a thread");
                e->n_threads++;
        }
        return 0;
}

/* --- the callers */

static int run_passages(struct embedder *e, struct task *t, struct err *err)
{
        struct task **p;
        pthread_mutex_lock(&e->lock);
        int r = start_threads(e, err);
        if (r == 0) {
                for (p = &e->first; *p; p = &(*p)->next)
                        ;
                *p = t;
                pthread_cond_broadcast(&e->more);
                /* What a thread has taken it also finishes, or it hears of the stop. */
                while (t->done < t->taken || (t->taken < t->n && !e->stop))
                        pthread_cond_wait(&e->ended, &e->lock);
                for (p = &e->first; *p != t; p = &(*p)->next)
                        ;
                *p = t->next;
                if (t->status == 0 && t->done < t->n)
                        t->status = err_set(&t->err, -ECANCELED, "the server stops");
                r = t->status;
                if (r < 0 && err)
                        *err = t->err;
        }
        pthread_mutex_unlock(&e->lock);
        return r;
}

static int run_urgent(struct embedder *e, const struct task *t, struct err *err)
{
        struct embed_hook hook = {stop_only, e};
        pthread_mutex_lock(&e->lock);
        __atomic_add_fetch(&e->urgent, 1, __ATOMIC_RELAXED);
        pthread_mutex_unlock(&e->lock);
        struct embed_worker *w = embed_worker_new(t->m, &hook);
        int r = embed_texts(w, t->kind, t->texts, t->n, t->ret, err);
        embed_worker_free(w);
        pthread_mutex_lock(&e->lock);
        if (__atomic_sub_fetch(&e->urgent, 1, __ATOMIC_RELAXED) == 0)
                pthread_cond_broadcast(&e->more);
        pthread_mutex_unlock(&e->lock);
        return r;
}

int embedder_run(struct embedder *e, const struct embed_model *m, enum embed_kind kind,
                 const struct slice *texts, size_t n, float *ret, struct err *err)
{
        struct task t = {.m = m, .kind = kind, .texts = texts, .n = n, .ret = ret};
        if (n == 0)
                return 0;
        return kind == EMBED_QUERY ? run_urgent(e, &t, err) : run_passages(e, &t, err);
}
