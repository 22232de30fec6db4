#include "box/enter.h"
#include "base/fd.h"
#include "base/log.h"
#include "box/image.h"
#include "box/spec.h"
#include "os/mount.h"
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/fsuid.h>
#include <sys/stat.h>

static int resize(int root, uint64_t bytes, struct err *err)
{
        char size[24], inodes[24];
        snprintf(size, sizeof size, "%llu", (unsigned long long)bytes);
        snprintf(inodes, sizeof inodes, "%llu", (unsigned long long)(bytes / 4096 + 1024));
        struct mount_option o[] = {{"size", size}, {"nr_inodes", inodes}, {NULL, NULL}};
        return mount_reconfigure(root, o, err);
}

/* The directories of a mount point, from the top, and the volume on the last one. */
static int attach(int root, const char *target, int tree, struct err *err)
{
        char path[sizeof((struct launch_mount *)0)->target];
        for (const char *end = target + 1; *end;) {
                end += strcspn(end, "/");
                snprintf(path, sizeof path, "%.*s", (int)(end - target - 1), target + 1);
                if (mkdirat(root, path, 0755) < 0 && errno != EEXIST)
                        return err_sys(err, -errno, "%s", target);
                end += *end == '/';
        }
        return mount_attach(tree, root, target + 1, err);
}

static int attach_all(int root, const struct launch_spec *spec, const int trees[TREE_MAX],
                      struct err *err)
{
        bool image = image_rooted(spec); /* its root is writable anyway */
        int r = image ? 0 : mount_writable(root, err);
        for (uint32_t i = 0; i < spec->n_mounts && r == 0; i++)
                r = attach(root, spec->mounts[i].target, trees[TREE_VOLUME + i], err);
        return r < 0 || image ? r : mount_set(root, MOUNT_RO | MOUNT_NOSUID | MOUNT_NODEV, err);
}

/* In the sandbox's namespaces. Its file system knows no id of the host's: for what is made there we
 * are its root. */
static int change(const struct box_host *h, uint32_t slot, const struct launch_spec *spec,
                  const int trees[TREE_MAX], struct err *err)
{
        if (spec->hostname[0] && sethostname(spec->hostname, strlen(spec->hostname)) < 0)
                return err_sys(err, -errno, "hostname");
        auto_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root < 0)
                return err_sys(err, -errno, "/");
        int r = image_rooted(spec) ? 0 : resize(root, spec->disk_bytes, err);
        if (r < 0 || !spec->n_mounts)
                return r;
        uid_t owner = SLOT_BASE + slot * SLOT_SIZE;
        mode_t mask = umask(022);
        if (h->facts.rootful) {
                setfsuid(owner);
                setfsgid(owner);
        }
        r = attach_all(root, spec, trees, err);
        if (h->facts.rootful) {
                setfsuid(h->uid);
                setfsgid(h->gid);
        }
        umask(mask);
        return r;
}

/* Back to our own; without that launch can do nothing more. */
static void come_back(const struct box_host *h, int root)
{
        if (setns(h->own_mnt, CLONE_NEWNS) < 0 || setns(h->own_uts, CLONE_NEWUTS) < 0 ||
            fchdir(root) < 0 || chroot(".") < 0 || chdir("/") < 0) {
                log_error("box.enter", kv("error", errno_text(-errno)));
                _exit(1); /* started again, launch is where it should be */
        }
}

int enter_and_change(const struct box_host *h, int pidfd, uint32_t slot,
                     const struct launch_spec *spec, const int trees[TREE_MAX], struct err *err)
{
        auto_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root < 0)
                return err_sys(err, -errno, "/");
        if (setns(pidfd, CLONE_NEWNS | CLONE_NEWUTS) < 0)
                return err_sys(err, -errno, "namespaces of the sandbox");
        int r = change(h, slot, spec, trees, err);
        come_back(h, root);
        return r;
}
