#include "box/disk.h"
#include "base/fd.h"
#include "os/mount.h"
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

/* No journal and no reserve: it is thrown away, never repaired. */
static int make_fs(int fd, struct err *err)
{
        char path[40];
        int status;
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        pid_t pid = fork();
        if (pid < 0)
                return err_sys(err, -errno, "mkfs");
        if (pid == 0) {
                static char *env[] = {NULL};
                char *const argv[] = {(char *)"mkfs.ext4",
                                      (char *)"-q",
                                      (char *)"-F",
                                      (char *)"-O",
                                      (char *)"^has_journal,^metadata_csum",
                                      (char *)"-E",
                                      (char *)"lazy_itable_init=1,nodiscard,root_owner=0:0",
                                      (char *)"-m",
                                      (char *)"0",
                                      path,
                                      NULL};
                if (fcntl(fd, F_SETFD, 0) == 0)
                        execve(MKFS, argv, env);
                _exit(127);
        }
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        return WIFEXITED(status) && WEXITSTATUS(status) == 0
                       ? 0
                       : err_set(err, -EIO, "mkfs.ext4 failed");
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

int disk_loop(int dir, const char *name, uint64_t bytes, struct err *err)
{
        char device[24];
        auto_close int fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0)
                return err_sys(err, -errno, "file of the disk");
        int r = ftruncate(fd, (off_t)bytes) < 0 ? err_sys(err, -errno, "size of the disk") : 0;
        if (r == 0)
                r = make_fs(fd, err);
        auto_close int loop = r < 0 ? r : attach_loop(fd, device, sizeof device, err);
        unlinkat(dir, name, 0);
        if (loop < 0)
                return loop;
        struct mount_option o[] = {{"source", device}, {NULL, NULL}};
        return mount_new("ext4", o, MOUNT_NOSUID | MOUNT_NODEV, err);
}
