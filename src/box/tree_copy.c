#include "base/fd.h"
#include "base/mem.h"
#include "box/tree.h"
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define LINKS_MAX 200000 /* files with several names that are remembered; further ones are copied */
#define NAMES_MAX 4096   /* bytes of names of extended attributes of one file */

struct link_seen {
        ino_t ino;
        char *path; /* below `to` */
};

struct copy {
        int to;
        dev_t dev;
        const struct tree_ids *ids;
        uint64_t most;
        struct tree_tally tally;
        struct link_seen *links;
        size_t n_links;
        struct err *err;
};

static int copy_dir(struct copy *c, int from, int to, const char *path, int depth);

static uint32_t id_of(const struct copy *c, uint32_t id)
{
        const struct tree_ids *i = c->ids;
        return i && id >= i->from && id - i->from < i->count ? id - i->from + i->to : id;
}

/* Marks of overlayfs and what users set; the rest (capabilities, labels) is not for a copy. */
static bool keeps_xattr(const char *name)
{
        return strncmp(name, "user.", 5) == 0 || strcmp(name, "trusted.overlay.opaque") == 0;
}

static void copy_xattrs(int from, int to)
{
        char names[NAMES_MAX], value[NAMES_MAX];
        ssize_t n = flistxattr(from, names, sizeof names);
        for (ssize_t at = 0; at < n; at += (ssize_t)strlen(names + at) + 1) {
                if (!keeps_xattr(names + at))
                        continue;
                ssize_t size = fgetxattr(from, names + at, value, sizeof value);
                if (size >= 0 && fsetxattr(to, names + at, value, (size_t)size, 0) < 0)
                        continue; /* a file system without: one mark less */
        }
}

static int finish(struct copy *c, int fd, const struct stat *st)
{
        struct timespec times[2] = {st->st_atim, st->st_mtim};
        if (c->ids && fchown(fd, id_of(c, st->st_uid), id_of(c, st->st_gid)) < 0)
                return err_sys(c->err, -errno, "owner");
        if (fchmod(fd, st->st_mode & 01777) < 0 || futimens(fd, times) < 0)
                return err_sys(c->err, -errno, "mode or time");
        return 0;
}

/* ---- a file's content ---- */

/* As copy_file_range, which does not go from one kind of file system to another. */
static ssize_t copy_some(int from, off_t *at, int to, size_t n)
{
        char piece[65536];
        off_t out = *at;
        ssize_t done = copy_file_range(from, at, to, &out, n, 0);
        if (done >= 0 || (errno != EXDEV && errno != EOPNOTSUPP && errno != EINVAL))
                return done;
        done = pread(from, piece, n < sizeof piece ? n : sizeof piece, *at);
        if (done > 0)
                done = pwrite(to, piece, (size_t)done, *at);
        *at += done > 0 ? done : 0;
        return done;
}

static int copy_range(struct copy *c, int from, int to, off_t at, off_t end)
{
        while (at < end) {
                ssize_t n = copy_some(from, &at, to, (size_t)(end - at));
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return err_sys(c->err, -errno, "copying");
                if (n == 0)
                        return 0; /* it became shorter */
                c->tally.bytes += (uint64_t)n;
                if (c->most && c->tally.bytes > c->most)
                        return err_set(c->err, -EFBIG, "it is larger than is allowed");
        }
        return 0;
}

static int copy_content(struct copy *c, int from, int to, off_t size)
{
        if (!c->most && ioctl(to, FICLONE, from) == 0) {
                c->tally.bytes += (uint64_t)size;
                return 0;
        }
        off_t at = 0;
        int r = 0;
        while (r == 0 && at < size) {
                off_t data = lseek(from, at, SEEK_DATA);
                if (data < 0)
                        break; /* a hole up to the end */
                off_t hole = lseek(from, data, SEEK_HOLE);
                at = hole < 0 || hole > size ? size : hole;
                r = copy_range(c, from, to, data, at);
        }
        if (r == 0 && ftruncate(to, size) < 0)
                r = err_sys(c->err, -errno, "size");
        return r;
}

/* ---- entries ---- */

/* True: it is another name of a file that has been copied, and is linked now. */
static bool copy_link(struct copy *c, const struct stat *st, int to, const char *name,
                      const char *path)
{
        for (size_t i = 0; i < c->n_links; i++)
                if (c->links[i].ino == st->st_ino)
                        return linkat(c->to, c->links[i].path, to, name, 0) == 0;
        if (c->n_links == LINKS_MAX)
                return false;
        if ((c->n_links & 1023) == 0)
                c->links = xrealloc(c->links, (c->n_links + 1024) * sizeof *c->links);
        c->links[c->n_links++] = (struct link_seen){st->st_ino, xstrdup(path)};
        return false;
}

