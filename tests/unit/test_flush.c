/* What waits for the disk, off the loop. */
#include "api/flush.h"
#include "base/fd.h"
#include "store/schema.h"
#include "test.h"
#include <fcntl.h>
#include <stdio.h>

static char dir[] = "/tmp/paddock-flush-XXXXXX";
static int called, last;
static struct flush *f;

static void on_disk(void *ctx, int status)
{
        called++;
        last = status;
        if (ctx) /* one that comes while a batch is told goes with the next */
                flush_then(f, on_disk, NULL);
}

static void up(struct loop **l, struct db **db)
{
        char path[64];
        CHECK(mkdtemp(dir) != NULL);
        snprintf(path, sizeof path, "%s/a.db", dir);
        *l = loop_new();
        CHECK_INT(db_open(path, &store_schema, db, NULL), ==, 0);
        CHECK_INT(flush_new(*l, path, &f, NULL), ==, 0);
}

static void down(struct loop *l, struct db *db)
{
        flush_free(f);
        db_close(db);
        loop_free(l);
        CHECK_INT(tree_remove_at(AT_FDCWD, dir), ==, 0);
}

TEST(flush_tells_each_once_and_never_from_inside)
{
        struct loop *l;
        struct db *db;
        up(&l, &db);
        db_sync(db, false);
        CHECK_INT(db_do(db, NULL, "DELETE FROM jobs", ""), ==, 0);
        for (int i = 0; i < 100; i++)
                flush_then(f, on_disk, NULL);
        flush_then(f, on_disk, f);
        CHECK_INT(called, ==, 0);
        for (int i = 0; i < 2000 && called < 102; i++)
                CHECK_INT(loop_once(l, 10, NULL), ==, 0);
        CHECK_INT(called, ==, 102);
        CHECK_INT(last, ==, 0);
        for (int i = 0; i < 20; i++)
                CHECK_INT(loop_once(l, 1, NULL), ==, 0);
        CHECK_INT(called, ==, 102);
        down(l, db);
}

TEST(flush_that_ends_tells_those_who_wait)
{
        struct loop *l;
        struct db *db;
        up(&l, &db);
        for (int i = 0; i < 10; i++)
                flush_then(f, on_disk, NULL);
        down(l, db);
        CHECK_INT(called, ==, 10);
        CHECK_INT(last, ==, -ECANCELED);
}

/* A log that is not there is no log that could be synced. */
TEST(flush_needs_the_log_of_an_open_database)
{
        struct loop *l = loop_new();
        struct err err = {0};
        CHECK_INT(flush_new(l, "/tmp/paddock-no-such/a.db", &f, &err), ==, -ENOENT);
        CHECK_CONTAINS(err_text(&err), "-wal");
        loop_free(l);
}
