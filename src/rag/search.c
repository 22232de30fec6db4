#include "rag/search.h"
#include "rag/query.h"
#include "rag/rank.h"
#include "rag/shingle.h"
#include "base/mem.h"
#include <ctype.h>

#define HEADING_BONUS 1.5 /* for a heading that says all that was asked; less by the square */
#define SPARE         4   /* candidates for each hit wanted: some are duplicates of others */
#define SHARE_SAME    70  /* percent of the words in common: the same text */
#define SHARE_SECTION 25  /* the same, of two files, below the same heading */
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

struct candidate {
        int64_t id;
        double score;
};
struct candidates {
        struct candidate *c;
        size_t n, cap;
};

static void candidates_done(struct candidates *c)
{
        free(c->c);
}

static int add_candidate(struct candidates *c, int64_t id, double score)
{
        if (c->n == c->cap) {
                size_t cap = c->cap ? 2 * c->cap : 256;
                struct candidate *more = mem_retry(c->c, cap * sizeof *more);
                if (!more)
                        return -ENOMEM;
                c->c = more;
                c->cap = cap;
        }
        c->c[c->n++] = (struct candidate){id, score};
        return 0;
}

static int best_first(const void *x, const void *y)
{
        const struct candidate *a = x, *b = y;
        if (a->score != b->score)
                return a->score > b->score ? -1 : 1;
        return a->id < b->id ? -1 : a->id > b->id;
}

/* The rank is a column of the result and no condition: it is worked out for the rows alone that
 * fulfil all conditions, so that what it knows of the best so far is of those. */
#define RANKED "SELECT words.rowid, CAST(1e6 * " RANK_FUNCTION "(words, ?2) AS INTEGER) FROM words"
#define BELOW                                                                                      \
        " CROSS JOIN passage p ON p.id = words.rowid CROSS JOIN file f ON f.id = p.file"           \
        " WHERE words MATCH ?1 AND (f.path=?3 OR (f.path>=?4 AND f.path<?5))"

/* At least the `many` best of those that the expression finds, the best first. */
static int find(struct manifest *m, const char *expression, const char *prefix, uint32_t many,
                struct candidates *ret, struct err *err)
{
        auto_query struct sqlite3_stmt *q = NULL;
        struct path_range range;
        path_range_of(prefix, &range);
        int r = *prefix ? db_query(manifest_db(m), &q, err, RANKED BELOW, "sisss", expression,
                                   (int64_t)many, prefix, range.below, range.behind)
                        : db_query(manifest_db(m), &q, err, RANKED " WHERE words MATCH ?1", "si",
                                   expression, (int64_t)many);
        while (r >= 0 && (r = db_next(manifest_db(m), q, err)) > 0) {
                if (db_is_null(q, 1))
                        continue;
                r = add_candidate(ret, db_i64(q, 0), (double)db_i64(q, 1) / 1e6);
                if (r < 0)
                        return err_sys(err, r, "search");
        }
        if (r == 0 && ret->n)
                qsort(ret->c, ret->n, sizeof *ret->c, best_first);
        ret->n = ret->n < many ? ret->n : many;
        return r;
}

static int read_passage(struct manifest *m, const struct candidate *c, struct hits *h,
                        struct err *err)
{
        auto_query struct sqlite3_stmt *q = NULL;
        int r = db_query(manifest_db(m), &q, err,
                         "SELECT f.path, f.title, p.heading, p.text, p.page, p.ordinal"
                         " FROM passage p JOIN file f ON f.id = p.file WHERE p.id=?",
                         "i", c->id);
        if (r == 0)
                r = db_next(manifest_db(m), q, err);
        if (r <= 0)
                return r; /* removed between the two statements */
        h->h[h->n++] = (struct hit){.id = c->id,
                                    .score = c->score,
                                    .path = xstrdup(db_text(q, 0)),
                                    .title = xstrdup(db_text(q, 1)),
                                    .heading = xstrdup(db_text(q, 2)),
                                    .text = xstrdup(db_text(q, 3)),
                                    .page = (uint32_t)db_i64(q, 4),
                                    .ordinal = (uint32_t)db_i64(q, 5)};
        return 0;
}

static int candidates(struct manifest *m, const char *expression, const char *prefix, uint32_t many,
                      struct hits *h, struct err *err)
{
        CLEANUP(candidates_done) struct candidates c = {0};
        int r = find(m, expression, prefix, many, &c, err);
        if (r < 0)
                return r;
        h->h = mem_try((c.n + 1) * sizeof *h->h);
        if (!h->h)
                return err_set(err, -ENOMEM, "no memory for %zu passages", c.n);
        for (size_t i = 0; i < c.n && r == 0; i++)
                r = read_passage(m, &c.c[i], h, err);
        return r;
}

static const char *innermost(const char *heading)
{
        const char *last = heading;
        for (const char *p = heading; (p = strstr(p, " > ")); p += 3)
                last = p + 3;
        return last;
}

/* The innermost heading is what the passage is about. */
static double heading_factor(const struct query *q, const char *heading)
{
        double part = query_coverage(q, innermost(heading));
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

/* The letters are the same: numbers and marks differ from format to format. */
static bool same_heading(const char *a, const char *b)
{
        a = innermost(a);
        b = innermost(b);
        for (;;) {
                while (*a && !isalpha((unsigned char)*a) && (unsigned char)*a < 0x80)
                        a++;
                while (*b && !isalpha((unsigned char)*b) && (unsigned char)*b < 0x80)
                        b++;
                if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
                        return false;
                if (!*a)
                        return true;
                a++;
                b++;
        }
}

/* Says b what a said? Two formats of one section are not cut at the same words, so that much less
 * in common is enough below the same heading. */
static bool repeats(const struct hit *a, const struct shingles *in_a, const struct hit *b,
                    const struct shingles *in_b)
{
        unsigned share = shingles_share(in_a, in_b);
        return share >= SHARE_SAME || (share >= SHARE_SECTION && strcmp(a->path, b->path) != 0 &&
                                       same_heading(a->heading, b->heading));
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
                while (k < kept && !repeats(&h->h[k], &seen[k], &h->h[i], &seen[kept]))
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
