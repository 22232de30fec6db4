/* cgroup_impl.h - private to cgroup.c and cgroup_use.c. */
#pragma once
#include "os/cgroup.h"

#define CGROUP_NAME_BYTES 64
#define CGROUP_FILE_BYTES 4096

struct cgroup_host {
        int v2; /* .../paddock in the v2 tree, or -1 */
        bool v2_has[CGROUP_CONTROLLERS];
        int v1[CGROUP_CONTROLLERS]; /* .../paddock of that controller's hierarchy, or -1 */
};

/* The start of a file below dir, NUL-terminated; its length. */
MUST_CHECK int cgroup_read(int dir, const char *path, char *ret, size_t size);
MUST_CHECK int cgroup_poke(int dir, const char *name, const char *file, const char *value);
