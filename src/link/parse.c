#include "link/parse.h"

#define E struct parse_entry
#define B struct parse_block
#define D struct parse_end
static const struct wire_field scan_fields[] = {WIRE_STR(struct parse_scan, prefix), WIRE_END};
static const struct wire_field file_fields[] = {WIRE_STR(struct parse_file, path),
                                                WIRE_STR(struct parse_file, unless_hash), WIRE_END};
static const struct wire_field entry_fields[] = {WIRE_STR(E, path),     WIRE_U64(E, size),
                                                 WIRE_U64(E, inode),    WIRE_I64(E, mtime_ns),
                                                 WIRE_I64(E, ctime_ns), WIRE_END};
static const struct wire_field scanned_fields[] = {
        WIRE_U32(struct parse_scanned, error), WIRE_STR(struct parse_scanned, reason),
        WIRE_U64(struct parse_scanned, files), WIRE_U64(struct parse_scanned, skipped), WIRE_END};
static const struct wire_field block_fields[] = {WIRE_U32(B, kind), WIRE_U32(B, level),
                                                 WIRE_U32(B, page),
                                                 WIRE_BYTES(B, text, PARSE_TEXT_MAX), WIRE_END};
static const struct wire_field end_fields[] = {
        WIRE_U32(D, status),   WIRE_STR(D, reason),   WIRE_STR(D, type), WIRE_STR(D, title),
        WIRE_U32(D, pages),    WIRE_STR(D, hash),     WIRE_U64(D, size), WIRE_U64(D, inode),
        WIRE_I64(D, mtime_ns), WIRE_I64(D, ctime_ns), WIRE_U32(D, racy), WIRE_END};
#define P struct parse_pack
static const struct wire_field pack_fields[] = {
        WIRE_STR(P, folder), WIRE_STR(P, name),    WIRE_STR(P, languages), WIRE_U32(P, precision),
        WIRE_U32(P, given),  WIRE_STR(P, passage), WIRE_STR(P, query),     WIRE_END};
#undef P
static const struct wire_field packed_fields[] = {WIRE_U32(struct parse_packed, error),
                                                  WIRE_STR(struct parse_packed, reason), WIRE_END};
#undef E
#undef B
#undef D

static const struct wire_type scan = {"scan", sizeof(struct parse_scan), scan_fields};
static const struct wire_type file = {"file", sizeof(struct parse_file), file_fields};
static const struct wire_type entry = {"entry", sizeof(struct parse_entry), entry_fields};
static const struct wire_type scanned = {"scanned", sizeof(struct parse_scanned), scanned_fields};
static const struct wire_type block = {"block", sizeof(struct parse_block), block_fields};
static const struct wire_type end = {"end", sizeof(struct parse_end), end_fields};
static const struct wire_type pack = {"pack", sizeof(struct parse_pack), pack_fields};
static const struct wire_type packed = {"packed", sizeof(struct parse_packed), packed_fields};

static const struct frame_verb verbs[] = {
        {PARSE_SCAN, "scan", &scan},       {PARSE_FILE, "file", &file},
        {PARSE_ENTRY, "entry", &entry},    {PARSE_SCANNED, "scanned", &scanned},
        {PARSE_BLOCK, "block", &block},    {PARSE_END, "end", &end},
        {PARSE_PACK, "pack", &pack},       {PARSE_PART, "part", NULL},
        {PARSE_PACKED, "packed", &packed},
};
const struct frame_spec parse_frames = {"parse", verbs, ARRAY_LEN(verbs)};

const char *parse_status_text(uint32_t status)
{
        static const char *const text[] = {
                [PARSE_INDEXED] = "indexed",
                [PARSE_PARTIAL] = "partial",
                [PARSE_ENCRYPTED] = "encrypted",
                [PARSE_NO_TEXT] = "no-text",
                [PARSE_UNSUPPORTED] = "unsupported",
                [PARSE_FAILED] = "failed",
                [PARSE_SAME] = "same",
        };
        return status < ARRAY_LEN(text) && text[status] ? text[status] : "unknown";
}
