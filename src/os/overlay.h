/* overlay.h - one directory tree made of several: read-only lower ones and one that takes the
 * changes. Layers are given as mounts, by descriptor; no path of anybody is walked.
 *
 *     struct overlay o = {.lowers = fds, .n_lowers = 3, .upper = up, .work = work};
 *     fd = overlay_new(&o, MOUNT_NODEV, err);
 */
#pragma once
#include "base/err.h"

#define OVERLAY_LOWERS_MAX 72

struct overlay {
        const int *lowers; /* lowest first; detached mounts, or O_PATH directories */
        size_t n_lowers;
        int upper, work; /* directories of one mount; -1: read-only */
        bool userxattr;  /* the caller is root of a user namespace only */
        /* For kernels before 6.15, which take no detached mounts: an empty directory of a mount of
         * the caller's namespace where they are attached for a moment; -1: not needed. */
        int stage;
};

/* A detached mount. `upper` and `work` must stay open until it is made, not longer. */
MUST_CHECK int overlay_new(const struct overlay *o, int attrs, struct err *err);
/* Whether this kernel takes detached mounts as layers. */
bool overlay_takes_detached(void);
