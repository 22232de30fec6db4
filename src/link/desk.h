/* desk.h - verbs of the vault's own socket (the path of the server's socket + ".vault", mode 0600):
 * where an operator hands in secrets. The command line speaks it directly, so that no other role
 * ever holds a value. No verb returns one.
 */
#pragma once
#include "link/link.h"
#include "link/vault.h"

#define SECRET_VALUE_MAX 32768 /* a key, a certificate chain, a service account */

enum desk_verb {
        DESK_STATUS = 1, /* vault_empty -> desk_status */
        DESK_SET,        /* desk_secret -> vault_empty: a new value and a new binding */
        DESK_ROTATE,     /* desk_secret, host and form empty -> vault_empty: only a new value */
        DESK_LIST,       /* vault_empty -> desk_secret parts without value; the last has no name */
        DESK_REMOVE,     /* desk_name -> vault_empty */
        DESK_AUDIT,  /* desk_from -> desk_line parts, at most DESK_LINES_MAX; the last is empty */
        DESK_UNLOCK, /* desk_phrase -> vault_empty; the first one makes the key */
};

struct desk_status {
        char state[16];          /* "unlocked", "locked", "new": no passphrase was ever given */
        struct slice public_key; /* 32 bytes, for values sent sealed; none while locked */
};
struct desk_name {
        char name[NAME_TEXT_MAX + 1];
};
#define DESK_LINES_MAX 256
struct desk_from {
        uint64_t n; /* the first line that is wanted; they count from 1 */
};
struct desk_line {
        struct slice line;
};
struct desk_phrase {
        struct slice phrase;
};
struct desk_secret {
        char name[NAME_TEXT_MAX + 1];
        uint32_t kind;                /* enum secret_kind */
        char host[HOST_TEXT_MAX + 8]; /* route: the upstream it is for, "api.example.org[:PORT]" */
        char form[SECRET_FORM_MAX + 1]; /* route: how it is added, see vault/inject.h */
        char users[256]; /* file: who may have it, "u1000|ann"; "*" all; "" the setter */
        uint64_t created_ms, changed_ms;
        struct slice value;
};

extern const struct link_spec desk_link;
