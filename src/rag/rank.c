#include "rag/rank.h"
#include "base/mem.h"
#include <math.h>
#include <sqlite3.h>

#define FIELDS 3
#define K1     1.2
#define COVER  1.0 /* added for a passage that has all that was asked, by weight */

/* Title, heading, text. A title is the whole document's; a heading says what the passage is about.
 * The b of a field: how much its length counts. */
static const double field_weight[FIELDS] = {0.5, 3.0, 1.0};
static const double field_b[FIELDS] = {0.4, 0.4, 0.7};

/* Of one query, made at its first row. */
struct weights {
        int n;
        size_t kept, keep; /* the best scores so far, a heap with the worst at its head */
        double *best;
        double average[FIELDS]; /* words in a field */
        double all;             /* sum of idf */
        double *tf;             /* scratch: of each phrase, by field: FIELDS * n */
        double idf[];           /* n, then tf, then best */
};

static int count_row(const Fts5ExtensionApi *api, Fts5Context *c, void *n)
{
        (void)api;
        (void)c;
        (*(sqlite3_int64 *)n)++;
        return SQLITE_OK;
}

static int make_weights(const Fts5ExtensionApi *api, Fts5Context *c, size_t keep,
                        struct weights **ret)
{
        int n = api->xPhraseCount(c);
        sqlite3_int64 rows = 0;
        size_t size = sizeof(struct weights) + ((1 + FIELDS) * (size_t)n + keep) * sizeof(double);
        struct weights *w = sqlite3_malloc64(size);
        if (!w)
                return SQLITE_NOMEM;
        memset(w, 0, size);
        w->n = n;
        w->keep = keep;
        w->tf = w->idf + n;
        w->best = w->tf + FIELDS * n;
        int rc = api->xRowCount(c, &rows);
        for (int f = 0; f < FIELDS && rc == SQLITE_OK; f++) {
                sqlite3_int64 total = 0;
                rc = api->xColumnTotalSize(c, f, &total);
                w->average[f] = rows && total ? (double)total / (double)rows : 1;
        }
        for (int i = 0; i < n && rc == SQLITE_OK; i++) {
                sqlite3_int64 hits = 0;
                rc = api->xQueryPhrase(c, i, &hits, count_row);
                double more = (double)(rows > hits ? rows - hits : 0);
                w->idf[i] = log1p((more + 0.5) / ((double)hits + 0.5));
                w->all += w->idf[i];
        }
        if (rc == SQLITE_OK)
                rc = api->xSetAuxdata(c, w, sqlite3_free); /* frees w itself when it fails */
        else
                sqlite3_free(w);
        if (rc == SQLITE_OK)
                *ret = w;
        return rc;
}

/* How often each phrase is in each field. */
static int frequencies(const Fts5ExtensionApi *api, Fts5Context *c, struct weights *w)
{
        int instances = 0;
        int rc = api->xInstCount(c, &instances);
        memset(w->tf, 0, (size_t)w->n * FIELDS * sizeof *w->tf);
        for (int i = 0; i < instances && rc == SQLITE_OK; i++) {
                int phrase, field, at;
                rc = api->xInst(c, i, &phrase, &field, &at);
                if (rc == SQLITE_OK && phrase < w->n && field < FIELDS)
                        w->tf[phrase * FIELDS + field]++;
        }
        return rc;
}

static double score_with(const struct weights *w, const double norm[FIELDS])
{
        double score = 0, had = 0;
        for (int i = 0; i < w->n; i++) {
                double tf = 0;
                for (int f = 0; f < FIELDS; f++)
                        tf += w->tf[i * FIELDS + f] * norm[f];
                score += w->idf[i] * tf * (K1 + 1) / (tf + K1);
                had += tf > 0 ? w->idf[i] : 0;
        }
        double cover = w->all > 0 ? had / w->all : 0;
        return score * (1 + COVER * cover * cover);
}

/* The score that the row would have if its fields were empty but for the words asked: no row of
 * that content has more. */
static double score_at_most(const struct weights *w)
{
        double norm[FIELDS];
        for (int f = 0; f < FIELDS; f++)
                norm[f] = field_weight[f] / (1 - field_b[f]);
        return score_with(w, norm);
}

/* Reads the lengths of the fields: the costly part, a row of another table. */
static int score_exactly(const Fts5ExtensionApi *api, Fts5Context *c, const struct weights *w,
                         double *ret)
{
        double norm[FIELDS];
        int rc = SQLITE_OK;
        for (int f = 0; f < FIELDS && rc == SQLITE_OK; f++) {
                int size = 0;
                rc = api->xColumnSize(c, f, &size);
                norm[f] = field_weight[f] /
                          (1 - field_b[f] + field_b[f] * (double)size / w->average[f]);
        }
        if (rc == SQLITE_OK)
                *ret = score_with(w, norm);
        return rc;
}

static void sift_down(struct weights *w)
{
        for (size_t i = 0, k; (k = 2 * i + 1) < w->kept; i = k) {
                if (k + 1 < w->kept && w->best[k + 1] < w->best[k])
                        k++;
                if (w->best[i] <= w->best[k])
                        return;
                double t = w->best[i];
                w->best[i] = w->best[k];
                w->best[k] = t;
        }
}

static void note_score(struct weights *w, double score)
{
        if (w->kept == w->keep) {
                if (w->keep && score > w->best[0]) {
                        w->best[0] = score;
                        sift_down(w);
                }
                return;
        }
        size_t i = w->kept++;
        for (; i > 0 && w->best[(i - 1) / 2] > score; i = (i - 1) / 2)
                w->best[i] = w->best[(i - 1) / 2];
        w->best[i] = score;
}

static void rank(const Fts5ExtensionApi *api, Fts5Context *c, sqlite3_context *out, int argc,
                 sqlite3_value **argv)
{
        struct weights *w = api->xGetAuxdata(c, 0);
        int keep = argc > 0 ? sqlite3_value_int(argv[0]) : 0, rc = SQLITE_OK;
        if (!w)
                rc = make_weights(api, c, keep > 0 ? (size_t)keep : 0, &w);
        if (rc == SQLITE_OK)
                rc = frequencies(api, c, w);
        double score = 0;
        if (rc == SQLITE_OK && w->keep && w->kept == w->keep && score_at_most(w) < w->best[0])
                return; /* NULL: it cannot be among the best any more */
        if (rc == SQLITE_OK)
                rc = score_exactly(api, c, w, &score);
        if (rc != SQLITE_OK) {
                sqlite3_result_error_code(out, rc);
                return;
        }
        note_score(w, score);
        if (w->kept == w->keep && w->keep && score < w->best[0])
                return;
        sqlite3_result_double(out, score);
}

int rank_register(struct db *db, struct err *err)
{
        sqlite3 *handle = db_handle(db);
        sqlite3_stmt *q = NULL;
        fts5_api *api = NULL;
        int rc = sqlite3_prepare_v2(handle, "SELECT fts5(?1)", -1, &q, NULL);
        if (rc == SQLITE_OK) {
                sqlite3_bind_pointer(q, 1, &api, "fts5_api_ptr", NULL);
                sqlite3_step(q);
                rc = sqlite3_finalize(q);
        }
        if (rc == SQLITE_OK && api)
                rc = api->xCreateFunction(api, RANK_FUNCTION, NULL, rank, NULL);
        if (rc != SQLITE_OK || !api)
                return err_set(err, -ENOTSUP, "SQLite without FTS5: %s", sqlite3_errmsg(handle));
        return 0;
}
