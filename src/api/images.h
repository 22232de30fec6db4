/* images.h - images in requests for sandboxes. */
#pragma once
#include "api/call.h"
#include "link/launch.h"

/* A name for an image; else false, answered, with the name of the field. */
bool image_name_good(struct call *c, const char *field, const char *name);
/* What the image that s->image names brings: its layers; variables, working directory and entrypoint
 * where the body (NULL: none) says nothing. -ENOENT: the owner has none of that name. */
MUST_CHECK int image_apply(struct api *a, int64_t owner, json_t *body, struct launch_spec *s,
                           struct err *err);
/* Ends a request for a build or a snapshot: 202 and the job, which begins; b NULL: the error. */
struct build;
void image_job_answer(struct call *c, const char *id, struct build *b, const struct err *err);
