/* db.h - one SQLite file: opened in WAL mode, brought to the newest schema, asked with prepared
 * statements.
 *
 * One role owns a file and opens it once (the lock is exclusive: a second opener gets -EBUSY, and
 * no shared-memory file is needed). A change is on the disk when db_do or db_commit returns
 * (synchronous=FULL). One thread.
 *
 * A file that is read by one thread while another writes is opened with db_open_shared, then once
 * for each reading thread with db_open_reader. Its changes survive the death of the process when
 * db_commit returns, and that of the machine after db_checkpoint: it is for what can be made again.
 *
 * The schema is a list of migrations, SQL text each; number n brings version n-1 to version n. A
 * migration that was ever released is never edited. tests/data keeps a file of version 1, from
 * which the tests start.
 *
 *     r = db_do(db, err, "UPDATE t SET a=? WHERE b=?", "is", (int64_t)7, "x");     rows changed
 *
 *     auto_query struct sqlite3_stmt *q = NULL;
 *     r = db_query(db, &q, err, "SELECT a FROM t WHERE b=?", "s", "x");
 *     while (r >= 0 && (r = db_next(db, q, err)) > 0)
 *             use(db_i64(q, 0));
 *
 * Arguments follow one letter each: s text or NULL, i int64_t, b bytes (const void *, size_t).
 * Statements are kept prepared under the address of their text, so the text is a literal.
 */
#pragma once
#include "base/err.h"
#include <stdarg.h>

struct db;
struct sqlite3_stmt;

struct db_schema {
        const char *name; /* for messages: "api" */
        const char *const *migrations;
        size_t n;
};

/* Makes the file when it is not there. -EBUSY: another owner; -EPROTO: made by a newer version;
 * -EBADMSG: not a database, or damaged. */
MUST_CHECK int db_open(const char *path, const struct db_schema *schema, struct db **ret,
                       struct err *err);
MUST_CHECK int db_open_shared(const char *path, const struct db_schema *schema, struct db **ret,
                              struct err *err);
/* Sees what was committed when its statement began; never writes, never waits for the writer. */
MUST_CHECK int db_open_reader(const char *path, const struct db_schema *schema, struct db **ret,
                              struct err *err);
/* Moves what was committed from the log into the file, synced. */
MUST_CHECK int db_checkpoint(struct db *db, struct err *err);
void db_close(struct db *db); /* NULL is fine */
DEFINE_CLEANUP(struct db *, db_close);
#define auto_db CLEANUP(db_closep)

int db_version(struct db *db); /* of the schema */
struct sqlite3;
struct sqlite3 *db_handle(struct db *db); /* for what only SQLite's own interface can do */

MUST_CHECK int db_begin(struct db *db, struct err *err);
MUST_CHECK int db_commit(struct db *db, struct err *err);
void db_rollback(struct db *db); /* also after a failed commit; harmless outside a transaction */

/* One statement without rows: how many rows it changed. -EEXIST: a constraint; -ENOSPC; -EIO. */
MUST_CHECK int db_do(struct db *db, struct err *err, const char *sql, const char *types, ...);
MUST_CHECK int db_query(struct db *db, struct sqlite3_stmt **ret, struct err *err, const char *sql,
                        const char *types, ...);
/* 1 = a row, 0 = no further one. */
MUST_CHECK int db_next(struct db *db, struct sqlite3_stmt *q, struct err *err);
void db_end(struct sqlite3_stmt *q); /* NULL is fine; the statement may be asked again */
DEFINE_CLEANUP(struct sqlite3_stmt *, db_end);
#define auto_query CLEANUP(db_endp)

/* Columns of the row, from 0; valid until the next db_next or db_end. */
int64_t db_i64(struct sqlite3_stmt *q, int column);
const char *db_text(struct sqlite3_stmt *q, int column); /* "" for NULL; never NULL */
const void *db_bytes(struct sqlite3_stmt *q, int column, size_t *ret_n);
bool db_is_null(struct sqlite3_stmt *q, int column);
/* false: the next changes survive the death of this process at once, and that of the machine with the
 * first one after db_sync(true), as it is after db_open. Not inside a transaction. */
void db_sync(struct db *db, bool on);
/* Several statements of our own, without arguments. */
MUST_CHECK int db_script(struct db *db, const char *sql, struct err *err);
