#include "test.h"
#include "base/id.h"
#include "store/db.h"
#include <sys/stat.h>
#include <sys/wait.h>
#include <signal.h>

static const char one[] = "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT UNIQUE, c BLOB)";
static const char two[] = "ALTER TABLE t ADD COLUMN d INTEGER NOT NULL DEFAULT 5";
static const char broken[] = "CREATE TABLE u(x); INSERT INTO nowhere VALUES(1)";
static const char *const m1[] = {one}, *const m2[] = {one, two}, *const m3[] = {one, two, broken};
static const struct db_schema v1 = {"t", m1, 1}, v2 = {"t", m2, 2}, v3 = {"t", m3, 3};

static char dir[64], file[96];

static void in_new_dir(void)
{
        snprintf(dir, sizeof dir, "/tmp/test-db-XXXXXX");
        CHECK(mkdtemp(dir) != NULL);
        snprintf(file, sizeof file, "%s/t.db", dir);
}

static void open_as(const struct db_schema *schema, struct db **ret)
{
        struct err err = {0};
        if (db_open(file, schema, ret, &err) < 0)
                test_failed(__FILE__, __LINE__, "%s", err_text(&err));
}

TEST(db_values_come_back_as_they_went_in)
{
        in_new_dir();
        auto_db struct db *db = NULL;
        open_as(&v1, &db);
        CHECK_INT(db_do(db, NULL, "INSERT INTO t VALUES(?,?,?)", "isb", (int64_t)-7, "x'y",
                        (const void *)"a\0b", (size_t)3),
                  ==, 1);
        CHECK_INT(db_do(db, NULL, "INSERT INTO t(a,b) VALUES(?,?)", "is", INT64_MAX,
                        (const char *)NULL),
                  ==, 1);
        auto_query struct sqlite3_stmt *q = NULL;
        CHECK_INT(db_query(db, &q, NULL, "SELECT a,b,c FROM t ORDER BY a", ""), ==, 0);
        CHECK_INT(db_next(db, q, NULL), ==, 1);
        size_t n;
        CHECK_INT(db_i64(q, 0), ==, -7);
        CHECK_STR(db_text(q, 1), "x'y");
        CHECK(memcmp(db_bytes(q, 2, &n), "a\0b", 3) == 0 && n == 3);
        CHECK_INT(db_next(db, q, NULL), ==, 1);
        CHECK(db_i64(q, 0) == INT64_MAX && db_is_null(q, 1));
        CHECK_STR(db_text(q, 1), "");
        CHECK_INT(db_next(db, q, NULL), ==, 0);
}

TEST(db_constraint_is_eexist_and_the_statement_stays_usable)
{
        in_new_dir();
        auto_db struct db *db = NULL;
        open_as(&v1, &db);
        static const char insert[] = "INSERT INTO t(b) VALUES(?)";
        struct err err = {0};
        CHECK_INT(db_do(db, &err, insert, "s", "a"), ==, 1);
        CHECK_INT(db_do(db, &err, insert, "s", "a"), ==, -EEXIST);
        CHECK_CONTAINS(err.text, "UNIQUE");
        CHECK_INT(db_do(db, &err, insert, "s", "b"), ==, 1);
}

TEST(db_grows_from_version_to_version_and_keeps_what_is_there)
{
        in_new_dir();
        struct db *db = NULL;
        open_as(&v1, &db);
        CHECK_INT(db_version(db), ==, 1);
        CHECK_INT(db_do(db, NULL, "INSERT INTO t(b) VALUES(?)", "s", "old"), ==, 1);
        db_close(db);
        open_as(&v2, &db);
        CHECK_INT(db_version(db), ==, 2);
        struct sqlite3_stmt *q = NULL;
        CHECK_INT(db_query(db, &q, NULL, "SELECT b,d FROM t", ""), ==, 0);
        CHECK_INT(db_next(db, q, NULL), ==, 1);
        CHECK_STR(db_text(q, 0), "old");
        CHECK_INT(db_i64(q, 1), ==, 5);
        db_end(q);
        db_close(db);
}

TEST(db_failed_migration_leaves_the_version_before)
{
        in_new_dir();
        struct db *db = NULL;
        struct err err = {0};
        CHECK_INT(db_open(file, &v3, &db, &err), <, 0);
        CHECK_CONTAINS(err.text, "migration 3");
        open_as(&v2, &db);
        CHECK_INT(db_version(db), ==, 2);
        struct sqlite3_stmt *q = NULL;
        CHECK_INT(db_query(db, &q, NULL, "SELECT count(*) FROM sqlite_schema WHERE name='u'", ""),
                  ==, 0);
        CHECK_INT(db_next(db, q, NULL), ==, 1);
        CHECK_INT(db_i64(q, 0), ==, 0);
        db_end(q);
        db_close(db);
}

TEST(db_of_a_newer_program_is_refused)
{
        in_new_dir();
        struct db *db = NULL;
        open_as(&v2, &db);
        db_close(db);
        struct err err = {0};
        CHECK_INT(db_open(file, &v1, &db, &err), ==, -EPROTO);
        CHECK_CONTAINS(err.text, "version 2");
}

TEST(db_has_one_owner)
{
        in_new_dir();
        auto_db struct db *db = NULL;
        struct db *other = NULL;
        open_as(&v1, &db);
        CHECK_INT(db_open(file, &v1, &other, NULL), ==, -EBUSY);
}

TEST(db_that_is_none_is_refused)
{
        in_new_dir();
        FILE *f = fopen(file, "w");
        for (int i = 0; i < 4096; i++)
                fputc('x', f);
        fclose(f);
        struct db *db = NULL;
        CHECK_INT(db_open(file, &v1, &db, NULL), ==, -EBADMSG);
}

TEST(db_rollback_takes_it_back)
{
        in_new_dir();
        auto_db struct db *db = NULL;
        open_as(&v1, &db);
        CHECK_INT(db_begin(db, NULL), ==, 0);
        CHECK_INT(db_do(db, NULL, "INSERT INTO t(b) VALUES('x')", ""), ==, 1);
        db_rollback(db);
        db_rollback(db);
        CHECK_INT(db_do(db, NULL, "DELETE FROM t", ""), ==, 0);
}

/* What db_do returned is there after kill -9 at once. */
TEST(db_change_survives_kill)
{
        in_new_dir();
        pid_t pid = fork();
        if (pid == 0) {
                struct db *db = NULL;
                open_as(&v1, &db);
                if (db_do(db, NULL, "INSERT INTO t(b) VALUES('kept')", "") == 1)
                        kill(getpid(), 9);
                _exit(1);
        }
        int status;
        CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
        auto_db struct db *db = NULL;
        open_as(&v1, &db);
        CHECK_INT(db_do(db, NULL, "DELETE FROM t WHERE b='kept'", ""), ==, 1);
}
