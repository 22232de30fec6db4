#include "box/disk.h"
#include "base/fd.h"
#include "base/str.h"
#include "os/mount.h"
#include <dirent.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define MKFS  "/usr/sbin/mkfs.ext4"
#define TRIES 16 /* another process may take the loop device that is free */

bool disk_loop_works(void)
{
        static int works = -1;
        if (works < 0) {
                auto_close int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
                works = control >= 0 && access(MKFS, X_OK) == 0;
        }
        return works;
}

static int run_mkfs(int fd, enum disk_kind kind)
{
        static char *env[] = {NULL};
        char path[40];
        char *const argv[] = {
                (char *)"mkfs.ext4",
                (char *)"-q",
                (char *)"-F",
                (char *)"-O",
                (char *)(kind == DISK_SCRATCH ? "^has_journal,^metadata_csum" : "has_journal"),
                (char *)"-E",
                (char *)"lazy_itable_init=1,nodiscard,root_owner=0:0",
                (char *)"-m",
                (char *)"0",
                path,
                NULL};
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        if (fcntl(fd, F_SETFD, 0) == 0)
                execve(MKFS, argv, env);
        return 127;
}

static int make_fs(int fd, enum disk_kind kind, struct err *err)
{
        int status;
        pid_t pid = fork();
        if (pid < 0)
                return err_sys(err, -errno, "mkfs");
        if (pid == 0)
                _exit(run_mkfs(fd, kind));
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        return WIFEXITED(status) && WEXITSTATUS(status) == 0
                       ? 0
                       : err_set(err, -EIO, "mkfs.ext4 failed");
}

int disk_make(int dir, const char *name, uint64_t bytes, enum disk_kind kind, struct err *err)
{
        auto_close int fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0)
                return err_sys(err, -errno, "file of the disk");
        int r = ftruncate(fd, (off_t)bytes) < 0 ? err_sys(err, -errno, "size of the disk") : 0;
        if (r == 0)
                r = make_fs(fd, kind, err);
        if (r < 0)
                unlinkat(dir, name, 0);
        return r;
}

/* The loop device that is over that file already: an earlier launch's, which its sandboxes hold. Two
 * over one file would be two file systems in one place. */
static int find_loop(int fd, char *ret, size_t size)
{
        struct stat st;
        DIR *d = fstat(fd, &st) < 0 ? NULL : opendir("/sys/block");
        int found = -ENOENT;
        for (struct dirent *e; found < 0 && d && (e = readdir(d));) {
                struct loop_info64 info;
                if (!str_starts(e->d_name, "loop"))
                        continue;
                snprintf(ret, size, "/dev/%.16s", e->d_name);
                auto_close int dev = open(ret, O_RDONLY | O_CLOEXEC);
                if (dev >= 0 && ioctl(dev, LOOP_GET_STATUS64, &info) == 0 &&
                    info.lo_inode == st.st_ino && info.lo_device == st.st_dev)
                        found = TAKE_FD(dev);
        }
        if (d)
                closedir(d);
        return found;
}

/* A loop device over fd that goes when nothing uses it; its path in ret. */
static int attach_loop(int fd, char *ret, size_t size, struct err *err)
{
        auto_close int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
        if (control < 0)
                return err_sys(err, -errno, "/dev/loop-control");
        for (int i = 0; i < TRIES; i++) {
                int n = ioctl(control, LOOP_CTL_GET_FREE);
                if (n < 0)
                        return err_sys(err, -errno, "loop device");
                snprintf(ret, size, "/dev/loop%d", n);
                auto_close int dev = open(ret, O_RDWR | O_CLOEXEC);
                struct loop_config c = {.fd = (uint32_t)fd, .info.lo_flags = LO_FLAGS_AUTOCLEAR};
                if (dev >= 0 && ioctl(dev, LOOP_CONFIGURE, &c) == 0)
                        return TAKE_FD(dev);
                if (dev >= 0 && errno != EBUSY)
                        return err_sys(err, -errno, "%s", ret);
        }
        return err_set(err, -EBUSY, "no loop device is free");
}

int disk_mount(int dir, const char *name, bool last, struct err *err)
{
        char device[24];
        auto_close int fd = openat(dir, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return err_sys(err, -errno, "file of the disk");
        auto_close int loop = last ? -ENOENT : find_loop(fd, device, sizeof device);
        if (loop < 0)
                loop = attach_loop(fd, device, sizeof device, err);
        if (last)
                unlinkat(dir, name, 0);
        if (loop < 0)
                return loop;
        struct mount_option o[] = {{"source", device}, {NULL, NULL}};
        return mount_new("ext4", o, MOUNT_NOSUID | MOUNT_NODEV, err);
}
