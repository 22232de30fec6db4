#include "store/volumes.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/str.h"

#define COLUMNS                                                                                    \
        "SELECT v.id,v.owner,u.name,v.name,v.created_ms,v.quota_bytes,v.quota"                     \
        " FROM volumes v JOIN users u ON u.id=v.owner WHERE v.owner=? "

static int take(struct sqlite3_stmt *q, struct volume *ret, struct err *err)
{
        struct volume v = {.owner = db_i64(q, 1),
                           .created_ms = (uint64_t)db_i64(q, 4),
                           .quota_bytes = (uint64_t)db_i64(q, 5)};
        int r = str_copy(v.id, sizeof v.id, db_text(q, 0));
        if (r == 0)
                r = str_copy(v.owner_name, sizeof v.owner_name, db_text(q, 2));
        if (r == 0)
                r = str_copy(v.name, sizeof v.name, db_text(q, 3));
        if (r == 0)
                r = str_copy(v.quota, sizeof v.quota, db_text(q, 6));
        if (r < 0)
                return err_set(err, r, "stored volume: text too long");
        *ret = v;
        return 0;
}

int volumes_find(struct db *db, int64_t owner, const char *name, struct volume *ret,
                 struct err *err)
{
        auto_query struct sqlite3_stmt *q = NULL;
        int r = db_query(db, &q, err, COLUMNS "AND v.name=?", "is", owner, name);
        if (r == 0)
                r = db_next(db, q, err);
        if (r < 0)
                return r;
        if (r == 0)
                return err_set(err, -ENOENT, "there is no volume '%.63s'", name);
        return take(q, ret, err);
}

int volumes_create(struct db *db, int64_t owner, const char *name, struct volume *ret,
                   struct err *err)
{
        if (!str_is_name(name))
                return err_set(err, -EINVAL, "name: 1 to 63 of a-z, 0-9 and -, not at its ends");
        struct id id = id_new();
        int r = db_do(db, err, "INSERT INTO volumes(id,owner,name,created_ms) VALUES(?,?,?,?)",
                      "sisi", id.s, owner, name, (int64_t)clock_wall_ms());
        if (r == -EEXIST)
                return err_set(err, r, "there is a volume '%s' already", name);
        return r < 0 ? r : volumes_find(db, owner, name, ret, err);
}

int volumes_set_quota(struct db *db, struct volume *v, uint64_t bytes, const char *quota,
                      struct err *err)
{
        int r = str_copy(v->quota, sizeof v->quota, quota);
        if (r < 0)
                return err_set(err, r, "quota: too long");
        v->quota_bytes = bytes;
        r = db_do(db, err, "UPDATE volumes SET quota_bytes=?, quota=? WHERE id=?", "iss",
                  (int64_t)bytes, quota, v->id);
        return r < 0 ? r : 0;
}

int volumes_list(struct db *db, int64_t owner, volume_fn fn, void *ctx, struct err *err)
{
        auto_query struct sqlite3_stmt *q = NULL;
        int r = db_query(db, &q, err, COLUMNS "ORDER BY v.name", "i", owner);
        while (r >= 0 && (r = db_next(db, q, err)) > 0) {
                struct volume v;
                r = take(q, &v, err);
                if (r == 0)
                        fn(ctx, &v);
        }
        return r;
}

int volumes_delete(struct db *db, const char *id, struct err *err)
{
        /* First: a row too many there costs a question, one too few an index that stays. */
        int r = db_do(db, err, "INSERT OR IGNORE INTO unindexed(id) VALUES(?)", "s", id);
        if (r >= 0)
                r = db_do(db, err, "DELETE FROM volumes WHERE id=?", "s", id);
        if (r < 0)
                return r;
        return r > 0 ? 0 : err_set(err, -ENOENT, "there is no such volume");
}

int volumes_to_unindex(struct db *db, void (*fn)(void *ctx, const char *id), void *ctx,
                       struct err *err)
{
        auto_query struct sqlite3_stmt *q = NULL;
        int r = db_query(db, &q, err,
                         "SELECT id FROM unindexed WHERE id NOT IN (SELECT id FROM volumes)", "");
        while (r >= 0 && (r = db_next(db, q, err)) > 0)
                fn(ctx, db_text(q, 0));
        return r;
}

int volumes_unindexed(struct db *db, const char *id, struct err *err)
{
        int r = db_do(db, err, "DELETE FROM unindexed WHERE id=?", "s", id);
        return r < 0 ? r : 0;
}
