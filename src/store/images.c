#include "store/images.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#define COLUMNS                                                                                    \
        "SELECT i.name,u.name,i.owner,i.created_ms,i.manifest"                                     \
        " FROM images i JOIN users u ON u.id=i.owner "

static void give(struct sqlite3_stmt *q, image_fn fn, void *ctx)
{
        struct image_row row = {.name = db_text(q, 0),
                                .owner_name = db_text(q, 1),
                                .owner = db_i64(q, 2),
                                .created_ms = (uint64_t)db_i64(q, 3),
                                .manifest = db_text(q, 4)};
        fn(ctx, &row);
}

int images_put(struct db *db, const struct image_row *row, struct err *err)
{
        if (!str_is_name(row->name) || str_eq(row->name, "host"))
                return err_set(err, -EINVAL,
                               "name: 1 to 63 of a-z, 0-9 and -, not at its ends, and not 'host'");
        int r = db_do(db, err,
                      "INSERT OR REPLACE INTO images(owner,name,created_ms,manifest)"
                      " VALUES(?,?,?,?)",
                      "isis", row->owner, row->name, (int64_t)clock_wall_ms(), row->manifest);
        return r < 0 ? r : 0;
}

int images_find(struct db *db, int64_t owner, const char *name, image_fn fn, void *ctx,
                struct err *err)
{
        auto_query struct sqlite3_stmt *q = NULL;
        int r = db_query(db, &q, err, COLUMNS "WHERE i.owner=? AND i.name=?", "is", owner, name);
        if (r == 0)
                r = db_next(db, q, err);
        if (r > 0)
                give(q, fn, ctx);
        return r;
}

int images_list(struct db *db, int64_t owner, image_fn fn, void *ctx, struct err *err)
{
        auto_query struct sqlite3_stmt *q = NULL;
        int r = db_query(db, &q, err, COLUMNS "WHERE ?<0 OR i.owner=? ORDER BY i.name", "ii", owner,
                         owner);
        while (r >= 0 && (r = db_next(db, q, err)) > 0)
                give(q, fn, ctx);
        return r;
}

int images_delete(struct db *db, int64_t owner, const char *name, struct err *err)
{
        int r = db_do(db, err, "DELETE FROM images WHERE owner=? AND name=?", "is", owner, name);
        if (r < 0)
                return r;
        return r > 0 ? 0 : err_set(err, -ENOENT, "there is no image '%.63s'", name);
}

int recipes_put(struct db *db, const char *job, const char *recipe, struct err *err)
{
        int r = db_do(db, err, "INSERT INTO recipes(job,recipe) VALUES(?,?)", "ss", job, recipe);
        return r < 0 ? r : 0;
}

char *recipes_get(struct db *db, const char *job)
{
        auto_query struct sqlite3_stmt *q = NULL;
        int r = db_query(db, &q, NULL, "SELECT recipe FROM recipes WHERE job=?", "s", job);
        if (r == 0)
                r = db_next(db, q, NULL);
        return r > 0 ? xstrdup(db_text(q, 0)) : NULL;
}

int recipes_delete(struct db *db, const char *job, struct err *err)
{
        int r = db_do(db, err, "DELETE FROM recipes WHERE job=?", "s", job);
        return r < 0 ? r : 0;
}
