#include "link/vault.h"

static const struct wire_field empty_fields[] = {WIRE_U32(struct vault_empty, unused), WIRE_END};
static const struct wire_field id_fields[] = {WIRE_STR(struct vault_id, id), WIRE_END};
static const struct wire_field status_fields[] = {WIRE_STR(struct vault_status, state),
                                                  WIRE_U32(struct vault_status, secrets),
                                                  WIRE_U32(struct vault_status, routes), WIRE_END};
static const struct wire_field sandbox_fields[] = {
        WIRE_STR(struct vault_sandbox, id), WIRE_STR(struct vault_sandbox, owner),
        WIRE_BYTES(struct vault_sandbox, policy, POLICY_TEXT_MAX), WIRE_END};
static const struct wire_field counter_fields[] = {WIRE_STR(struct vault_counter, route),
                                                   WIRE_U64(struct vault_counter, allowed),
                                                   WIRE_U64(struct vault_counter, denied),
                                                   WIRE_U64(struct vault_counter, failed),
                                                   WIRE_U64(struct vault_counter, up),
                                                   WIRE_U64(struct vault_counter, down),
                                                   WIRE_U64(struct vault_counter, input),
                                                   WIRE_U64(struct vault_counter, output),
                                                   WIRE_U64(struct vault_counter, cache_write),
                                                   WIRE_U64(struct vault_counter, cache_read),
                                                   WIRE_U64(struct vault_counter, micro_usd),
                                                   WIRE_U32(struct vault_counter, open),
                                                   WIRE_END};
static const struct wire_field tested_fields[] = {
        WIRE_U32(struct vault_tested, fine), WIRE_U32(struct vault_tested, status),
        WIRE_STR(struct vault_tested, text), WIRE_U64(struct vault_tested, us), WIRE_END};
static const struct wire_field open_fields[] = {WIRE_STR(struct vault_open, route),
                                                WIRE_STR(struct vault_open, owner), WIRE_END};
static const struct wire_field deliver_fields[] = {
        WIRE_STR(struct vault_deliver, sandbox), WIRE_STR(struct vault_deliver, owner),
        WIRE_STR(struct vault_deliver, secret), WIRE_END};
static const struct wire_field dial_fields[] = {WIRE_STR(struct vault_dial, sandbox),
                                                WIRE_STR(struct vault_dial, host),
                                                WIRE_U32(struct vault_dial, port), WIRE_END};
static const struct wire_field key_fields[] = {WIRE_STR(struct vault_key, state),
                                               WIRE_BYTES(struct vault_key, public_key, 32),
                                               WIRE_BYTES(struct vault_key, ticket, 32), WIRE_END};
static const struct wire_field sealed_fields[] = {
        WIRE_STR(struct vault_sealed, name), WIRE_U32(struct vault_sealed, rotate),
        WIRE_STR(struct vault_sealed, setter),
        WIRE_BYTES(struct vault_sealed, envelope, SEALED_MAX), WIRE_END};
#define S struct vault_secret
static const struct wire_field secret_fields[] = {
        WIRE_STR(S, name),  WIRE_U32(S, kind),       WIRE_STR(S, host),       WIRE_STR(S, form),
        WIRE_STR(S, users), WIRE_U64(S, created_ms), WIRE_U64(S, changed_ms), WIRE_END};
#undef S
static const struct wire_field name_fields[] = {WIRE_STR(struct vault_name, name), WIRE_END};

static const struct wire_type empty = {"empty", sizeof(struct vault_empty), empty_fields};
static const struct wire_type id = {"id", sizeof(struct vault_id), id_fields};
static const struct wire_type status = {"status", sizeof(struct vault_status), status_fields};
static const struct wire_type sandbox = {"sandbox", sizeof(struct vault_sandbox), sandbox_fields};
static const struct wire_type counter = {"counter", sizeof(struct vault_counter), counter_fields};
static const struct wire_type tested = {"tested", sizeof(struct vault_tested), tested_fields};
static const struct wire_type open = {"open", sizeof(struct vault_open), open_fields};
static const struct wire_type deliver = {"deliver", sizeof(struct vault_deliver), deliver_fields};
static const struct wire_type dial = {"dial", sizeof(struct vault_dial), dial_fields};
static const struct wire_type key = {"key", sizeof(struct vault_key), key_fields};
static const struct wire_type sealed = {"sealed", sizeof(struct vault_sealed), sealed_fields};
static const struct wire_type secret = {"secret", sizeof(struct vault_secret), secret_fields};
static const struct wire_type name = {"name", sizeof(struct vault_name), name_fields};

static const struct link_verb verbs[] = {
        {VAULT_STATUS, "status", &empty, &status, 0, 0},
        {VAULT_SANDBOX_ADD, "sandbox-add", &sandbox, &empty, 0, 0},
        {VAULT_SANDBOX_REMOVE, "sandbox-remove", &id, NULL, 0, 0},
        {VAULT_SYNCED, "synced", &empty, NULL, 0, 0},
        {VAULT_ROUTE, "route", &id, &empty, 0, 1},
        {VAULT_DELIVER, "deliver", &deliver, &empty, 1, 0},
        {VAULT_DIAL, "dial", &dial, &empty, 0, 1},
        {VAULT_KEY, "key", &empty, &key, 0, 0},
        {VAULT_SECRET_PUT, "secret-put", &sealed, &empty, 0, 0},
        {VAULT_SECRET_LIST, "secret-list", &empty, &secret, 0, 0},
        {VAULT_SECRET_REMOVE, "secret-remove", &name, &empty, 0, 0},
        {VAULT_COUNTERS, "counters", &empty, &counter, 0, 0},
        {VAULT_TEST, "test", &open, &tested, 0, 0},
        {VAULT_OPEN, "open", &open, &empty, 0, 1},
};
const struct link_spec vault_link = {"vault", 1, verbs, ARRAY_LEN(verbs), 0};
