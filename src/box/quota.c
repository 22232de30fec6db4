#include "box/quota.h"
#include "base/fd.h"
#include "base/id.h"
#include "base/str.h"
#include "box/disk.h"
#include "box/spec.h"
#include "os/mount.h"
#include "os/quota.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define FIRST_PROJECT 0x70000000u /* as of the id ranges: far from what an administrator takes */
#define MOUNTS        "quotas"    /* below host.tree */

int quotas_open(struct box_host *h, struct err *err)
{
        int r = dir_ensure_at(h->state, "quotas", 0700);
        h->quotas = r < 0 ? r : dir_open_at(h->state, "quotas");
        if (h->quotas < 0)
                return err_sys(err, h->quotas, "directory of quotas");
        if (mkdirat(h->tree, MOUNTS, 0700) < 0)
                return err_sys(err, -errno, "mounts of volumes");
        return 0;
}

const char *quota_text(uint32_t kind)
{
        static const char *const names[] = {"", "project", "loop", "watched"};
        return kind < ARRAY_LEN(names) ? names[kind] : "";
}

enum quota_kind quota_kind_of(const struct box_host *h)
{
        if (h->facts.rootful && project_quota_works(h->volumes))
                return QUOTA_PROJECT;
        return h->facts.rootful && disk_loop_works() ? QUOTA_LOOP : QUOTA_WATCHED;
}

