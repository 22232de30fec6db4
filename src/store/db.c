#include "store/db.h"
#include "base/log.h"
#include "base/mem.h"
#include <assert.h>
#include <sqlite3.h>
#include <stdio.h>

#define KEPT_MAX 96 /* prepared statements; ours are a few dozen literals */

struct kept {
        const char *sql;
        sqlite3_stmt *stmt;
};

struct db {
        sqlite3 *handle;
        const struct db_schema *schema;
        struct kept kept[KEPT_MAX];
        size_t n_kept;
};

static int code_of(int rc)
{
        switch (rc & 0xff) {
        case SQLITE_OK:
        case SQLITE_DONE:
                return 0;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
                return -EBUSY;
        case SQLITE_FULL:
                return -ENOSPC;
        case SQLITE_CONSTRAINT:
                return -EEXIST;
        case SQLITE_NOMEM:
                return -ENOMEM;
        case SQLITE_READONLY:
                return -EROFS;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
                return -EBADMSG;
        case SQLITE_TOOBIG:
                return -E2BIG;
        case SQLITE_CANTOPEN:
                return -ENOENT;
        case SQLITE_INTERRUPT:
                return -EINTR;
        }
        return -EIO;
}

static int fail(struct db *db, int rc, struct err *err, const char *what)
{
        return err_set(err, code_of(rc) ? code_of(rc) : -EIO, "database '%s': %s: %s",
                       db->schema->name, what, sqlite3_errmsg(db->handle));
}

int db_script(struct db *db, const char *sql, struct err *err)
{
        int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
        return rc == SQLITE_OK ? 0 : fail(db, rc, err, "script");
}

void db_sync(struct db *db, bool on)
{
        const char *sql = on ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL";
        if (sqlite3_exec(db->handle, sql, NULL, NULL, NULL) != SQLITE_OK)
                log_warn("db.sync", kv("on", on ? "true" : "false"));
}

static int read_version(struct db *db, int *ret, struct err *err)
{
        sqlite3_stmt *q = NULL;
        int rc = sqlite3_prepare_v2(db->handle, "PRAGMA user_version", -1, &q, NULL);
        if (rc == SQLITE_OK)
                rc = sqlite3_step(q);
        int version = rc == SQLITE_ROW ? sqlite3_column_int(q, 0) : 0;
        sqlite3_finalize(q);
        if (rc != SQLITE_ROW)
                return fail(db, rc, err, "version");
        *ret = version;
        return 0;
}

sqlite3 *db_handle(struct db *db)
{
        return db->handle;
}

int db_version(struct db *db)
{
        int v = 0;
        return read_version(db, &v, NULL) < 0 ? -1 : v;
}

/* One step up, in a transaction of its own: a crash leaves the version before or the one after. */
static int migrate_one(struct db *db, size_t to, struct err *err)
{
        char mark[64];
        snprintf(mark, sizeof mark, "PRAGMA user_version=%zu", to);
        int r = db_begin(db, err);
        if (r < 0)
                return r;
        r = db_script(db, db->schema->migrations[to - 1], err);
        if (r == 0)
                r = db_script(db, mark, err);
        if (r == 0)
                r = db_commit(db, err);
        if (r < 0) {
                db_rollback(db);
                return err_wrap(err, r, "migration %zu", to);
        }
        return 0;
}

