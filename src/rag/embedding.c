#include "rag/embedding.h"
#include "base/clock.h"
#include "base/mem.h"
#include <math.h>
#include <pthread.h>
#include <sched.h>

#define SYNC_MS     5000 /* so much work a power failure costs */
#define PROGRESS_MS 200
#define THREADS_MAX 64

struct task {
        uint64_t segment;
        uint32_t block;
};
/* Where a text was embedded already: open addressing by its hash. */
struct reuse {
        struct place {
                uint64_t hash;
                const struct vectors *v;
                uint32_t passage;
        } * at;
        size_t size; /* a power of two, or 0 */
};
struct run {
        const struct embedding *e;
        struct segment
                *segments; /* as they were at the begin: only tidying closes them, and it does
                                     not run meanwhile */
        struct vectors **vectors;
        size_t n_segments;
        struct task *tasks;
        size_t n_tasks;
        struct reuse reuse;
        uint32_t dims;
        pthread_mutex_t lock; /* over the following */
        size_t next;
        uint64_t done, all, synced_ms, told_ms;
        struct embedded count;
        struct err failed;
};

struct vector_model vector_model_of(const struct embed_model *m)
{
        struct vector_model v = {.dims = embed_info(m)->dims};
        memcpy(v.id, embed_info(m)->id, sizeof v.id);
        return v;
}

void embedded_count(struct space *s, uint64_t *ret_done, uint64_t *ret_all)
{
        size_t n;
        *ret_done = *ret_all = 0;
        space_read(s);
        const struct segment *g = space_segments(s, &n);
        for (size_t i = 0; i < n; i++) {
                uint64_t done =
                        g[i].vectors ? (uint64_t)vectors_filled(g[i].vectors) * VECTOR_BLOCK : 0;
                *ret_done += done < g[i].n ? done : g[i].n;
                *ret_all += g[i].n;
        }
        space_read_end(s);
}

/* ---- what is to be done ---- */

static int take_segments(struct run *r)
{
        space_read(r->e->space);
        const struct segment *g = space_segments(r->e->space, &r->n_segments);
        r->segments = mem_try((r->n_segments + 1) * sizeof *r->segments);
        if (r->segments)
                memcpy(r->segments, g, r->n_segments * sizeof *g);
        space_read_end(r->e->space);
        r->vectors = xcalloc(r->n_segments + 1, sizeof(struct vectors *));
        return r->segments ? 0 : -ENOMEM;
}

static int list_tasks(struct run *r, struct err *err)
{
        size_t blocks = 0, filled = 0;
        for (size_t i = 0; i < r->n_segments; i++) {
                int e = space_vectors(r->e->space, r->segments[i].id, &r->vectors[i], err);
                if (e < 0)
                        return e;
                blocks += vectors_blocks(r->vectors[i]);
                filled += vectors_filled(r->vectors[i]);
                r->all += r->segments[i].n;
        }
        r->tasks = mem_try((blocks + 1) * sizeof *r->tasks);
        while (filled && r->reuse.size < 4 * filled * VECTOR_BLOCK)
                r->reuse.size = r->reuse.size ? 2 * r->reuse.size : 1024;
        r->reuse.at = mem_try((r->reuse.size + 1) * sizeof *r->reuse.at);
        if (!r->tasks || !r->reuse.at)
                return err_set(err, -ENOMEM, "no memory for %zu blocks of vectors", blocks);
        memset(r->reuse.at, 0, (r->reuse.size + 1) * sizeof *r->reuse.at);
        return 0;
}

static struct place *place_of(const struct reuse *u, uint64_t hash)
{
        size_t at = (size_t)(hash ^ hash >> 32) & (u->size - 1);
        while (u->at[at].v && u->at[at].hash != hash)
                at = (at + 1) & (u->size - 1);
        return &u->at[at];
}

static void plan(struct run *r)
{
        for (size_t i = 0; i < r->n_segments; i++) {
                const struct segment *g = &r->segments[i];
                for (uint32_t b = 0; b < vectors_blocks(r->vectors[i]); b++) {
                        uint32_t n = vectors_in(r->vectors[i], b);
                        if (!vectors_has(r->vectors[i], b)) {
                                r->tasks[r->n_tasks++] = (struct task){i, b};
                                continue;
                        }
                        r->done += n;
                        for (uint32_t k = b * VECTOR_BLOCK; k < b * VECTOR_BLOCK + n; k++)
                                *place_of(&r->reuse, g->passages[k].hash) =
                                        (struct place){g->passages[k].hash, r->vectors[i], k};
                }
        }
}

/* ---- one text ---- */

