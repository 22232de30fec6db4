#include "link/gate.h"

static const struct wire_field empty_fields[] = {WIRE_U32(struct gate_empty, unused), WIRE_END};
static const struct wire_field id_fields[] = {WIRE_STR(struct gate_id, id), WIRE_END};
static const struct wire_field listener_fields[] = {WIRE_STR(struct gate_listener, id),
                                                    WIRE_U32(struct gate_listener, kind), WIRE_END};
static const struct wire_type empty = {"empty", sizeof(struct gate_empty), empty_fields};
static const struct wire_type id = {"id", sizeof(struct gate_id), id_fields};
static const struct wire_type listener = {"listener", sizeof(struct gate_listener),
                                          listener_fields};
static const struct link_verb verbs[] = {
        {GATE_LISTEN, "listen", &listener, &empty, 1, 0},
        {GATE_CLOSE, "close", &id, NULL, 0, 0},
};
const struct link_spec gate_link = {"gate", 1, verbs, ARRAY_LEN(verbs), 0};
