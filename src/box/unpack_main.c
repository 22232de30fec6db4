/* The program `/.paddock/unpack`: files from a tar archive on its standard input, inside a build
 * sandbox, so that no role reads an archive of a user; and a tar of the whole image on its output.
 *
 *     unpack into DIR [MAX_BYTES]     a tar, plain or compressed by gzip, zstd, xz or bzip2
 *     unpack layer DIR [MAX_BYTES]    a layer of an OCI image: .wh. names are marks
 *     unpack pack                     "/" without what is mounted there
 *
 * Whatever is refused ends it with a sentence on stderr and status 1; the sandbox is then thrown
 * away, so nothing is left of a half read archive. Static: an image need not have our libraries. */
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/walk.h"
#include "box/pack.h"
#include "box/unpack.h"
#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <sys/stat.h>

#define BYTES_MAX (64ull << 30)

struct unpack {
        struct archive *in;
        int root;
        bool oci;
        struct unpack_limits limits;
        uint64_t written; /* what has come out of the filters */
};

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

/* What is in the way goes, if it is no directory; a second file of one name is refused. */
static int make_room(int dir, const char *name, struct err *err)
{
        struct stat st;
        if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return 0;
        return err_set(err, -EEXIST, "entry '%.64s': there twice", name);
}

static int own(int dir, const char *name, struct archive_entry *e, mode_t mode, struct err *err)
{
        uid_t uid = (uid_t)archive_entry_uid(e), gid = (gid_t)archive_entry_gid(e);
        bool user = geteuid() != 0; /* one id only: all is ours */
        if (!user && (uid > 65535 || gid > 65535))
                return err_set(err, -EINVAL, "entry '%.64s': an owner above 65535", name);
        if (!user && fchownat(dir, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
                return err_sys(err, -errno, "owner of '%.64s'", name);
        if (!S_ISLNK(mode) && fchmodat(dir, name, mode & 01777, 0) < 0)
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

static int put_file(struct unpack *u, int dir, const char *name, struct archive_entry *e,
                    struct err *err)
{
        int r = make_room(dir, name, err);
        if (r < 0)
                return r;
        auto_close int fd =
                openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return err_sys(err, -errno, "'%.64s'", name);
        r = write_blocks(u, fd, err);
        if (r == 0 && ftruncate(fd, archive_entry_size(e)) < 0)
                r = err_sys(err, -errno, "'%.64s'", name);
        return r < 0 ? r : own(dir, name, e, S_IFREG | archive_entry_perm(e), err);
}

static int put_dir(int dir, const char *name, struct archive_entry *e, struct err *err)
{
        if (!*name) /* the root: only its mode and owner */
                return own(dir, ".", e, S_IFDIR | archive_entry_perm(e), err);
        if (mkdirat(dir, name, 0700) < 0) {
                struct stat st;
                if (errno != EEXIST || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
                    !S_ISDIR(st.st_mode))
                        return err_set(err, -EEXIST, "entry '%.64s': there twice", name);
        }
        return own(dir, name, e, S_IFDIR | archive_entry_perm(e), err);
}

static int put_link(int dir, const char *name, struct archive_entry *e, struct err *err)
{
        int r = make_room(dir, name, err);
        if (r == 0 && symlinkat(archive_entry_symlink(e), dir, name) < 0)
                r = err_sys(err, -errno, "'%.64s'", name);
        return r < 0 ? r : own(dir, name, e, S_IFLNK, err);
}

static int put_hardlink(struct unpack *u, int dir, const char *name, const char *target,
                        struct err *err)
{
        const char *base;
        struct stat st;
        auto_close int from = parent_of(u, target, &base, err);
        int r = from < 0 ? from : make_room(dir, name, err);
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
                .oci = u->oci};
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
                return put_dir(dir, name, e, err);
        case UNPACK_FILE:
                return put_file(u, dir, name, e, err);
        case UNPACK_LINK:
                return put_link(dir, name, e, err);
        case UNPACK_HARDLINK:
                return put_hardlink(u, dir, name, target, err);
        }
        return put_gone(dir, name, err);
}

static int open_input(struct unpack *u, struct err *err)
{
        u->in = archive_read_new();
        if (!u->in || archive_read_support_format_tar(u->in) != ARCHIVE_OK ||
            archive_read_support_filter_gzip(u->in) != ARCHIVE_OK ||
            archive_read_support_filter_zstd(u->in) != ARCHIVE_OK ||
            archive_read_support_filter_xz(u->in) != ARCHIVE_OK ||
            archive_read_support_filter_bzip2(u->in) != ARCHIVE_OK)
                return err_set(err, -ENOTSUP, "libarchive lacks a format");
        if (archive_read_open_fd(u->in, STDIN_FILENO, 65536) != ARCHIVE_OK)
                return err_set(err, -EINVAL, "no tar archive: %.200s", archive_error_string(u->in));
        return 0;
}

static int unpack(const char *into, bool oci, uint64_t most, struct err *err)
{
        struct unpack u = {.oci = oci, .limits.bytes_max = most};
        struct archive_entry *e;
        if (mkdir(into, 0755) < 0 && errno != EEXIST)
                return err_sys(err, -errno, "%s", into);
        u.root = open(into, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int r = u.root < 0 ? err_sys(err, -errno, "%s", into) : open_input(&u, err);
        while (r >= 0) {
                int got = archive_read_next_header(u.in, &e);
                if (got == ARCHIVE_EOF)
                        break;
                r = got == ARCHIVE_OK
                            ? put(&u, e, err)
                            : err_set(err, -EINVAL, "archive: %.200s", archive_error_string(u.in));
        }
        archive_read_free(u.in);
        closep(&u.root);
        return r < 0 ? r : 0;
}

int main(int argc, char **argv)
{
        struct err err = {0};
        uint64_t most = BYTES_MAX;
        int r = -EINVAL;
        setlocale(LC_CTYPE, "C.UTF-8"); /* names are compared and checked as they are */
        umask(022);
        if (argc > 3 && str_to_u64(argv[3], &most) < 0)
                argc = 0;
        if (argc >= 3 && str_eq(argv[1], "into"))
                r = unpack(argv[2], false, most, &err);
        else if (argc >= 3 && str_eq(argv[1], "layer"))
                r = unpack(argv[2], true, most, &err);
        else if (argc == 2 && str_eq(argv[1], "pack"))
                r = pack_root(&err);
        else
                err_set(&err, r, "usage: unpack into|layer DIR [MAX_BYTES] or unpack pack");
        if (r < 0)
                fprintf(stderr, "unpack: %s\n", err_text(&err));
        return r < 0;
}
