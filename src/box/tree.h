/* tree.h - whole directory trees that a sandbox has filled: checked and measured, or copied. No
 * link is followed, nothing but regular files is opened, no other mount is entered; what is no file,
 * directory, link or whiteout does not get through. Nobody may write to the tree meanwhile.
 */
#pragma once
#include "base/err.h"

#define TREE_DEPTH_MAX 256 /* directories in each other: as many descriptors are open */
#define TREE_FILES_MAX 4000000u

struct tree_tally {
        uint64_t bytes; /* on disk */
        uint64_t files; /* entries of every kind */
};

/* Makes a tree fit to be a layer: set-user-id bits, pipes, sockets and devices go. -EINVAL when one
 * of the places where the system is mounted (proc, sys, dev, .paddock) is not a directory. */
MUST_CHECK int tree_seal(int dir, struct tree_tally *ret, struct err *err);
/* Only measures. */
MUST_CHECK int tree_measure(int dir, struct tree_tally *ret, struct err *err);

struct tree_ids {
        uint32_t from, to,
                count; /* ids of the source from..from+count become to...; count 0: all are the caller's */
};
/* Copies what is in `from` into the empty directory `to`, sharing blocks where the file system can;
 * owners, modes, times, hard links, holes and overlay's marks stay. Pipes, sockets and devices are
 * left out. -EFBIG past most_bytes (0: no bound). */
MUST_CHECK int tree_copy(int from, int to, const struct tree_ids *ids, uint64_t most_bytes,
                         struct tree_tally *ret, struct err *err);
