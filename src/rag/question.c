#include "rag/question.h"
#include "rag/search.h"
#include "base/mem.h"
#include "base/str.h"
#include <math.h>
#include <stdio.h>

#define LIST_MAX 1000 /* parts of one answer */

void question_init(struct question *q, uint32_t verb, const void *request)
{
        memset(q, 0, sizeof *q);
        q->verb = verb;
        if (verb == RAG_SEARCH)
                q->rq.query = *(const struct rag_query *)request;
        else
                q->rq.list = *(const struct rag_list *)request;
}

static size_t part_size(const struct question *q)
{
        return q->verb == RAG_DOCS ? sizeof(struct rag_doc) : sizeof(struct rag_hit);
}

void question_done(struct question *q)
{
        struct rag_hit *hits = q->parts;
        for (size_t i = 0; q->verb != RAG_DOCS && i < q->n; i++)
                free((char *)hits[i].text.data);
        free(q->parts);
}

void spaces_done(struct spaces *s)
{
        for (size_t i = 0; i < SPACES_OPEN_MAX; i++)
                manifest_close(s->s[i].m);
}

/* Its database, open for reading. -ENOENT: nothing was ever indexed there. */
static int open_space(struct spaces *all, const char *name, struct manifest **ret, struct err *err)
{
        struct space *oldest = &all->s[0];
        char path[NAME_TEXT_MAX + 8];
        for (struct space *s = all->s; s < all->s + SPACES_OPEN_MAX; s++) {
                if (s->m && str_eq(s->name, name)) {
                        s->used = ++all->clock;
                        *ret = s->m;
                        return 0;
                }
                if (s->used < oldest->used)
                        oldest = s;
        }
        snprintf(path, sizeof path, "%s.db", name);
        struct manifest *m = NULL;
        int r = manifest_open_reader(path, &m, err);
        if (r < 0)
                return r;
        manifest_close(oldest->m);
        *oldest = (struct space){.m = m, .used = ++all->clock};
        snprintf(oldest->name, sizeof oldest->name, "%s", name);
        *ret = m;
        return 0;
}

/* A zeroed part at the end of the list, or NULL. */
static void *add_part(struct question *q)
{
        size_t size = part_size(q);
        if (q->n == q->cap) {
                size_t cap = q->cap ? 2 * q->cap : 16;
                void *p = mem_retry(q->parts, cap * size);
                if (!p)
                        return NULL;
                q->parts = p;
                q->cap = cap;
        }
        void *at = (char *)q->parts + q->n++ * size;
        memset(at, 0, size);
        return at;
}

/* Copies what fits, whole characters only. */
static void clip(char *dst, size_t size, const char *s)
{
        size_t n = utf8_clip(s, strlen(s), size - 1);
        memcpy(dst, s, n);
        dst[n] = '\0';
}

/* A document often begins with its title as its first heading: it is said once. */
static const char *without_title(const char *heading, const char *title)
{
        size_t n = strlen(title);
        if (n == 0 || strncmp(heading, title, n) != 0)
                return heading;
        if (heading[n] == '\0')
                return "";
        return str_starts(heading + n, " > ") ? heading + n + 3 : heading;
}

static int add_hit(struct question *q, const char *path, const char *title, const struct passage *p,
                   double score)
{
        struct rag_hit *h = add_part(q);
        if (!h)
                return -ENOMEM;
        h->page = p->page;
        h->ordinal = p->ordinal;
        h->score_e6 = llround(score * 1e6);
        clip(h->path, sizeof h->path, path);
        clip(h->title, sizeof h->title, title);
        clip(h->heading, sizeof h->heading, without_title(p->heading, title));
        size_t n = utf8_clip(p->text.data, p->text.len, PASSAGE_TEXT_MAX);
        h->text = (struct slice){xstrndup(p->text.data, n), n};
        return 0;
}

static int search(struct question *q, struct manifest *m, struct err *err)
{
        const struct rag_query *rq = &q->rq.query;
        CLEANUP(hits_done) struct hits hits = {0};
        int r = search_run(m, rq->text, rq->prefix, rq->limit, &hits, err);
        for (size_t i = 0; i < hits.n && r == 0; i++) {
                const struct hit *h = &hits.h[i];
                struct passage p = {
                        .page = h->page, .ordinal = h->ordinal, .text = slice_of(h->text)};
                clip(p.heading, sizeof p.heading, h->heading);
                r = add_hit(q, h->path, h->title, &p, h->score);
        }
        return r;
}

static int on_doc(void *ctx, const struct doc_row *row)
{
        struct rag_doc *d = add_part(ctx);
        if (!d)
                return -ENOMEM;
        clip(d->path, sizeof d->path, row->path);
        clip(d->status, sizeof d->status, parse_status_text(row->status));
        clip(d->reason, sizeof d->reason, row->reason);
        clip(d->type, sizeof d->type, row->type);
        clip(d->title, sizeof d->title, row->title);
        clip(d->hash, sizeof d->hash, row->hash);
        d->size_bytes = row->size;
        d->mtime_ms = row->mtime_ns > 0 ? (uint64_t)row->mtime_ns / 1000000 : 0;
        d->passages = row->passages;
        d->pages = row->pages;
        return 0;
}

