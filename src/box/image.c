#include "box/image.h"
#include "base/fd.h"
#include "base/id.h"
#include "base/str.h"
#include "box/disk.h"
#include "box/frame.h"
#include "box/layer.h"
#include "box/spec.h"
#include "box/volume.h"
#include "os/mount.h"
#include "os/overlay.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define FRAMES 2

bool image_rooted(const struct launch_spec *spec)
{
        return spec->n_layers || spec->disk_backed || spec->profile == BOX_BUILD;
}

const char *image_disk_text(enum image_disk d)
{
        static const char *const names[] = {"tmpfs", "loop", "watched"};
        return names[d];
}

/* A build's upper layer becomes a layer by a rename: it is a directory of the state. */
enum image_disk image_disk(const struct box_host *h, const struct launch_spec *spec)
{
        if (spec->profile == BOX_BUILD)
                return IMAGE_DISK_WATCHED;
        if (!spec->disk_backed)
                return IMAGE_DISK_TMPFS;
        return h->facts.rootful && disk_loop_works() ? IMAGE_DISK_LOOP : IMAGE_DISK_WATCHED;
}

int images_open(struct box_host *h, struct err *err)
{
        int r = layers_open(h, err);
        if (r < 0)
                return r;
        r = dir_ensure_at(h->state, "uppers", 0711);
        h->uppers = r < 0 ? r : dir_open_at(h->state, "uppers");
        if (h->uppers < 0)
                return err_sys(err, h->uppers, "directory of upper layers");
        if (!overlay_takes_detached()) {
                if (mkdirat(h->tree, "stage", 0700) < 0 ||
                    (h->stage = dir_open_at(h->tree, "stage")) < 0)
                        return err_sys(err, -errno, "stage");
        }
        return frames_open(h, err);
}

/* ---- the scratch ---- */

static int scratch_dirs(int fd, uint32_t root_id, bool chown_them, struct err *err)
{
        static const struct {
                const char *name;
                mode_t mode;
                uint32_t owner;
        } dirs[] = {{"up", 0755, 0},
                    {"ovl", 0700, 0},
                    {"tmp", 01777, 0},
                    {"run", 0755, BOX_UID},
                    {"shm", 01777, 0}};
        for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
                uint32_t id = root_id + dirs[i].owner;
                if (mkdirat(fd, dirs[i].name, 0700) < 0 ||
                    fchmodat(fd, dirs[i].name, dirs[i].mode, 0) < 0 ||
                    (chown_them && fchownat(fd, dirs[i].name, id, id, 0) < 0))
                        return err_sys(err, -errno, "scratch");
        }
        return 0;
}

static int scratch_tmpfs(struct box_host *h, const struct launch_spec *spec, uint32_t slot,
                         struct err *err)
{
        char size[24], inodes[24];
        snprintf(size, sizeof size, "%llu", (unsigned long long)spec->disk_bytes);
        snprintf(inodes, sizeof inodes, "%llu",
                 (unsigned long long)(spec->disk_bytes / 4096 + 1024));
        struct mount_option o[] = {
                {"size", size}, {"nr_inodes", inodes}, {"mode", "0711"}, {NULL, NULL}};
        auto_close int fd = mount_new("tmpfs", o, MOUNT_NOSUID | MOUNT_NODEV, err);
        int r = fd < 0 ? fd : scratch_dirs(fd, SLOT_BASE + slot * SLOT_SIZE, h->facts.rootful, err);
        return r < 0 ? r : TAKE_FD(fd);
}

static int scratch_loop(const struct box_host *h, const struct launch_spec *spec, uint32_t slot,
                        struct err *err)
{
        auto_close int fd = disk_mount(h->uppers, spec->id, true, err);
        int r = fd < 0 ? fd : scratch_dirs(fd, SLOT_BASE + slot * SLOT_SIZE, true, err);
        return r < 0 ? r : TAKE_FD(fd);
}

static int scratch_dir(struct box_host *h, const struct launch_spec *spec, uint32_t slot,
                       struct err *err)
{
        if (mkdirat(h->uppers, spec->id, 0711) < 0)
                return err_sys(err, -errno, "scratch");
        auto_close int dir = dir_open_at(h->uppers, spec->id);
        int r = dir < 0 ? err_sys(err, dir, "scratch")
                        : scratch_dirs(dir, SLOT_BASE, h->facts.rootful, err);
        if (r == 0 && fchmod(dir, 0711) < 0)
                r = err_sys(err, -errno, "scratch");
        return r < 0 ? r : slot_mount(h, dir, slot, MOUNT_NOSUID | MOUNT_NODEV, err);
}

static int scratch(struct box_host *h, const struct launch_spec *spec, uint32_t slot,
                   struct err *err)
{
        switch (image_disk(h, spec)) {
        case IMAGE_DISK_TMPFS:
                return scratch_tmpfs(h, spec, slot, err);
        case IMAGE_DISK_LOOP:
                return scratch_loop(h, spec, slot, err);
        case IMAGE_DISK_WATCHED:
                break;
        }
        return scratch_dir(h, spec, slot, err);
}

