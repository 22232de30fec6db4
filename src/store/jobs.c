#include "store/jobs.h"
#include "base/clock.h"
#include "base/str.h"

static const char *or_null(const char *s)
{
        return s && *s ? s : NULL;
}

int jobs_accept(struct db *db, const struct job_row *row, struct err *err)
{
        int r = db_do(db, err,
                      "INSERT INTO jobs(id,kind,owner,name,state,created_ms,spec,parent)"
                      " VALUES(?,?,?,?,'accepted',?,?,?)",
                      "ssisiss", row->id, row->kind, row->owner, or_null(row->name),
                      (int64_t)row->created_ms, row->spec, or_null(row->parent));
        if (r == -EEXIST)
                return err_set(err, r, "there is a running job '%s' already",
                               row->name ? row->name : row->id);
        return r < 0 ? r : 0;
}

int jobs_accept_soon(struct db *db, const struct job_row *row, struct err *err)
{
        db_sync(db, false);
        int r = jobs_accept(db, row, err);
        db_sync(db, true);
        return r;
}

int jobs_running(struct db *db, const char *id, const char *enforcement, struct err *err)
{
        /* What runs when the machine fails is lost, whichever state the disk has: the death of this
         * role is all that this has to survive. */
        db_sync(db, false);
        int r = db_do(db, err,
                      "UPDATE jobs SET state='running',enforcement=? WHERE id=? AND"
                      " state='accepted'",
                      "ss", or_null(enforcement), id);
        db_sync(db, true);
        return r;
}

int jobs_end(struct db *db, const char *id, const char *result, struct err *err)
{
        return db_do(db, err,
                     "UPDATE jobs SET state='ended',ended_ms=?,result=? WHERE id=? AND"
                     " state<>'ended'",
                     "iss", (int64_t)clock_wall_ms(), result, id);
}

int jobs_end_soon(struct db *db, const char *id, const char *result, struct err *err)
{
        db_sync(db, false);
        int r = jobs_end(db, id, result, err);
        db_sync(db, true);
        return r;
}

int jobs_delete(struct db *db, const char *id, struct err *err)
{
        int r = db_do(db, err, "DELETE FROM jobs WHERE id=?", "s", id);
        return r < 0 ? r : 0;
}

int jobs_set_spec(struct db *db, const char *id, const char *spec, struct err *err)
{
        int r = db_do(db, err, "UPDATE jobs SET spec=? WHERE id=?", "ss", spec, id);
        return r < 0 ? r : 0;
}

#define COLUMNS                                                                                    \
        "SELECT j.id,j.kind,j.name,j.state,j.owner,u.name,j.created_ms,j.ended_ms,j.spec,"         \
        "j.enforcement,j.result,j.parent FROM jobs j JOIN users u ON u.id=j.owner "

static int each(struct db *db, struct sqlite3_stmt *q, job_fn fn, void *ctx, struct err *err)
{
        int r, n = 0;
        while ((r = db_next(db, q, err)) > 0) {
                struct job_row row = {.id = db_text(q, 0),
                                      .kind = db_text(q, 1),
                                      .name = db_text(q, 2),
                                      .state = db_text(q, 3),
                                      .owner = db_i64(q, 4),
                                      .owner_name = db_text(q, 5),
                                      .created_ms = (uint64_t)db_i64(q, 6),
                                      .ended_ms = (uint64_t)db_i64(q, 7),
                                      .spec = db_text(q, 8),
                                      .enforcement = db_text(q, 9),
                                      .result = db_text(q, 10),
                                      .parent = db_text(q, 11)};
                fn(ctx, &row);
                n++;
        }
        return r < 0 ? r : n;
}

int jobs_get(struct db *db, const char *id, job_fn fn, void *ctx, struct err *err)
{
        auto_query struct sqlite3_stmt *q = NULL;
        int r = db_query(db, &q, err, COLUMNS "WHERE j.id=?", "s", id);
        return r < 0 ? r : each(db, q, fn, ctx, err);
}

