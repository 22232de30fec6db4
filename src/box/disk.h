/* disk.h - a file system of a given size in a file of ours, for hosts whose own has no quota. */
#pragma once
#include "base/err.h"

/* Whether mkfs.ext4 and loop devices are here; found out once. */
bool disk_loop_works(void);
/* Makes an ext4 of that size in the file `name` below dir and mounts it: a detached mount. The file
 * has no name any more then: it, the loop device and all that was written go with the last mount. */
MUST_CHECK int disk_loop(int dir, const char *name, uint64_t bytes, struct err *err);
