/* vault.h - verbs of the vault. Askers: api and gate. The store of secrets, routes, dial and audit
 * are verbs added here; no verb ever returns a secret. */
#pragma once
#include "link/link.h"

enum vault_verb { VAULT_STATUS = 1 };

struct vault_empty {
        uint32_t unused;
};
struct vault_status {
        char state[16]; /* "unlocked": no secret needs a key yet */
        uint32_t secrets, routes;
};

extern const struct link_spec vault_link;
