/* tokens.h - bearer tokens: 256 random bits, of which only the SHA-256 is stored.
 *
 * Looking one up compares hashes, so that what an attacker can time says nothing about a token. A
 * token's text is given out once, by tokens_create.
 */
#pragma once
#include "base/limits.h"
#include "store/db.h"

#define TOKEN_PREFIX     "pdk_"
#define TOKEN_TEXT_LEN   (4 + 64) /* the prefix and 32 bytes in hex */
#define TOKEN_SCOPES_MAX 255      /* all words of one token */

struct token {
        int64_t owner;
        char owner_name[NAME_TEXT_MAX + 1];
        char name[NAME_TEXT_MAX + 1];
        char scopes[TOKEN_SCOPES_MAX +
                    1]; /* "operator", "member", "sandbox:NAME"; blanks between */
        uint64_t created_ms, expires_ms, used_ms; /* 0: never */
};
typedef void (*token_fn)(void *ctx, const struct token *t);

/* "operator", "member" or "sandbox:NAME". */
bool token_scope_valid(const char *scope);
bool token_has_scope(const struct token *t, const char *scope);

/* t: owner, name, scopes, expires_ms. -EEXIST: the owner has one of that name. */
MUST_CHECK int tokens_create(struct db *db, const struct token *t, char ret[TOKEN_TEXT_LEN + 1],
                             struct err *err);
/* 1 found, 0 unknown or expired. */
MUST_CHECK int tokens_find(struct db *db, const char *text, uint64_t now_ms, struct token *ret,
                           struct err *err);
/* Those of one owner, or of all with owner < 0, by name. */
MUST_CHECK int tokens_list(struct db *db, int64_t owner, token_fn fn, void *ctx, struct err *err);
/* -ENOENT. */
MUST_CHECK int tokens_revoke(struct db *db, int64_t owner, const char *name, struct err *err);
