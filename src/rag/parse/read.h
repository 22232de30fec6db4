/* read.h - the bytes of one document, with the stamps that say whether it changed since. */
#pragma once
#include "link/parse.h"

/* Reads the whole file below root into b (-EFBIG over DOC_BYTES_MAX) and sets hash, size, inode,
 * stamps and `racy` of ret. -EAGAIN when it changed while it was read. */
MUST_CHECK int read_document(int root, const char *path, struct buf *b, struct parse_end *ret,
                             struct err *err);