struct worker {
        struct run *run;
        struct embed_worker *w;
        struct buf texts;
        struct embed_tokens tokens;
        struct piece {            /* of a passage: a window */
                uint32_t passage; /* in the block */
                size_t at, len;   /* in texts */
        } * pieces;
        size_t n, cap;
        float *made; /* of the pieces */
        float block[VECTOR_BLOCK * VECTOR_DIMS_MAX];
};

static int add_piece(struct worker *w, uint32_t passage, size_t at, size_t len)
{
        if (w->n == w->cap) {
                size_t cap = w->cap ? 2 * w->cap : 128;
                struct piece *more = mem_retry(w->pieces, cap * sizeof *more);
                if (!more)
                        return -ENOMEM;
                w->pieces = more;
                w->cap = cap;
        }
        w->pieces[w->n++] = (struct piece){passage, at, len};
        return 0;
}

/* The passage's text goes into texts, cut into windows of what the model reads. */
static int add_passage(struct worker *w, const struct segment *g, uint32_t passage, uint32_t in,
                       struct err *err)
{
        const struct embed_model *m = w->run->e->model;
        uint32_t room = embed_room(m, EMBED_PASSAGE);
        struct segment_text t;
        size_t at = w->texts.len;
        int r = segment_read(g, passage, &t);
        if (r == 0)
                r = buf_add(&w->texts, t.heading.data, t.heading.len);
        if (r == 0 && t.heading.len)
                r = buf_add(&w->texts, "\n", 1);
        if (r == 0)
                r = buf_add(&w->texts, t.text.data, t.text.len);
        if (r < 0)
                return err_sys(err, r, "a passage");
        struct slice all = {w->texts.data + at, w->texts.len - at};
        r = embed_tokenize(m, all, &w->tokens, err);
        if (r < 0)
                return r;
        size_t from = 0, first = 0;
        for (size_t i = 0; i < w->tokens.n; i++) {
                if (i - first < room)
                        continue;
                /* back to a blank, if there is one in the last quarter */
                size_t cut = i;
                while (cut > i - room / 4 &&
                       w->tokens.list[cut].begin == w->tokens.list[cut - 1].end)
                        cut--;
                if (cut == i - room / 4)
                        cut = i;
                size_t to = w->tokens.list[cut].begin;
                r = add_piece(w, in, at + from, to - from);
                if (r < 0)
                        return err_sys(err, r, "a passage");
                from = to;
                first = cut;
                i = cut;
        }
        r = add_piece(w, in, at + from, all.len - from);
        return r < 0 ? err_sys(err, r, "a passage") : 0;
}

/* ---- one block ---- */

static int embed_pieces(struct worker *w, struct err *err)
{
        uint32_t dims = w->run->dims;
        auto_free struct slice *s = mem_try((w->n + 1) * sizeof *s);
        float *made = mem_retry(w->made, (w->n + 1) * dims * sizeof *made);
        if (made)
                w->made = made;
        if (!s || !made)
                return err_set(err, -ENOMEM, "no memory for %zu vectors", w->n);
        for (size_t i = 0; i < w->n; i++)
                s[i] = (struct slice){w->texts.data + w->pieces[i].at, w->pieces[i].len};
        int r = embed_texts(w->w, EMBED_PASSAGE, s, w->n, w->made, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < w->n; i++)
                for (uint32_t k = 0; k < dims; k++)
                        w->block[(size_t)w->pieces[i].passage * dims + k] += w->made[i * dims + k];
        return 0;
}

static void to_unit(float *x, uint32_t dims)
{
        double n = 0;
        for (uint32_t k = 0; k < dims; k++)
                n += (double)x[k] * x[k];
        for (uint32_t k = 0; k < dims && n > 0; k++)
                x[k] = (float)(x[k] / sqrt(n));
}

static int do_block(struct worker *w, const struct task *t, struct err *err)
{
        struct run *r = w->run;
        const struct segment *g = &r->segments[t->segment];
        struct vectors *v = r->vectors[t->segment];
        uint32_t n = vectors_in(v, t->block), first = t->block * VECTOR_BLOCK, reused = 0;
        int e = 0;
        w->n = 0;
        buf_clear(&w->texts);
        memset(w->block, 0, (size_t)n * r->dims * sizeof *w->block);
        for (uint32_t i = 0; i < n && e == 0; i++) {
                const struct place *p =
                        r->reuse.size ? place_of(&r->reuse, g->passages[first + i].hash) : NULL;
                if (p && p->v) {
                        vectors_get(p->v, p->passage, w->block + (size_t)i * r->dims);
                        reused++;
                } else {
                        e = add_passage(w, g, first + i, i, err);
                }
        }
        if (e == 0 && w->n)
                e = embed_pieces(w, err);
        if (e < 0)
                return e;
        for (size_t i = 0; i < w->n; i++)
                to_unit(w->block + (size_t)w->pieces[i].passage * r->dims, r->dims);
        vectors_put(v, t->block, w->block);
        pthread_mutex_lock(&r->lock);
        r->done += n;
        r->count.made += n - reused;
        r->count.reused += reused;
        pthread_mutex_unlock(&r->lock);
        return 0;
}