int jobs_get_named(struct db *db, int64_t owner, const char *name, job_fn fn, void *ctx,
                   struct err *err)
{
        auto_query struct sqlite3_stmt *q = NULL;
        int r = db_query(db, &q, err,
                         COLUMNS "WHERE j.owner=? AND j.name=?"
                                 " ORDER BY j.state='ended', j.id DESC LIMIT 1",
                         "is", owner, name);
        return r < 0 ? r : each(db, q, fn, ctx, err);
}

int jobs_list(struct db *db, int64_t owner, const char *kind, const char *before, uint32_t limit,
              job_fn fn, void *ctx, struct err *err)
{
        auto_query struct sqlite3_stmt *q = NULL;
        int r = db_query(db, &q, err,
                         COLUMNS "WHERE (?<0 OR j.owner=?) AND (?='' OR j.kind=?)"
                                 " AND (?='' OR j.id<?) ORDER BY j.id DESC LIMIT ?",
                         "iissssi", owner, owner, kind, kind, before, before, (int64_t)limit);
        r = r < 0 ? r : each(db, q, fn, ctx, err);
        return r < 0 ? r : 0;
}

int jobs_of_parent(struct db *db, const char *parent, uint32_t limit, job_fn fn, void *ctx,
                   struct err *err)
{
        auto_query struct sqlite3_stmt *q = NULL;
        int r = db_query(db, &q, err, COLUMNS "WHERE j.parent=? ORDER BY j.id DESC LIMIT ?", "si",
                         parent, (int64_t)limit);
        r = r < 0 ? r : each(db, q, fn, ctx, err);
        return r < 0 ? r : 0;
}

int jobs_labelled(struct db *db, int64_t owner, const char *key, const char *value,
                  const char *before, uint32_t limit, job_fn fn, void *ctx, struct err *err)
{
        auto_query struct sqlite3_stmt *q = NULL;
        int r = db_query(db, &q, err,
                         COLUMNS "WHERE (?<0 OR j.owner=?) AND j.kind='sandbox'"
                                 " AND (?='' OR j.id<?) AND"
                                 " json_extract(j.spec,'$.labels.\"'||?||'\"')=?"
                                 " ORDER BY j.id DESC LIMIT ?",
                         "iissssi", owner, owner, before, before, key, value, (int64_t)limit);
        r = r < 0 ? r : each(db, q, fn, ctx, err);
        return r < 0 ? r : 0;
}

int jobs_open(struct db *db, job_fn fn, void *ctx, struct err *err)
{
        auto_query struct sqlite3_stmt *q = NULL;
        int r = db_query(db, &q, err, COLUMNS "WHERE j.state<>'ended' ORDER BY j.id", "");
        r = r < 0 ? r : each(db, q, fn, ctx, err);
        return r < 0 ? r : 0;
}

int jobs_surplus(struct db *db, uint32_t keep, job_fn fn, void *ctx, struct err *err)
{
        auto_query struct sqlite3_stmt *q = NULL;
        int r = db_query(db, &q, err,
                         COLUMNS "WHERE j.state='ended' ORDER BY j.id DESC LIMIT -1 OFFSET ?", "i",
                         (int64_t)keep);
        r = r < 0 ? r : each(db, q, fn, ctx, err);
        return r < 0 ? r : 0;
}

int jobs_count(struct db *db, const char *kind, struct job_counts *ret, struct err *err)
{
        auto_query struct sqlite3_stmt *q = NULL;
        int r = db_query(db, &q, err, "SELECT state,count(*) FROM jobs WHERE kind=? GROUP BY state",
                         "s", kind);
        struct job_counts c = {0};
        while (r >= 0 && (r = db_next(db, q, err)) > 0) {
                uint64_t n = (uint64_t)db_i64(q, 1);
                if (str_eq(db_text(q, 0), "accepted"))
                        c.accepted = n;
                else if (str_eq(db_text(q, 0), "running"))
                        c.running = n;
                else
                        c.ended = n;
        }
        if (r < 0)
                return r;
        *ret = c;
        return 0;
}
