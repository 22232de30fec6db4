#include "box/unpack_put.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/walk.h"
#include <archive_entry.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define TEMP_NAME WALK_HIDDEN "unpack" /* of the one file that is being written */

/* The directory that holds path; missing ones are made. No link on the way is followed. */
static int parent_of(struct unpack *u, const char *path, const char **ret_name, struct err *err)
{
        char part[PATH_TEXT_MAX + 1];
        int dir = dup(u->root);
        const char *slash;
        for (; dir >= 0 && (slash = strchr(path, '/')); path = slash + 1) {
                snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
                if (mkdirat(dir, part, 0755) < 0 && errno != EEXIST)
                        break;
                int next = openat(dir, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                close(dir);
                dir = next;
        }
        *ret_name = path;
        if (dir < 0 || strchr(path, '/'))
                return err_set(err, -EINVAL, "entry: '%.64s' lies behind a link or a file", path);
        return dir;
}

/* A root of an image: a second file of one name is refused. A copy: what is no directory goes. */
static int make_room(const struct unpack *u, int dir, const char *name, struct err *err)
{
        struct stat st;
        if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return 0;
        if (!u->copy)
                return err_set(err, -EEXIST, "entry '%.64s': there twice", name);
        if (S_ISDIR(st.st_mode))
                return err_set(err, -EISDIR, "entry '%.64s': a folder is in its place", name);
        return unlinkat(dir, name, 0) < 0 ? err_sys(err, -errno, "'%.64s'", name) : 0;
}

static int own(const struct unpack *u, int dir, const char *name, struct archive_entry *e,
               mode_t mode, struct err *err)
{
        uid_t uid = (uid_t)archive_entry_uid(e), gid = (gid_t)archive_entry_gid(e);
        bool user = u->copy || geteuid() != 0; /* all is ours */
        mode_t bits = u->copy ? 0777 & ~u->mask : 01777;
        if (!user && (uid > 65535 || gid > 65535))
                return err_set(err, -EINVAL, "entry '%.64s': an owner above 65535", name);
        if (!user && fchownat(dir, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
                return err_sys(err, -errno, "owner of '%.64s'", name);
        if (!S_ISLNK(mode) && fchmodat(dir, name, mode & bits, 0) < 0)
                return err_sys(err, -errno, "mode of '%.64s'", name);
        struct timespec t[2] = {{archive_entry_mtime(e), archive_entry_mtime_nsec(e)},
                                {archive_entry_mtime(e), archive_entry_mtime_nsec(e)}};
        if (utimensat(dir, name, t, AT_SYMLINK_NOFOLLOW) < 0)
                return err_sys(err, -errno, "time of '%.64s'", name);
        return 0;
}

static int write_blocks(struct unpack *u, int fd, struct err *err)
{
        const void *p;
        size_t n;
        la_int64_t at;
        int r;
        while ((r = archive_read_data_block(u->in, &p, &n, &at)) == ARCHIVE_OK) {
                u->written += n;
                if (u->written > u->limits.bytes_max || at < 0 ||
                    (uint64_t)at > u->limits.bytes_max)
                        return err_set(err, -EFBIG, "the archive holds too much");
                for (size_t done = 0; done < n;) {
                        ssize_t w = pwrite(fd, (const char *)p + done, n - done, at + (off_t)done);
                        if (w < 0)
                                return err_sys(err, -errno, "writing");
                        done += (size_t)w;
                }
        }
        return r == ARCHIVE_EOF
                       ? 0
                       : err_set(err, -EIO, "archive: %.200s", archive_error_string(u->in));
}

static int fill(struct unpack *u, int dir, const char *name, struct archive_entry *e,
                struct err *err)
{
        auto_close int fd =
                openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return err_sys(err, -errno, "'%.64s'", name);
        int r = write_blocks(u, fd, err);
        if (r == 0 && ftruncate(fd, archive_entry_size(e)) < 0)
                r = err_sys(err, -errno, "'%.64s'", name);
        return r < 0 ? r : own(u, dir, name, e, S_IFREG | archive_entry_perm(e), err);
}

static int put_file(struct unpack *u, int dir, const char *name, struct archive_entry *e,
                    struct err *err)
{
        struct stat st;
        if (!u->copy) {
                int r = make_room(u, dir, name, err);
                return r < 0 ? r : fill(u, dir, name, e, err);
        }
        if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
                return err_set(err, -EISDIR, "entry '%.64s': a folder is in its place", name);
        unlinkat(dir, TEMP_NAME, 0); /* of one that was killed */
        int r = fill(u, dir, TEMP_NAME, e, err);
        if (r == 0 && renameat(dir, TEMP_NAME, dir, name) < 0)
                r = err_sys(err, -errno, "'%.64s'", name);
        if (r < 0)
                unlinkat(dir, TEMP_NAME, 0);
        return r;
}

/* What is copied into it must still be possible: a mode that forbids that is set at the end. */
static int close_later(struct unpack *u, const char *path, mode_t mode, struct err *err)
{
        if ((mode & 0700) == 0700)
                return 0;
        if (++u->n_closed > UNPACK_CLOSED_MAX)
                return err_set(err, -E2BIG, "too many folders that their owner may not write to");
        struct unpack_closed *c = xmalloc(sizeof *c + strlen(path) + 1);
        c->next = u->closed;
        c->mode = mode & 0777 & ~u->mask;
        memcpy(c->path, path, strlen(path) + 1);
        u->closed = c;
        return 0;
}

static int put_dir(struct unpack *u, int dir, const char *name, const char *path,
                   struct archive_entry *e, struct err *err)
{
        mode_t mode = archive_entry_perm(e);
        if (!*name) /* the root: only its mode and owner */
                return u->copy ? 0 : own(u, dir, ".", e, S_IFDIR | mode, err);
        if (mkdirat(dir, name, 0700) < 0) {
                struct stat st;
                if (errno != EEXIST || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
                    !S_ISDIR(st.st_mode))
                        return err_set(err, -EEXIST, "entry '%.64s': there twice", name);
        }
        int r = u->copy ? close_later(u, path, mode, err) : 0;
        return r < 0 ? r : own(u, dir, name, e, S_IFDIR | mode | (u->copy ? 0700 : 0), err);
}

/* True for a target that stays below the root, from the directory that the link is in. It may lead up
 * first and then only down: behind another link '..' is not what it seems. */
static bool leads_within(const char *path, const char *target)
{
        int up = 0;
        bool down = false;
        if (*target == '/')
                return false;
        for (const char *s = path; (s = strchr(s, '/')); s++)
                up++;
        while (*target) {
                size_t n = strcspn(target, "/");
                bool parent = n == 2 && target[0] == '.' && target[1] == '.';
                if (parent && (down || --up < 0))
                        return false;
                down |= !parent && n > 0 && !(n == 1 && target[0] == '.');
                target += n + (target[n] == '/');
        }
        return true;
}

static int put_link(struct unpack *u, int dir, const char *name, const char *path,
                    struct archive_entry *e, struct err *err)
{
        if (u->links_within && !leads_within(path, archive_entry_symlink(e))) {
                u->left_out++;
                return 0;
        }
        int r = make_room(u, dir, name, err);
        if (r == 0 && symlinkat(archive_entry_symlink(e), dir, name) < 0)
                r = err_sys(err, -errno, "'%.64s'", name);
        return r < 0 ? r : own(u, dir, name, e, S_IFLNK, err);
}

static int put_hardlink(struct unpack *u, int dir, const char *name, const char *target,
                        struct err *err)
{
        const char *base;
        struct stat st;
        auto_close int from = parent_of(u, target, &base, err);
        int r = from < 0 ? from : make_room(u, dir, name, err);
        if (r < 0)
                return r;
        if (fstatat(from, base, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
                return err_set(err, -EINVAL, "hard link '%.64s': to no file of the archive", name);
        return linkat(from, base, dir, name, 0) < 0 ? err_sys(err, -errno, "'%.64s'", name) : 0;
}

/* The directory is then empty but for what this layer has: overlay's mark cannot be set from inside,
 * but removing what is there below makes the same. */
static int put_gone(int dir, const char *name, struct err *err)
{
        int r = tree_remove_at(dir, name);
        return r < 0 ? err_sys(err, r, "'%.64s'", name) : 0;
}

static int put_opaque(struct unpack *u, const char *path, struct err *err)
{
        auto_close int dir = open_beneath(u->root, *path ? path : ".", O_RDONLY | O_DIRECTORY, 0);
        DIR *d = dir < 0 ? NULL : fdopendir(dup(dir));
        int r = 0;
        if (!d)
                return 0; /* nothing below has it */
        for (struct dirent *e; r == 0 && (e = readdir(d));)
                if (!str_eq(e->d_name, ".") && !str_eq(e->d_name, ".."))
                        r = put_gone(dir, e->d_name, err);
        closedir(d);
        return r;
}

static int put(struct unpack *u, struct archive_entry *e, struct err *err)
{
        char path[PATH_TEXT_MAX + 1], target[PATH_TEXT_MAX + 1];
        const char *name = archive_entry_pathname(e), *hard = archive_entry_hardlink(e);
        struct unpack_entry x = {
                .path = name ? name : "",
                .target = hard ? hard : archive_entry_symlink(e),
                .type = hard ? 0 : archive_entry_filetype(e),
                .size = archive_entry_size(e) < 0 ? UINT64_MAX : (uint64_t)archive_entry_size(e),
                .oci = u->oci,
                .copy = u->copy};
        int what = unpack_check(&u->limits, &x, path, target, err);
        if (what < 0 || what == UNPACK_SKIP)
                return what;
        if (what == UNPACK_OPAQUE)
                return put_opaque(u, path, err);
        auto_close int dir = parent_of(u, path, &name, err);
        if (dir < 0)
                return dir;
        switch (what) {
        case UNPACK_DIR:
                return put_dir(u, dir, name, path, e, err);
        case UNPACK_FILE:
                return put_file(u, dir, name, e, err);
        case UNPACK_LINK:
                return put_link(u, dir, name, path, e, err);
        case UNPACK_HARDLINK:
                return put_hardlink(u, dir, name, target, err);
        }
        return put_gone(dir, name, err);
}

/* Their owner may not write to them: only now. */
static int close_dirs(struct unpack *u, struct err *err)
{
        int r = 0;
        while (u->closed) {
                struct unpack_closed *c = u->closed;
                u->closed = c->next;
                auto_close int dir =
                        r < 0 ? -1 : open_beneath(u->root, c->path, O_RDONLY | O_DIRECTORY, 0);
                if (r == 0 && (dir < 0 || fchmod(dir, c->mode) < 0))
                        r = err_sys(err, dir < 0 ? dir : -errno, "mode of '%.64s'", c->path);
                free(c);
        }
        return r;
}

int unpack_all(struct unpack *u, struct err *err)
{
        struct archive_entry *e;
        int r = 0, got;
        while (r >= 0 && (got = archive_read_next_header(u->in, &e)) != ARCHIVE_EOF)
                r = got == ARCHIVE_OK
                            ? put(u, e, err)
                            : err_set(err, -EINVAL, "archive: %.200s", archive_error_string(u->in));
        int closed = close_dirs(u, r < 0 ? NULL : err);
        return r < 0 ? r : closed;
}
