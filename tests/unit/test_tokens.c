#include "test.h"
#include "base/clock.h"
#include "base/str.h"
#include "store/schema.h"
#include "store/tokens.h"
#include "store/users.h"
#include <stdio.h>

static char file[96];
static struct user u;

static struct db *fresh(void)
{
        char dir[] = "/tmp/test-tokens-XXXXXX";
        struct db *db = NULL;
        CHECK(mkdtemp(dir) != NULL);
        snprintf(file, sizeof file, "%s/api.db", dir);
        CHECK_INT(db_open(file, &store_schema, &db, NULL), ==, 0);
        CHECK_INT(users_of_uid(db, 1, &u, NULL), ==, 0);
        return db;
}

static void make(struct db *db, const char *name, const char *scopes, uint64_t expires_ms,
                 char text[TOKEN_TEXT_LEN + 1])
{
        struct token t = {.owner = u.id, .expires_ms = expires_ms};
        CHECK_INT(str_copy(t.name, sizeof t.name, name), ==, 0);
        CHECK_INT(str_copy(t.scopes, sizeof t.scopes, scopes), ==, 0);
        CHECK_INT(tokens_create(db, &t, text, NULL), ==, 0);
}

TEST(token_is_found_until_it_is_revoked)
{
        auto_db struct db *db = fresh();
        char text[TOKEN_TEXT_LEN + 1], other[TOKEN_TEXT_LEN + 1];
        struct token t;
        make(db, "ci", "member sandbox:web", 0, text);
        make(db, "ci2", "operator", 0, other);
        CHECK(!str_eq(text, other) && str_starts(text, TOKEN_PREFIX));
        CHECK_INT(tokens_find(db, text, 1, &t, NULL), ==, 1);
        CHECK_STR(t.name, "ci");
        CHECK_STR(t.owner_name, "u1");
        CHECK(t.owner == u.id);
        CHECK_INT(tokens_revoke(db, u.id, "ci", NULL), ==, 0);
        CHECK_INT(tokens_find(db, text, 1, &t, NULL), ==, 0);
        CHECK_INT(tokens_find(db, other, 1, &t, NULL), ==, 1);
        CHECK_INT(tokens_revoke(db, u.id, "ci", NULL), ==, -ENOENT);
        CHECK_INT(tokens_revoke(db, u.id + 1, "ci2", NULL), ==, -ENOENT);
}

TEST(token_scopes_are_whole_words)
{
        struct token t = {.scopes = "member sandbox:web"};
        CHECK(token_has_scope(&t, "member") && token_has_scope(&t, "sandbox:web"));
        CHECK(!token_has_scope(&t, "operator") && !token_has_scope(&t, "sandbox:we"));
        CHECK(!token_has_scope(&t, "mem") && !token_has_scope(&t, ""));
        CHECK(token_scope_valid("operator") && token_scope_valid("sandbox:a-1"));
        CHECK(!token_scope_valid("root") && !token_scope_valid("sandbox:") &&
              !token_scope_valid("sandbox:A") && !token_scope_valid("member "));
}

TEST(token_expires)
{
        auto_db struct db *db = fresh();
        char text[TOKEN_TEXT_LEN + 1];
        struct token t;
        make(db, "short", "member", 5000, text);
        CHECK_INT(tokens_find(db, text, 4999, &t, NULL), ==, 1);
        CHECK_INT(tokens_find(db, text, 5000, &t, NULL), ==, 0);
}

TEST(token_that_is_wrong_in_one_letter_is_none)
{
        auto_db struct db *db = fresh();
        char text[TOKEN_TEXT_LEN + 1];
        struct token t;
        make(db, "a", "member", 0, text);
        for (size_t i = 0; i < TOKEN_TEXT_LEN; i++) {
                char saved = text[i];
                text[i] = saved == 'z' ? 'y' : 'z';
                CHECK_INT(tokens_find(db, text, 1, &t, NULL), ==, 0);
                text[i] = saved;
        }
        text[TOKEN_TEXT_LEN - 1] = '\0';
        CHECK_INT(tokens_find(db, text, 1, &t, NULL), ==, 0);
        CHECK_INT(tokens_find(db, "", 1, &t, NULL), ==, 0);
}

/* Whoever reads the file learns no token. */
TEST(token_text_is_not_in_the_file)
{
        struct db *db = fresh();
        char text[TOKEN_TEXT_LEN + 1], line[512];
        make(db, "a", "member", 0, text);
        db_close(db);
        snprintf(line, sizeof line, "%s", file);
        FILE *f = fopen(line, "r");
        CHECK(f != NULL);
        static char all[1 << 20];
        size_t n = fread(all, 1, sizeof all, f);
        fclose(f);
        CHECK_INT(n, >, 4096);
        CHECK(memmem(all, n, text + 4, 32) == NULL);
        CHECK(memmem(all, n, "member", 6) != NULL);
}
