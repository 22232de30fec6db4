/* archive.h - the one bounded reader of compressed bytes, over libarchive. What comes out is
 * counted as it comes out: sizes that a file claims about itself are never believed. */
#pragma once
#include "link/wire.h"

struct archive;
struct inflate {
        uint64_t in, out; /* compressed size; bytes that came out so far, over all entries */
};
/* Opens the bytes as gzip (raw) or zip. Free with archive_freep. */
MUST_CHECK int archive_open_gzip(struct slice bytes, struct archive **ret, struct err *err);
MUST_CHECK int archive_open_zip(struct slice bytes, struct archive **ret, struct err *err);
void archive_freep(struct archive **a);
/* The rest of the current entry, appended to b. -EFBIG over a limit (b has what fitted), -EBADMSG
 * damaged, -EACCES encrypted. */
MUST_CHECK int archive_slurp(struct archive *a, struct inflate *count, struct buf *b,
                             struct err *err);
