#include "box/volume.h"
#include "base/fd.h"
#include "base/id.h"
#include "box/quota.h"
#include "box/spec.h"
#include "os/mount.h"
#include "os/ns.h"
#include <fcntl.h>
#include <sys/stat.h>

#define SWEEP_ENTRIES 300 /* a hundredth of a second or two, in which nothing starts */

int volume_create(struct box_host *h, const char *id, struct err *err)
{
        if (!id_valid(id))
                return err_set(err, -EINVAL, "volume: expected an id");
        uint32_t owner = SLOT_BASE + BOX_UID;
        if (mkdirat(h->volumes, id, 0700) < 0)
                return errno == EEXIST ? 0 : err_sys(err, -errno, "volume %s", id);
        if (h->facts.rootful && fchownat(h->volumes, id, owner, owner, AT_SYMLINK_NOFOLLOW) < 0) {
                int r = err_sys(err, -errno, "volume %s", id);
                unlinkat(h->volumes, id, AT_REMOVEDIR);
                return r;
        }
        return 0;
}

int volume_remove(struct box_host *h, const char *id, struct err *err)
{
        if (!id_valid(id))
                return err_set(err, -EINVAL, "volume: expected an id");
        int r = dir_ensure_at(h->state, VOLUME_REMOVED, 0700);
        auto_close int to = r < 0 ? r : dir_open_at(h->state, VOLUME_REMOVED);
        if (to < 0)
                return err_sys(err, to, "state directory");
        if (renameat(h->volumes, id, to, id) < 0 && errno != ENOENT)
                return err_sys(err, -errno, "volume %s", id);
        quota_drop(h, id);
        return 0;
}

int volume_sweep(struct box_host *h)
{
        return tree_remove_some_at(h->state, VOLUME_REMOVED, SWEEP_ENTRIES);
}

/* The user namespace that maps ids on disk (slot 0) to those of a slot. */
static int idmap(struct box_host *h, uint32_t slot, struct err *err)
{
        if (h->idmaps[slot] < 0) {
                struct ns_map m = {SLOT_BASE, SLOT_BASE + slot * SLOT_SIZE, SLOT_SIZE};
                h->idmaps[slot] = ns_user(&m, err);
        }
        return h->idmaps[slot];
}

int slot_mount(struct box_host *h, int dir, uint32_t slot, int attrs, struct err *err)
{
        auto_close int fd = mount_copy(dir, "", false, err);
        int r = fd < 0 ? fd : 0;
        if (r == 0 && h->facts.rootful) {
                int userns = idmap(h, slot, err);
                r = userns < 0 ? userns : mount_idmap(fd, userns, err);
        }
        if (r == 0)
                r = mount_set(fd, attrs, err);
        return r < 0 ? r : TAKE_FD(fd);
}

int volume_mount(struct box_host *h, const struct launch_mount *m, uint32_t slot, struct err *err)
{
        const char *name;
        auto_close int parent = quota_parent(h, m->volume, &name, err);
        if (parent < 0)
                return parent;
        auto_close int volume = dir_open_beneath(parent, name);
        if (volume < 0)
                return err_sys(err, volume, "volume");
        auto_close int dir = dir_open_beneath(volume, m->subpath);
        if (dir < 0)
                return err_sys(err, dir, "subpath '%s'", m->subpath);
        return slot_mount(h, dir, slot, MOUNT_NOSUID | MOUNT_NODEV | (m->read_only ? MOUNT_RO : 0),
                          err);
}
