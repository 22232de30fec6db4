#include "os/caps.h"
#include "base/fd.h"
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define BITS                                                                                       \
        (SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |                           \
         SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |                             \
         SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED | SECBIT_KEEP_CAPS_LOCKED)

int caps_lock(struct err *err)
{
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
                return err_sys(err, -errno, "ambient capabilities");
        /* Up to the first number that the kernel does not know. */
        for (int cap = 0; prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0; cap++)
                ;
        if (errno != EINVAL)
                return err_sys(err, -errno, "bounding capabilities");
        if (prctl(PR_SET_SECUREBITS, BITS, 0, 0, 0) < 0)
                return err_sys(err, -errno, "securebits");
        return 0;
}

int caps_drop(struct err *err)
{
        struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct none[2] = {{0}};
        return syscall(SYS_capset, &head, none) < 0 ? err_sys(err, -errno, "capabilities") : 0;
}

int caps_keep(uint64_t caps, struct err *err)
{
        struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct d[2] = {{(uint32_t)caps, (uint32_t)caps, 0}, {0}};
        if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
                return err_sys(err, -errno, "ambient capabilities");
        for (int cap = 0; cap < 64; cap++)
                if (!(caps >> cap & 1) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 &&
                    errno != EINVAL)
                        return err_sys(err, -errno, "bounding capabilities");
        return syscall(SYS_capset, &head, d) < 0 ? err_sys(err, -errno, "capabilities") : 0;
}

static int field(const char *text, const char *key, int base, uint64_t *ret)
{
        const char *at = strstr(text, key);
        if (!at)
                return -EPROTO;
        *ret = strtoull(at + strlen(key), NULL, base);
        return 0;
}

int caps_read(int pid, struct caps_status *ret)
{
        char path[32], text[4096];
        snprintf(path, sizeof path, pid ? "/proc/%d/status" : "/proc/self/status", pid);
        auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        ssize_t n = read(fd, text, sizeof text - 1);
        if (n < 0)
                return -errno;
        text[n] = 0;
        struct caps_status s = {0};
        uint64_t nnp = 0, mode = 0, uid = 0, gid = 0, filters = 0;
        if (field(text, "\nCapInh:\t", 16, &s.inheritable) < 0 ||
            field(text, "\nCapPrm:\t", 16, &s.permitted) < 0 ||
            field(text, "\nCapEff:\t", 16, &s.effective) < 0 ||
            field(text, "\nCapBnd:\t", 16, &s.bounding) < 0 ||
            field(text, "\nCapAmb:\t", 16, &s.ambient) < 0 ||
            field(text, "\nNoNewPrivs:\t", 10, &nnp) < 0 ||
            field(text, "\nSeccomp:\t", 10, &mode) < 0 || field(text, "\nUid:\t", 10, &uid) < 0 ||
            field(text, "\nGid:\t", 10, &gid) < 0)
                return -EPROTO;
        if (field(text, "\nSeccomp_filters:\t", 10, &filters) == 0)
                s.filters = (uint32_t)filters;
        s.no_new_privs = (uint32_t)nnp;
        s.seccomp = (uint32_t)mode;
        s.uid = (uint32_t)uid;
        s.gid = (uint32_t)gid;
        *ret = s;
        return 0;
}
