#include "rag/search.h"
#include "rag/query.h"
#include "rag/rank.h"
#include "rag/shingle.h"
#include "base/mem.h"
#include <stdio.h>

#define HEADING_BONUS 1.5 /* for a heading that says all that was asked; less by the square */
#define SPARE         4   /* candidates for each hit wanted: some are duplicates of others */
#define SPARE_LEAST   200

void hits_done(struct hits *h)
{
        for (size_t i = 0; i < h->n; i++) {
                free(h->h[i].path);
                free(h->h[i].title);
                free(h->h[i].heading);
                free(h->h[i].text);
        }
        free(h->h);
        *h = (struct hits){0};
}

static int take_row(struct hits *h, struct sqlite3_stmt *q)
{
        struct hit *more = mem_retry(h->h, (h->n + 1) * sizeof *more);
        if (!more)
                return -ENOMEM;
        h->h = more;
        h->h[h->n++] = (struct hit){.id = db_i64(q, 0),
                                    .score = (double)db_i64(q, 1) / 1e6,
                                    .path = xstrdup(db_text(q, 2)),
                                    .title = xstrdup(db_text(q, 3)),
                                    .heading = xstrdup(db_text(q, 4)),
                                    .text = xstrdup(db_text(q, 5)),
                                    .page = (uint32_t)db_i64(q, 6),
                                    .ordinal = (uint32_t)db_i64(q, 7)};
        return 0;
}

/* The index sorts by its own rank and stops at the limit: text is read of those rows alone. */
#define COLUMNS                                                                                    \
        "SELECT p.id, CAST(-1e6 * words.rank AS INTEGER), f.path, f.title, p.heading, p.text,"     \
        " p.page, p.ordinal FROM words CROSS JOIN passage p ON p.id = words.rowid"                 \
        " CROSS JOIN file f ON f.id = p.file WHERE words MATCH ?1"                                 \
        " AND rank MATCH '" RANK_FUNCTION "()'"
#define ORDER " ORDER BY words.rank LIMIT "

static int candidates(struct manifest *m, const char *expression, const char *prefix,
                      uint32_t limit, struct hits *h, struct err *err)
{
        auto_query struct sqlite3_stmt *q = NULL;
        struct path_range range;
        path_range_of(prefix, &range);
        int r = *prefix ? db_query(manifest_db(m), &q, err,
                                   COLUMNS " AND (f.path=?2 OR (f.path>=?3 AND f.path<?4))" ORDER
                                           "?5",
                                   "ssssi", expression, prefix, range.below, range.behind,
                                   (int64_t)limit)
                        : db_query(manifest_db(m), &q, err, COLUMNS ORDER "?2", "si", expression,
                                   (int64_t)limit);
        while (r >= 0 && (r = db_next(manifest_db(m), q, err)) > 0) {
                r = take_row(h, q);
                if (r < 0)
                        return err_sys(err, r, "search");
        }
        return r;
}

/* The innermost heading is what the passage is about. */
static double heading_factor(const struct query *q, const char *heading)
{
        const char *last = heading;
        for (const char *p = heading; (p = strstr(p, " > ")); p += 3)
                last = p + 3;
        double part = query_coverage(q, last);
        return 1 + HEADING_BONUS * part * part;
}

static int better(const void *x, const void *y)
{
        const struct hit *a = x, *b = y;
        if (a->score != b->score)
                return a->score > b->score ? -1 : 1;
        int c = strcmp(a->path, b->path);
        return c ? c : a->ordinal < b->ordinal ? -1 : a->ordinal > b->ordinal;
}

/* Keeps the first `limit` that do not repeat one before them. */
static int keep_different(struct hits *h, uint32_t limit)
{
        auto_free struct shingles *seen = mem_try((limit + 1) * sizeof *seen);
        if (!seen)
                return -ENOMEM;
        size_t kept = 0;
        for (size_t i = 0; i < h->n && kept < limit; i++) {
                shingles_of(h->h[i].text, &seen[kept]);
                size_t k = 0;
                while (k < kept && !shingles_alike(&seen[k], &seen[kept]))
                        k++;
                if (k < kept)
                        continue;
                struct hit t = h->h[kept];
                h->h[kept++] = h->h[i];
                h->h[i] = t;
        }
        struct hits rest = {h->h + kept, h->n - kept};
        for (size_t i = 0; i < rest.n; i++) {
                free(rest.h[i].path);
                free(rest.h[i].title);
                free(rest.h[i].heading);
                free(rest.h[i].text);
        }
        h->n = kept;
        return 0;
}

int search_run(struct manifest *m, const char *text, const char *prefix, uint32_t limit,
               struct hits *ret, struct err *err)
{
        CLEANUP(query_done) struct query q = {0};
        CLEANUP(hits_done) struct hits h = {0};
        int r = query_make(text, &q, err);
        if (r < 0)
                return r;
        limit = limit < 1 ? 1 : limit > SEARCH_HITS_MAX ? SEARCH_HITS_MAX : limit;
        uint32_t many = limit * SPARE > SPARE_LEAST ? limit * SPARE : SPARE_LEAST;
        if (q.n_terms)
                r = candidates(m, buf_text(&q.any), prefix, many, &h, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < h.n; i++)
                h.h[i].score *= heading_factor(&q, h.h[i].heading);
        if (h.n) {
                qsort(h.h, h.n, sizeof *h.h, better);
                r = keep_different(&h, limit);
        }
        if (r < 0)
                return err_sys(err, r, "search");
        *ret = h;
        h = (struct hits){0};
        return 0;
}
