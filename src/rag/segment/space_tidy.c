/* Segments joined, the log folded into a new catalog. A joined segment is built from the texts as a
 * new one is: there is one way to make an index of words, and what comes out of it does not depend
 * on the history. */
#include "rag/segment/space_private.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include <stdio.h>

#define TIER_FIRST 2048u   /* passages: smaller segments are all of one tier */
#define TIER_RATIO 4       /* between two tiers */
#define TIER_MANY  8       /* segments of a tier that become one */
#define JOIN_MAX   400000u /* passages of one segment */
#define DEAD_MANY  5       /* one in so many passages is dead: written again */

/* ---- which ---- */

static unsigned tier_of(uint32_t passages)
{
        unsigned tier = 0;
        for (uint64_t size = TIER_FIRST; passages > size; size *= TIER_RATIO)
                tier++;
        return tier;
}

struct chosen {
        uint64_t ids[TIER_MANY];
        size_t n;
};

static bool is_chosen(const struct chosen *c, uint64_t id)
{
        for (size_t i = 0; i < c->n; i++)
                if (c->ids[i] == id)
                        return true;
        return false;
}

/* With the lock for reading. */
static void choose(const struct catalog *c, struct chosen *ret)
{
        for (unsigned tier = 0; tier < 16; tier++) {
                uint64_t live = 0;
                ret->n = 0;
                for (size_t i = 0; i < c->n_segments && ret->n < TIER_MANY; i++) {
                        const struct segment_row *s = &c->segments[i];
                        if (tier_of(s->live) != tier || live + s->live > JOIN_MAX)
                                continue;
                        ret->ids[ret->n++] = s->id;
                        live += s->live;
                }
                if (ret->n == TIER_MANY)
                        return;
        }
        ret->n = 0;
        for (size_t i = 0; i < c->n_segments && ret->n == 0; i++) {
                const struct segment_row *s = &c->segments[i];
                if ((s->passages - s->live) * (uint64_t)DEAD_MANY > s->passages)
                        ret->ids[ret->n++] = s->id;
        }
}

/* ---- joined ---- */

struct moved { /* a document whose passages are copied */
        uint64_t id, segment;
        uint32_t first, n, to;
        char *title;
};
struct join {
        struct chosen from;
        struct moved *docs;
        size_t n;
        struct builder *builder;
        uint64_t id;
};

static void join_done(struct join *j)
{
        for (size_t i = 0; i < j->n; i++)
                free(j->docs[i].title);
        free(j->docs);
        builder_free(j->builder);
}

static int by_id(const void *x, const void *y)
{
        const struct moved *a = x, *b = y;
        return a->id < b->id ? -1 : a->id > b->id;
}

/* With the lock for reading: what is live in the chosen segments. */
static int list_docs(const struct space *s, struct join *j)
{
        const struct catalog *c = &s->catalog;
        j->docs = mem_try((c->live + 1) * sizeof *j->docs);
        if (!j->docs)
                return -ENOMEM;
        for (size_t i = 0; i < c->n; i++) {
                const struct doc *d = c->docs[i];
                if (d && d->passages && is_chosen(&j->from, d->segment))
                        j->docs[j->n++] = (struct moved){
                                d->id, d->segment, d->first, d->passages, 0, xstrdup(d->title)};
        }
        qsort(j->docs, j->n, sizeof *j->docs, by_id);
        return 0;
}

