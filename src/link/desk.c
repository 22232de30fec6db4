#include "link/desk.h"

static const struct wire_field empty_fields[] = {WIRE_U32(struct vault_empty, unused), WIRE_END};
static const struct wire_field status_fields[] = {WIRE_STR(struct desk_status, state),
                                                  WIRE_BYTES(struct desk_status, public_key, 32),
                                                  WIRE_END};
static const struct wire_field name_fields[] = {WIRE_STR(struct desk_name, name), WIRE_END};
static const struct wire_field from_fields[] = {WIRE_U64(struct desk_from, n), WIRE_END};
static const struct wire_field line_fields[] = {WIRE_BYTES(struct desk_line, line, 16384),
                                                WIRE_END};
static const struct wire_field phrase_fields[] = {WIRE_BYTES(struct desk_phrase, phrase, 1024),
                                                  WIRE_END};
#define S struct desk_secret
static const struct wire_field secret_fields[] = {WIRE_STR(S, name),
                                                  WIRE_U32(S, kind),
                                                  WIRE_STR(S, host),
                                                  WIRE_STR(S, form),
                                                  WIRE_STR(S, users),
                                                  WIRE_U64(S, created_ms),
                                                  WIRE_U64(S, changed_ms),
                                                  WIRE_BYTES(S, value, SECRET_VALUE_MAX),
                                                  WIRE_END};
#undef S
static const struct wire_type empty = {"empty", sizeof(struct vault_empty), empty_fields};
static const struct wire_type status = {"status", sizeof(struct desk_status), status_fields};
static const struct wire_type name = {"name", sizeof(struct desk_name), name_fields};
static const struct wire_type from = {"from", sizeof(struct desk_from), from_fields};
static const struct wire_type line = {"line", sizeof(struct desk_line), line_fields};
static const struct wire_type phrase = {"phrase", sizeof(struct desk_phrase), phrase_fields};
static const struct wire_type secret = {"secret", sizeof(struct desk_secret), secret_fields};

static const struct link_verb verbs[] = {
        {DESK_STATUS, "status", &empty, &status, 0, 0}, {DESK_SET, "set", &secret, &empty, 0, 0},
        {DESK_ROTATE, "rotate", &secret, &empty, 0, 0}, {DESK_LIST, "list", &empty, &secret, 0, 0},
        {DESK_REMOVE, "remove", &name, &empty, 0, 0},   {DESK_AUDIT, "audit", &from, &line, 0, 0},
        {DESK_UNLOCK, "unlock", &phrase, &empty, 0, 0},
};
const struct link_spec desk_link = {"desk", 1, verbs, ARRAY_LEN(verbs), 0};
