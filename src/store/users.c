#include "store/users.h"
#include "base/clock.h"
#include "base/str.h"
#include <stdio.h>

static int take(struct db *db, struct sqlite3_stmt *q, struct user *ret, struct err *err)
{
        int r = db_next(db, q, err);
        if (r < 0)
                return r;
        if (r == 0)
                return err_set(err, -ENOENT, "no such user");
        ret->id = db_i64(q, 0);
        r = str_copy(ret->name, sizeof ret->name, db_text(q, 1));
        return r < 0 ? err_set(err, r, "user %lld: name too long", (long long)ret->id) : 0;
}

static int find_uid(struct db *db, uint32_t uid, struct user *ret, struct err *err)
{
        auto_query struct sqlite3_stmt *q = NULL;
        int r = db_query(db, &q, err, "SELECT id,name FROM users WHERE uid=?", "i", (int64_t)uid);
        return r < 0 ? r : take(db, q, ret, err);
}

int users_of_uid(struct db *db, uint32_t uid, struct user *ret, struct err *err)
{
        int r = find_uid(db, uid, ret, err);
        if (r != -ENOENT)
                return r;
        char name[NAME_TEXT_MAX + 1];
        snprintf(name, sizeof name, "u%u", uid);
        /* A user of that name may be there already, made by name: the uid is then theirs only if
         * they have none yet. */
        r = db_do(db, err,
                  "INSERT INTO users(name,uid,created_ms) VALUES(?,?,?)"
                  " ON CONFLICT(name) DO UPDATE SET uid=excluded.uid WHERE uid IS NULL",
                  "sii", name, (int64_t)uid, (int64_t)clock_wall_ms());
        return r < 0 ? r : find_uid(db, uid, ret, err);
}

int users_of_id(struct db *db, int64_t id, struct user *ret, struct err *err)
{
        auto_query struct sqlite3_stmt *q = NULL;
        int r = db_query(db, &q, err, "SELECT id,name FROM users WHERE id=?", "i", id);
        return r < 0 ? r : take(db, q, ret, err);
}

static int find_name(struct db *db, const char *name, struct user *ret, struct err *err)
{
        auto_query struct sqlite3_stmt *q = NULL;
        int r = db_query(db, &q, err, "SELECT id,name FROM users WHERE name=?", "s", name);
        return r < 0 ? r : take(db, q, ret, err);
}

int users_of_name(struct db *db, const char *name, struct user *ret, struct err *err)
{
        if (!str_is_name(name))
                return err_set(err, -EINVAL, "'%.64s' is not a user name", name);
        int r = find_name(db, name, ret, err);
        if (r != -ENOENT)
                return r;
        r = db_do(db, err, "INSERT INTO users(name,created_ms) VALUES(?,?)", "si", name,
                  (int64_t)clock_wall_ms());
        return r < 0 ? r : find_name(db, name, ret, err);
}