int quota_get(const struct box_host *h, const char *id, struct quota *ret, struct err *err)
{
        *ret = (struct quota){QUOTA_NONE, 0, 0};
        auto_close int fd = openat(h->quotas, id, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? 0 : err_sys(err, -errno, "quota");
        struct quota q;
        if (fd_read_all(fd, &q, sizeof q) < 0 || q.kind < QUOTA_PROJECT || q.kind > QUOTA_WATCHED)
                return err_set(err, -EIO, "the record of the volume's quota cannot be read");
        *ret = q;
        return 0;
}

/* ---- loop ---- */

static void image_name(const char *id, char ret[ID_TEXT_LEN + 8])
{
        snprintf(ret, ID_TEXT_LEN + 8, "%.26s.img", id);
}

int quota_make_disk(const struct box_host *h, const char *id, uint64_t bytes, struct err *err)
{
        char name[ID_TEXT_LEN + 8];
        image_name(id, name);
        return disk_make(h->quotas, name, bytes, DISK_VOLUME, err);
}

static int make_content(const struct box_host *h, int fs, struct err *err)
{
        uint32_t owner = SLOT_BASE + BOX_UID;
        if (mkdirat(fs, QUOTA_CONTENT, 0700) < 0)
                return errno == EEXIST ? 0 : err_sys(err, -errno, "volume");
        if (h->facts.rootful && fchownat(fs, QUOTA_CONTENT, owner, owner, AT_SYMLINK_NOFOLLOW) < 0)
                return err_sys(err, -errno, "volume");
        return 0;
}

static int mount_disk(const struct box_host *h, int mounts, const char *id, struct err *err)
{
        char name[ID_TEXT_LEN + 8];
        image_name(id, name);
        if (mkdirat(mounts, id, 0700) < 0 && errno != EEXIST)
                return err_sys(err, -errno, "mount of the volume");
        auto_close int fs = disk_mount(h->quotas, name, false, err);
        int r = fs < 0 ? fs : make_content(h, fs, err);
        return r < 0 ? r : mount_attach(fs, mounts, id, err);
}

/* Its file system, mounted in our own namespace from the first use until launch ends. */
static int open_disk(const struct box_host *h, const char *id, struct err *err)
{
        struct stat here, above;
        auto_close int mounts = dir_open_at(h->tree, MOUNTS);
        if (mounts < 0 || fstat(mounts, &above) < 0)
                return err_sys(err, -EIO, "mounts of volumes");
        if (fstatat(mounts, id, &here, AT_SYMLINK_NOFOLLOW) < 0 || here.st_dev == above.st_dev) {
                int r = mount_disk(h, mounts, id, err);
                if (r < 0)
                        return r;
        }
        int fd = dir_open_within(mounts, id);
        return fd < 0 ? err_sys(err, fd, "volume") : fd;
}

int quota_parent(const struct box_host *h, const char *id, const char **ret_name, struct err *err)
{
        struct quota q;
        int r = quota_get(h, id, &q, err);
        if (r < 0)
                return r;
        if (q.kind == QUOTA_LOOP) {
                *ret_name = QUOTA_CONTENT;
                return open_disk(h, id, err);
        }
        *ret_name = id;
        int fd = dir_open_at(h->volumes, ".");
        return fd < 0 ? err_sys(err, fd, "volumes") : fd;
}

/* ---- setting and dropping ---- */

/* One that no other volume has. */
static int free_project(const struct box_host *h, uint32_t *ret, struct err *err)
{
        int fd = dir_open_at(h->quotas, ".");
        DIR *d = fd < 0 ? NULL : fdopendir(fd);
        uint32_t next = FIRST_PROJECT;
        if (!d) {
                closep(&fd);
                return err_sys(err, -EIO, "directory of quotas");
        }
        for (struct dirent *e; (e = readdir(d));) {
                struct quota q;
                if (id_valid(e->d_name) && quota_get(h, e->d_name, &q, NULL) == 0 &&
                    q.project >= next)
                        next = q.project + 1;
        }
        closedir(d);
        *ret = next;
        return 0;
}

int quota_take_in(const struct quota *q, int dir, struct err *err)
{
        return q->kind == QUOTA_PROJECT ? project_take_in(dir, q->project, err) : 0;
}

static int set_project(struct box_host *h, const char *id, struct quota *q, struct err *err)
{
        auto_close int dir = dir_open_at(h->volumes, id);
        int r = dir < 0 ? err_sys(err, dir, "volume") : free_project(h, &q->project, err);
        if (r == 0)
                r = project_quota_set(dir, q->project, q->bytes, err);
        return r < 0 ? r : quota_take_in(q, dir, err);
}

int quota_set(struct box_host *h, const char *id, const struct quota *given, struct err *err)
{
        struct quota q = *given;
        int r = q.kind == QUOTA_PROJECT ? set_project(h, id, &q, err) : 0;
        if (r == 0) {
                r = file_replace_at(h->quotas, id, &q, sizeof q, 0600);
                r = r < 0 ? err_sys(err, r, "quota") : 0;
        }
        if (r < 0 || q.kind != QUOTA_LOOP)
                return r;
        auto_close int fs = open_disk(h, id, err);
        return fs < 0 ? fs : 0;
}

int quota_open_disk(const struct box_host *h, const char *name, struct err *err)
{
        char image[ID_TEXT_LEN + 8];
        image_name(name, image);
        auto_close int fs = disk_mount(h->quotas, image, false, err);
        int r = fs < 0 ? fs : make_content(h, fs, err);
        return r < 0 ? r : TAKE_FD(fs);
}

static void unmount(const struct box_host *h, const char *id)
{
        auto_close int mounts = dir_open_at(h->tree, MOUNTS);
        if (mounts < 0 || faccessat(mounts, id, F_OK, 0) < 0)
                return;
        mount_detach(mounts, id);
        unlinkat(mounts, id, AT_REMOVEDIR);
}

int quota_replace_disk(struct box_host *h, const char *name, const char *id, struct err *err)
{
        char from[ID_TEXT_LEN + 8], to[ID_TEXT_LEN + 8];
        image_name(name, from);
        image_name(id, to);
        unmount(h, id);
        if (renameat(h->quotas, from, h->quotas, to) < 0 || fsync(h->quotas) < 0)
                return err_sys(err, -errno, "volume");
        return 0;
}

void quota_drop_disk(const struct box_host *h, const char *name)
{
        char image[ID_TEXT_LEN + 8];
        int fd = name ? -1 : dir_open_at(h->quotas, ".");
        DIR *d = fd < 0 ? NULL : fdopendir(fd);
        if (!d)
                closep(&fd);
        if (name) {
                image_name(name, image);
                unlinkat(h->quotas, image, 0);
        }
        for (struct dirent *e; d && (e = readdir(d));) {
                snprintf(image, sizeof image, "%.26s", e->d_name);
                if (str_ends(e->d_name, ".img") && faccessat(h->quotas, image, F_OK, 0) < 0)
                        unlinkat(h->quotas, e->d_name, 0);
        }
        if (d)
                closedir(d);
}

void quota_drop(struct box_host *h, const char *id)
{
        unmount(h, id);
        quota_drop_disk(h, id);
        unlinkat(h->quotas, id, 0);
}
