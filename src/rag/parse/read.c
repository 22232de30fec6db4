#include "rag/parse/read.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/sha256.h"
#include "base/str.h"
#include "base/walk.h"
#include <fcntl.h>
#include <sys/stat.h>

#define STAMP_GRAIN_MS 20 /* the kernel stamps files by its tick: up to 10 ms */

static int64_t ns(struct timespec t)
{
        return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void stamps(const struct stat *st, struct parse_end *ret)
{
        ret->size = (uint64_t)st->st_size;
        ret->inode = st->st_ino;
        ret->mtime_ns = ns(st->st_mtim);
        ret->ctime_ns = ns(st->st_ctim);
}

static void hash(const struct buf *b, struct parse_end *ret)
{
        unsigned char digest[SHA256_LEN];
        sha256_of(buf_text(b), b->len, digest);
        hex_encode(ret->hash, digest, PARSE_HASH_LEN / 2);
}

int read_document(int root, const char *path, struct buf *b, struct parse_end *ret, struct err *err)
{
        struct stat st;
        if (!str_is_subpath(path))
                return err_set(err, -EINVAL, "not a path");
        auto_close int fd = open_regular_beneath(root, path);
        if (fd < 0)
                return err_sys(err, fd, "opening it");
        if (fstat(fd, &st) < 0)
                return err_sys(err, -errno, "fstat");
        stamps(&st, ret);
        if (ret->size > b->max)
                return err_set(err, -EFBIG, "larger than %llu MiB", DOC_BYTES_MAX >> 20);
        char *room = buf_room(b, ret->size);
        if (!room)
                return err_set(err, -ENOMEM, "no memory for %llu bytes",
                               (unsigned long long)ret->size);
        int r = fd_read_all(fd, room, ret->size);
        if (r < 0 && r != -EPIPE)
                return err_sys(err, r, "reading it");
        b->len = r == 0 ? ret->size : 0;
        room[b->len] = '\0';
        if (r < 0 || fstat(fd, &st) < 0 || (uint64_t)st.st_size != ret->size ||
            ns(st.st_mtim) != ret->mtime_ns)
                return err_set(err, -EAGAIN, "it changed while it was read");
        ret->racy = clock_wall_ms() < (uint64_t)(ret->ctime_ns / 1000000) + STAMP_GRAIN_MS;
        hash(b, ret);
        return 0;
}
