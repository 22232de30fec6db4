/* seal.h - the key under which secrets lie on disk, and sealing with it (XChaCha20-Poly1305).
 *
 *   file        state/key, 32 random bytes, made 0600 on the first start: protects copies of the
 *               other files, not against root
 *   credential  the key comes from the service manager (systemd's LoadCredential) by descriptor
 *   passphrase  state/key.sealed: a random key sealed under argon2id of the passphrase; until it is
 *               given the vault is locked
 */
#pragma once
#include "base/buf.h"

enum seal_mode { SEAL_FILE, SEAL_CREDENTIAL, SEAL_PASSPHRASE };

struct seal;

/* Opens what there is. credential: descriptor or -1, borrowed. Never NULL on success. */
MUST_CHECK int seal_open(int state_fd, enum seal_mode mode, int credential, struct seal **ret,
                         struct err *err);
void seal_free(struct seal *s); /* wipes; NULL is fine */
DEFINE_CLEANUP(struct seal *, seal_free);
const char *seal_state(const struct seal *s); /* "unlocked", "locked", "new" */
bool seal_is_open(const struct seal *s);
/* -EACCES: not that passphrase. While "new": makes the key. */
MUST_CHECK int seal_unlock(struct seal *s, const void *phrase, size_t n, struct err *err);
/* Appends nonce and sealed bytes; `name` is bound to them. */
MUST_CHECK int seal_put(const struct seal *s, const char *name, const void *p, size_t n,
                        struct buf *out);
/* Opens into locked memory: *ret (secret_free) and its length. -EBADMSG: not ours, or changed. */
MUST_CHECK int seal_get(const struct seal *s, const char *name, const void *p, size_t n,
                        unsigned char **ret, size_t *ret_n);
/* The pair for values that are sent sealed: derived from the key. 32 bytes each. */
void seal_box_keys(const struct seal *s, unsigned char public_key[32],
                   unsigned char secret_key[32]);

/* Locked, guarded, zeroed when freed. Never NULL. */
unsigned char *secret_alloc(size_t n);
void secret_free(unsigned char *p); /* NULL is fine */
DEFINE_CLEANUP(unsigned char *, secret_free);
