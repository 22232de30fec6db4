#include "test.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/id.h"
#include "base/str.h"
#include "store/jobs.h"
#include "store/schema.h"
#include "store/tokens.h"
#include "store/users.h"
#include "store/volumes.h"
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static char file[96];

static struct db *fresh(void)
{
        char dir[] = "/tmp/test-store-XXXXXX";
        struct db *db = NULL;
        struct err err = {0};
        CHECK(mkdtemp(dir) != NULL);
        snprintf(file, sizeof file, "%s/api.db", dir);
        if (db_open(file, &store_schema, &db, &err) < 0)
                test_failed(__FILE__, __LINE__, "%s", err_text(&err));
        return db;
}

/* tests/data/store-v1.db was made by the schema of version 1 and holds one object of each kind. */
TEST(store_opens_a_kept_file_of_version_1)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 1 << 20);
        CHECK_INT(file_read_at(AT_FDCWD, "tests/data/store-v1.db", &b), ==, 0);
        char dir[] = "/tmp/test-store-XXXXXX";
        CHECK(mkdtemp(dir) != NULL);
        snprintf(file, sizeof file, "%s/api.db", dir);
        CHECK_INT(file_replace_at(AT_FDCWD, file, b.data, b.len, 0600), ==, 0);
        auto_db struct db *db = NULL;
        struct err err = {0};
        if (db_open(file, &store_schema, &db, &err) < 0)
                test_failed(__FILE__, __LINE__, "%s", err_text(&err));
        CHECK_INT(db_version(db), ==, (int)store_schema.n);
        struct user u;
        CHECK_INT(users_of_uid(db, 1234, &u, &err), ==, 0);
        CHECK_STR(u.name, "u1234");
        struct token t;
        CHECK_INT(tokens_find(db,
                              "pdk_00112233445566778899aabbccddeeff"
                              "00112233445566778899aabbccddeeff",
                              clock_wall_ms(), &t, &err),
                  ==, 1);
        CHECK_STR(t.name, "old");
        CHECK(token_has_scope(&t, "member"));
        struct volume v;
        CHECK_INT(volumes_find(db, u.id, "docs", &v, &err), ==, 0);
        struct job_counts n;
        CHECK_INT(jobs_count(db, "sandbox", &n, &err), ==, 0);
        CHECK(n.accepted == 1 && n.running == 0 && n.ended == 0);
}

TEST(store_first_contact_makes_a_user_once)
{
        auto_db struct db *db = fresh();
        struct user a, b, c;
        CHECK_INT(users_of_uid(db, 1000, &a, NULL), ==, 0);
        CHECK_INT(users_of_uid(db, 1000, &b, NULL), ==, 0);
        CHECK_INT(users_of_uid(db, 4294967294u, &c, NULL), ==, 0);
        CHECK_STR(a.name, "u1000");
        CHECK_STR(c.name, "u4294967294");
        CHECK(a.id == b.id && a.id != c.id);
        CHECK_INT(users_of_name(db, "u1000", &b, NULL), ==, 0);
        CHECK(a.id == b.id);
        CHECK_INT(users_of_name(db, "alice", &b, NULL), ==, 0);
        CHECK(a.id != b.id);
        CHECK_INT(users_of_name(db, "../x", &b, NULL), ==, -EINVAL);
        CHECK_INT(users_of_id(db, 999, &b, NULL), ==, -ENOENT);
}

/* A name that was made first may not hand its objects to a uid of another person. */
TEST(store_uid_takes_over_only_a_name_without_uid)
{
        auto_db struct db *db = fresh();
        struct user a, b;
        CHECK_INT(users_of_name(db, "u77", &a, NULL), ==, 0);
        CHECK_INT(users_of_uid(db, 77, &b, NULL), ==, 0);
        CHECK(a.id == b.id);
}

