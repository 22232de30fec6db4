#include "link/keep.h"

static const struct wire_field key_fields[] = {WIRE_STR(struct keep_key, id),
                                               WIRE_STR(struct keep_key, name), WIRE_END};
static const struct wire_field entry_fields[] = {WIRE_STR(struct keep_entry, id),
                                                 WIRE_STR(struct keep_entry, name),
                                                 WIRE_U32(struct keep_entry, n_fds), WIRE_END};
static const struct wire_field done_fields[] = {WIRE_U32(struct keep_done, n), WIRE_END};

static const struct wire_type key = {"key", sizeof(struct keep_key), key_fields};
static const struct wire_type entry = {"entry", sizeof(struct keep_entry), entry_fields};
static const struct wire_type done = {"done", sizeof(struct keep_done), done_fields};

static const struct link_verb verbs[] = {
        {KEEP_PUT, "put", &key, &done, LINK_FDS_MAX, 0},
        {KEEP_GET, "get", &key, &done, 0, LINK_FDS_MAX},
        {KEEP_DROP, "drop", &key, &done, 0, 0},
        {KEEP_LIST, "list", &key, &entry, 0, 0},
};
const struct link_spec keep_link = {"keep", 1, verbs, ARRAY_LEN(verbs), 1};
