/* disk.h - a file system of a given size in a file of ours, for hosts whose own has no quota. */
#pragma once
#include "box/box.h"

/* Whether mkfs.ext4 and loop devices are here; found out once. */
bool disk_loop_works(void);

enum disk_kind {
        DISK_SCRATCH, /* thrown away, never repaired: no journal */
        DISK_VOLUME,  /* with a journal */
};
/* Makes an ext4 of that size in the file `name` below dir: slow, for a helper. On failure there is no
 * file. */
MUST_CHECK int disk_make(int dir, const char *name, uint64_t bytes, enum disk_kind kind,
                         struct err *err);
/* Mounts it: a detached mount. `last`: the file has no name any more then; it, the loop device and
 * all that was written go with the last mount. One that is mounted already, by an earlier launch, is
 * the same file system. */
MUST_CHECK int disk_mount(int dir, const char *name, bool last, struct err *err);

/* As box_create, behind a helper that makes its disk where it gets one of its own: disk_create.c. */
void box_create_with_disk(struct boxes *all, const char *asker, const struct launch_spec *spec,
                          int command, struct peer_request *rq);
