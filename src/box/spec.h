/* spec.h - the bounds of a launch_spec. The asker has checked everything that depends on users and
 * names; here the more trusted side checks again what the kernel will see. */
#pragma once
#include "link/launch.h"
#include "base/err.h"

#define BOX_WORKDIR     "/work"
#define BOX_UID         1000          /* the command's user and group id, inside */
#define BOX_MEMORY_MIN  (4ull << 20)  /* init and a small program; below, nothing starts */
#define BOX_BYTES_MAX   (1ull << 42)  /* 4 TiB of memory or disk: a mistake in units */
#define BOX_DISK_MIN    (64ull << 10) /* the skeleton of the root */
#define BOX_PIDS_MAX    32768         /* pid_max of a small host */
#define BOX_CPU_MIN     10            /* thousandths; the kernel's least quota is 1 ms in 100 */
#define BOX_CPU_MAX     1024000       /* 1024 cores */
#define BOX_WALL_MS_MAX (30ull * 86400000) /* thirty days */

/* 0, or -EINVAL with the field's name and what was expected. */
MUST_CHECK int spec_check(const struct launch_spec *s, struct err *err);