static int copy_doc(struct space *s, struct join *j, struct moved *m)
{
        m->to = builder_count(j->builder);
        /* Only tidying closes segments, and there is one at a time: it stays open without a lock;
         * the list that it is in may move. */
        space_read(s);
        const struct segment *found = space_segment(s, m->segment);
        struct segment from = found ? *found : (struct segment){0};
        space_read_end(s);
        if (!found)
                return -ESTALE;
        for (uint32_t i = 0; i < m->n; i++) {
                const struct segment_passage *p = &from.passages[m->first + i];
                struct segment_text t;
                int r = segment_read(&from, m->first + i, &t);
                if (r == 0)
                        r = builder_add(j->builder, m->id, slice_of(m->title), t.heading, t.text,
                                        p->page, p->ordinal);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ---- its vectors ---- */

static const struct vectors *vectors_of(struct space *s, uint64_t segment)
{
        space_read(s);
        const struct segment *g = space_segment(s, segment);
        const struct vectors *v = g ? g->vectors : NULL;
        space_read_end(s);
        return v;
}

/* What was known of passage `to` and on; a block is put once all of it is there. */
struct carrying {
        struct vectors *to;
        uint32_t passage; /* of the new segment: the next one */
        bool whole;       /* the block so far */
        float rows[VECTOR_BLOCK * VECTOR_DIMS_MAX];
};

static void carry(struct carrying *c, const struct vectors *from, uint32_t passage, uint32_t dims)
{
        uint32_t in = c->passage % VECTOR_BLOCK, block = c->passage / VECTOR_BLOCK;
        c->whole = (in == 0 || c->whole) && from && vectors_has(from, passage / VECTOR_BLOCK);
        if (c->whole)
                vectors_get(from, passage, c->rows + (size_t)in * dims);
        c->passage++;
        if (c->whole && in + 1 == vectors_in(c->to, block))
                vectors_put(c->to, block, c->rows);
}

/* A bf16 vector that is read and put again is the same one. */
static int carry_vectors(struct space *s, const struct join *j, struct segment *opened,
                         struct err *err)
{
        struct vector_model m = s->model;
        if (!m.dims)
                return 0;
        auto_free struct carrying *c = mem_try(sizeof *c);
        if (!c)
                return err_set(err, -ENOMEM, "no memory to join segments");
        int r = vectors_open(s->dir, j->id, opened->n, &m, true, &opened->vectors, err);
        if (r < 0)
                return r;
        *c = (struct carrying){.to = opened->vectors};
        for (size_t i = 0; i < j->n; i++) {
                const struct vectors *from = vectors_of(s, j->docs[i].segment);
                for (uint32_t k = 0; k < j->docs[i].n; k++)
                        carry(c, from, j->docs[i].first + k, m.dims);
        }
        return vectors_sync(opened->vectors, err);
}

/* Between begin and rollback: what has not changed meanwhile lies in the new segment from now on. */
static int place(struct space *s, struct join *j, struct segment *opened, struct err *err)
{
        struct segment_row row = {.id = j->id, .passages = builder_count(j->builder)};
        CLEANUP(buf_done) struct buf batch;
        buf_init(&batch, LOG_BATCH_MAX);
        int r = opened ? change_segment(&batch, &row) : 0;
        for (size_t i = 0; i < j->n && r == 0; i++) {
                const struct moved *m = &j->docs[i];
                const struct doc *d = catalog_id(&s->catalog, m->id);
                if (d && d->segment == m->segment && d->first == m->first)
                        r = change_place(&batch, m->id, j->id, m->to);
        }
        for (size_t i = 0; i < j->from.n && r == 0; i++)
                r = change_drop_segment(&batch, j->from.ids[i]);
        if (r < 0) {
                if (opened)
                        segment_close(opened);
                return err_sys(err, r, "joining segments");
        }
        return space_apply(s, &batch, opened, err);
}

/* In a change of its own that says nothing: a commit meanwhile takes another one. */
static int take_id(struct space *s, struct join *j, struct err *err)
{
        int r = space_begin(s, err);
        if (r < 0)
                return r;
        j->id = s->catalog.next_segment++;
        space_rollback(s);
        return 0;
}

static int join(struct space *s, struct join *j, struct err *err)
{
        struct segment opened = {0};
        int r = take_id(s, j, err);
        if (r < 0)
                return r;
        j->builder = builder_new();
        for (size_t i = 0; i < j->n && r == 0; i++)
                r = copy_doc(s, j, &j->docs[i]);
        if (r < 0)
                return err_sys(err, r, "joining segments");
        bool any = builder_count(j->builder) > 0;
        if (any)
                r = builder_write(j->builder, s->dir, j->id, err);
        if (r == 0 && any)
                r = segment_open(s->dir, j->id, &opened, err);
        if (r == 0 && any)
                r = carry_vectors(s, j, &opened, err);
        if (r == 0)
                r = space_begin(s, err);
        if (r < 0) {
                segment_close(&opened);
                return r;
        }
        r = place(s, j, any ? &opened : NULL, err);
        space_rollback(s); /* ends the change */
        if (r == 0)
                log_info("index.joined", kv("space", s->name), kv("segments", (uint64_t)j->from.n),
                         kv("passages", (uint64_t)builder_count(j->builder)));
        return r < 0 ? r : 1;
}

/* ---- the log ---- */

static int fold_log(struct space *s, struct err *err)
{
        struct root next = {.generation = s->root.generation + 1};
        struct log fresh;
        char name[32];
        int r = space_begin(s, err);
        if (r < 0)
                return r;
        if (s->log.size <= s->log_long) {
                space_rollback(s);
                return 0;
        }
        r = catalog_write(&s->catalog, s->dir, next.generation, err);
        if (r == 0)
                r = log_create(s->dir, next.generation, &fresh, err);
        if (r == 0 && (r = root_write(s->dir, &next, err)) < 0) {
                s->log.broken = true; /* which of the two counts is not known */
                log_close(&fresh);
        }
        if (r == 0) {
                catalog_name(name, s->root.generation);
                unlinkat(s->dir, name, 0);
                log_name(name, s->root.generation);
                unlinkat(s->dir, name, 0);
                log_close(&s->log);
                s->log = fresh;
                s->root = next;
        }
        space_rollback(s);
        return r < 0 ? r : 1;
}

static int tidy(struct space *s, struct err *err)
{
        CLEANUP(join_done) struct join j = {0};
        int r = 0;
        space_read(s);
        choose(&s->catalog, &j.from);
        if (j.from.n)
                r = list_docs(s, &j);
        space_read_end(s);
        if (r < 0)
                return err_sys(err, r, "joining segments");
        if (j.from.n)
                return join(s, &j, err);
        return fold_log(s, err);
}

int space_tidy(struct space *s, struct err *err)
{
        space_hold(s, true);
        int r = tidy(s, err);
        space_unhold(s);
        return r;
}
