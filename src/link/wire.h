/* wire.h - the codec of every link: a struct described by a table of its fields.
 *
 * A verb's request and answer are plain C structs of fixed size. One table per struct says which
 * members travel, in which order and how long they may be; the same table encodes, decodes, checks
 * and is fuzzed. Nothing is trusted: a length over its maximum, a NUL inside a string, a list that
 * is too long, bytes missing or left over are -EPROTO with the field's name, and the struct is then
 * not to be used.
 *
 *     struct ping { char text[32]; uint64_t n; };
 *     static const struct wire_field ping_fields[] = {
 *             WIRE_STR(struct ping, text),
 *             WIRE_U64(struct ping, n),
 *             WIRE_END,
 *     };
 *     static const struct wire_type ping_type = {"ping", sizeof(struct ping), ping_fields};
 *
 * On the wire: u32, u64, i64 little-endian; strings and bytes as u32 length then the bytes; a list
 * as u32 count, then its elements. A decoded `struct slice` points into the message: it lives as
 * long.
 */
#pragma once
#include "base/buf.h"

struct slice {
        const char *data;
        size_t len;
};
static inline struct slice slice_of(const char *s)
{
        return (struct slice){s, strlen(s)};
}

enum wire_kind {
        WIRE_KIND_END,
        WIRE_KIND_U32,
        WIRE_KIND_U64,
        WIRE_KIND_I64,
        WIRE_KIND_STR,
        WIRE_KIND_BYTES,
        WIRE_KIND_LIST
};

struct wire_field;
struct wire_type {
        const char *name;
        size_t size;                     /* sizeof the struct */
        const struct wire_field *fields; /* ends with WIRE_END; NULL: nothing travels */
};
struct wire_field {
        const char *name;
        enum wire_kind kind;
        size_t offset;
        size_t max;          /* STR: array size; BYTES: longest; LIST: elements of the array */
        size_t count_offset; /* LIST: where the uint32_t count is */
        const struct wire_type *type; /* LIST: of an element */
};

#define WIRE_U32(t, m)                                                                             \
        {                                                                                          \
#m, WIRE_KIND_U32, offsetof(t, m), 0, 0, NULL                                      \
        }
#define WIRE_U64(t, m)                                                                             \
        {                                                                                          \
#m, WIRE_KIND_U64, offsetof(t, m), 0, 0, NULL                                      \
        }
#define WIRE_I64(t, m)                                                                             \
        {                                                                                          \
#m, WIRE_KIND_I64, offsetof(t, m), 0, 0, NULL                                      \
        }
#define WIRE_STR(t, m)                                                                             \
        {                                                                                          \
#m, WIRE_KIND_STR, offsetof(t, m), sizeof(((t *)0)->m), 0, NULL                    \
        }
#define WIRE_BYTES(t, m, max)                                                                      \
        {                                                                                          \
#m, WIRE_KIND_BYTES, offsetof(t, m), max, 0, NULL                                  \
        }
#define WIRE_LIST(t, m, n, elem)                                                                   \
        {                                                                                          \
#m, WIRE_KIND_LIST, offsetof(t, m), ARRAY_LEN(((t *)0)->m), offsetof(t, n), elem   \
        }
#define WIRE_END                                                                                   \
        {                                                                                          \
                NULL, WIRE_KIND_END, 0, 0, 0, NULL                                                 \
        }

/* Appends the encoded struct. -EINVAL when a value of ours breaks its own table, -E2BIG. */
MUST_CHECK int wire_encode(const struct wire_type *t, const void *obj, struct buf *b,
                           struct err *err);
/* Fills obj (t->size bytes, zeroed first) from exactly n bytes. -EPROTO. */
MUST_CHECK int wire_decode(const struct wire_type *t, const char *p, size_t n, void *obj,
                           struct err *err);
