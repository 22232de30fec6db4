/* subid.h - the ranges of further ids that the host gives an ordinary user: /etc/subuid and
 * /etc/subgid, and the programs newuidmap and newgidmap that may put them into a user namespace. */
#pragma once
#include "base/err.h"
#include <sys/types.h>

struct subid {
        uint32_t first, count; /* count 0: none */
};

/* The first range of that user (by name, or by number) in the text of such a file. */
struct subid subid_find(const char *text, const char *name, uint32_t id);
/* Maps the process's user namespace: the caller's own ids, and his first further range as it is.
 * -ENOENT where the host gives none; then nothing was written. */
MUST_CHECK int subid_map(pid_t pid, struct err *err);
