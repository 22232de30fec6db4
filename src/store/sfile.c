#include "store/sfile.h"
#include "base/fd.h"
#include "base/mem.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <xxhash.h>

#define PAGE      4096u
#define ALIGN     64u
#define OUT_BYTES (256u << 10)

static const char magic[8] = "PDKSECT1";

struct section {
        uint32_t tag, unused;
        uint64_t at, len, hash;
};
struct head {
        char magic[8];
        uint64_t size;
        uint32_t n, unused;
        struct section section[SFILE_SECTIONS];
        uint64_t hash; /* of everything before it */
};
_Static_assert(sizeof(struct head) <= PAGE, "the head is one page");

struct sfile_out {
        int dir, fd, error;
        char name[64], tmp[72];
        struct head head;
        uint64_t at; /* bytes given to the file or the buffer */
        size_t held;
        XXH3_state_t *hash;
        char buf[OUT_BYTES];
};

static void flush(struct sfile_out *o)
{
        if (!o->error && o->held)
                o->error = fd_write_all(o->fd, o->buf, o->held);
        o->held = 0;
}

static void put(struct sfile_out *o, const char *p, size_t n)
{
        o->at += n;
        while (n) {
                size_t k = OUT_BYTES - o->held < n ? OUT_BYTES - o->held : n;
                memcpy(o->buf + o->held, p, k);
                o->held += k;
                p += k;
                n -= k;
                if (o->held == OUT_BYTES)
                        flush(o);
        }
}

int sfile_create(int dir, const char *name, struct sfile_out **ret, struct err *err)
{
        struct sfile_out *o = xcalloc(1, sizeof *o);
        static const char zero[PAGE];
        o->dir = dir;
        snprintf(o->name, sizeof o->name, "%s", name);
        snprintf(o->tmp, sizeof o->tmp, "%s.tmp", o->name);
        memcpy(o->head.magic, magic, sizeof magic);
        o->hash = XXH3_createState();
        o->fd = openat(dir, o->tmp, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (o->fd < 0 || !o->hash) {
                int r = o->fd < 0 ? -errno : -ENOMEM;
                sfile_abandon(o);
                return err_sys(err, r, "%s", name);
        }
        put(o, zero, PAGE);
        *ret = o;
        return 0;
}

static void end_section(struct sfile_out *o)
{
        static const char zero[ALIGN];
        if (!o->head.n)
                return;
        struct section *s = &o->head.section[o->head.n - 1];
        s->len = o->at - s->at;
        s->hash = XXH3_64bits_digest(o->hash);
        put(o, zero, (ALIGN - o->at % ALIGN) % ALIGN);
}

void sfile_section(struct sfile_out *o, uint32_t tag)
{
        end_section(o);
        if (o->head.n == SFILE_SECTIONS) {
                o->error = -E2BIG;
                return;
        }
        o->head.section[o->head.n++] = (struct section){.tag = tag, .at = o->at};
        XXH3_64bits_reset(o->hash);
}

void sfile_add(struct sfile_out *o, const void *p, size_t n)
{
        if (!n)
                return;
        XXH3_64bits_update(o->hash, p, n);
        put(o, p, n);
}

static int finish(struct sfile_out *o)
{
        end_section(o);
        flush(o);
        o->head.size = o->at;
        o->head.hash = XXH3_64bits(&o->head, offsetof(struct head, hash));
        if (o->error)
                return o->error;
        ssize_t n = pwrite(o->fd, &o->head, sizeof o->head, 0);
        if (n != (ssize_t)sizeof o->head)
                return n < 0 ? -errno : -EIO;
        if (fsync(o->fd) < 0 || renameat(o->dir, o->tmp, o->dir, o->name) < 0)
                return -errno;
        return fsync(o->dir) < 0 ? -errno : 0;
}

static void done(struct sfile_out *o)
{
        closep(&o->fd);
        XXH3_freeState(o->hash);
        free(o);
}

int sfile_commit(struct sfile_out *o, struct err *err)
{
        int r = finish(o);
        if (r < 0) {
                err_sys(err, r, "writing %s", o->name);
                unlinkat(o->dir, o->name, 0);
                sfile_abandon(o);
                return r;
        }
        done(o);
        return 0;
}

void sfile_abandon(struct sfile_out *o)
{
        if (!o)
                return;
        unlinkat(o->dir, o->tmp, 0);
        done(o);
}

static int check(const struct head *h, size_t size)
{
        uint64_t end = PAGE;
        if (memcmp(h->magic, magic, sizeof magic) != 0 || h->size != size ||
            h->n > SFILE_SECTIONS || h->hash != XXH3_64bits(h, offsetof(struct head, hash)))
                return -EBADMSG;
        for (uint32_t i = 0; i < h->n; i++) {
                const struct section *s = &h->section[i];
                if (s->at % ALIGN || s->at < end || s->at > size || s->len > size - s->at)
                        return -EBADMSG;
                end = s->at + s->len;
        }
        return 0;
}

int sfile_open(int dir, const char *name, struct sfile *ret, struct err *err)
{
        struct stat st;
        auto_close int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0 || fstat(fd, &st) < 0)
                return err_sys(err, -errno, "%s", name);
        if (!S_ISREG(st.st_mode) || st.st_size < (off_t)PAGE)
                return err_set(err, -EBADMSG, "%s is not a file of ours, or cut", name);
        void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
        if (map == MAP_FAILED)
                return err_sys(err, -errno, "%s", name);
        struct sfile f = {map, (size_t)st.st_size};
        if (check(map, f.size) < 0) {
                sfile_close(&f);
                return err_set(err, -EBADMSG, "%s is damaged", name);
        }
        *ret = f;
        return 0;
}

void sfile_close(struct sfile *f)
{
        if (f->map)
                munmap((void *)(uintptr_t)f->map, f->size);
        *f = (struct sfile){0};
}

static const struct section *find(const struct sfile *f, uint32_t tag)
{
        const struct head *h = (const void *)f->map;
        for (uint32_t i = 0; h && i < h->n; i++)
                if (h->section[i].tag == tag)
                        return &h->section[i];
        return NULL;
}

struct slice sfile_get(const struct sfile *f, uint32_t tag)
{
        const struct section *s = find(f, tag);
        return s ? (struct slice){f->map + s->at, s->len} : (struct slice){NULL, 0};
}

int sfile_verify(const struct sfile *f, uint32_t tag, struct err *err)
{
        const struct section *s = find(f, tag);
        if (s && XXH3_64bits(f->map + s->at, s->len) != s->hash)
                return err_set(err, -EBADMSG, "section %.4s is damaged", (const char *)&tag);
        return 0;
}
