/* seccomp.h - compiled system-call filters. The policies are data (src/os/seccomp/NAME.policy); the
 * build compiles them with libseccomp (tools/seccomp-compile) into the tables behind these calls,
 * so that no role links libseccomp. */
#pragma once
#include "base/err.h"
#include <linux/filter.h>

struct seccomp_filter {
        const char *name; /* "sandbox", "role-api", ... */
        const char *hash; /* SHA-256 of the program, hex */
        const struct sock_filter *program;
        unsigned short len;
};

const struct seccomp_filter *seccomp_find(const char *name); /* NULL = none of that name */
/* Sets no_new_privs and installs the filter for all threads of the process. */
MUST_CHECK int seccomp_install(const struct seccomp_filter *f, struct err *err);
