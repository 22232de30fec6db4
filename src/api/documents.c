#include "api/files_pool.h"
#include "api/handlers.h"
#include "api/hits.h"
#include "base/mem.h"
#include "base/str.h"
#include <stdio.h>

#define LIST_DEFAULT     100
#define LIST_MAX         1000
#define PASSAGES_AT_ONCE 500

static json_t *doc_object(const struct rag_doc *d)
{
        return json_pack("{s:o,s:s,s:o,s:s,s:o,s:s,s:I,s:I,s:I,s:I}", "path",
                         json_str_lossy(d->path, strlen(d->path)), "status", d->status, "reason",
                         json_str_lossy(d->reason, strlen(d->reason)), "type", d->type, "title",
                         json_str_lossy(d->title, strlen(d->title)), "hash", d->hash, "size_bytes",
                         (json_int_t)d->size_bytes, "mtime_ms", (json_int_t)d->mtime_ms, "passages",
                         (json_int_t)d->passages, "pages", (json_int_t)d->pages);
}

/* One question about documents, in as many steps as it takes. */
struct docs {
        struct call *c;
        struct rag_list req;
        struct volume v;
        json_t *list, *doc;
        char last[PATH_TEXT_MAX + 1];
        uint32_t n;
};

static void docs_free(struct docs *d)
{
        call_unref(d->c);
        json_decref(d->list);
        json_decref(d->doc);
        free(d);
}

static void docs_fail(struct docs *d, const struct err *err)
{
        call_fail_err(d->c, err);
        docs_free(d);
}

/* The caller's volume named by ?volume=, its rag space, and a reference to the call. */
static struct docs *docs_new(struct call *c)
{
        const char *name = call_query(c, "volume");
        struct docs *d = xcalloc(1, sizeof *d);
        if (!volume_of_call(c, name, &d->v)) {
                free(d);
                return NULL;
        }
        snprintf(d->req.space, sizeof d->req.space, "%s", d->v.id);
        d->c = call_ref(c);
        d->list = json_array();
        return d;
}

static void ask_rag(struct docs *d, uint32_t verb, peer_answer_fn fn)
{
        struct peer *rag = call_peer(d->c, "rag");
        if (rag)
                peer_call(rag, verb, &d->req, NULL, 0, fn, d);
        else
                docs_free(d);
}

/* ---- GET /v1/documents ---- */

static void on_listed(void *ctx, const struct peer_answer *a)
{
        struct docs *d = ctx;
        if (a->status < 0) {
                docs_fail(d, a->err);
                return;
        }
        const struct rag_doc *doc = a->rep;
        if (doc->path[0]) {
                json_array_append_new(d->list, doc_object(doc));
                memcpy(d->last, doc->path, sizeof d->last);
                d->n++;
        }
        if (a->more)
                return;
        bool full = d->n >= d->req.limit;
        call_json(d->c, 200,
                  json_pack("{s:O,s:o}", "documents", d->list, "next",
                            full ? json_str_lossy(d->last, strlen(d->last)) : json_null()));
        docs_free(d);
}

void documents_get(struct call *c)
{
        const char *after = call_query(c, "after"), *name = call_query(c, "volume");
        uint64_t limit;
        struct volume v;
        if (!call_query_u64(c, "limit", LIST_DEFAULT, 1, LIST_MAX, &limit))
                return;
        /* Nothing was put there yet: an empty list, and no volume is made for the asking. */
        if ((!name || str_eq(name, "docs")) &&
            volumes_find(c->api->db, c->who.user.id, "docs", &v, NULL) == -ENOENT) {
                call_json(c, 200, json_pack("{s:[],s:n}", "documents", "next"));
                return;
        }
        struct docs *d = docs_new(c);
        if (!d)
                return;
        d->req.limit = (uint32_t)limit;
        if (str_copy(d->req.after, sizeof d->req.after, after ? after : "") < 0) {
                call_fail(c, -EINVAL, "after: longer than %d bytes", PATH_TEXT_MAX);
                docs_free(d);
                return;
        }
        ask_rag(d, RAG_DOCS, on_listed);
}

/* ---- GET /v1/documents/{path} ---- */

static void on_passage(void *ctx, const struct peer_answer *a)
{
        struct docs *d = ctx;
        if (a->status < 0) {
                docs_fail(d, a->err);
                return;
        }
        const struct rag_hit *h = a->rep;
        if (h->path[0]) {
                json_array_append_new(d->list, hit_object(h, false));
                d->req.after_ordinal = h->ordinal;
                d->n++;
        }
        if (a->more)
                return;
        if (d->n >= d->req.limit && d->req.after_ordinal > 0) {
                d->n = 0;
                ask_rag(d, RAG_PASSAGES, on_passage);
                return;
        }
        json_object_set(d->doc, "passages", d->list);
        call_json(d->c, 200, json_incref(d->doc));
        docs_free(d);
}

static void on_found(void *ctx, const struct peer_answer *a)
{
        struct docs *d = ctx;
        if (a->status < 0) {
                docs_fail(d, a->err);
                return;
        }
        const struct rag_doc *doc = a->rep;
        if (str_eq(doc->path, call_param(d->c, "path")) && !d->doc)
                d->doc = doc_object(doc);
        if (a->more)
                return;
        if (!d->doc) {
                call_fail(d->c, -ENOENT, "there is no such document in the index");
                docs_free(d);
                return;
        }
        d->req.limit = PASSAGES_AT_ONCE;
        ask_rag(d, RAG_PASSAGES, on_passage);
}

void document_get(struct call *c)
{
        const char *path = call_param(c, "path");
        if (!str_is_subpath(path)) {
                call_fail(c, -EINVAL, "path: not a path inside a volume");
                return;
        }
        struct docs *d = docs_new(c);
        if (!d)
                return;
        snprintf(d->req.path, sizeof d->req.path, "%s", path);
        d->req.limit = 1; /* the path itself comes before what is below it */
        ask_rag(d, RAG_DOCS, on_found);
}

/* ---- DELETE: the file, then its passages ---- */

static void on_unindexed(void *ctx, const struct peer_answer *a)
{
        struct docs *d = ctx;
        if (a->status < 0 && a->status != -ENOENT)
                call_fail_err(d->c, a->err);
        else if (d->n == 0 &&
                 (a->status == -ENOENT || ((const struct rag_count *)a->rep)->docs == 0))
                call_fail(d->c, -ENOENT, "there is no such document");
        else
                call_json(d->c, 200, json_pack("{s:s}", "path", call_param(d->c, "path")));
        docs_free(d);
}

static void file_gone(void *ctx, const struct files_done *done UNUSED, const struct err *err)
{
        struct docs *d = ctx;
        if (err && err->code != -ENOENT) {
                docs_fail(d, err);
                return;
        }
        d->n = err == NULL; /* was there a file? */
        snprintf(d->req.path, sizeof d->req.path, "%s", call_param(d->c, "path"));
        ask_rag(d, RAG_REMOVE, on_unindexed);
}

/* Goes on to its end also when the client leaves: half done would be worse. */
void document_delete(struct call *c)
{
        static const struct files_calls calls = {.done = file_gone};
        const char *path = call_param(c, "path");
        if (!str_is_subpath(path)) {
                call_fail(c, -EINVAL, "path: not a path inside a volume");
                return;
        }
        struct docs *d = docs_new(c);
        if (!d)
                return;
        auto_free struct files_remove *req = xcalloc(1, sizeof *req);
        snprintf(req->path, sizeof req->path, "%s", path);
        files_start(c->api->pool, d->v.id, FILES_REMOVE, req, &calls, d);
}
