/* images.h - images in requests for sandboxes. */
#pragma once
#include "api/call.h"
#include "link/launch.h"

/* What the image that s->image names brings: its layers; variables, working directory and entrypoint
 * where the body says nothing. -ENOENT: the caller has none of that name. */
MUST_CHECK int image_apply(struct call *c, struct launch_spec *s, struct err *err);
