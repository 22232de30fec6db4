/* unpack_put.h - writes what unpack_check lets through: the files of a tar archive, below a root, no
 * link on the way followed. Two ways:
 *
 *   a root of an image   owners as in the archive, nothing may be there twice
 *   a copy               the caller's own files: modes and times come along, owners do not; what is
 *                        there is replaced, file by file, each whole or not at all
 */
#pragma once
#include "box/unpack.h"
#include <archive.h>

#define UNPACK_CLOSED_MAX 4096 /* directories that are made read-only at the end */

struct unpack_closed {
        struct unpack_closed *next;
        mode_t mode;
        char path[];
};
struct unpack {
        struct archive *in; /* opened by the caller */
        int root;           /* borrowed */
        bool oci, copy;
        bool links_within; /* copy: links that lead out are left out and counted */
        mode_t mask;       /* copy: permissions that do not come along */
        struct unpack_limits limits;
        uint64_t written;  /* what has come out of the filters */
        uint64_t left_out; /* links */
        struct unpack_closed *closed;
        size_t n_closed;
};

/* All of it, until the archive ends. */
MUST_CHECK int unpack_all(struct unpack *u, struct err *err);
