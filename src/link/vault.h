/* vault.h - verbs of the vault. Askers: api, gate, launch; each has a table of handlers of its own
 * there, so that a verb of another asker ends the link. No verb ever returns a secret.
 *
 *   launch  says which sandboxes there are and what each may do (SANDBOX_ADD, _REMOVE), and SYNCED
 *           once after each new link when all that run have been named.
 *   gate    asks for connections: DIAL. It decides nothing: what it asks for is checked against
 *           what launch said.
 *   api     STATUS, COUNTERS, TEST; KEY, SECRET_PUT, SECRET_LIST, SECRET_REMOVE for operators that come by HTTP:
 *           values are sealed to the vault (link/envelope.h), api never holds one.
 *   api and rag use routes themselves, where the operator's line of a route names them (roles=):
 *           OPEN. The answer is a stream on which HTTP/1.1 requests are answered; vault connects,
 *           adds the key, counts and writes the audit line. So no role holds a connection of its own
 *           to the outside, nor a key. net/route_call.h makes one request of it.
 */
#pragma once
#include "link/link.h"

enum vault_verb {
        VAULT_STATUS = 1,     /* vault_empty -> vault_status */
        VAULT_SANDBOX_ADD,    /* vault_sandbox -> vault_empty; replaces what was known of that id */
        VAULT_SANDBOX_REMOVE, /* event: vault_id; what it had open is cut */
        VAULT_SYNCED,         /* event: vault_empty */
        VAULT_ROUTE,   /* vault_id -> vault_empty + [stream]: requests for routes, HTTP/1.1 with
                                 targets "/ROUTE/...", as the sandbox of that id */
        VAULT_DELIVER, /* vault_deliver + [where to] -> vault_empty: a file secret is written;
                                 -ENOENT also where it is not for that owner */
        VAULT_DIAL,    /* vault_dial -> vault_empty + [connected socket] */
        VAULT_KEY,     /* vault_empty -> vault_key: the public key, and a ticket for one envelope */
        VAULT_SECRET_PUT,    /* vault_sealed -> vault_empty */
        VAULT_SECRET_LIST,   /* vault_empty -> vault_secret parts; the last has no name */
        VAULT_SECRET_REMOVE, /* vault_name -> vault_empty */
        VAULT_TEST,          /* vault_open -> vault_tested: a real request; api, for operators */
        VAULT_COUNTERS,      /* vault_empty -> vault_counter parts; the last has no route */
        VAULT_OPEN, /* vault_open -> vault_empty + [stream]: requests of the asking role, HTTP/1.1
                                 with targets below that route's upstream, "/v1/embeddings"; many on
                                 one stream, one after the other. -ENOENT: no such route for it */
};

#define HOST_TEXT_MAX   253   /* a DNS name (RFC 1035) */
#define POLICY_TEXT_MAX 16384 /* of one sandbox */
#define SECRET_FORM_MAX 127
#define SEALED_MAX      40960 /* an envelope with the longest value */

enum secret_kind { SECRET_ROUTE = 1, SECRET_FILE };

struct vault_empty {
        uint32_t unused;
};
struct vault_id {
        char id[ID_TEXT_LEN + 1];
};
/* Since the vault started. */
struct vault_counter {
        char route[NAME_TEXT_MAX + 1]; /* "-": tunnels and plain requests through the proxy */
        uint64_t allowed, denied, failed, up, down; /* requests or connections; bytes of bodies */
        uint64_t input, output, cache_write, cache_read, micro_usd;
        uint32_t open; /* now */
};
struct vault_status {
        char state[16]; /* "unlocked": no secret needs a key yet */
        uint32_t secrets, routes;
};
/* Lines, see vault/policy.h: "allow HOST[:PORT]", "route NAME", "label KEY=VALUE",
 * "name NAME" of the sandbox, "by PRINCIPAL" who set it. */
struct vault_sandbox {
        char id[ID_TEXT_LEN + 1];
        char owner[NAME_TEXT_MAX + 1];
        struct slice policy;
};
struct vault_open {
        char route[NAME_TEXT_MAX + 1];
        char owner[NAME_TEXT_MAX + 1]; /* on whose behalf: limits and audit; "": Paddock's own */
};
struct vault_tested {
        uint32_t fine, status; /* status: of the upstream; 0: it did not come so far */
        char text[256];        /* what is wrong, or that it answers */
        uint64_t us;
};
struct vault_deliver {
        char sandbox[ID_TEXT_LEN + 1];
        char owner[NAME_TEXT_MAX + 1], secret[NAME_TEXT_MAX + 1];
};
/* Answers that are no answer of the network: -ENOENT no such sandbox, -EACCES denied by policy,
 * -EINVAL not a host. */
struct vault_dial {
        char sandbox[ID_TEXT_LEN + 1];
        char host[HOST_TEXT_MAX + 1]; /* a name or a literal address, without brackets */
        uint32_t port;
};
struct vault_key {
        char state[16];                  /* as desk_status has it */
        struct slice public_key, ticket; /* none while locked */
};
struct vault_sealed {
        char name[NAME_TEXT_MAX + 1];   /* what the envelope says, or it is refused */
        uint32_t rotate;                /* the same: only a new value */
        char setter[NAME_TEXT_MAX + 1]; /* whose a file secret is that names nobody */
        struct slice envelope;
};
struct vault_secret { /* never its value */
        char name[NAME_TEXT_MAX + 1];
        uint32_t kind;
        char host[HOST_TEXT_MAX + 8], form[SECRET_FORM_MAX + 1], users[256];
        uint64_t created_ms, changed_ms;
};
struct vault_name {
        char name[NAME_TEXT_MAX + 1];
};

extern const struct link_spec vault_link;
