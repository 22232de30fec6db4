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
        double average[FIELDS]; /* words in a field */
        double all;             /* sum of idf */
        double *tf;             /* scratch, n of them; idf behind it */
        double idf[];
};

static int count_row(const Fts5ExtensionApi *api, Fts5Context *c, void *n)
{
        (void)api;
        (void)c;
        (*(sqlite3_int64 *)n)++;
        return SQLITE_OK;
}

static int make_weights(const Fts5ExtensionApi *api, Fts5Context *c, struct weights **ret)
{
        int n = api->xPhraseCount(c);
        sqlite3_int64 rows = 0;
        struct weights *w = sqlite3_malloc64(sizeof *w + 2 * (size_t)n * sizeof(double));
        if (!w)
                return SQLITE_NOMEM;
        memset(w, 0, sizeof *w + 2 * (size_t)n * sizeof(double));
        w->n = n;
        w->tf = w->idf + n;
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

/* The frequency of every phrase over the fields, each by its weight and length. */
static int frequencies(const Fts5ExtensionApi *api, Fts5Context *c, struct weights *w)
{
        double norm[FIELDS];
        int instances = 0, rc = SQLITE_OK;
        for (int f = 0; f < FIELDS && rc == SQLITE_OK; f++) {
                int size = 0;
                rc = api->xColumnSize(c, f, &size);
                norm[f] = field_weight[f] /
                          (1 - field_b[f] + field_b[f] * (double)size / w->average[f]);
        }
        memset(w->tf, 0, (size_t)w->n * sizeof *w->tf);
        if (rc == SQLITE_OK)
                rc = api->xInstCount(c, &instances);
        for (int i = 0; i < instances && rc == SQLITE_OK; i++) {
                int phrase, field, at;
                rc = api->xInst(c, i, &phrase, &field, &at);
                if (rc == SQLITE_OK && phrase < w->n && field < FIELDS)
                        w->tf[phrase] += norm[field];
        }
        return rc;
}

static void rank(const Fts5ExtensionApi *api, Fts5Context *c, sqlite3_context *out, int argc,
                 sqlite3_value **argv)
{
        (void)argc;
        (void)argv;
        struct weights *w = api->xGetAuxdata(c, 0);
        int rc = w ? SQLITE_OK : make_weights(api, c, &w);
        if (rc == SQLITE_OK)
                rc = frequencies(api, c, w);
        if (rc != SQLITE_OK) {
                sqlite3_result_error_code(out, rc);
                return;
        }
        double score = 0, had = 0;
        for (int i = 0; i < w->n; i++) {
                score += w->idf[i] * w->tf[i] * (K1 + 1) / (w->tf[i] + K1);
                had += w->tf[i] > 0 ? w->idf[i] : 0;
        }
        double cover = w->all > 0 ? had / w->all : 0;
        sqlite3_result_double(out, -score * (1 + COVER * cover * cover));
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
