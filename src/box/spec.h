/* spec.h - the bounds of a launch_spec. The asker has checked everything that depends on users and
 * names; here the more trusted side checks again what the kernel will see, against base/limits.h. */
#pragma once
#include "link/launch.h"
#include "base/err.h"
#include "base/limits.h"

#define BOX_WORKDIR "/work"
#define BOX_UID     1000 /* the command's user and group id, inside */

/* 0, or -EINVAL with the field's name and what was expected; -ENOTSUP for what this launch does not
 * do. */
MUST_CHECK int spec_check(const struct launch_spec *s, struct err *err);
MUST_CHECK int spec_check_exec(const struct launch_exec *e, struct err *err);
