#include "rag/segment/log.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <xxhash.h>

#define MAGIC 0x474f4c50u /* PLOG */

struct head {
        uint32_t magic, len;
        uint64_t seq, hash;
};

static uint64_t hash_of(uint64_t seq, const void *p, size_t n)
{
        return XXH3_64bits_withSeed(p, n, seq);
}

void log_name(char dst[32], uint64_t generation)
{
        snprintf(dst, 32, "log-%llu", (unsigned long long)generation);
}

int log_create(int dir, uint64_t generation, struct log *ret, struct err *err)
{
        char name[32];
        log_name(name, generation);
        auto_close int fd =
                openat(dir, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0 || fsync(fd) < 0 || fsync(dir) < 0)
                return err_sys(err, -errno, "%s", name);
        *ret = (struct log){.fd = TAKE_FD(fd), .seq = 1};
        return 0;
}

void log_close(struct log *l)
{
        closep(&l->fd);
        l->fd = -1;
}

/* The batch that begins here; its length, 0 when there is none. */
static size_t batch_at(struct slice all, size_t at, uint64_t seq, struct slice *ret)
{
        struct head h;
        if (all.len - at < sizeof h)
                return 0;
        memcpy(&h, all.data + at, sizeof h);
        if (h.magic != MAGIC || h.seq != seq || h.len > all.len - at - sizeof h)
                return 0;
        *ret = (struct slice){all.data + at + sizeof h, h.len};
        return hash_of(seq, ret->data, ret->len) == h.hash ? sizeof h + h.len : 0;
}

/* A sound batch of a later number behind a bad one: something confirmed was lost. */
static bool goes_on(struct slice all, size_t at, uint64_t seq)
{
        struct slice batch;
        for (size_t i = at + 1; i + sizeof(struct head) <= all.len; i++) {
                struct head h;
                memcpy(&h, all.data + i, sizeof h);
                if (h.magic == MAGIC && h.seq > seq && h.seq - seq < (1u << 20) &&
                    batch_at(all, i, h.seq, &batch))
                        return true;
        }
        return false;
}

static int replay(struct slice all, log_fn fn, void *ctx, struct log *l, struct err *err)
{
        struct slice batch;
        size_t n;
        while ((n = batch_at(all, l->size, l->seq, &batch))) {
                int r = fn(ctx, batch, err);
                if (r < 0)
                        return r;
                l->size += n;
                l->seq++;
        }
        if (l->size < all.len && goes_on(all, l->size, l->seq))
                return err_set(err, -EBADMSG, "the log of the index is damaged at byte %llu",
                               (unsigned long long)l->size);
        return 0;
}

int log_open(int dir, uint64_t generation, log_fn fn, void *ctx, struct log *ret, struct err *err)
{
        char name[32];
        struct stat st;
        log_name(name, generation);
        auto_close int fd = openat(dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0 || fstat(fd, &st) < 0)
                return err_sys(err, -errno, "%s", name);
        struct log l = {.fd = fd, .seq = 1};
        size_t size = (size_t)st.st_size;
        void *map = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
        if (map == MAP_FAILED)
                return err_sys(err, -errno, "%s", name);
        int r = replay((struct slice){map, size}, fn, ctx, &l, err);
        if (map)
                munmap(map, size);
        if (r < 0)
                return r;
        if (l.size < size) {
                log_warn("index.log_cut", kv("bytes", (uint64_t)(size - l.size)));
                if (ftruncate(fd, (off_t)l.size) < 0 || fsync(fd) < 0)
                        return err_sys(err, -errno, "%s", name);
        }
        *ret = l;
        ret->fd = TAKE_FD(fd);
        return 0;
}

static int write_at(int fd, const char *p, size_t n, uint64_t at)
{
        for (ssize_t k; n; p += k, n -= (size_t)k, at += (size_t)k)
                if ((k = pwrite(fd, p, n, (off_t)at)) <= 0)
                        return k < 0 ? -errno : -ENOSPC;
        return 0;
}

static int write_batch(struct log *l, const void *p, size_t n)
{
        struct head h = {MAGIC, (uint32_t)n, l->seq, hash_of(l->seq, p, n)};
        int r = write_at(l->fd, (const char *)&h, sizeof h, l->size);
        return r < 0 ? r : write_at(l->fd, p, n, l->size + sizeof h);
}

int log_append(struct log *l, const void *p, size_t n, struct err *err)
{
        if (l->broken)
                return err_set(err, -EROFS,
                               "the index could not be written and is closed for "
                               "changes until its role starts again");
        if (n > LOG_BATCH_MAX)
                return err_set(err, -E2BIG, "a change of %zu bytes", n);
        int r = write_batch(l, p, n);
        if (r < 0) { /* nothing was confirmed: as if it had never been begun */
                l->broken = ftruncate(l->fd, (off_t)l->size) < 0;
                return err_sys(err, r, "writing the index's log");
        }
        if (fdatasync(l->fd) < 0) {
                r = -errno;
                l->broken = true;
                return err_sys(err, r, "syncing the index's log");
        }
        l->size += sizeof(struct head) + n;
        l->seq++;
        return 0;
}
