#include "os/overlay.h"
#include "base/fd.h"
#include "os/mount.h"
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static int config(int fs, unsigned cmd, const char *key, const char *value, int fd, struct err *err)
{
        if (syscall(SYS_fsconfig, fs, cmd, key, value, fd) < 0)
                return err_sys(err, -errno, "overlay %s", key ? key : "mount");
        return 0;
}

/* ---- kernels that take descriptors ---- */

static int add_layers(int fs, const struct overlay *o, struct err *err)
{
        int r = 0;
        for (size_t i = o->n_lowers; i-- > 0 && r == 0;) /* the kernel wants the topmost first */
                r = config(fs, FSCONFIG_SET_FD, "lowerdir+", NULL, o->lowers[i], err);
        if (r == 0 && o->upper >= 0)
                r = config(fs, FSCONFIG_SET_FD, "upperdir", NULL, o->upper, err);
        if (r == 0 && o->upper >= 0)
                r = config(fs, FSCONFIG_SET_FD, "workdir", NULL, o->work, err);
        return r;
}

/* ---- older ones: attached at numbered directories, which fit into the 255 bytes of an option ---- */

static int stage_layers(const struct overlay *o, struct err *err)
{
        for (size_t i = 0; i < o->n_lowers; i++) {
                char name[8];
                snprintf(name, sizeof name, "%zu", i);
                if (mkdirat(o->stage, name, 0700) < 0 && errno != EEXIST)
                        return err_sys(err, -errno, "overlay stage");
                int r = mount_attach(o->lowers[i], o->stage, name, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void unstage_layers(const struct overlay *o)
{
        for (size_t i = 0; i < o->n_lowers; i++) {
                char name[8];
                snprintf(name, sizeof name, "%zu", i);
                mount_detach(o->stage, name);
        }
}

static int add_staged(int fs, const struct overlay *o, struct err *err)
{
        char lower[256] = "", upper[32], work[32];
        size_t at = 0;
        for (size_t i = o->n_lowers; i-- > 0 && at < sizeof lower;)
                at += (size_t)snprintf(lower + at, sizeof lower - at, "%s%zu", at ? ":" : "", i);
        int r = fchdir(o->stage) < 0 ? err_sys(err, -errno, "overlay stage")
                                     : config(fs, FSCONFIG_SET_STRING, "lowerdir", lower, 0, err);
        snprintf(upper, sizeof upper, "/proc/self/fd/%d", o->upper);
        snprintf(work, sizeof work, "/proc/self/fd/%d", o->work);
        if (r == 0 && o->upper >= 0)
                r = config(fs, FSCONFIG_SET_STRING, "upperdir", upper, 0, err);
        if (r == 0 && o->upper >= 0)
                r = config(fs, FSCONFIG_SET_STRING, "workdir", work, 0, err);
        return r;
}

/* ---- both ---- */

static int make(const struct overlay *o, int attrs, struct err *err)
{
        auto_close int fs = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);
        if (fs < 0)
                return err_sys(err, -errno, "overlay");
        int r = o->stage >= 0 ? add_staged(fs, o, err) : add_layers(fs, o, err);
        if (r == 0 && o->userxattr)
                r = config(fs, FSCONFIG_SET_FLAG, "userxattr", NULL, 0, err);
        if (r == 0)
                r = config(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0, err);
        if (r < 0)
                return r;
        int fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
        if (fd < 0)
                return err_sys(err, -errno, "overlay");
        r = mount_set(fd, attrs, err);
        if (r < 0)
                close(fd);
        return r < 0 ? r : fd;
}

int overlay_new(const struct overlay *o, int attrs, struct err *err)
{
        if (o->n_lowers > OVERLAY_LOWERS_MAX)
                return err_set(err, -E2BIG, "overlay: more than %d layers", OVERLAY_LOWERS_MAX);
        if (o->stage < 0)
                return make(o, attrs, err);
        auto_close int cwd = open(".", O_PATH | O_CLOEXEC);
        if (cwd < 0)
                return err_sys(err, -errno, "working directory");
        int r = stage_layers(o, err);
        int fd = r < 0 ? r : make(o, attrs, err);
        unstage_layers(o);
        if (fchdir(cwd) < 0 && fd >= 0) {
                close(fd);
                return err_sys(err, -errno, "working directory");
        }
        return fd;
}

bool overlay_takes_detached(void)
{
        static const struct mount_option none[] = {{NULL, NULL}};
        struct err why = {0};
        auto_close int a = mount_new("tmpfs", none, 0, &why);
        auto_close int b = a < 0 ? -1 : mount_new("tmpfs", none, 0, &why);
        if (b < 0)
                return false;
        struct overlay o = {
                .lowers = (int[]){a, b}, .n_lowers = 2, .upper = -1, .work = -1, .stage = -1};
        auto_close int fd = overlay_new(&o, MOUNT_RO, &why);
        return fd >= 0;
}
