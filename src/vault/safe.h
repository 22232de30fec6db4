/* safe.h - the secrets of the vault: one sealed file each below state/secrets, opened values in
 * locked memory while the vault is unlocked.
 */
#pragma once
#include "link/desk.h"
#include "vault/seal.h"

struct secret {
        struct secret *next;
        char name[NAME_TEXT_MAX + 1];
        uint32_t kind;
        char host[HOST_TEXT_MAX + 8], form[SECRET_FORM_MAX + 1], users[256];
        uint64_t created_ms, changed_ms;
        unsigned char *value; /* secret_alloc; never printed, never sent over a link */
        size_t n;
};
struct safe;

MUST_CHECK int safe_open(int state_fd, enum seal_mode mode, int credential, struct safe **ret,
                         struct err *err);
void safe_free(struct safe *s); /* NULL is fine */
DEFINE_CLEANUP(struct safe *, safe_free);
const struct seal *safe_seal(const struct safe *s);
MUST_CHECK int safe_unlock(struct safe *s, const void *phrase, size_t n, struct err *err);
/* A new one, or in the place of that name. -ENOKEY while locked. */
MUST_CHECK int safe_set(struct safe *s, const struct desk_secret *d, struct err *err);
/* Only the value changes. -ENOENT. */
MUST_CHECK int safe_rotate(struct safe *s, const struct desk_secret *d, struct err *err);
MUST_CHECK int safe_remove(struct safe *s, const char *name, struct err *err);
const struct secret *safe_find(const struct safe *s, const char *name); /* NULL = unknown */
const struct secret *safe_first(const struct safe *s);                  /* then ->next */
size_t safe_count(const struct safe *s);
