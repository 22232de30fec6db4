/* inject.h - how a secret is added to a request: part of what it is bound to.
 *
 *     bearer            authorization: Bearer VALUE
 *     header:NAME       NAME: VALUE
 *     basic:USER        authorization: Basic base64(USER:VALUE)
 *     query:NAME        ?NAME=VALUE, percent-encoded
 *     none              nothing is added
 */
#pragma once
#include "base/buf.h"
#include "link/desk.h"

enum inject_kind { INJECT_NONE, INJECT_BEARER, INJECT_HEADER, INJECT_BASIC, INJECT_QUERY };
struct inject {
        enum inject_kind kind;
        char name[SECRET_FORM_MAX + 1]; /* of header or parameter, or the user */
};

MUST_CHECK int inject_parse(const char *text, struct inject *ret, struct err *err);
/* The header field that it writes: "authorization", or the header's own; NULL: none. */
const char *inject_field(const struct inject *i);
/* Appends "name: value\r\n". -EINVAL when the value has bytes that no header has. */
MUST_CHECK int inject_put(const struct inject *i, const unsigned char *value, size_t n,
                          struct buf *out);
/* INJECT_QUERY: appends "NAME=VALUE", encoded. */
MUST_CHECK int inject_query(const struct inject *i, const unsigned char *value, size_t n,
                            struct buf *out);
