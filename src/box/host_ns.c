#include "box/host_ns.h"
#include "base/fd.h"
#include "os/caps.h"
#include "os/mount.h"
#include "os/ns.h"
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <sys/prctl.h>

/* Whether serve gave us a user namespace with further ids and the capabilities in it. */
static bool has_ranges(struct box_host *h)
{
        struct caps_status s;
        CLEANUP(buf_done) struct buf b;
        unsigned own, one, inside, outside, count;
        buf_init(&b, 4096);
        if (caps_read(0, &s) < 0 || (s.effective >> CAP_SYS_ADMIN & 1) == 0 ||
            (s.effective >> CAP_SETUID & 1) == 0 ||
            file_read_at(AT_FDCWD, "/proc/self/uid_map", &b) < 0)
                return false;
        if (sscanf(buf_text(&b), "%u %*u %u %u %u %u", &own, &one, &inside, &outside, &count) !=
                    5 ||
            own != h->uid || one != 1 || count < SLOT_SIZE)
                return false;
        h->first_id = inside;
        h->n_ranges = count / SLOT_SIZE < SLOTS - 1 ? count / SLOT_SIZE : SLOTS - 1;
        return true;
}

/* An ordinary user gets a user namespace in which he is himself and may mount. */
static int own_user_ns(struct box_host *h, struct err *err)
{
        if (has_ranges(h))
                return 0;
        struct ns_map uid = {h->uid, h->uid, 1}, gid = {h->gid, h->gid, 1};
        if (unshare(CLONE_NEWUSER) < 0)
                return err_sys(err, -errno, "user namespace (is it allowed on this host?)");
        prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* else /proc/self is root's and not ours to write */
        int r = ns_write_maps(0, &uid, &gid, true, err);
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
        return r;
}

int host_namespaces(struct box_host *h, const struct host_options *o, struct err *err)
{
        /* The working directory is carried into the new mount namespace, a descriptor is not. */
        if (fchdir(o->state_fd) < 0)
                return err_sys(err, -errno, "state directory");
        int r = o->rootful ? 0 : own_user_ns(h, err);
        if (r < 0)
                return r;
        if (unshare(CLONE_NEWNS) < 0)
                return err_sys(err, -errno, "mount namespace");
        r = mount_unshare_propagation(err);
        if (r < 0)
                return r;
        h->state = dir_open_at(AT_FDCWD, ".");
        if (h->state < 0)
                return err_sys(err, h->state, "state directory");
        h->own_mnt = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
        h->own_uts = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
        if (h->own_mnt < 0 || h->own_uts < 0)
                return err_sys(err, -errno, "/proc/self/ns");
        return chdir("/") < 0 ? err_sys(err, -errno, "/") : 0;
}
