/* pack.h - a directory as a tar: the root of an image from inside, or a copy of a user's files. */
#pragma once
#include "base/err.h"
#include <archive.h>

/* "/" on standard output, without what is mounted there. */
MUST_CHECK int pack_root(struct err *err);
/* What is in the folder, with modes and times, as root's; links as links. Names that an archive of
 * ours may not have (unpack.h) and what is no file, folder or link are left out. */
MUST_CHECK int pack_copy(int dir, int out_fd, struct err *err);
/* The same to wherever the archive writes; it is not opened yet. at_root: dir is "/", where the
 * system's own file systems are left out. */
MUST_CHECK int pack_copy_to(struct archive *out, archive_write_callback *write, void *ctx, int dir,
                            bool at_root, struct err *err);
