/* secret_remote.h - secrets of a server elsewhere: values are sealed here, to the key of its vault.
 *
 * The key is known by its fingerprint: --vault-key, or the one in the file vault-keys of the
 * configuration directory, where the first one that is seen is written down. Another one is refused.
 */
#pragma once
#include "cli/remote.h"
#include "link/desk.h"

struct vault_meant {
        unsigned char key[32], ticket[32];
};
/* Asks for the key and checks it. */
MUST_CHECK int secret_remote_key(const struct invocation *inv, const struct remote *where,
                                 struct vault_meant *ret, struct err *err);
/* Seals and sends it; verb as in link/desk.h. */
MUST_CHECK int secret_remote_put(const struct remote *where, const struct vault_meant *vault,
                                 uint32_t verb, const struct desk_secret *d, struct err *err);
