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
/* The next entry that is a file with a name: 1, and the name until the next call; 0 at the end.
 * *entries counts all of them, from 0. -EFBIG over DOC_ENTRIES_MAX, -EBADMSG damaged. */
MUST_CHECK int archive_next_file(struct archive *a, unsigned *entries, const char **ret_name,
                                 struct err *err);
/* The rest of the current entry, appended to b. -EFBIG over a limit (b has what fitted), -EBADMSG
 * damaged, -EACCES encrypted. */
MUST_CHECK int archive_slurp(struct archive *a, struct inflate *count, struct buf *b,
                             struct err *err);
