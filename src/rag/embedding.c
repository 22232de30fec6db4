#include "rag/embedding.h"
#include "base/clock.h"
#include "base/mem.h"
#include <math.h>
#include <xxhash.h>

#define SYNC_MS     5000 /* so much work a power failure costs */
#define PROGRESS_MS 200
#define GROUP       4 /* blocks whose passages are embedded together: work for many cores */

struct task {
        uint32_t segment, block;
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
struct piece {          /* of a passage: a window */
        size_t passage; /* in the group */
        size_t at, len; /* in texts */
};
struct run {
        const struct embedding *e;
        struct segment *segments; /* as they were at the begin */
        struct vectors **vectors;
        size_t n_segments;
        struct task *tasks;
        size_t n_tasks;
        struct reuse reuse;
        uint32_t dims;
        uint64_t done, all, synced_ms, told_ms;
        struct embedded count;
        /* of the group in hand */
        struct buf texts;
        struct embed_tokens tokens;
        struct piece *pieces;
        size_t n_pieces, cap;
        float *sums; /* GROUP * VECTOR_BLOCK * dims */
};

struct vector_model vector_model_of(const struct embed_model *m)
{
        struct vector_model v = {.dims = (embed_info(m)->dims + 31) / 32 * 32};
        memcpy(v.id, embed_info(m)->id, sizeof v.id);
        return v;
}

size_t embedding_fits(const struct embed_model *m, struct slice text)
{
        CLEANUP(embed_tokens_done) struct embed_tokens t = {0};
        uint32_t room = embed_room(m, EMBED_QUERY);
        if (embed_tokenize(m, text, &t, NULL) < 0)
                return 0;
        return t.n > room ? t.list[room].begin : text.len;
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

/* The title of a passage's document, "" when it is gone or its headings begin with it; its length.
 */
static size_t title_of(const struct run *r, const struct segment *g, uint32_t passage,
                       char dst[256])
{
        struct segment_text t;
        size_t n = 0;
        space_read(r->e->space);
        const struct doc *d = catalog_id(space_catalog(r->e->space), g->passages[passage].doc);
        if (d)
                n = strnlen(d->title, 255);
        memcpy(dst, d ? d->title : "", n);
        space_read_end(r->e->space);
        bool said = segment_read(g, passage, &t) == 0 && t.heading.len >= n &&
                    memcmp(t.heading.data, dst, n) == 0;
        return said ? 0 : n;
}

/* Of all that is embedded of a passage. */
static uint64_t key_of(const struct run *r, const struct segment *g, uint32_t passage)
{
        char title[256];
        size_t n = title_of(r, g, passage, title);
        return g->passages[passage].hash ^ (n ? XXH3_64bits(title, n) : 0);
}

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
                                r->tasks[r->n_tasks++] = (struct task){(uint32_t)i, b};
                                continue;
                        }
                        r->done += n;
                        for (uint32_t k = b * VECTOR_BLOCK; k < b * VECTOR_BLOCK + n; k++) {
                                uint64_t key = key_of(r, g, k);
                                *place_of(&r->reuse, key) = (struct place){key, r->vectors[i], k};
                        }
                }
        }
}

/* ---- one text ---- */

static int add_piece(struct run *r, size_t passage, size_t at, size_t len)
{
        if (r->n_pieces == r->cap) {
                size_t cap = r->cap ? 2 * r->cap : 1024;
                struct piece *more = mem_retry(r->pieces, cap * sizeof *more);
                if (!more)
                        return -ENOMEM;
                r->pieces = more;
                r->cap = cap;
        }
        r->pieces[r->n_pieces++] = (struct piece){passage, at, len};
        return 0;
}

/* Where a window that begins at token `first` ends: before the last blank in its last quarter. */
static size_t window_end(const struct embed_tokens *t, size_t first, size_t room)
{
        size_t end = first + room, least = end - room / 4;
        if (end >= t->n)
                return t->n;
        for (size_t cut = end; cut > least; cut--)
                if (t->list[cut].begin != t->list[cut - 1].end)
                        return cut;
        return end;
}

/* The text at `at` of the buffer as windows of what the model reads. */
static int add_windows(struct run *r, size_t passage, size_t at, struct err *err)
{
        const struct embed_model *m = r->e->model;
        struct slice all = {r->texts.data + at, r->texts.len - at};
        size_t room = embed_room(m, EMBED_PASSAGE);
        int e = embed_tokenize(m, all, &r->tokens, err);
        for (size_t first = 0, from = 0; e == 0;) {
                size_t end = window_end(&r->tokens, first, room);
                size_t to = end == r->tokens.n ? all.len : r->tokens.list[end].begin;
                e = add_piece(r, passage, at + from, to - from);
                if (e < 0 || end == r->tokens.n)
                        break;
                first = end;
                from = to;
        }
        return e;
}

static int add_passage(struct run *r, const struct segment *g, uint32_t passage, size_t in,
                       struct err *err)
{
        struct segment_text t;
        char title[256];
        size_t at = r->texts.len, n = title_of(r, g, passage, title);
        int e = segment_read(g, passage, &t);
        if (e == 0)
                e = buf_add(&r->texts, title, n);
        if (e == 0 && n)
                e = buf_add(&r->texts, "\n", 1);
        if (e == 0)
                e = buf_add(&r->texts, t.heading.data, t.heading.len);
        if (e == 0 && t.heading.len)
                e = buf_add(&r->texts, "\n", 1);
        if (e == 0)
                e = buf_add(&r->texts, t.text.data, t.text.len);
        return e < 0 ? err_sys(err, e, "a passage") : add_windows(r, in, at, err);
}

/* ---- a group of blocks ---- */

