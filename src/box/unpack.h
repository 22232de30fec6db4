/* unpack.h - what of an archive may become files: the checks of the program `unpack`, apart from
 * reading and writing, so that they can be fuzzed and tested by themselves.
 *
 * Rejected: a name that is absolute, leads up, is no UTF-8, is too long; a hard link to outside; a
 * device; more entries or bytes than allowed; the same file twice. Dropped without a word: pipes and
 * sockets. Set-user-id bits do not come along.
 */
#pragma once
#include "base/err.h"
#include "base/limits.h"
#include <sys/types.h>

#define UNPACK_ENTRIES_MAX 1000000u
#define UNPACK_DEPTH_MAX   100

struct unpack_limits {
        uint64_t entries, bytes; /* seen so far */
        uint64_t bytes_max;
};

enum unpack_what {
        UNPACK_SKIP,
        UNPACK_DIR,
        UNPACK_FILE,
        UNPACK_LINK,
        UNPACK_HARDLINK,
        UNPACK_GONE,
        UNPACK_OPAQUE
};

struct unpack_entry {
        const char *path, *target; /* as the archive has them; target: of a link, or NULL */
        uint32_t type;             /* S_IF... of its mode; a hard link: 0 and a target */
        uint64_t size;
        bool oci;  /* .wh. names take something of the layers below away */
        bool copy; /* of a user's files: no name of ours (walk.h), none that begins with a dash */
};

/* What to do with the entry and, in ret_path (and ret_target for a hard link), the relative path
 * below the root. Negative: the archive is refused, with the reason. */
MUST_CHECK int unpack_check(struct unpack_limits *l, const struct unpack_entry *e,
                            char ret_path[PATH_TEXT_MAX + 1], char ret_target[PATH_TEXT_MAX + 1],
                            struct err *err);
