#include "store/tokens.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/sha256.h"
#include "base/str.h"
#include <stdio.h>

#define USED_STEP_MS 60000 /* how exact used_ms is: a write a minute and token at most */

bool token_scope_valid(const char *scope)
{
        if (str_eq(scope, "operator") || str_eq(scope, "member"))
                return true;
        return str_starts(scope, "sandbox:") && str_is_name(scope + strlen("sandbox:"));
}

bool token_has_scope(const struct token *t, const char *scope)
{
        size_t n = strlen(scope);
        for (const char *s = t->scopes; *s;) {
                size_t word = strcspn(s, " ");
                if (word == n && memcmp(s, scope, n) == 0)
                        return true;
                s += word + (s[word] == ' ');
        }
        return false;
}

int tokens_create(struct db *db, const struct token *t, char ret[TOKEN_TEXT_LEN + 1],
                  struct err *err)
{
        unsigned char secret[32], hash[SHA256_LEN];
        random_bytes(secret, sizeof secret);
        memcpy(ret, TOKEN_PREFIX, strlen(TOKEN_PREFIX));
        hex_encode(ret + strlen(TOKEN_PREFIX), secret, sizeof secret);
        explicit_bzero(secret, sizeof secret);
        sha256_of(ret, TOKEN_TEXT_LEN, hash);
        int r = db_do(db, err,
                      "INSERT INTO tokens(owner,name,hash,scopes,created_ms,expires_ms)"
                      " VALUES(?,?,?,?,?,?)",
                      "isbsii", t->owner, t->name, (const void *)hash, sizeof hash, t->scopes,
                      (int64_t)clock_wall_ms(), (int64_t)t->expires_ms);
        if (r >= 0)
                return 0;
        explicit_bzero(ret, TOKEN_TEXT_LEN + 1);
        return r == -EEXIST ? err_set(err, r, "there is a token '%s' already", t->name) : r;
}

#define COLUMNS                                                                                    \
        "SELECT t.owner,u.name,t.name,t.scopes,t.created_ms,t.expires_ms,t.used_ms,t.hash"         \
        " FROM tokens t JOIN users u ON u.id=t.owner "

static int take(struct sqlite3_stmt *q, struct token *ret, struct err *err)
{
        struct token t = {.owner = db_i64(q, 0),
                          .created_ms = (uint64_t)db_i64(q, 4),
                          .expires_ms = (uint64_t)db_i64(q, 5),
                          .used_ms = (uint64_t)db_i64(q, 6)};
        int r = str_copy(t.owner_name, sizeof t.owner_name, db_text(q, 1));
        if (r == 0)
                r = str_copy(t.name, sizeof t.name, db_text(q, 2));
        if (r == 0)
                r = str_copy(t.scopes, sizeof t.scopes, db_text(q, 3));
        if (r < 0)
                return err_set(err, r, "stored token: text too long");
        *ret = t;
        return 0;
}

static int find_hash(struct db *db, const unsigned char *hash, struct token *ret, struct err *err)
{
        auto_query struct sqlite3_stmt *q = NULL;
        int r = db_query(db, &q, err, COLUMNS "WHERE t.hash=?", "b", (const void *)hash,
                         (size_t)SHA256_LEN);
        if (r == 0)
                r = db_next(db, q, err);
        if (r <= 0)
                return r;
        size_t n;
        const void *stored = db_bytes(q, 7, &n);
        if (n != SHA256_LEN || !bytes_equal_const_time(stored, hash, n))
                return 0;
        r = take(q, ret, err);
        return r < 0 ? r : 1;
}

int tokens_find(struct db *db, const char *text, uint64_t now_ms, struct token *ret,
                struct err *err)
{
        if (strnlen(text, TOKEN_TEXT_LEN + 1) != TOKEN_TEXT_LEN)
                return 0;
        unsigned char hash[SHA256_LEN];
        sha256_of(text, TOKEN_TEXT_LEN, hash);
        struct token t;
        int r = find_hash(db, hash, &t, err);
        if (r <= 0)
                return r;
        if (t.expires_ms && t.expires_ms <= now_ms)
                return 0;
        if (t.used_ms + USED_STEP_MS <= now_ms) {
                r = db_do(db, err, "UPDATE tokens SET used_ms=? WHERE hash=?", "ib",
                          (int64_t)now_ms, (const void *)hash, sizeof hash);
                if (r < 0)
                        return r;
        }
        *ret = t;
        return 1;
}

int tokens_list(struct db *db, int64_t owner, token_fn fn, void *ctx, struct err *err)
{
        auto_query struct sqlite3_stmt *q = NULL;
        int r = db_query(db, &q, err, COLUMNS "WHERE ?<0 OR t.owner=? ORDER BY t.name,t.id", "ii",
                         owner, owner);
        while (r >= 0 && (r = db_next(db, q, err)) > 0) {
                struct token t;
                r = take(q, &t, err);
                if (r == 0)
                        fn(ctx, &t);
        }
        return r;
}

int tokens_revoke(struct db *db, int64_t owner, const char *name, struct err *err)
{
        int r = db_do(db, err, "DELETE FROM tokens WHERE owner=? AND name=?", "is", owner, name);
        if (r < 0)
                return r;
        return r > 0 ? 0 : err_set(err, -ENOENT, "there is no token '%.63s'", name);
}