static struct job_row row_of(const char *id, const char *name, int64_t owner)
{
        return (struct job_row){.id = id,
                                .kind = "sandbox",
                                .name = name,
                                .owner = owner,
                                .created_ms = 5,
                                .spec = "{}"};
}

struct seen {
        int n;
        char id[32], state[16], result[64];
};

static void see(void *ctx, const struct job_row *row)
{
        struct seen *s = ctx;
        s->n++;
        CHECK_INT(str_copy(s->id, sizeof s->id, row->id), ==, 0);
        CHECK_INT(str_copy(s->state, sizeof s->state, row->state), ==, 0);
        CHECK_INT(str_copy(s->result, sizeof s->result, row->result), ==, 0);
}

TEST(store_job_ends_exactly_once)
{
        auto_db struct db *db = fresh();
        struct user u;
        struct seen s = {0};
        CHECK_INT(users_of_uid(db, 1, &u, NULL), ==, 0);
        struct job_row row = row_of("a", "", u.id);
        CHECK_INT(jobs_accept(db, &row, NULL), ==, 0);
        CHECK_INT(jobs_running(db, "a", "{}", NULL), ==, 1);
        CHECK_INT(jobs_running(db, "a", "{}", NULL), ==, 0);
        CHECK_INT(jobs_end(db, "a", "first", NULL), ==, 1);
        CHECK_INT(jobs_end(db, "a", "second", NULL), ==, 0);
        CHECK_INT(jobs_running(db, "a", "{}", NULL), ==, 0);
        CHECK_INT(jobs_get(db, "a", see, &s, NULL), ==, 1);
        CHECK_STR(s.state, "ended");
        CHECK_STR(s.result, "first");
        CHECK_INT(jobs_end(db, "none", "x", NULL), ==, 0);
}

TEST(store_name_is_free_again_when_its_job_has_ended)
{
        auto_db struct db *db = fresh();
        struct user u, w;
        struct seen s = {0};
        CHECK_INT(users_of_uid(db, 1, &u, NULL), ==, 0);
        CHECK_INT(users_of_uid(db, 2, &w, NULL), ==, 0);
        struct job_row a = row_of("a", "web", u.id), b = row_of("b", "web", u.id),
                       c = row_of("c", "web", w.id);
        CHECK_INT(jobs_accept(db, &a, NULL), ==, 0);
        CHECK_INT(jobs_accept(db, &b, NULL), ==, -EEXIST);
        CHECK_INT(jobs_accept(db, &c, NULL), ==, 0);
        CHECK_INT(jobs_end(db, "a", "{}", NULL), ==, 1);
        CHECK_INT(jobs_accept(db, &b, NULL), ==, 0);
        CHECK_INT(jobs_get_named(db, u.id, "web", see, &s, NULL), ==, 1);
        CHECK_STR(s.id, "b");
}

TEST(store_lists_jobs_of_their_owner_only)
{
        auto_db struct db *db = fresh();
        struct user u, w;
        CHECK_INT(users_of_uid(db, 1, &u, NULL), ==, 0);
        CHECK_INT(users_of_uid(db, 2, &w, NULL), ==, 0);
        for (int i = 0; i < 6; i++) {
                char id[8];
                snprintf(id, sizeof id, "j%d", i);
                struct job_row row = row_of(id, "", i % 2 ? u.id : w.id);
                CHECK_INT(jobs_accept(db, &row, NULL), ==, 0);
        }
        struct seen s = {0};
        CHECK_INT(jobs_list(db, u.id, "", "", 10, see, &s, NULL), ==, 0);
        CHECK_INT(s.n, ==, 3);
        CHECK_STR(s.id, "j1"); /* newest first */
        s.n = 0;
        CHECK_INT(jobs_list(db, -1, "sandbox", "j4", 2, see, &s, NULL), ==, 0);
        CHECK_INT(s.n, ==, 2);
        CHECK_STR(s.id, "j2");
        s.n = 0;
        CHECK_INT(jobs_list(db, -1, "index", "", 10, see, &s, NULL), ==, 0);
        CHECK_INT(s.n, ==, 0);
        CHECK_INT(jobs_end(db, "j0", "{}", NULL), ==, 1);
        CHECK_INT(jobs_open(db, see, &s, NULL), ==, 0);
        CHECK_INT(s.n, ==, 5);
        CHECK_INT(jobs_end(db, "j1", "{}", NULL), ==, 1);
        s.n = 0;
        CHECK_INT(jobs_surplus(db, 1, see, &s, NULL), ==, 0);
        CHECK_INT(s.n, ==, 1);
        CHECK_STR(s.id, "j0");
}

