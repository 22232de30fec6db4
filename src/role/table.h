/* table.h - the privileges of every role, as data: one row a role. serve builds what exists before
 * exec from it (serve/jail.c: uid, namespaces, mounts, capabilities), role_main the rest (Landlock,
 * seccomp), and tests/unit/test_roles.c compares /proc of the running roles with it.
 * docs/THREATS.md explains each column. */
#pragma once
#include "base/cleanup.h"

enum role_net {
        ROLE_NET_NONE, /* an empty network namespace of its own */
        ROLE_NET_HOST,
};

struct role_row {
        const char *name;
        uint32_t uid_offset; /* rootful: uid and gid = roles.uid_base + offset; 0 = stays root */
        enum role_net net;
        bool host_view;      /* launch: the host's file system, processes and capabilities */
        bool outlives_serve; /* keep */
        const char *seccomp; /* the compiled filter, see os/seccomp.h */
        const char *libs;    /* libraries beyond libc, space-separated soname stems */
        const char *mounts;  /* read-only host paths beyond the libraries, space-separated */
};

extern const struct role_row role_rows[]; /* in the order of starting */
extern const size_t role_rows_n;
const struct role_row *role_row_find(const char *name); /* NULL = no such role */

/* Which roles share a link; `a` asks, `b` answers. */
struct role_pair {
        const char *a, *b;
};
extern const struct role_pair role_pairs[];
extern const size_t role_pairs_n;