void image_discard(struct box_host *h, const char *id)
{
        struct stat st;
        char under[64];
        if (fstatat(h->uppers, id, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return;
        auto_close int to = dir_ensure_at(h->state, VOLUME_REMOVED, 0700) < 0
                                    ? -1
                                    : dir_open_at(h->state, VOLUME_REMOVED);
        snprintf(under, sizeof under, "upper-%s", id);
        if (to >= 0 && renameat(h->uppers, id, to, under) < 0)
                return; /* swept at the next start */
}

int images_sweep(struct box_host *h, bool (*has)(void *ctx, const char *id), void *ctx)
{
        int fd = dir_open_at(h->uppers, ".");
        DIR *d = fd < 0 ? NULL : fdopendir(fd);
        if (!d) {
                closep(&fd);
                return -EIO;
        }
        for (struct dirent *e; (e = readdir(d));)
                if (id_valid(e->d_name) && !has(ctx, e->d_name))
                        image_discard(h, e->d_name);
        closedir(d);
        return 0;
}

int image_scratch_open(const struct box_host *h, const char *id)
{
        return dir_open_at(h->uppers, id);
}

/* ---- the root ---- */

static int lowers(struct box_host *h, const struct launch_spec *spec, uint32_t slot,
                  int fds[BOX_LAYERS_MAX + FRAMES], size_t *n, struct err *err)
{
        bool host = str_eq(spec->image, "host");
        int fd = frame_mount(h, host ? FRAME_BOTTOM_HOST : FRAME_BOTTOM, slot, err);
        if (fd < 0)
                return fd;
        fds[(*n)++] = fd;
        for (uint32_t i = 0; i < spec->n_layers; i++) {
                fd = layer_mount(h, spec->layers[i].key, slot, err);
                if (fd < 0)
                        return err_wrap(err, fd, "image '%s'", spec->image);
                fds[(*n)++] = fd;
        }
        fd = frame_mount(h, host ? FRAME_TOP_HOST : FRAME_TOP, slot, err);
        if (fd < 0)
                return fd;
        fds[(*n)++] = fd;
        return 0;
}

static int make_root(struct box_host *h, const struct launch_spec *spec, uint32_t slot, int scr,
                     int trees[TREE_MAX], struct err *err)
{
        int fds[BOX_LAYERS_MAX + FRAMES];
        size_t n = 0;
        auto_close int up = openat(scr, "up", O_PATH | O_DIRECTORY | O_CLOEXEC);
        auto_close int work = openat(scr, "ovl", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (up < 0 || work < 0)
                return err_sys(err, -errno, "scratch");
        int r = lowers(h, spec, slot, fds, &n, err);
        struct overlay o = {.lowers = fds,
                            .n_lowers = n,
                            .upper = up,
                            .work = work,
                            .userxattr = !h->facts.rootful,
                            .stage = h->stage};
        int root = r < 0 ? r : overlay_new(&o, MOUNT_NOSUID | MOUNT_NODEV, err);
        for (size_t i = 0; i < n; i++)
                close(fds[i]);
        if (root < 0)
                return root;
        trees[TREE_ROOT] = root;
        trees[TREE_UPPER] = TAKE_FD(up);
        return 0;
}

static int attach_scratch(struct box_host *h, int scr, struct err *err)
{
        if (h->stage < 0)
                return 0;
        if (mkdirat(h->stage, "scratch", 0700) < 0 && errno != EEXIST)
                return err_sys(err, -errno, "stage");
        return mount_attach(scr, h->stage, "scratch", err);
}

static int fill(struct box_host *h, const struct launch_spec *spec, uint32_t slot, int scr,
                int trees[TREE_MAX], struct err *err)
{
        static const struct {
                enum plan_tree tree;
                const char *name;
        } views[] = {{TREE_TMP, "tmp"}, {TREE_RUN, "run"}, {TREE_SHM, "shm"}};
        int r = make_root(h, spec, slot, scr, trees, err);
        for (size_t i = 0; i < ARRAY_LEN(views) && r >= 0; i++)
                r = trees[views[i].tree] = mount_copy(scr, views[i].name, false, err);
        if (r >= 0 && h->ca >= 0)
                r = trees[TREE_CA] = mount_copy(h->ca, "", false, err);
        return r < 0 ? r : 0;
}

int image_trees(struct box_host *h, const struct launch_spec *spec, uint32_t slot,
                int trees[TREE_MAX], struct err *err)
{
        auto_close int scr = scratch(h, spec, slot, err);
        if (scr < 0)
                return scr;
        int r = attach_scratch(h, scr, err);
        if (r == 0)
                r = fill(h, spec, slot, scr, trees, err);
        if (h->stage >= 0)
                mount_detach(h->stage, "scratch");
        return r;
}
