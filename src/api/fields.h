/* fields.h - the shape of a JSON object as data: what is accepted, what is answered, and the
 * schemas of the OpenAPI document. */
#pragma once
#include "base/json.h"

enum field_type {
        FIELD_STR,
        FIELD_U64,
        FIELD_I64,
        FIELD_NUM, /* a number with a fraction */
        FIELD_BOOL,
        FIELD_OBJ,   /* of `of` */
        FIELD_LIST,  /* of objects of `of` */
        FIELD_STRS,  /* a list of strings */
        FIELD_MAP,   /* an object whose values are strings */
        FIELD_TEXTS, /* a string or a list of strings */
        FIELD_ANY,   /* of an answer: one of several types */
};

struct field {
        const char *name;
        enum field_type type;
        bool required; /* in an answer: never null */
        const char *doc;
        const struct field *of;
};
#define FIELD_END                                                                                  \
        {                                                                                          \
                .name = NULL                                                                       \
        }

/* Every key known, every required one there, every type right; 0 or -EINVAL with the field's name
 * ("volumes[0].target: expected a string"). */
MUST_CHECK int fields_check(const json_t *o, const struct field *fields, struct err *err);
/* The JSON Schema of an object; a new reference. */
json_t *fields_schema(const struct field *fields);
json_t *field_schema(const struct field *f);
