#include "link/vault.h"

static const struct wire_field empty_fields[] = {WIRE_U32(struct vault_empty, unused), WIRE_END};
static const struct wire_field status_fields[] = {WIRE_STR(struct vault_status, state),
                                                  WIRE_U32(struct vault_status, secrets),
                                                  WIRE_U32(struct vault_status, routes), WIRE_END};
static const struct wire_type empty = {"empty", sizeof(struct vault_empty), empty_fields};
static const struct wire_type status = {"status", sizeof(struct vault_status), status_fields};
static const struct link_verb verbs[] = {{VAULT_STATUS, "status", &empty, &status, 0, 0}};
const struct link_spec vault_link = {"vault", 1, verbs, ARRAY_LEN(verbs), 0};
