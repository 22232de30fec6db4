/* walk.h - the files below the paths that the caller named, found with the caller's rights.
 *
 * A path that was named is followed if it is a link; below it nothing is: what a link inside points
 * to is either found by itself or not meant. Hidden entries, FIFOs, devices and sockets are left
 * out. A directory that cannot be read is reported like a file.
 */
#pragma once
#include "base/err.h"
#include <sys/stat.h>

struct walk {
        /* One regular file, to be opened by openat(dirfd, name, O_NOFOLLOW); path is its name in
         * the volume. Negative: ends the walk. */
        int (*file)(void *ctx, int dirfd, const char *name, const char *path, const struct stat *st,
                    struct err *err);
        void (*problem)(void *ctx, const char *path, const char *reason);
        void *ctx;
};

/* path_prefix: below which the name of `path` goes; "" none. */
MUST_CHECK int walk_path(const struct walk *w, const char *path, const char *path_prefix,
                         struct err *err);
