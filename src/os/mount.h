/* mount.h - the mount API of Linux 5.2 and later, on descriptors: a tree is made detached, then
 * attached. No function here takes a path that somebody else chose. */
#pragma once
#include "base/err.h"

enum mount_flag {
        MOUNT_RO = 1,     /* read-only */
        MOUNT_NOSUID = 2, /* set-user-id and file capabilities have no effect */
        MOUNT_NODEV = 4,
        MOUNT_NOEXEC = 8,
        MOUNT_TREE = 16, /* the mounts below as well */
};

struct mount_option {
        const char *key, *value; /* value NULL: a flag */
};

/* A new, detached file system: "tmpfs", "proc", "devpts"; options end with {NULL, NULL}. */
MUST_CHECK int mount_new(const char *type, const struct mount_option *options, int attrs,
                         struct err *err);
/* A detached copy of the mount at path below dirfd ("" = dirfd itself), with what is mounted below
 * it only if `tree`. */
MUST_CHECK int mount_copy(int dirfd, const char *path, bool tree, struct err *err);
/* A detached, read-only file system with the content of the directory `fd` and inodes of its own:
 * locks and watches on them reach nobody else. `empty`: an empty directory; both must belong to
 * mounts of the caller's namespace. */
MUST_CHECK int mount_own_inodes(int fd, int empty, int attrs, struct err *err);
MUST_CHECK int mount_set(int fd, int attrs, struct err *err);
/* Shows ids of the file system through the map of a user namespace; only on a detached copy. */
/* Takes the read-only attribute off. */
MUST_CHECK int mount_writable(int fd, struct err *err);
/* Changes options of the file system whose root fd (O_PATH is enough) is. */
MUST_CHECK int mount_reconfigure(int fd, const struct mount_option *options, struct err *err);
MUST_CHECK int mount_idmap(int fd, int userns_fd, struct err *err);
/* Attaches a detached tree at path below dirfd; no symbolic link is followed on the way. */
MUST_CHECK int mount_attach(int fd, int dirfd, const char *path, struct err *err);
/* Makes fd (the root of an attached mount) the root of the mount namespace and lets go of the old
 * one with everything in it. The caller's working directory is then "/". */
MUST_CHECK int mount_pivot(int fd, struct err *err);
/* Nothing that is mounted in this namespace from now on is seen in another. */
MUST_CHECK int mount_unshare_propagation(struct err *err);
/* Takes off what is mounted at path below dirfd, busy or not. */
void mount_detach(int dirfd, const char *path);
/* A directory below dirfd, no link or mount crossed on the way; O_PATH. path "" = dirfd. */
MUST_CHECK int dir_open_beneath(int dirfd, const char *path);
/* The same, and what is mounted there is entered. */
MUST_CHECK int dir_open_within(int dirfd, const char *path);