static int copy_file(struct copy *c, int from_dir, int to_dir, const char *name, const char *path)
{
        struct stat st;
        auto_close int from =
                openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (from < 0 || fstat(from, &st) < 0)
                return err_sys(c->err, -errno, "opening a file");
        if (!S_ISREG(st.st_mode))
                return 0;
        if (st.st_nlink > 1 && copy_link(c, &st, to_dir, name, path))
                return 0;
        auto_close int to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (to < 0)
                return err_sys(c->err, -errno, "making a file");
        int r = copy_content(c, from, to, st.st_size);
        if (r < 0)
                return r;
        copy_xattrs(from, to);
        return finish(c, to, &st);
}

static int copy_sub(struct copy *c, int from_dir, int to_dir, const char *name, const char *path,
                    int depth)
{
        struct stat st;
        if (depth >= TREE_DEPTH_MAX)
                return err_set(c->err, -ELOOP, "directories lie deeper than %d", TREE_DEPTH_MAX);
        if (mkdirat(to_dir, name, 0700) < 0)
                return err_sys(c->err, -errno, "making a directory");
        auto_close int from = dir_open_at(from_dir, name);
        auto_close int to = dir_open_at(to_dir, name);
        if (from < 0 || to < 0 || fstat(from, &st) < 0)
                return err_sys(c->err, -EIO, "opening a directory");
        int r = copy_dir(c, from, to, path, depth + 1);
        if (r < 0)
                return r;
        copy_xattrs(from, to);
        return finish(c, to, &st);
}

static int copy_symlink(struct copy *c, int from_dir, int to_dir, const char *name,
                        const struct stat *st)
{
        char target[4096];
        ssize_t n = readlinkat(from_dir, name, target, sizeof target - 1);
        if (n < 0)
                return err_sys(c->err, -errno, "link");
        target[n] = 0;
        if (symlinkat(target, to_dir, name) < 0)
                return err_sys(c->err, -errno, "link");
        if (c->ids && fchownat(to_dir, name, id_of(c, st->st_uid), id_of(c, st->st_gid),
                               AT_SYMLINK_NOFOLLOW) < 0)
                return err_sys(c->err, -errno, "owner");
        return 0;
}

static int copy_entry(struct copy *c, int from, int to, const char *name, const char *dir,
                      int depth)
{
        struct stat st;
        if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : err_sys(c->err, -errno, "entry");
        if (st.st_dev != c->dev)
                return 0; /* something is mounted there: not of this tree */
        if (++c->tally.files > TREE_FILES_MAX)
                return err_set(c->err, -E2BIG, "more than %u files", TREE_FILES_MAX);
        auto_free char *path = xasprintf("%s%s%s", dir, *dir ? "/" : "", name);
        if (S_ISDIR(st.st_mode))
                return copy_sub(c, from, to, name, path, depth);
        if (S_ISREG(st.st_mode))
                return copy_file(c, from, to, name, path);
        if (S_ISLNK(st.st_mode))
                return copy_symlink(c, from, to, name, &st);
        if (S_ISCHR(st.st_mode) && st.st_rdev == 0 && mknodat(to, name, S_IFCHR, 0) < 0)
                return err_sys(c->err, -errno, "whiteout");
        return 0;
}

static int copy_dir(struct copy *c, int from, int to, const char *path, int depth)
{
        int fd = dir_open_at(from, ".");
        DIR *d = fd < 0 ? NULL : fdopendir(fd);
        if (!d) {
                closep(&fd);
                return err_sys(c->err, -EIO, "directory");
        }
        int r = 0;
        for (struct dirent *e; r == 0 && (e = readdir(d));)
                if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
                        r = copy_entry(c, from, to, e->d_name, path, depth);
        closedir(d);
        return r;
}

int tree_copy(int from, int to, const struct tree_ids *ids, uint64_t most_bytes,
              struct tree_tally *ret, struct err *err)
{
        struct stat st;
        struct copy c = {
                .to = to, .ids = ids && ids->count ? ids : NULL, .most = most_bytes, .err = err};
        if (fstat(from, &st) < 0)
                return err_sys(err, -errno, "directory");
        c.dev = st.st_dev;
        int r = copy_dir(&c, from, to, "", 0);
        auto_close int top = r < 0 ? -1 : dir_open_at(to, ".");
        auto_close int source = r < 0 ? -1 : dir_open_at(from, ".");
        if (top >= 0 && source >= 0) {
                copy_xattrs(source, top);
                r = finish(&c, top, &st);
        }
        for (size_t i = 0; i < c.n_links; i++)
                free(c.links[i].path);
        free(c.links);
        if (r == 0)
                *ret = c.tally;
        return r;
}
