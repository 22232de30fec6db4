/* path.h - the path of a request, as it is compared with what a route allows: there is one reading
 * of it, here and at any upstream, or it is refused.
 */
#pragma once
#include "base/err.h"

#define TARGET_PATH_MAX 4096

/* target: "/NAME/rest?query". *ret_rest and *ret_query point into it ("" and NULL when absent). */
MUST_CHECK int target_split(const char *target, char name[64], const char **ret_rest,
                            size_t *ret_rest_n, const char **ret_query);
/* Percent-decodes the path into dst. -EINVAL: an empty, "." or ".." part (decoded), a backslash, a
 * control character, a bad escape; an encoded slash unless `slash_ok`, where it stays encoded. */
MUST_CHECK int path_canonical(const char *path, size_t n, bool slash_ok, char dst[TARGET_PATH_MAX]);
