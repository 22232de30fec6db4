/* landlock.h - the second, independent layer over the file system (landlock(7)). */
#pragma once
#include "base/err.h"

enum landlock_right { LANDLOCK_READ = 1, LANDLOCK_WRITE = 2, LANDLOCK_EXECUTE = 4 };
struct landlock_rule {
        const char *path; /* a path that is not there is skipped */
        int rights;       /* READ | WRITE | EXECUTE */
};

/* The ABI of the running kernel, 0 when there is none. */
int landlock_abi(void);
enum landlock_flag {
        LANDLOCK_DENY_TCP = 1,    /* bind and connect */
        LANDLOCK_FREE_SIGNALS = 2 /* to processes that are not below the caller as well */
};
/* Restricts the calling thread and its children to the rules (ends with {NULL, 0}), abstract sockets
 * and signals to the domain, where the ABI has them. Returns the ABI that was used, 0 when the
 * kernel has no Landlock. */
MUST_CHECK int landlock_apply(const struct landlock_rule *rules, int flags, struct err *err);