static void count_id(void *ctx, const char *id)
{
        *(int *)ctx += id_valid(id);
}

TEST(store_volume_that_went_is_to_be_unindexed_once)
{
        auto_db struct db *db = fresh();
        struct user u;
        struct volume a, b;
        int n = 0;
        CHECK_INT(users_of_uid(db, 1, &u, NULL), ==, 0);
        CHECK_INT(volumes_create(db, u.id, "a", &a, NULL), ==, 0);
        CHECK_INT(volumes_create(db, u.id, "b", &b, NULL), ==, 0);
        CHECK_INT(volumes_to_unindex(db, count_id, &n, NULL), ==, 0);
        CHECK_INT(n, ==, 0);
        CHECK_INT(volumes_delete(db, a.id, NULL), ==, 0);
        CHECK_INT(volumes_to_unindex(db, count_id, &n, NULL), ==, 0);
        CHECK_INT(n, ==, 1);
        CHECK_INT(volumes_unindexed(db, a.id, NULL), ==, 0);
        CHECK_INT(volumes_to_unindex(db, count_id, &n, NULL), ==, 0);
        CHECK_INT(n, ==, 1);
}

TEST(store_volumes_of_two_users_may_share_a_name)
{
        auto_db struct db *db = fresh();
        struct user u, w;
        struct volume a, b;
        CHECK_INT(users_of_uid(db, 1, &u, NULL), ==, 0);
        CHECK_INT(users_of_uid(db, 2, &w, NULL), ==, 0);
        CHECK_INT(volumes_create(db, u.id, "docs", &a, NULL), ==, 0);
        CHECK_INT(volumes_create(db, u.id, "docs", &b, NULL), ==, -EEXIST);
        CHECK_INT(volumes_create(db, w.id, "docs", &b, NULL), ==, 0);
        CHECK(!str_eq(a.id, b.id) && id_valid(a.id));
        CHECK_INT(volumes_create(db, w.id, "../docs", &b, NULL), ==, -EINVAL);
        CHECK_INT(volumes_delete(db, a.id, NULL), ==, 0);
        CHECK_INT(volumes_find(db, u.id, "docs", &a, NULL), ==, -ENOENT);
        CHECK_INT(volumes_find(db, w.id, "docs", &a, NULL), ==, 0);
}

static int64_t synchronous(struct db *db)
{
        auto_query struct sqlite3_stmt *q = NULL;
        CHECK_INT(db_query(db, &q, NULL, "PRAGMA synchronous", ""), ==, 0);
        CHECK_INT(db_next(db, q, NULL), ==, 1);
        return db_i64(q, 0);
}

TEST(store_only_the_step_to_running_does_not_wait_for_the_disk)
{
        auto_db struct db *db = fresh();
        struct user u;
        CHECK_INT(users_of_uid(db, 1, &u, NULL), ==, 0);
        struct job_row row = row_of("a", "", u.id);
        CHECK_INT(jobs_accept(db, &row, NULL), ==, 0);
        CHECK_INT(synchronous(db), ==, 2); /* FULL */
        CHECK_INT(jobs_running(db, "a", "{}", NULL), ==, 1);
        CHECK_INT(synchronous(db), ==, 2);
        db_sync(db, false);
        CHECK_INT(synchronous(db), ==, 1);
}