static void to_unit(float *x, uint32_t dims)
{
        double n = 0;
        for (uint32_t k = 0; k < dims; k++)
                n += (double)x[k] * x[k];
        for (uint32_t k = 0; k < dims && n > 0; k++)
                x[k] = (float)(x[k] / sqrt(n));
}

static int embed_pieces(struct run *r, struct err *err)
{
        auto_free struct slice *s = mem_try((r->n_pieces + 1) * sizeof *s);
        uint32_t dims = embed_info(r->e->model)->dims;
        auto_free float *made = mem_try((r->n_pieces + 1) * dims * sizeof *made);
        if (!s || !made)
                return err_set(err, -ENOMEM, "no memory for %zu vectors", r->n_pieces);
        for (size_t i = 0; i < r->n_pieces; i++)
                s[i] = (struct slice){r->texts.data + r->pieces[i].at, r->pieces[i].len};
        int e = embedder_run(r->e->embedder, r->e->model, EMBED_PASSAGE, s, r->n_pieces, made, err);
        if (e < 0)
                return e;
        for (size_t i = 0; i < r->n_pieces; i++)
                for (uint32_t k = 0; k < dims; k++)
                        r->sums[r->pieces[i].passage * r->dims + k] += made[i * dims + k];
        for (size_t i = 0; i < r->n_pieces; i++)
                if (i == 0 || r->pieces[i].passage != r->pieces[i - 1].passage)
                        to_unit(r->sums + r->pieces[i].passage * r->dims, r->dims);
        return 0;
}

/* What is known of a block's passages; the others become pieces. */
static int gather(struct run *r, const struct task *t, size_t in, struct err *err)
{
        const struct segment *g = &r->segments[t->segment];
        uint32_t n = vectors_in(r->vectors[t->segment], t->block);
        int e = 0;
        for (uint32_t i = 0; i < n && e == 0; i++) {
                uint32_t passage = t->block * VECTOR_BLOCK + i;
                const struct place *p =
                        r->reuse.size ? place_of(&r->reuse, key_of(r, g, passage)) : NULL;
                if (p && p->v) {
                        vectors_get(p->v, p->passage, r->sums + (in + i) * r->dims);
                        r->count.reused++;
                } else {
                        e = add_passage(r, g, passage, in + i, err);
                        r->count.made++;
                }
        }
        return e;
}

static int do_group(struct run *r, const struct task *t, size_t n, struct err *err)
{
        int e = 0;
        r->n_pieces = 0;
        buf_clear(&r->texts);
        memset(r->sums, 0, (size_t)GROUP * VECTOR_BLOCK * r->dims * sizeof *r->sums);
        for (size_t i = 0; i < n && e == 0; i++)
                e = gather(r, &t[i], i * VECTOR_BLOCK, err);
        if (e == 0 && r->n_pieces)
                e = embed_pieces(r, err);
        for (size_t i = 0; i < n && e == 0; i++) {
                vectors_put(r->vectors[t[i].segment], t[i].block,
                            r->sums + i * VECTOR_BLOCK * r->dims);
                r->done += vectors_in(r->vectors[t[i].segment], t[i].block);
        }
        return e;
}

/* ---- all ---- */

static int sync_all(struct run *r, struct err *err)
{
        int e = 0;
        for (size_t i = 0; i < r->n_segments && e == 0; i++)
                e = vectors_sync(r->vectors[i], err);
        return e;
}

static int after_group(struct run *r, bool last, struct err *err)
{
        uint64_t now = clock_boot_ms();
        if (r->e->progress && (last || now - r->told_ms >= PROGRESS_MS)) {
                r->told_ms = now;
                r->e->progress(r->e->ctx, r->done, r->all);
        }
        if (!last && now - r->synced_ms < SYNC_MS)
                return 0;
        r->synced_ms = now;
        return sync_all(r, err);
}

static int do_all(struct run *r, struct err *err)
{
        int e = 0;
        for (size_t i = 0; i < r->n_tasks && e == 0; i += GROUP) {
                if (r->e->stop && __atomic_load_n(r->e->stop, __ATOMIC_RELAXED))
                        e = err_set(err, -ECANCELED, "stopped");
                if (e == 0)
                        e = do_group(r, &r->tasks[i],
                                     r->n_tasks - i < GROUP ? r->n_tasks - i : GROUP, err);
                if (e == 0)
                        e = after_group(r, false, err);
        }
        int last = after_group(r, true, e < 0 ? NULL : err); /* what is done stays */
        return e < 0 ? e : last;
}

static void run_done(struct run *r)
{
        free(r->segments);
        free(r->vectors);
        free(r->tasks);
        free(r->reuse.at);
        free(r->pieces);
        free(r->sums);
        buf_done(&r->texts);
        embed_tokens_done(&r->tokens);
}

int embed_space(const struct embedding *e, struct embedded *ret, struct err *err)
{
        CLEANUP(run_done) struct run r = {.e = e, .dims = vector_model_of(e->model).dims};
        struct vector_model m = vector_model_of(e->model);
        buf_init(&r.texts, 256u << 20);
        r.synced_ms = clock_boot_ms();
        r.sums = mem_try((size_t)GROUP * VECTOR_BLOCK * r.dims * sizeof *r.sums);
        space_hold(e->space, true);
        int x = r.sums ? space_use_model(e->space, &m, err)
                       : err_set(err, -ENOMEM, "no memory for vectors");
        if (x == 0 && (x = take_segments(&r)) < 0)
                err_sys(err, x, "the list of segments");
        if (x == 0)
                x = list_tasks(&r, err);
        if (x == 0) {
                plan(&r);
                x = do_all(&r, err);
        }
        space_unhold(e->space);
        r.count.passages = r.all;
        *ret = r.count;
        return x;
}
