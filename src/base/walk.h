/* walk.h - files below a directory that somebody hostile filled: no symbolic link is ever followed,
 * nothing above the directory is ever reached (openat2 RESOLVE_BENEATH and NO_SYMLINKS), nothing
 * but regular files is ever opened.
 */
#pragma once
#include "base/err.h"
#include <sys/types.h>

#define WALK_HIDDEN ".paddock-" /* names that begin so are ours and never shown */
/* True when a part of the path begins with a dash: nobody makes such a file through us, because the
 * next program would take its name for an option. */
bool walk_has_dash(const char *path);

struct walk_file {
        const char *path; /* relative to the root; lives during the call */
        uint64_t size, inode;
        int64_t mtime_ns, ctime_ns;
};
/* 0 = go on, 1 = enough, negative = fail with it. */
typedef int (*walk_fn)(void *ctx, const struct walk_file *f);

/* Calls fn for every regular file below root whose path begins with prefix and is greater than
 * after ("" = no condition), in the order of the paths' bytes. What is left out (links, devices,
 * names that no path may hold, folders that cannot be read) is counted in *skipped. The result of
 * fn when that was not 0; else 0 or a negative errno. */
MUST_CHECK int walk_files(int root, const char *prefix, const char *after, walk_fn fn, void *ctx,
                          uint64_t *skipped, struct err *err);
/* openat below root, O_CLOEXEC added. -ELOOP, -EXDEV for what leads out. */
MUST_CHECK int open_beneath(int root, const char *path, int flags, mode_t mode);
/* For reading, and a regular file for certain: -ENOENT for everything else that is there, but
 * -EISDIR for a folder. Never blocks on a pipe. */
MUST_CHECK int open_regular_beneath(int root, const char *path);