static int on_passage(void *ctx, const char *title, const struct passage *p)
{
        struct question *q = ctx;
        return add_hit(q, q->rq.list.path, title, p, 0);
}

static int count(struct question *q, struct manifest *m, struct err *err)
{
        struct manifest_counts c;
        int r = manifest_count(m, &c, err);
        if (r == 0)
                q->count = (struct rag_count){c.docs, c.passages, c.failed};
        return r;
}

static int remove_doc(struct question *q, struct err *err)
{
        char path[NAME_TEXT_MAX + 8];
        struct manifest_counts before, after;
        CLEANUP(manifest_closep) struct manifest *m = NULL;
        snprintf(path, sizeof path, "%s.db", q->rq.list.space);
        int r = manifest_open(path, &m, err);
        if (r == 0)
                r = manifest_begin(m, err);
        if (r < 0)
                return r;
        int64_t id = manifest_find(m, q->rq.list.path, err);
        r = id < 0 ? (int)id : manifest_count(m, &before, err);
        if (r == 0)
                r = manifest_remove(m, id, err);
        if (r >= 0)
                r = manifest_count(m, &after, err);
        if (r == 0)
                r = manifest_commit(m, err);
        if (r < 0) {
                manifest_rollback(m);
                return r;
        }
        q->count = (struct rag_count){before.docs - after.docs, before.passages - after.passages,
                                      before.failed - after.failed};
        return manifest_checkpoint(m, err);
}

static void close_space(struct spaces *all, const char *name)
{
        for (struct space *s = all->s; s < all->s + SPACES_OPEN_MAX; s++)
                if (s->m && str_eq(s->name, name)) {
                        manifest_close(s->m);
                        *s = (struct space){0};
                }
}

/* Its volume is gone: the database goes as a whole. A job that still writes to it writes to files
 * without a name. */
static int drop_space(struct question *q, struct spaces *spaces, struct manifest *m,
                      struct err *err)
{
        static const char *const endings[] = {".db", ".db-wal", ".db-shm"};
        const char *name = q->rq.list.space;
        int r = count(q, m, err);
        close_space(spaces, name);
        for (size_t i = 0; i < ARRAY_LEN(endings) && r == 0; i++) {
                char path[NAME_TEXT_MAX + 16];
                snprintf(path, sizeof path, "%s%s", name, endings[i]);
                if (unlink(path) < 0 && errno != ENOENT)
                        r = err_sys(err, -errno, "removing the index");
        }
        return r;
}

static int run(struct question *q, struct spaces *spaces, struct err *err)
{
        const struct rag_list *l = &q->rq.list;
        const char *space = q->verb == RAG_SEARCH ? q->rq.query.space : l->space;
        uint32_t limit = l->limit && l->limit < LIST_MAX ? l->limit : LIST_MAX;
        struct manifest *m = NULL;
        int r = open_space(spaces, space, &m, err);
        bool must_be = q->verb == RAG_PASSAGES || (q->verb == RAG_REMOVE && l->path[0]);
        if (r == -ENOENT && !must_be)
                return 0; /* nothing indexed: nothing found */
        if (r < 0)
                return r;
        switch (q->verb) {
        case RAG_SEARCH:
                return search(q, m, err);
        case RAG_DOCS:
                return manifest_docs(m, l->path, l->after, limit, on_doc, q, err);
        case RAG_PASSAGES:
                return manifest_passages(m, l->path, l->after_ordinal ? l->after_ordinal + 1 : 0,
                                         limit, on_passage, q, err);
        case RAG_REMOVE:
                return l->path[0] ? remove_doc(q, err) : drop_space(q, spaces, m, err);
        }
        return count(q, m, err);
}

void question_run(struct question *q, struct spaces *spaces)
{
        q->status = run(q, spaces, &q->err);
        if (q->status < 0 && !q->err.code)
                err_sys(&q->err, q->status, "the index");
}

void question_answer(const struct question *q, struct peer_request *rq)
{
        static const struct rag_doc last_doc;
        static const struct rag_hit last_hit;
        if (q->status < 0) {
                peer_fail_err(rq, &q->err);
                return;
        }
        if (q->verb == RAG_REMOVE || q->verb == RAG_STATUS) {
                peer_reply(rq, &q->count, NULL, 0, false);
                return;
        }
        for (size_t i = 0; i < q->n; i++)
                peer_reply(rq, (const char *)q->parts + i * part_size(q), NULL, 0, true);
        peer_reply(rq, q->verb == RAG_DOCS ? (const void *)&last_doc : &last_hit, NULL, 0, false);
}
