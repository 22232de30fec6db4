/* template.h - a template as it is stored: a name of an owner for an image and what is to be warm in
 * it. Of runtime python there is a process that has imported its modules, which sandboxes are
 * forked from (warm.h); of runtime shell there is none, launch makes sandboxes of the image ahead. */
#pragma once
#include "api/api.h"
#include "base/json.h"

enum template_runtime { TEMPLATE_PYTHON, TEMPLATE_SHELL };

struct template
{
        int64_t owner;
        char owner_name[NAME_TEXT_MAX + 1];
        char name[NAME_TEXT_MAX + 1];
        char image[NAME_TEXT_MAX + 1];
        enum template_runtime runtime;
        uint64_t memory_bytes; /* of its process */
        json_t *imports;       /* names of modules */
};

/* The owner's template of that name: -ENOENT. */
MUST_CHECK int template_load(struct api *a, int64_t owner, const char *name, struct template *ret,
                             struct err *err);
/* From the JSON of a request or of the store; every error names the field. */
MUST_CHECK int template_read(const struct api *a, const json_t *o, struct template *ret,
                             struct err *err);
json_t *template_kept(const struct template *t); /* what template_read reads; a new reference */
void template_done(struct template *t);
