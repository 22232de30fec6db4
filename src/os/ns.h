/* ns.h - a process in fresh namespaces, and the id maps of its user namespace. */
#pragma once
#include "base/err.h"
#include <sys/types.h>

/* As fork(2), with clone3: CLONE_NEW* flags, and the v2 cgroup to be born in (-1: the caller's).
 * Returns the pid and sets *ret_pidfd in the caller; 0 in the child. The child starts with default
 * signal handlers. */
MUST_CHECK pid_t ns_fork(uint64_t flags, int cgroup_fd, int *ret_pidfd, struct err *err);

/* One line of a map: `count` ids from `inside` are those from `outside` of the parent namespace. */
struct ns_map {
        uint32_t inside, outside, count;
};
/* Writes uid_map and gid_map of a process (0: the caller); deny_setgroups is what an ordinary user
 * needs. */
MUST_CHECK int ns_write_maps(pid_t pid, const struct ns_map *uids, const struct ns_map *gids,
                             bool deny_setgroups, struct err *err);
/* The maps of a sandbox of an ordinary user who has further ids: 0 to count are those from `first`,
 * but `own` inside is the user himself, so that files he shares with it have one owner. */
MUST_CHECK int ns_write_mixed(pid_t pid, uint32_t first, uint32_t count, uint32_t own, uint32_t uid,
                              uint32_t gid, struct err *err);
/* A user namespace with that map for uids and gids and no process in it, as a descriptor: for
 * idmapped mounts. Root is itself in it as well: overlayfs makes files in an upper layer as who
 * mounted it and gives them away then. */
MUST_CHECK int ns_user(const struct ns_map *map, struct err *err);
/* Brings the loopback interface of the caller's network namespace up. */
MUST_CHECK int ns_loopback_up(struct err *err);
