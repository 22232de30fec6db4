/* nest.h - a process in fresh namespaces that belong to those of a running template: a user
 * namespace whose parent is the template's and whose owner is the template's process, a pid
 * namespace below the template's. Only so can a fork of that process enter them (warm/messages.h).
 *
 * launch itself cannot make it: a map is written from the parent namespace, and a pid namespace is a
 * child of the one its maker lives in. Two short-lived processes of ours enter the template's
 * namespaces for it, and nothing of the template's is run or believed.
 */
#pragma once
#include "os/cgroup.h"
#include <sys/types.h>

struct nest {
        int user_ns, pid_ns; /* of the template; borrowed */
        uint32_t first;      /* of the ids, as the template counts them: a multiple of SLOT_SIZE */
};

/* As ns_fork; the ids are mapped when it returns in the parent, and the child is not ours to reap.
 * It is born in the v2 group and in those of the doors: from inside it could not enter. */
MUST_CHECK pid_t nest_fork(const struct nest *n, uint64_t flags, int cgroup,
                           const int doors[CGROUP_CONTROLLERS], int *ret_pidfd, struct err *err);
/* The pid of a process in our own pid namespace and, where inner is wanted, in its innermost. */
MUST_CHECK int nest_pid_of(int pidfd, pid_t *ret_pid, pid_t *ret_inner, struct err *err);
