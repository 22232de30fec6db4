/* recipe_file.h - a recipe as a person writes it, images/NAME.yaml, as the JSON that the server takes
 * (api/recipe.h): the steps in the order in which they stand, the files of `copy` inside. */
#pragma once
#include "base/json.h"

/* *ret is a new reference. Every problem is told with file and line. -EINVAL, -ENOENT, -EFBIG. */
MUST_CHECK int recipe_file_read(const char *path, json_t **ret, struct err *err);
