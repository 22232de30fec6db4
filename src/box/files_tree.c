/* UNPACK and PACK of the program `files`: folders as tar archives, read and written by libarchive. */
#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/walk.h"
#include "box/files_ops.h"
#include "box/pack.h"
#include "box/unpack_put.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

/* ---- in ---- */

/* The archive as it comes in frames. */
struct source {
        struct files *s;
        struct err *err; /* of the link: ends the program */
        bool ended, kept;
};

/* 1 = *ret; 0 = END came. */
static int next_data(struct source *in, struct slice *ret)
{
        struct frame f;
        struct files_end end = {0};
        if (in->ended)
                return 0;
        int r = frames_read(&in->s->in, STDIN_FILENO, 0, &f, in->err);
        if (r == 0)
                r = err_set(in->err, -EPIPE, "ended inside an archive");
        if (r > 0 && f.verb == FILES_DATA) {
                *ret = f.body;
                return 1;
        }
        if (r > 0 && f.verb != FILES_END)
                r = err_set(in->err, -EPROTO, "frame %u inside an archive", f.verb);
        if (r > 0)
                r = frames_decode(&in->s->in, &f, &end, in->err);
        in->ended = true;
        in->kept = r >= 0 && end.keep;
        return r < 0 ? r : 0;
}

static la_ssize_t read_archive(struct archive *a, void *ctx, const void **ret)
{
        struct source *in = ctx;
        struct slice data = {"", 0};
        int r;
        do
                r = next_data(in, &data);
        while (r > 0 && data.len == 0);
        *ret = data.data;
        if (r == 0 && !in->kept) {
                archive_set_error(a, ECANCELED, "given up");
                return -1;
        }
        return r > 0 ? (la_ssize_t)data.len : r;
}

/* The folder, made where it is not there. "": the root. */
static int open_folder(struct files *s, const char *path, struct err *why)
{
        const char *name;
        if (!*path)
                return open_beneath(s->root, ".", O_RDONLY | O_DIRECTORY, 0);
        int r = files_checked_path(path, true, why);
        auto_close int parent = r < 0 ? r : files_parent(s->root, path, true, &name, why);
        if (parent < 0)
                return parent;
        if (mkdirat(parent, name, 0755) < 0 && errno != EEXIST)
                return err_sys(why, -errno, "folder '%.128s'", path);
        int fd = open_beneath(parent, name, O_RDONLY | O_DIRECTORY, 0);
        return fd < 0 ? err_sys(why, fd == -ELOOP ? -ENOTDIR : fd, "folder '%.128s'", path) : fd;
}

static int read_in(struct source *in, int root, struct files_done *d, struct err *why)
{
        struct unpack u = {.in = archive_read_new(),
                           .root = root,
                           .copy = true,
                           .limits.bytes_max = UPLOAD_BYTES_MAX};
        int r = u.in && archive_read_support_format_tar(u.in) == ARCHIVE_OK &&
                                archive_read_open(u.in, in, NULL, read_archive, NULL) == ARCHIVE_OK
                        ? unpack_all(&u, why)
                        : err_set(why, -EINVAL, "no tar archive: %.200s",
                                  u.in ? archive_error_string(u.in) : "no memory");
        d->count = u.limits.entries;
        archive_read_free(u.in);
        return r;
}

int files_unpack(struct files *s, const struct files_get *rq, struct err *err)
{
        struct source in = {.s = s, .err = err};
        struct files_done d = {0};
        struct err why = {0};
        struct slice rest;
        int r;
        auto_close int root = open_folder(s, rq->path, &why);
        int code = root < 0 ? root : read_in(&in, root, &d, &why);
        if (err->code)
                return err->code;
        bool early = code < 0 && !in.ended; /* the asker may stop sending */
        if (early && (r = files_done(s, code, &why, &d, err)) < 0)
                return r;
        while ((r = next_data(&in, &rest)) > 0)
                ;
        if (r < 0 || early)
                return r;
        if (code == 0 && !in.kept)
                code = err_set(&why, -ECANCELED, "given up");
        return files_done(s, code, &why, &d, err);
}

/* ---- out ---- */

struct sink {
        struct files *s;
        struct err *err;
        uint64_t sent;
};

static la_ssize_t write_archive(struct archive *a UNUSED, void *ctx, const void *p, size_t n)
{
        struct sink *out = ctx;
        struct slice data = {p, n < FRAME_MAX ? n : FRAME_MAX};
        if (files_send(out->s, FILES_DATA, &data, out->err) < 0)
                return -1;
        out->sent += data.len;
        return (la_ssize_t)data.len;
}

static int open_packed(struct files *s, const char *path, struct stat *st, struct err *why)
{
        int r = *path ? files_checked_path(path, false, why) : 0;
        auto_close int fd =
                r < 0 ? r : open_beneath(s->root, *path ? path : ".", O_RDONLY | O_NONBLOCK, 0);
        if (r < 0)
                return r;
        if (fd < 0)
                return err_sys(why, fd == -ELOOP ? -ENOENT : fd, "opening it");
        if (fstat(fd, st) < 0)
                return err_sys(why, -errno, "fstat");
        if (!S_ISDIR(st->st_mode))
                return err_sys(why, S_ISREG(st->st_mode) ? -ENOTDIR : -ENOENT, "opening it");
        return TAKE_FD(fd);
}

int files_pack(struct files *s, const struct files_get *rq, struct err *err)
{
        struct sink out = {.s = s, .err = err};
        struct files_done d = {0};
        struct err why = {0};
        struct stat st;
        auto_close int fd = open_packed(s, rq->path, &st, &why);
        int code = fd < 0 ? fd : 0;
        if (code == 0) {
                struct files_file f = files_file_of(rq->path, &st);
                int r = files_send(s, FILES_FILE, &f, err);
                if (r < 0)
                        return r;
        }
        if (code == 0)
                code = pack_copy_to(archive_write_new(), write_archive, &out, fd,
                                    s->in_place && !*rq->path, &why);
        if (err->code)
                return err->code;
        d.count = out.sent;
        return files_done(s, code, &why, &d, err);
}
