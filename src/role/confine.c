#include "role/confine.h"
#include "os/landlock.h"
#include "os/seccomp.h"
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define RULES_MAX 16

static int landlock(const struct role_row *row, struct err *err)
{
        struct landlock_rule rules[RULES_MAX] = {
                {"/usr/lib", LANDLOCK_READ | LANDLOCK_EXECUTE},
                {"/usr/lib64", LANDLOCK_READ | LANDLOCK_EXECUTE},
                {"/dev/null", LANDLOCK_READ | LANDLOCK_WRITE},
                {"/dev/urandom", LANDLOCK_READ},
                {"/state", LANDLOCK_READ | LANDLOCK_WRITE},
        };
        size_t n = 5;
        char paths[512] = "";
        snprintf(paths, sizeof paths, "%s", row->mounts ? row->mounts : "");
        char *rest = paths;
        for (char *p; n + 1 < RULES_MAX && (p = strsep(&rest, " "));)
                if (*p)
                        rules[n++] = (struct landlock_rule){p, LANDLOCK_READ};
        return landlock_apply(rules, row->net == ROLE_NET_NONE ? LANDLOCK_DENY_TCP : 0, err);
}

int role_confine(const struct role_row *row, int *ret_landlock, struct err *err)
{
        struct rlimit none = {0, 0}, fds;
        int abi = 0;
        /* Some for every sandbox: what a process is given at first does not do for a busy day. */
        if (getrlimit(RLIMIT_NOFILE, &fds) < 0)
                return err_sys(err, -errno, "limit of descriptors");
        fds.rlim_cur = fds.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &fds) < 0 || setrlimit(RLIMIT_CORE, &none) < 0 ||
            prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return err_sys(err, -errno, "process attributes");
        if (!row->host_view) { /* a Landlock domain would be inherited by every sandbox */
                abi = landlock(row, err);
                if (abi < 0)
                        return err_wrap(err, abi, "Landlock");
        }
        const struct seccomp_filter *f = seccomp_find(row->seccomp);
        if (!f)
                return err_set(err, -ENOENT, "no system-call filter '%s'", row->seccomp);
        int r = seccomp_install(f, err);
        if (r < 0)
                return err_wrap(err, r, "system-call filter");
        *ret_landlock = abi;
        return 0;
}
