/* tar.h - the files of a `copy` as a ustar archive in memory: the least of what `unpack` reads. */
#pragma once
#include "base/buf.h"

/* Appends what is at `path` under the name `name` ("" for a directory: only what is in it). Hidden
 * files come along; links are stored as links; sockets and devices are left out. Owner root, no
 * times, names in order: the same files make the same bytes. -EFBIG past the buffer's maximum. */
MUST_CHECK int tar_add(struct buf *b, const char *path, const char *name, struct err *err);
MUST_CHECK int tar_end(struct buf *b, struct err *err);
