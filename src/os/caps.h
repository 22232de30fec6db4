/* caps.h - giving up privileges for good. */
#pragma once
#include "base/err.h"

/* Empties the bounding and ambient sets and locks the securebits so that no later change of uid or
 * exec can bring a capability back. Needs CAP_SETPCAP in the caller's user namespace. */
MUST_CHECK int caps_lock(struct err *err);
/* Only these are left, in the bounding set as well, and only as far as the caller has them; root
 * inside keeps them over an exec. The securebits are not locked: changing the user drops them. */
MUST_CHECK int caps_keep(uint64_t caps, struct err *err);
#define CAPS_BUILD                                                                                 \
        (1u << 0 /* CHOWN */ | 1u << 1 /* DAC_OVERRIDE */ | 1u << 3 /* FOWNER */ |                 \
         1u << 4 /* FSETID */ | 1u << 5 /* KILL */ | 1u << 6 /* SETGID */ | 1u << 7 /* SETUID */ | \
         1u << 10 /* NET_BIND_SERVICE */ | 1u << 18 /* SYS_CHROOT */)
#define CAPS_RUNSC                                                                                 \
        (CAPS_BUILD | 1u << 2 /* DAC_READ_SEARCH */ | 1u << 8 /* SETPCAP */ |                      \
         1u << 19 /* SYS_PTRACE */ | 1u << 21 /* SYS_ADMIN */)
/* Empties effective, permitted and inheritable. */
MUST_CHECK int caps_drop(struct err *err);

/* What /proc/PID/status says; pid 0: of the caller. */
struct caps_status {
        uint64_t inheritable, permitted, effective, bounding, ambient;
        uint32_t no_new_privs, seccomp, uid, gid;
        uint32_t filters; /* of system calls; 0: a kernel before 5.9 does not say */
};
MUST_CHECK int caps_read(int pid, struct caps_status *ret);
