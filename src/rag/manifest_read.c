/* Questions to the manifest; manifest.c has the changes. */
#include "rag/manifest.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include <stdio.h>

void known_done(struct known_list *l)
{
        for (size_t i = 0; i < l->n; i++)
                free(l->files[i].path);
        free(l->files);
        *l = (struct known_list){0};
}

static int count_files(struct db *db, size_t *ret, struct err *err)
{
        auto_query struct sqlite3_stmt *q = NULL;
        int r = db_query(db, &q, err, "SELECT count(*) FROM file", "");
        if (r == 0)
                r = db_next(db, q, err);
        if (r < 0)
                return r;
        *ret = (size_t)db_i64(q, 0);
        return 0;
}

int manifest_load(struct manifest *m, const char *prefix, struct known_list *ret, struct err *err)
{
        struct db *db = manifest_db(m);
        struct path_range range;
        CLEANUP(known_done) struct known_list l = {0};
        size_t cap = 0;
        path_range_of(prefix, &range);
        int r = count_files(db, &cap, err);
        if (r < 0)
                return r;
        l.files = mem_try((cap + 1) * sizeof *l.files);
        if (!l.files)
                return err_set(err, -ENOMEM, "no memory for %zu files", cap);
        auto_query struct sqlite3_stmt *q = NULL;
        r = db_query(db, &q, err,
                     "SELECT id, path, size, inode, mtime_ns, ctime_ns, hash, status FROM file"
                     " WHERE path=?1 OR (path>=?2 AND path<?3) ORDER BY path",
                     "sss", prefix, range.below, range.behind);
        while (r >= 0 && l.n < cap && (r = db_next(db, q, err)) > 0) {
                struct known *k = &l.files[l.n++];
                *k = (struct known){.id = db_i64(q, 0),
                                    .path = xstrdup(db_text(q, 1)),
                                    .size = (uint64_t)db_i64(q, 2),
                                    .inode = (uint64_t)db_i64(q, 3),
                                    .mtime_ns = db_i64(q, 4),
                                    .ctime_ns = db_i64(q, 5),
                                    .status = (uint32_t)db_i64(q, 7)};
                snprintf(k->hash, sizeof k->hash, "%s", db_text(q, 6));
        }
        if (r < 0)
                return r;
        *ret = l;
        l = (struct known_list){0};
        return 0;
}

void gathered_init(struct gathered *g)
{
        *g = (struct gathered){0};
        /* headings are repeated with each passage */
        buf_init(&g->text, 2 * (size_t)DOC_TEXT_MAX);
}

void gathered_done(struct gathered *g)
{
        buf_done(&g->text);
        free(g->p);
}

void gathered_clear(struct gathered *g)
{
        buf_clear(&g->text);
        g->n = 0;
        g->full = false;
}

int gathered_add(void *ctx, const struct passage *p, struct err *err)
{
        struct gathered *g = ctx;
        if (g->n == g->cap) {
                size_t cap = g->cap ? 2 * g->cap : 64;
                struct gathered_passage *more = mem_retry(g->p, cap * sizeof *more);
                if (!more)
                        return err_set(err, -ENOMEM, "no memory for %zu passages", cap);
                g->p = more;
                g->cap = cap;
        }
        size_t n = strlen(p->heading), at = g->text.len;
        if (g->full || at + n + p->text.len + 2 > g->text.max) {
                g->full = true;
                return 0;
        }
        int r = buf_add(&g->text, p->heading, n + 1);
        if (r == 0)
                r = buf_add(&g->text, p->text.data, p->text.len);
        if (r == 0)
                r = buf_add(&g->text, "", 1);
        if (r < 0)
                return err_sys(err, r, "a passage");
        g->p[g->n++] = (struct gathered_passage){p->page, (uint32_t)at, (uint32_t)n,
                                                 (uint32_t)(at + n + 1), (uint32_t)p->text.len};
        return 0;
}

int manifest_docs(struct manifest *m, const char *prefix, const char *after, uint32_t limit,
                  doc_fn fn, void *ctx, struct err *err)
{
        struct db *db = manifest_db(m);
        struct path_range range;
        path_range_of(prefix, &range);
        auto_query struct sqlite3_stmt *q = NULL;
        int r = db_query(db, &q, err,
                         "SELECT path, status, reason, type, title, hash, size, mtime_ns, passages,"
                         " pages FROM file WHERE (path=?1 OR (path>=?2 AND path<?3)) AND path>?4"
                         " ORDER BY path LIMIT ?5",
                         "ssssi", prefix, range.below, range.behind, after, (int64_t)limit);
        while (r >= 0 && (r = db_next(db, q, err)) > 0) {
                struct doc_row d = {.path = db_text(q, 0),
                                    .status = (uint32_t)db_i64(q, 1),
                                    .reason = db_text(q, 2),
                                    .type = db_text(q, 3),
                                    .title = db_text(q, 4),
                                    .hash = db_text(q, 5),
                                    .size = (uint64_t)db_i64(q, 6),
                                    .mtime_ns = db_i64(q, 7),
                                    .passages = (uint32_t)db_i64(q, 8),
                                    .pages = (uint32_t)db_i64(q, 9)};
                r = fn(ctx, &d);
        }
        return r;
}

int manifest_passages(struct manifest *m, const char *path, uint32_t from, uint32_t limit,
                      stored_fn fn, void *ctx, struct err *err)
{
        struct db *db = manifest_db(m);
        int64_t id = manifest_find(m, path, err);
        if (id < 0)
                return (int)id;
        auto_query struct sqlite3_stmt *q = NULL;
        int r = db_query(db, &q, err,
                         "SELECT p.ordinal, p.page, p.heading, p.text, f.title FROM passage p"
                         " JOIN file f ON f.id=p.file WHERE p.file=? AND p.ordinal>=?"
                         " ORDER BY p.ordinal LIMIT ?",
                         "iii", id, (int64_t)from, (int64_t)limit);
        while (r >= 0 && (r = db_next(db, q, err)) > 0) {
                struct passage p = {.ordinal = (uint32_t)db_i64(q, 0),
                                    .page = (uint32_t)db_i64(q, 1),
                                    .text = slice_of(db_text(q, 3))};
                snprintf(p.heading, sizeof p.heading, "%s", db_text(q, 2));
                r = fn(ctx, db_text(q, 4), &p);
        }
        return r;
}

int manifest_count(struct manifest *m, struct manifest_counts *ret, struct err *err)
{
        struct db *db = manifest_db(m);
        auto_query struct sqlite3_stmt *q = NULL;
        int r = db_query(db, &q, err,
                         "SELECT count(*), ifnull(sum(passages),0),"
                         " ifnull(sum(status NOT IN (?,?)),0) FROM file",
                         "ii", (int64_t)PARSE_INDEXED, (int64_t)PARSE_PARTIAL);
        if (r == 0)
                r = db_next(db, q, err);
        if (r < 0)
                return r;
        *ret = (struct manifest_counts){(uint64_t)db_i64(q, 0), (uint64_t)db_i64(q, 1),
                                        (uint64_t)db_i64(q, 2)};
        return 0;
}
