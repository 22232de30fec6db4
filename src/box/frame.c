#include "box/frame.h"
#include "base/fd.h"
#include "base/str.h"
#include "box/spec.h"
#include "box/volume.h"
#include "os/mount.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define VERSION_OF_FRAMES "2" /* another one whenever what is below changes */

static const char *const names[FRAMES_N] = {"bottom", "bottom-host", "top", "top-host"};

struct maker {
        const struct box_host *h;
        int dir;
        struct err *err;
};

static int own(const struct maker *m, const char *path, uint32_t id)
{
        uint32_t to = SLOT_BASE + id;
        if (m->h->facts.rootful && fchownat(m->dir, path, to, to, AT_SYMLINK_NOFOLLOW) < 0)
                return err_sys(m->err, -errno, "frame '%s'", path);
        return 0;
}

static int add_dir(const struct maker *m, const char *path, mode_t mode, uint32_t id)
{
        if (mkdirat(m->dir, path, 0755) < 0 || fchmodat(m->dir, path, mode, 0) < 0)
                return err_sys(m->err, -errno, "frame '%s'", path);
        return own(m, path, id);
}

static int add_file(const struct maker *m, const char *path, const char *text)
{
        int r = file_replace_at(m->dir, path, text, strlen(text), 0644);
        return r < 0 ? err_sys(m->err, r, "frame '%s'", path) : own(m, path, 0);
}

static int add_link(const struct maker *m, const char *path, const char *target)
{
        if (symlinkat(target, m->dir, path) < 0)
                return err_sys(m->err, -errno, "frame '%s'", path);
        return own(m, path, 0);
}

static int fill_bottom(const struct maker *m, bool host)
{
        static const char *const dirs[] = {"usr", "etc", "dev", "proc", "sys",
                                           "var", "opt", "srv", "mnt",  "home"};
        int r = 0;
        for (size_t i = 0; i < ARRAY_LEN(dirs) && r == 0; i++)
                r = add_dir(m, dirs[i], 0755, 0);
        if (r == 0)
                r = add_dir(m, "root", 0700, 0);
        if (r == 0)
                r = add_dir(m, "tmp", 01777, 0);
        if (r == 0)
                r = add_dir(m, "run", 0755, BOX_UID);
        if (r == 0)
                r = add_dir(m, "work", 0755, BOX_UID);
        if (r == 0)
                r = add_link(m, "var/tmp", "/tmp");
        for (size_t i = 0; host && i < m->h->facts.n_links && r == 0; i++)
                r = add_link(m, m->h->facts.links[i].name, m->h->facts.links[i].target);
        return r;
}

static int fill_top(const struct maker *m, bool host)
{
        static const char *const files[] = {".paddock/parse", ".paddock/files", ".paddock/unpack",
                                            ".paddock/ca.crt"};
        const char *opaque = m->h->facts.rootful ? "trusted.overlay.opaque" : "user.overlay.opaque";
        int r = add_dir(m, ".paddock", 0755, 0);
        if (r == 0)
                r = add_dir(m, ".paddock/empty", 0755, 0);
        if (r == 0)
                r = add_dir(m, ".paddock/warm", 0755, 0);
        for (size_t i = 0; i < ARRAY_LEN(files) && r == 0; i++)
                r = add_file(m, files[i], "");
        if (r == 0 && !host) {
                r = add_dir(m, "etc", 0755, 0);
                if (r == 0)
                        r = add_file(m, "etc/hosts", "127.0.0.1 localhost\n::1 localhost\n");
                if (r == 0)
                        r = add_file(m, "etc/resolv.conf", "");
        }
        if (r < 0)
                return r;
        auto_close int fd = dir_open_at(m->dir, ".paddock");
        if (fd < 0 || fsetxattr(fd, opaque, "y", 1, 0) < 0)
                return err_sys(m->err, -errno, "frame: the state's file system has no attributes");
        return 0;
}

static void frame_name(const struct box_host *h, enum frame f, char *dst, size_t size)
{
        snprintf(dst, size, "%s-%s%s", names[f], VERSION_OF_FRAMES,
                 h->facts.rootful ? "" : "-user");
}

static int make_frame(struct box_host *h, enum frame f, struct err *err)
{
        char name[40];
        frame_name(h, f, name, sizeof name);
        auto_close int there = dir_open_at(h->frames, name);
        if (there >= 0)
                return 0;
        int r = tree_remove_at(h->frames, ".new");
        if (r < 0 || mkdirat(h->frames, ".new", 0755) < 0)
                return err_sys(err, r < 0 ? r : -errno, "frame");
        auto_close int dir = dir_open_at(h->frames, ".new");
        struct maker m = {h, dir, err};
        r = dir < 0 ? err_sys(err, dir, "frame") : own(&m, ".", 0);
        if (r == 0)
                r = f == FRAME_BOTTOM || f == FRAME_BOTTOM_HOST
                            ? fill_bottom(&m, f == FRAME_BOTTOM_HOST)
                            : fill_top(&m, f == FRAME_TOP_HOST);
        if (r == 0 && (syncfs(dir) < 0 || renameat(h->frames, ".new", h->frames, name) < 0))
                r = err_sys(err, -errno, "frame");
        return r;
}

/* Where distributions have the authorities that the host trusts. */
static int copy_ca(struct box_host *h, struct err *err)
{
        static const char *const places[] = {"/etc/ssl/certs/ca-certificates.crt",
                                             "/etc/pki/tls/certs/ca-bundle.crt",
                                             "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"};
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 8u << 20);
        int r = -ENOENT;
        for (size_t i = 0; i < ARRAY_LEN(places) && r == -ENOENT; i++)
                r = file_read_at(AT_FDCWD, places[i], &b);
        if (r < 0)
                return 0; /* a host without: TLS inside fails and says so */
        r = file_replace_at(h->tree, "ca.crt", b.data, b.len, 0444);
        auto_close int file = r < 0 ? r : openat(h->tree, "ca.crt", O_PATH | O_CLOEXEC);
        if (file < 0)
                return err_sys(err, -EIO, "CA bundle");
        auto_close int fd = mount_copy(file, "", false, err);
        r = fd < 0 ? fd : mount_set(fd, MOUNT_RO | MOUNT_NOSUID | MOUNT_NODEV | MOUNT_NOEXEC, err);
        if (r < 0)
                return r;
        h->ca = TAKE_FD(file);
        return 0;
}

int frames_open(struct box_host *h, struct err *err)
{
        int r = dir_ensure_at(h->state, "frames", 0711);
        h->frames = r < 0 ? r : dir_open_at(h->state, "frames");
        if (h->frames < 0)
                return err_sys(err, h->frames, "directory of frames");
        mode_t mask = umask(022);
        for (int f = 0; f < FRAMES_N && r == 0; f++)
                r = make_frame(h, (enum frame)f, err);
        umask(mask);
        return r < 0 ? r : copy_ca(h, err);
}

int frame_mount(struct box_host *h, enum frame f, uint32_t slot, struct err *err)
{
        char name[40];
        frame_name(h, f, name, sizeof name);
        auto_close int dir = dir_open_at(h->frames, name);
        if (dir < 0)
                return err_sys(err, dir, "frame");
        return slot_mount(h, dir, slot, MOUNT_RO | MOUNT_NOSUID | MOUNT_NODEV, err);
}
