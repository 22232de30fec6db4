/* caps.h - giving up privileges for good. */
#pragma once
#include "base/err.h"

/* Empties the bounding and ambient sets and locks the securebits so that no later change of uid or
 * exec can bring a capability back. Needs CAP_SETPCAP in the caller's user namespace. */
MUST_CHECK int caps_lock(struct err *err);
/* Empties effective, permitted and inheritable. */
MUST_CHECK int caps_drop(struct err *err);

/* What /proc/PID/status says. */
struct caps_status {
        uint64_t inheritable, permitted, effective, bounding, ambient;
        uint32_t no_new_privs, seccomp, uid, gid;
};
MUST_CHECK int caps_read(int pid, struct caps_status *ret);
