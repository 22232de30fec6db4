/* Changes of a space: gathered, made durable, applied. */
#include "rag/segment/space_private.h"
#include "base/mem.h"

static void set_changing(struct space *s, bool on)
{
        pthread_mutex_lock(&s->turn);
        while (on && s->changing)
                pthread_cond_wait(&s->next_turn, &s->turn);
        s->changing = on;
        pthread_cond_signal(&s->next_turn);
        pthread_mutex_unlock(&s->turn);
}

int space_begin(struct space *s, struct err *err)
{
        set_changing(s, true);
        if (s->removed || s->log.broken) {
                set_changing(s, false);
                return s->removed ? err_set(err, -ESTALE, "the index was removed")
                                  : err_set(err, -EROFS, "the index could not be written");
        }
        s->next_doc = s->catalog.next_doc;
        buf_clear(&s->changes);
        return 0;
}

void space_rollback(struct space *s)
{
        builder_free(s->builder);
        s->builder = NULL;
        buf_done(&s->changes);
        buf_init(&s->changes, LOG_BATCH_MAX);
        set_changing(s, false);
}

size_t space_pending(const struct space *s)
{
        return s->changes.len + (s->builder ? builder_bytes(s->builder) : 0);
}

/* A racy stamp is stored as 0: the next scan then looks at the content again. */
static void set_stamps(struct doc *d, const struct parse_end *end)
{
        d->size = end->size;
        d->inode = end->inode;
        d->mtime_ns = end->mtime_ns;
        d->ctime_ns = end->racy ? 0 : end->ctime_ns;
}

static int add_passages(struct space *s, uint64_t id, const char *title, const struct gathered *g)
{
        int r = 0;
        if (g->n && !s->builder)
                s->builder = builder_new();
        for (size_t i = 0; i < g->n && r == 0; i++) {
                const struct gathered_passage *p = &g->p[i];
                const char *all = g->text.data;
                r = builder_add(s->builder, id, slice_of(title),
                                (struct slice){all + p->heading, p->heading_len},
                                (struct slice){all + p->at, p->len}, p->page, (uint32_t)i);
        }
        return r;
}

int space_put(struct space *s, const char *path, const struct parse_end *end,
              const struct gathered *g, struct err *err)
{
        struct doc d = {.id = s->next_doc++,
                        .segment = g->n ? s->catalog.next_segment : 0,
                        .first = s->builder ? builder_count(s->builder) : 0,
                        .passages = (uint32_t)g->n,
                        .status = end->status,
                        .pages = end->pages,
                        .path = path,
                        .reason = end->reason,
                        .type = end->type,
                        .title = end->title};
        set_stamps(&d, end);
        memcpy(d.hash, end->hash, sizeof d.hash);
        int r = add_passages(s, d.id, end->title, g);
        if (r == 0)
                r = change_put(&s->changes, &d);
        return r < 0 ? err_sys(err, r, "indexing '%s'", path) : 0;
}

int space_move(struct space *s, uint64_t id, const char *path, const struct parse_end *end,
               struct err *err)
{
        const struct doc *old = catalog_id(&s->catalog, id);
        if (!old)
                return 0; /* it was removed meanwhile; the next scan sees the file as new */
        struct doc d = *old;
        d.path = path;
        set_stamps(&d, end);
        int r = change_put(&s->changes, &d);
        return r < 0 ? err_sys(err, r, "indexing '%s'", path) : 0;
}

int space_forget(struct space *s, uint64_t id, struct err *err)
{
        int r = change_remove(&s->changes, id);
        return r < 0 ? err_sys(err, r, "removing from the index") : 0;
}

/* ---- made durable, applied ---- */

static int insert_segment(struct space *s, const struct segment *opened)
{
        struct segment *more = mem_retry(s->segments, (s->n_segments + 2) * sizeof *more);
        if (!more)
                return -ENOMEM;
        s->segments = more;
        s->segments[s->n_segments++] = *opened;
        return 0;
}

/* Those that the catalog no longer names: their files go too. */
static void close_dropped(struct space *s)
{
        size_t n = 0;
        for (size_t i = 0; i < s->n_segments; i++) {
                char name[32];
                struct segment *g = &s->segments[i];
                if (catalog_segment(&s->catalog, g->id)) {
                        s->segments[n++] = *g;
                        continue;
                }
                segment_name(name, g->id);
                segment_close(g);
                unlinkat(s->dir, name, 0);
                if (s->model.dims) {
                        char vectors[64];
                        vectors_name(vectors, g->id, &s->model);
                        unlinkat(s->dir, vectors, 0);
                }
        }
        s->n_segments = n;
}

int space_apply(struct space *s, const struct buf *batch, struct segment *opened, struct err *err)
{
        int r = s->removed ? err_set(err, -ESTALE, "the index was removed")
                           : log_append(&s->log, buf_text(batch), batch->len, err);
        if (r < 0) {
                if (opened)
                        segment_close(opened);
                return r;
        }
        pthread_rwlock_wrlock(&s->lock);
        r = opened ? insert_segment(s, opened) : 0;
        if (r == 0)
                r = catalog_apply(&s->catalog, (struct slice){buf_text(batch), batch->len}, err);
        close_dropped(s);
        /* It is on the disk but not, or not wholly, here: only a new start brings both together. */
        if (r < 0)
                s->log.broken = true;
        pthread_rwlock_unlock(&s->lock);
        return r < 0 ? err_sys(err, r, "the index has to be opened again") : 0;
}

/* The segment goes first into the batch: the rows refer to it. */
static int commit_segment(struct space *s, struct segment *opened, struct err *err)
{
        struct segment_row row = {.id = s->catalog.next_segment,
                                  .passages = builder_count(s->builder)};
        CLEANUP(buf_done) struct buf batch;
        buf_init(&batch, LOG_BATCH_MAX);
        int r = builder_write(s->builder, s->dir, row.id, err);
        if (r == 0)
                r = segment_open(s->dir, row.id, opened, err);
        if (r < 0)
                return r;
        r = change_segment(&batch, &row);
        if (r == 0)
                r = buf_add(&batch, buf_text(&s->changes), s->changes.len);
        if (r < 0) {
                segment_close(opened);
                return err_sys(err, r, "a change of the index");
        }
        return space_apply(s, &batch, opened, err);
}

int space_commit(struct space *s, struct err *err)
{
        struct segment opened = {0};
        int r = 0;
        if (s->builder)
                r = commit_segment(s, &opened, err);
        else if (s->changes.len)
                r = space_apply(s, &s->changes, NULL, err);
        if (r < 0 && s->builder && !s->log.broken) { /* else the log may name it after all */
                char name[32];
                segment_name(name, s->catalog.next_segment);
                unlinkat(s->dir, name, 0);
        }
        space_rollback(s);
        return r;
}