static int migrate(struct db *db, struct err *err)
{
        int version;
        int r = read_version(db, &version, err);
        if (r < 0)
                return r;
        if (version < 0 || (size_t)version > db->schema->n)
                return err_set(err, -EPROTO,
                               "database '%s': has version %d, this program knows up to %zu",
                               db->schema->name, version, db->schema->n);
        for (size_t to = (size_t)version + 1; to <= db->schema->n; to++) {
                r = migrate_one(db, to, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int prepare_shared(struct db *db, struct err *err)
{
        static const char setup[] = "PRAGMA busy_timeout=10000;"
                                    "PRAGMA journal_mode=WAL;"
                                    "PRAGMA synchronous=NORMAL;"
                                    "PRAGMA foreign_keys=ON;"
                                    "PRAGMA trusted_schema=OFF;"
                                    "PRAGMA temp_store=MEMORY;"
                                    "PRAGMA cache_size=-16384;"; /* KiB: bulk loads */
        int r = db_script(db, setup, err);
        return r < 0 ? r : migrate(db, err);
}

static int prepare_reader(struct db *db, struct err *err)
{
        return db_script(db,
                         "PRAGMA busy_timeout=10000; PRAGMA query_only=ON;"
                         "PRAGMA trusted_schema=OFF; PRAGMA temp_store=MEMORY;",
                         err);
}

static int prepare_owned(struct db *db, struct err *err)
{
        /* EXCLUSIVE before the first access: the wal-index then lives on the heap. The first write
         * takes the lock, so it is asked for at once and a second owner is told here. */
        static const char setup[] = "PRAGMA locking_mode=EXCLUSIVE;"
                                    "PRAGMA journal_mode=WAL;"
                                    "PRAGMA synchronous=FULL;"
                                    "PRAGMA foreign_keys=ON;"
                                    "PRAGMA trusted_schema=OFF;"
                                    "PRAGMA temp_store=MEMORY;"
                                    "BEGIN IMMEDIATE; COMMIT;";
        int r = db_script(db, setup, err);
        return r < 0 ? r : migrate(db, err);
}

static int open_with(const char *path, const struct db_schema *schema, int flags,
                     int (*prepare)(struct db *, struct err *), struct db **ret, struct err *err)
{
        auto_db struct db *db = xcalloc(1, sizeof *db);
        db->schema = schema;
        int rc = sqlite3_open_v2(path, &db->handle,
                                 SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | flags, NULL);
        if (rc != SQLITE_OK)
                return fail(db, rc, err, path);
        sqlite3_extended_result_codes(db->handle, 1);
        sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
        int r = prepare(db, err);
        if (r < 0)
                return err_wrap(err, r, "%s", path);
        *ret = TAKE_PTR(db);
        return 0;
}

int db_open(const char *path, const struct db_schema *schema, struct db **ret, struct err *err)
{
        return open_with(path, schema, SQLITE_OPEN_CREATE, prepare_owned, ret, err);
}

int db_open_shared(const char *path, const struct db_schema *schema, struct db **ret,
                   struct err *err)
{
        return open_with(path, schema, SQLITE_OPEN_CREATE, prepare_shared, ret, err);
}

int db_open_reader(const char *path, const struct db_schema *schema, struct db **ret,
                   struct err *err)
{
        return open_with(path, schema, 0, prepare_reader, ret, err);
}

int db_checkpoint(struct db *db, struct err *err)
{
        int rc = sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
        return rc == SQLITE_OK ? 0 : fail(db, rc, err, "checkpoint");
}

void db_close(struct db *db)
{
        if (!db)
                return;
        for (size_t i = 0; i < db->n_kept; i++)
                sqlite3_finalize(db->kept[i].stmt);
        sqlite3_close(db->handle);
        free(db);
}

int db_begin(struct db *db, struct err *err)
{
        return db_script(db, "BEGIN IMMEDIATE", err);
}

int db_commit(struct db *db, struct err *err)
{
        return db_script(db, "COMMIT", err);
}

void db_rollback(struct db *db)
{
        if (!sqlite3_get_autocommit(db->handle))
                sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
}

static int find(struct db *db, const char *sql, sqlite3_stmt **ret, struct err *err)
{
        for (size_t i = 0; i < db->n_kept; i++) {
                if (db->kept[i].sql == sql) {
                        *ret = db->kept[i].stmt;
                        return 0;
                }
        }
        assert(db->n_kept < KEPT_MAX);
        sqlite3_stmt *s = NULL;
        int rc = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &s, NULL);
        if (rc != SQLITE_OK)
                return fail(db, rc, err, sql);
        db->kept[db->n_kept++] = (struct kept){sql, s};
        *ret = s;
        return 0;
}

static int bind(sqlite3_stmt *s, const char *types, va_list ap)
{
        assert((size_t)sqlite3_bind_parameter_count(s) == strlen(types));
        int rc = SQLITE_OK;
        for (int i = 1; types[i - 1] && rc == SQLITE_OK; i++) {
                const void *p;
                switch (types[i - 1]) {
                case 's':
                        rc = sqlite3_bind_text(s, i, va_arg(ap, const char *), -1,
                                               SQLITE_TRANSIENT);
                        break;
                case 'i':
                        rc = sqlite3_bind_int64(s, i, va_arg(ap, int64_t));
                        break;
                case 'b':
                        p = va_arg(ap, const void *);
                        rc = sqlite3_bind_blob64(s, i, p, va_arg(ap, size_t), SQLITE_TRANSIENT);
                        break;
                default:
                        assert(!"type letter");
                }
        }
        return rc;
}

static int start(struct db *db, sqlite3_stmt **ret, struct err *err, const char *sql,
                 const char *types, va_list ap)
{
        sqlite3_stmt *s = NULL;
        int r = find(db, sql, &s, err);
        if (r < 0)
                return r;
        assert(!sqlite3_stmt_busy(s));
        int rc = bind(s, types, ap);
        if (rc != SQLITE_OK)
                return fail(db, rc, err, sql);
        *ret = s;
        return 0;
}

int db_do(struct db *db, struct err *err, const char *sql, const char *types, ...)
{
        va_list ap;
        va_start(ap, types);
        auto_query sqlite3_stmt *s = NULL;
        int r = start(db, &s, err, sql, types, ap);
        va_end(ap);
        if (r < 0)
                return r;
        int rc = sqlite3_step(s);
        if (rc != SQLITE_DONE && rc != SQLITE_ROW)
                return fail(db, rc, err, "write");
        return sqlite3_changes(db->handle);
}

int db_query(struct db *db, struct sqlite3_stmt **ret, struct err *err, const char *sql,
             const char *types, ...)
{
        va_list ap;
        va_start(ap, types);
        int r = start(db, ret, err, sql, types, ap);
        va_end(ap);
        return r;
}

int db_next(struct db *db, struct sqlite3_stmt *q, struct err *err)
{
        int rc = sqlite3_step(q);
        if (rc == SQLITE_ROW)
                return 1;
        return rc == SQLITE_DONE ? 0 : fail(db, rc, err, "read");
}

void db_end(struct sqlite3_stmt *q)
{
        if (!q)
                return;
        sqlite3_reset(q);
        sqlite3_clear_bindings(q);
}

int64_t db_i64(struct sqlite3_stmt *q, int column)
{
        return sqlite3_column_int64(q, column);
}

const char *db_text(struct sqlite3_stmt *q, int column)
{
        const unsigned char *s = sqlite3_column_text(q, column);
        return s ? (const char *)s : "";
}

const void *db_bytes(struct sqlite3_stmt *q, int column, size_t *ret_n)
{
        const void *p = sqlite3_column_blob(q, column);
        *ret_n = (size_t)sqlite3_column_bytes(q, column);
        return p ? p : "";
}

bool db_is_null(struct sqlite3_stmt *q, int column)
{
        return sqlite3_column_type(q, column) == SQLITE_NULL;
}
