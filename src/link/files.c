#include "link/files.h"

static const struct wire_field put_fields[] = {
        WIRE_STR(struct files_put, path), WIRE_U64(struct files_put, size),
        WIRE_U64(struct files_put, mtime_ms), WIRE_U32(struct files_put, mode), WIRE_END};
static const struct wire_field get_fields[] = {WIRE_STR(struct files_get, path),
                                               WIRE_U64(struct files_get, offset), WIRE_END};
static const struct wire_field list_fields[] = {WIRE_STR(struct files_list, prefix),
                                                WIRE_STR(struct files_list, after),
                                                WIRE_U32(struct files_list, limit), WIRE_END};
static const struct wire_field remove_fields[] = {WIRE_STR(struct files_remove, path),
                                                  WIRE_U32(struct files_remove, tree), WIRE_END};
static const struct wire_field end_fields[] = {WIRE_U32(struct files_end, keep), WIRE_END};
static const struct wire_field file_fields[] = {
        WIRE_STR(struct files_file, path), WIRE_U64(struct files_file, size),
        WIRE_U64(struct files_file, mtime_ms), WIRE_U32(struct files_file, mode), WIRE_END};
static const struct wire_field done_fields[] = {
        WIRE_U32(struct files_done, error),   WIRE_STR(struct files_done, reason),
        WIRE_U64(struct files_done, count),   WIRE_U32(struct files_done, more),
        WIRE_U32(struct files_done, skipped), WIRE_END};

static const struct wire_type put = {"put", sizeof(struct files_put), put_fields};
static const struct wire_type get = {"get", sizeof(struct files_get), get_fields};
static const struct wire_type list = {"list", sizeof(struct files_list), list_fields};
static const struct wire_type remove_type = {"remove", sizeof(struct files_remove), remove_fields};
static const struct wire_type end = {"end", sizeof(struct files_end), end_fields};
static const struct wire_type file = {"file", sizeof(struct files_file), file_fields};
static const struct wire_type done = {"done", sizeof(struct files_done), done_fields};

static const struct frame_verb verbs[] = {
        {FILES_PUT, "put", &put},    {FILES_GET, "get", &get},
        {FILES_LIST, "list", &list}, {FILES_REMOVE, "remove", &remove_type},
        {FILES_STAT, "stat", &get},  {FILES_UNPACK, "unpack", &get},
        {FILES_PACK, "pack", &get},  {FILES_DATA, "data", NULL},
        {FILES_END, "end", &end},    {FILES_FILE, "file", &file},
        {FILES_DONE, "done", &done},
};
const struct frame_spec files_frames = {"files", verbs, ARRAY_LEN(verbs)};
