/* table.h - the privileges of every role, as data: one row a role. serve builds what exists before
 * exec from it (uid, namespaces, mounts, capabilities), role_main the rest (Landlock, seccomp), and
 * the tests compare /proc of the running roles with it. docs/THREATS.md explains each column. */
#pragma once
#include "base/cleanup.h"

enum role_net { ROLE_NET_NONE, ROLE_NET_HOST }; /* NONE: an empty network namespace of its own */

struct role_row {
        const char *name;
        uint32_t uid_offset; /* rootful: uid = roles.uid_base + offset; 0 = stays root (launch) */
        enum role_net net;
        bool host_mounts;    /* sees the host's file system (launch); else only what is listed */
        bool outlives_serve; /* keep */
        const char *seccomp; /* name of the compiled filter, see os/seccomp.h */
        const char *const
                *libs; /* shared libraries beyond libc that may be mapped, by soname stem */
        const char *const *mounts; /* read-only host paths beyond the libraries */
};

extern const struct role_row role_rows[];
extern const size_t role_rows_n;
const struct role_row *role_row_find(const char *name); /* NULL = no such role */

/* Which pairs of roles share a link: {asker, answerer}. */
struct role_pair {
        const char *a, *b;
};
extern const struct role_pair role_pairs[];
extern const size_t role_pairs_n;
