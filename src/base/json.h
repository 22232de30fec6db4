/* json.h - a thin shell over jansson: ownership by scope guard, and reading of fields with one
 * sentence on what is wrong. json_t is jansson's; references are owned as its manual says.
 *
 *     auto_json json_t *o = NULL;
 *     r = json_parse(text, n, &o, err);
 *     r = json_read_str(o, "name", JSON_REQUIRED, name, sizeof name, err);
 */
#pragma once
#include "base/err.h"
#include <jansson.h>

#define auto_json CLEANUP(json_decrefp) /* jansson defines json_decrefp */

enum json_need { JSON_OPTIONAL, JSON_REQUIRED };

/* One object or array, nested as deep as jansson allows (2048), no duplicate keys. *ret is a new
 * reference. */
MUST_CHECK int json_parse(const char *text, size_t n, json_t **ret, struct err *err);
/* Compact text, free() it; keys keep their order. Never NULL. */
char *json_text(const json_t *j);
char *json_pretty(const json_t *j);
/* Fields of an object. An optional one that is absent or null leaves *ret as it was and returns 0;
 * 1 when it was there. -EINVAL with the field's name in err when it has another type or range. */
MUST_CHECK int json_read_str(const json_t *o, const char *key, enum json_need need, char *ret,
                             size_t size, struct err *err);
MUST_CHECK int json_read_u64(const json_t *o, const char *key, enum json_need need, uint64_t min,
                             uint64_t max, uint64_t *ret, struct err *err);
MUST_CHECK int json_read_bool(const json_t *o, const char *key, enum json_need need, bool *ret,
                              struct err *err);
/* A string reference from bytes that may not be UTF-8: bad bytes become U+FFFD. Never NULL. */
json_t *json_str_lossy(const char *s, size_t n);
