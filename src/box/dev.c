#include "box/dev.h"
#include "base/fd.h"
#include "base/str.h"
#include "os/mount.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* A device of the host, checked to be the one that is meant before it is shown to anybody. */
static int make_device(int dev, const char *name, unsigned major_no, unsigned minor_no,
                       struct err *err)
{
        char path[32];
        struct stat st;
        snprintf(path, sizeof path, "/dev/%s", name);
        auto_close int host = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (host < 0 || fstat(host, &st) < 0)
                return err_sys(err, -errno, "%s", path);
        if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(major_no, minor_no))
                return err_set(err, -ENODEV, "%s is not that device", path);
        auto_close int place = openat(dev, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
        auto_close int copy = mount_copy(host, "", false, err);
        if (place < 0)
                return err_sys(err, -errno, "%s", path);
        return copy < 0 ? copy : mount_attach(copy, dev, name, err);
}

/* The directories above a node: "dri/renderD128". */
static int make_parents(int dev, const char *path, struct err *err)
{
        char dir[GPU_PATH_MAX];
        for (const char *p = path; (p = strchr(p, '/')); p++) {
                snprintf(dir, sizeof dir, "%.*s", (int)(p - path), path);
                if (mkdirat(dev, dir, 0755) < 0 && errno != EEXIST)
                        return err_sys(err, -errno, "/dev/%s", dir);
        }
        return 0;
}

static int add_gpu(int dev, const struct gpu_node *n, struct err *err)
{
        const char *path = n->target + strlen("/dev/");
        int r = make_parents(dev, path, err);
        auto_close int host = r < 0 ? r : gpu_open_node(n, err);
        if (host < 0)
                return host;
        auto_close int place = openat(dev, path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
        if (place < 0)
                return err_sys(err, -errno, "%s", n->target);
        auto_close int copy = mount_copy(host, "", false, err);
        r = copy < 0 ? copy : mount_set(copy, MOUNT_NOSUID | MOUNT_NOEXEC, err);
        return r < 0 ? r : mount_attach(copy, dev, path, err);
}

int dev_make(int tree, const char *name, const struct gpu_set *gpus, struct err *err)
{
        static const struct {
                const char *name;
                unsigned major_no, minor_no;
        } devices[] = {{"null", 1, 3},   {"zero", 1, 5},    {"full", 1, 7},
                       {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};
        static const char *const links[][2] = {{"fd", "/proc/self/fd"},
                                               {"stdin", "/proc/self/fd/0"},
                                               {"stdout", "/proc/self/fd/1"},
                                               {"stderr", "/proc/self/fd/2"},
                                               {"ptmx", "pts/ptmx"}};
        static const struct mount_option o[] = {{"mode", "0755"}, {"size", "1m"}, {NULL, NULL}};
        if (mkdirat(tree, name, 0755) < 0)
                return err_sys(err, -errno, "dev");
        auto_close int dev = mount_new("tmpfs", o, MOUNT_NOSUID | MOUNT_NOEXEC, err);
        int r = dev < 0 ? dev : mount_attach(dev, tree, name, err);
        for (size_t i = 0; i < ARRAY_LEN(devices) && r == 0; i++)
                r = make_device(dev, devices[i].name, devices[i].major_no, devices[i].minor_no,
                                err);
        for (size_t i = 0; i < ARRAY_LEN(links) && r == 0; i++)
                if (symlinkat(links[i][1], dev, links[i][0]) < 0)
                        r = err_sys(err, -errno, "/dev/%s", links[i][0]);
        if (r == 0 && (mkdirat(dev, "pts", 0755) < 0 || mkdirat(dev, "shm", 0755) < 0))
                r = err_sys(err, -errno, "/dev");
        for (size_t i = 0; gpus && i < gpus->n_nodes && r == 0; i++)
                r = add_gpu(dev, gpus->nodes[i], err);
        return r < 0 ? r : mount_set(dev, MOUNT_RO | MOUNT_NOSUID | MOUNT_NOEXEC, err);
}

int dev_with_gpus(int tree, const struct gpu_set *gpus, struct err *err)
{
        static const char name[] = "dev-gpus";
        mode_t mask = umask(022); /* what is made here is read by the guests' ids */
        int r = dev_make(tree, name, gpus, err);
        umask(mask);
        auto_close int fd = r < 0 ? r : mount_copy(tree, name, true, err);
        mount_detach(tree, name); /* busy: the copy stays */
        if (unlinkat(tree, name, AT_REMOVEDIR) < 0 && fd >= 0)
                return err_sys(err, -errno, "dev");
        return TAKE_FD(fd);
}
