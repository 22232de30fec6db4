#include "os/mount.h"
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/syscall.h>

/* glibc before 2.36 has no wrappers, and its <sys/mount.h> and <linux/mount.h> do not go together.
 */
#define MS_REC_          16384
#define MS_SLAVE_        (1 << 19)
#define MNT_DETACH_      2
#define UMOUNT_NOFOLLOW_ 8

static int sys(long r)
{
        return r < 0 ? -errno : (int)r;
}

static uint64_t attr_bits(int attrs)
{
        return (attrs & MOUNT_RO ? MOUNT_ATTR_RDONLY : 0) |
               (attrs & MOUNT_NOSUID ? MOUNT_ATTR_NOSUID : 0) |
               (attrs & MOUNT_NODEV ? MOUNT_ATTR_NODEV : 0) |
               (attrs & MOUNT_NOEXEC ? MOUNT_ATTR_NOEXEC : 0);
}

static int set_options(int fs, const struct mount_option *options, const char *type,
                       struct err *err)
{
        for (; options && options->key; options++) {
                int cmd = options->value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;
                int r = sys(syscall(SYS_fsconfig, fs, cmd, options->key, options->value, 0));
                if (r < 0)
                        return err_sys(err, r, "%s option %s", type, options->key);
        }
        return 0;
}

int mount_new(const char *type, const struct mount_option *options, int attrs, struct err *err)
{
        auto_close int fs = sys(syscall(SYS_fsopen, type, FSOPEN_CLOEXEC));
        if (fs < 0)
                return err_sys(err, fs, "%s", type);
        int r = set_options(fs, options, type, err);
        if (r < 0)
                return r;
        r = sys(syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
        if (r < 0)
                return err_sys(err, r, "new %s", type);
        r = sys(syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, (unsigned)attr_bits(attrs)));
        return r < 0 ? err_sys(err, r, "mount of %s", type) : r;
}

int mount_reconfigure(int fd, const struct mount_option *options, struct err *err)
{
        auto_close int fs = sys(syscall(SYS_fspick, fd, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH));
        if (fs < 0)
                return err_sys(err, fs, "file system to change");
        int r = set_options(fs, options, "mounted", err);
        if (r < 0)
                return r;
        r = sys(syscall(SYS_fsconfig, fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0));
        return r < 0 ? err_sys(err, r, "changing a file system") : 0;
}

int mount_copy(int dirfd, const char *path, bool tree, struct err *err)
{
        unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW;
        flags |= tree ? AT_RECURSIVE : 0;
        flags |= *path ? 0 : AT_EMPTY_PATH;
        int r = sys(syscall(SYS_open_tree, dirfd, path, flags));
        return r < 0 ? err_sys(err, r, "copy of mount '%s'", path) : r;
}

int mount_own_inodes(int fd, int empty, int attrs, struct err *err)
{
        char lower[64]; /* an overlay without a layer to write to; it needs two to read */
        snprintf(lower, sizeof lower, "/proc/self/fd/%d:/proc/self/fd/%d", fd, empty);
        struct mount_option o[] = {{"lowerdir", lower}, {NULL, NULL}};
        return mount_new("overlay", o, MOUNT_RO | attrs, err);
}

static int set_attr(int fd, unsigned flags, struct mount_attr *a)
{
        return sys(syscall(SYS_mount_setattr, fd, "", flags | AT_EMPTY_PATH, a, sizeof *a));
}

int mount_set(int fd, int attrs, struct err *err)
{
        struct mount_attr a = {.attr_set = attr_bits(attrs)};
        int r = set_attr(fd, attrs & MOUNT_TREE ? AT_RECURSIVE : 0, &a);
        return r < 0 ? err_sys(err, r, "mount attributes") : 0;
}

int mount_writable(int fd, struct err *err)
{
        struct mount_attr a = {.attr_clr = MOUNT_ATTR_RDONLY};
        int r = set_attr(fd, 0, &a);
        return r < 0 ? err_sys(err, r, "mount attributes") : 0;
}

int mount_idmap(int fd, int userns_fd, struct err *err)
{
        struct mount_attr a = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)userns_fd};
        int r = set_attr(fd, 0, &a);
        return r < 0 ? err_sys(err, r, "idmapped mount") : 0;
}

int mount_attach(int fd, int dirfd, const char *path, struct err *err)
{
        struct open_how how = {.flags = O_PATH | O_CLOEXEC | O_NOFOLLOW,
                               .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
        auto_close int target = sys(syscall(SYS_openat2, dirfd, path, &how, sizeof how));
        if (target < 0)
                return err_sys(err, target, "mount point '%s'", path);
        int r = sys(syscall(SYS_move_mount, fd, "", target, "",
                            MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
        return r < 0 ? err_sys(err, r, "mount on '%s'", path) : 0;
}

int mount_pivot(int fd, struct err *err)
{
        if (fchdir(fd) < 0)
                return err_sys(err, -errno, "new root");
        /* The old root ends up on top of the new one, pivot_root(2), "pivot_root(".", ".")". */
        if (syscall(SYS_pivot_root, ".", ".") < 0)
                return err_sys(err, -errno, "pivot_root");
        if (syscall(SYS_umount2, ".", MNT_DETACH_) < 0)
                return err_sys(err, -errno, "old root");
        return chdir("/") < 0 ? err_sys(err, -errno, "new root") : 0;
}

int mount_unshare_propagation(struct err *err)
{
        if (syscall(SYS_mount, "none", "/", NULL, MS_REC_ | MS_SLAVE_, NULL) < 0)
                return err_sys(err, -errno, "mount propagation");
        return 0;
}

void mount_detach(int dirfd, const char *path)
{
        char at[4200]; /* umount2 knows no descriptors */
        snprintf(at, sizeof at, "/proc/self/fd/%d/%s", dirfd, path);
        syscall(SYS_umount2, at, MNT_DETACH_ | UMOUNT_NOFOLLOW_);
}

static int open_below(int dirfd, const char *path, uint64_t more)
{
        struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                               .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
                                          RESOLVE_NO_MAGICLINKS | more};
        return sys(syscall(SYS_openat2, dirfd, *path ? path : ".", &how, sizeof how));
}

int dir_open_beneath(int dirfd, const char *path)
{
        return open_below(dirfd, path, RESOLVE_NO_XDEV);
}

int dir_open_within(int dirfd, const char *path)
{
        return open_below(dirfd, path, 0);
}
