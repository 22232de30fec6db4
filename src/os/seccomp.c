#include "os/seccomp.h"
#include "os/seccomp_table.h"
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

const struct seccomp_filter *seccomp_find(const char *name)
{
        for (size_t i = 0; i < seccomp_table_n; i++)
                if (strcmp(seccomp_table[i].name, name) == 0)
                        return &seccomp_table[i];
        return NULL;
}

int seccomp_install(const struct seccomp_filter *f, struct err *err)
{
        struct sock_fprog prog = {f->len, (struct sock_filter *)f->program};
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return err_sys(err, -errno, "no_new_privs");
        long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &prog);
        if (r < 0)
                return err_sys(err, -errno, "seccomp filter %s", f->name);
        if (r > 0) /* the id of a thread that has a filter of its own */
                return err_set(err, -EBUSY, "seccomp filter %s: thread %ld has another", f->name,
                               r);
        return 0;
}
