/* jail.h - starts one role's program with what its row in role/table.h allows and nothing else:
 * user, namespaces, a root of its own, capabilities, descriptors 0-3. What can only be had after
 * exec (Landlock, seccomp) the role does itself, see role/confine.h.
 *
 * Rootful: the row's fixed uid. Rootless: a user namespace with the caller's single id.
 */
#pragma once
#include "role/table.h"
#include "base/err.h"
#include <sys/types.h>

struct jail {
        const struct role_row *row;
        const char *program; /* the role's executable, absolute */
        const char *state;   /* its own directory, absolute */
        const char *root;    /* an empty directory to build its root on, absolute */
        uint32_t uid_base;   /* roles.uid_base */
        bool rootful;
        int control; /* becomes descriptor 3; borrowed */
};

/* The uid and gid that the role runs as. */
uid_t jail_uid(const struct jail *j);
/* Starts it. The child has executed the program when this returns 0. The caller reaps it. */
MUST_CHECK int jail_spawn(const struct jail *j, pid_t *ret_pid, struct err *err);
