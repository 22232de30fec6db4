#include "rag/question.h"
#include "rag/embedding.h"
#include "rag/listing.h"
#include "rag/search.h"
#include "base/log.h"
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

/* The question's vector in `vector`, when there is a model and the space has vectors of it. What
 * fails here costs the search by meaning only; the answer says so. */
static void ask_meaning(struct question *q, struct space *s, const struct reading *with,
                        struct search *what, float *vector)
{
        struct models_lent *lent = NULL;
        struct slice text = slice_of(what->text);
        uint64_t done = 0, all = 0;
        struct err err = {0};
        if (!with->models || models_take(with->models, "", &lent, NULL) < 0)
                return;
        struct vector_model m = vector_model_of(lent->model);
        /* after a start, or when another model came into use; not while that one is at work */
        if (!space_uses(s, &m) && space_hold(s, false)) {
                if (space_use_model(s, &m, &err) < 0)
                        log_warn("rag.vectors", kv("error", err_text(&err)));
                space_unhold(s);
        }
        if (space_uses(s, &m))
                embedded_count(s, &done, &all);
        if (done) {
                text.len = embedding_fits(lent->model, text);
                if (embedder_run(with->embedder, lent->model, EMBED_QUERY, &text, 1, vector,
                                 &err) == 0) {
                        what->meaning = vector;
                        what->dims = m.dims;
                        q->embedded = (uint32_t)(done * 1000 / all);
                        q->embedded = q->embedded ? q->embedded : 1;
                } else {
                        log_warn("rag.embed", kv("error", err_text(&err)));
                }
        }
        models_give(with->models, lent);
}

static int search(struct question *q, struct space *s, const struct reading *with, struct err *err)
{
        const struct rag_query *rq = &q->rq.query;
        struct search what = {.text = rq->text, .prefix = rq->prefix, .limit = rq->limit};
        CLEANUP(hits_done) struct hits hits = {0};
        float vector[VECTOR_DIMS_MAX] = {0};
        ask_meaning(q, s, with, &what, vector);
        int r = search_run(s, with->words, &what, &hits, err);
        for (size_t i = 0; i < hits.n && r == 0; i++) {
                const struct hit *h = &hits.h[i];
                struct passage p = {
                        .page = h->page, .ordinal = h->ordinal, .text = slice_of(h->text)};
                clip(p.heading, sizeof p.heading, h->heading);
                r = add_hit(q, h->path, h->title, &p, h->score);
                if (r < 0)
                        break;
                struct rag_hit *x = &((struct rag_hit *)q->parts)[q->n - 1];
                x->word_rank = h->word_rank;
                x->meaning_rank = h->meaning_rank;
                x->word_e6 = llround(h->word_score * 1e6);
                x->cosine_e6 = llround(h->cosine * 1e6);
        }
        return r;
}

static int on_doc(void *ctx, const struct doc *row)
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

static void count(struct question *q, struct space *s)
{
        struct space_counts c;
        count_space(s, &c);
        q->count = (struct rag_count){c.docs, c.passages, c.failed};
}

static int remove_doc(struct question *q, struct space *s, struct err *err)
{
        struct space_counts before, after;
        int r = space_begin(s, err);
        if (r < 0)
                return r;
        const struct doc *d = catalog_path(space_catalog(s), q->rq.list.path);
        count_space(s, &before);
        r = d ? space_forget(s, d->id, err)
              : err_set(err, -ENOENT, "'%s' is not indexed", q->rq.list.path);
        if (r < 0)
                space_rollback(s);
        else
                r = space_commit(s, err);
        if (r < 0)
                return r;
        count_space(s, &after);
        q->count = (struct rag_count){before.docs - after.docs, before.passages - after.passages,
                                      before.failed - after.failed};
        return 0;
}

/* Its volume is gone: the index goes as a whole. A job that still writes to it fails. */
static int drop_space(struct question *q, struct spaces *spaces, struct space *s, struct err *err)
{
        count(q, s);
        return space_remove(spaces, q->rq.list.space, err);
}

static int answer(struct question *q, struct space *s, const struct reading *with, struct err *err)
{
        const struct rag_list *l = &q->rq.list;
        uint32_t limit = l->limit && l->limit < LIST_MAX ? l->limit : LIST_MAX;
        switch (q->verb) {
        case RAG_SEARCH:
                return search(q, s, with, err);
        case RAG_DOCS:
                return list_docs(s, l->path, l->after, limit, on_doc, q, err);
        case RAG_PASSAGES:
                return list_passages(s, l->path, l->after_ordinal ? l->after_ordinal + 1 : 0, limit,
                                     on_passage, q, err);
        case RAG_REMOVE:
                return l->path[0] ? remove_doc(q, s, err) : drop_space(q, with->spaces, s, err);
        }
        count(q, s);
        return 0;
}

static int run(struct question *q, const struct reading *with, struct err *err)
{
        const struct rag_list *l = &q->rq.list;
        const char *name = q->verb == RAG_SEARCH ? q->rq.query.space : l->space;
        struct space *s = NULL;
        int r = space_get(with->spaces, name, false, &s, err);
        bool must_be = q->verb == RAG_PASSAGES || (q->verb == RAG_REMOVE && l->path[0]);
        if (r == -ENOENT && !must_be)
                return 0; /* nothing indexed: nothing found */
        if (r == -EBADMSG && q->verb == RAG_REMOVE && !must_be)
                return space_remove(with->spaces, name, err); /* damaged or not, it goes */
        if (r < 0)
                return r;
        r = answer(q, s, with, err);
        space_release(s);
        return r;
}

void question_run(struct question *q, const struct reading *with)
{
        q->status = run(q, with, &q->err);
        if (q->status < 0 && !q->err.code)
                err_sys(&q->err, q->status, "the index");
}

void question_answer(const struct question *q, struct peer_request *rq)
{
        static const struct rag_doc last_doc;
        struct rag_hit last_hit = {.embedded = q->embedded};
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
        peer_reply(rq, q->verb == RAG_DOCS ? (const void *)&last_doc : (const void *)&last_hit,
                   NULL, 0, false);
}