/* ---- all ---- */

static bool stopped(const struct run *r)
{
        return r->failed.code || (r->e->stop && __atomic_load_n(r->e->stop, __ATOMIC_RELAXED));
}

static int sync_all(struct run *r, struct err *err)
{
        int e = 0;
        for (size_t i = 0; i < r->n_segments && e == 0; i++)
                e = vectors_sync(r->vectors[i], err);
        return e;
}

/* With the lock. */
static void tell(struct run *r)
{
        uint64_t now = clock_boot_ms();
        struct err err = {0};
        if (r->e->progress && now - r->told_ms >= PROGRESS_MS) {
                r->told_ms = now;
                r->e->progress(r->e->ctx, r->done, r->all);
        }
        if (now - r->synced_ms >= SYNC_MS) {
                r->synced_ms = now;
                if (sync_all(r, &err) < 0)
                        r->failed = err;
        }
}

static void *work(void *ctx)
{
        struct worker *w = ctx;
        struct run *r = w->run;
        struct err err = {0};
        int e = 0;
        /* Everything else on the machine goes first; without the permission it only is slower. */
        (void)sched_setscheduler(0, SCHED_IDLE, &(struct sched_param){0});
        pthread_mutex_lock(&r->lock);
        while (e == 0 && r->next < r->n_tasks && !stopped(r)) {
                const struct task *t = &r->tasks[r->next++];
                pthread_mutex_unlock(&r->lock);
                e = do_block(w, t, &err);
                pthread_mutex_lock(&r->lock);
                tell(r);
        }
        if (e < 0 && !r->failed.code)
                r->failed = err;
        pthread_mutex_unlock(&r->lock);
        return NULL;
}

static void worker_done(struct worker *w)
{
        embed_worker_free(w->w);
        buf_done(&w->texts);
        embed_tokens_done(&w->tokens);
        free(w->pieces);
        free(w->made);
        free(w);
}

static int run_workers(struct run *r, struct err *err)
{
        unsigned n = r->e->threads ? r->e->threads : (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
        n = n > THREADS_MAX ? THREADS_MAX : n < 1 ? 1 : n;
        n = n > r->n_tasks ? (unsigned)r->n_tasks : n;
        struct worker *w[THREADS_MAX];
        pthread_t thread[THREADS_MAX];
        unsigned started = 0;
        for (unsigned i = 0; i < n; i++) {
                w[i] = xcalloc(1, sizeof *w[i]);
                w[i]->run = r;
                w[i]->w = embed_worker_new(r->e->model, r->e->hook);
                buf_init(&w[i]->texts, 64u << 20);
        }
        while (started < n && pthread_create(&thread[started], NULL, work, w[started]) == 0)
                started++;
        for (unsigned i = 0; i < started; i++)
                pthread_join(thread[i], NULL);
        for (unsigned i = 0; i < n; i++)
                worker_done(w[i]);
        if (n && !started)
                return err_set(err, -EAGAIN, "no thread can be started");
        if (r->failed.code)
                return err_set(err, r->failed.code, "%s", err_text(&r->failed));
        int e = sync_all(r, err);
        if (e == 0 && r->next < r->n_tasks)
                e = err_set(err, -ECANCELED, "stopped");
        return e;
}

int embed_space(const struct embedding *e, struct embedded *ret, struct err *err)
{
        struct run r = {.e = e, .dims = embed_info(e->model)->dims};
        struct vector_model m = vector_model_of(e->model);
        r.synced_ms = clock_boot_ms();
        pthread_mutex_init(&r.lock, NULL);
        int x = space_use_model(e->space, &m, err);
        if (x == 0 && (x = take_segments(&r)) < 0)
                err_sys(err, x, "the list of segments");
        if (x == 0)
                x = list_tasks(&r, err);
        if (x == 0) {
                plan(&r);
                x = run_workers(&r, err);
        }
        r.count.passages = r.all;
        if (e->progress && x == 0)
                e->progress(e->ctx, r.done, r.all);
        *ret = r.count;
        free(r.segments);
        free(r.vectors);
        free(r.tasks);
        free(r.reuse.at);
        pthread_mutex_destroy(&r.lock);
        return x;
}
