/* confine.h - the confinement that a role puts on itself after exec, before it reads a byte from
 * anybody but serve: not dumpable, no core, Landlock, seccomp. */
#pragma once
#include "role/table.h"
#include "base/err.h"

/* Fails closed: a layer of the row that the kernel refuses is an error; a kernel without Landlock
 * is not (the mount namespace stands), it is reported through *ret_landlock = 0. */
MUST_CHECK int role_confine(const struct role_row *row, int *ret_landlock, struct err *err);
