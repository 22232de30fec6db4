/* yaml_json.h - a YAML file of the host as JSON: maps, lists and scalars, as JSON has them. Plain
 * scalars true, false, null and whole numbers are what they look like; all others are strings.
 * Anchors, aliases, tags, several documents, a key that is given twice, NUL, text that is not UTF-8,
 * nesting beyond 16 and more than 100,000 nodes are refused. */
#pragma once
#include "base/json.h"

#define YAML_JSON_MAX (1u << 20) /* bytes of one file */

/* *ret is a new reference. -EINVAL with the line. */
MUST_CHECK int yaml_to_json(const char *text, size_t n, json_t **ret, struct err *err);
