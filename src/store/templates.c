#include "store/templates.h"
#include "base/clock.h"
#include "base/str.h"

#define COLUMNS                                                                                    \
        "SELECT t.name,u.name,t.owner,t.created_ms,t.spec,t.error"                                 \
        " FROM templates t JOIN users u ON u.id=t.owner "

static void give(struct sqlite3_stmt *q, template_fn fn, void *ctx)
{
        struct template_row row = {.name = db_text(q, 0),
                                   .owner_name = db_text(q, 1),
                                   .owner = db_i64(q, 2),
                                   .created_ms = (uint64_t)db_i64(q, 3),
                                   .spec = db_text(q, 4),
                                   .error = db_text(q, 5)};
        fn(ctx, &row);
}

int templates_add(struct db *db, const struct template_row *row, struct err *err)
{
        if (!str_is_name(row->name))
                return err_set(err, -EINVAL, "name: 1 to 63 of a-z, 0-9 and -, not at its ends");
        int r = db_do(db, err, "INSERT INTO templates(owner,name,created_ms,spec) VALUES(?,?,?,?)",
                      "isis", row->owner, row->name, (int64_t)clock_wall_ms(), row->spec);
        if (r == -EEXIST)
                return err_set(err, -EEXIST, "there is a template '%.63s' already", row->name);
        return r < 0 ? r : 0;
}

int templates_find(struct db *db, int64_t owner, const char *name, template_fn fn, void *ctx,
                   struct err *err)
{
        auto_query struct sqlite3_stmt *q = NULL;
        int r = db_query(db, &q, err, COLUMNS "WHERE t.owner=? AND t.name=?", "is", owner, name);
        if (r == 0)
                r = db_next(db, q, err);
        if (r > 0)
                give(q, fn, ctx);
        return r;
}

int templates_list(struct db *db, int64_t owner, template_fn fn, void *ctx, struct err *err)
{
        auto_query struct sqlite3_stmt *q = NULL;
        int r = db_query(db, &q, err, COLUMNS "WHERE t.owner=? ORDER BY t.name", "i", owner);
        while (r >= 0 && (r = db_next(db, q, err)) > 0)
                give(q, fn, ctx);
        return r;
}

int templates_count(struct db *db, int64_t owner, uint64_t *ret, struct err *err)
{
        auto_query struct sqlite3_stmt *q = NULL;
        int r = db_query(db, &q, err, "SELECT count(*) FROM templates WHERE owner=?", "i", owner);
        if (r == 0)
                r = db_next(db, q, err);
        if (r > 0)
                *ret = (uint64_t)db_i64(q, 0);
        return r < 0 ? r : 0;
}

int templates_delete(struct db *db, int64_t owner, const char *name, struct err *err)
{
        int r = db_do(db, err, "DELETE FROM templates WHERE owner=? AND name=?", "is", owner, name);
        if (r < 0)
                return r;
        return r > 0 ? 0 : err_set(err, -ENOENT, "there is no template '%.63s'", name);
}

int templates_set_error(struct db *db, int64_t owner, const char *name, const char *error,
                        struct err *err)
{
        int r = db_do(db, err, "UPDATE templates SET error=? WHERE owner=? AND name=? AND error<>?",
                      "siss", error, owner, name, error);
        return r < 0 ? r : 0;
}

int warm_rows_add(struct db *db, const struct warm_row *row, struct err *err)
{
        int r = db_do(db, err,
                      "INSERT INTO warm(id,owner,template,digest,memory_bytes) VALUES(?,?,?,?,?)",
                      "sissi", row->id, row->owner, row->template, row->digest,
                      (int64_t)row->memory_bytes);
        return r < 0 ? r : 0;
}

int warm_rows_list(struct db *db, warm_row_fn fn, void *ctx, struct err *err)
{
        auto_query struct sqlite3_stmt *q = NULL;
        int r = db_query(db, &q, err, "SELECT id,owner,template,digest,memory_bytes FROM warm", "");
        while (r >= 0 && (r = db_next(db, q, err)) > 0) {
                struct warm_row row = {.id = db_text(q, 0),
                                       .owner = db_i64(q, 1),
                                       .template = db_text(q, 2),
                                       .digest = db_text(q, 3),
                                       .memory_bytes = (uint64_t)db_i64(q, 4)};
                fn(ctx, &row);
        }
        return r;
}

int warm_rows_delete(struct db *db, const char *id, struct err *err)
{
        int r = db_do(db, err, "DELETE FROM warm WHERE id=?", "s", id);
        return r < 0 ? r : 0;
}
