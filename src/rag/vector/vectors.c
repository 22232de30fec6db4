#include "rag/vector/vectors.h"
#include "base/fd.h"
#include "base/mem.h"
#include "rag/vector/file.h"
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <xxhash.h>

#define PAGE 4096

struct head {
        char magic[8];
        uint64_t segment;
        struct vector_model model;
        uint32_t n, block;
        uint64_t hash;
};
static const char magic[8] = "PDKVECT1";

void vectors_name(char dst[64], uint64_t segment, const struct vector_model *m)
{
        uint64_t id;
        memcpy(&id, m->id, sizeof id);
        snprintf(dst, 64, "vec-%llu-%016llx", (unsigned long long)segment, (unsigned long long)id);
}

bool vectors_named(const char *name, uint64_t *ret_segment)
{
        unsigned long long segment, id;
        int end = 0;
        if (sscanf(name, "vec-%llu-%16llx%n", &segment, &id, &end) != 2 || name[end])
                return false;
        *ret_segment = segment;
        return true;
}

static uint64_t block_hash(const struct vectors *v, uint32_t block)
{
        const struct vector_block *b = vector_block(v, block);
        return XXH3_64bits_withSeed(&b->scale, v->stride - offsetof(struct vector_block, scale),
                                    block + 1);
}

static int write_head(int fd, const struct head *h, uint64_t size)
{
        char page[PAGE] = {0};
        int r = posix_fallocate(fd, 0, (off_t)size);
        if (r != 0)
                return -r;
        memcpy(page, h, sizeof *h);
        return pwrite(fd, page, sizeof page, 0) == PAGE ? 0 : -EIO;
}

static int check_head(int fd, const struct head *h, uint64_t size)
{
        struct head there;
        struct stat st;
        if (fstat(fd, &st) < 0 || pread(fd, &there, sizeof there, 0) != (ssize_t)sizeof there)
                return -EBADMSG;
        return (uint64_t)st.st_size == size && memcmp(&there, h, sizeof there) == 0 ? 0 : -EBADMSG;
}

/* The file that is there, or a new one. */
static int open_file(int dir, const char *name, const struct head *h, uint64_t size, bool create)
{
        auto_close int fd = openat(dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        if (fd >= 0 && check_head(fd, h, size) == 0)
                return TAKE_FD(fd);
        if (!create)
                return fd < 0 ? -errno : -EBADMSG;
        closep(&fd);
        fd = openat(dir, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;
        int r = write_head(fd, h, size);
        if (r < 0)
                unlinkat(dir, name, 0);
        return r < 0 ? r : TAKE_FD(fd);
}

int vectors_open(int dir, uint64_t segment, uint32_t n, const struct vector_model *m, bool create,
                 struct vectors **ret, struct err *err)
{
        char name[64];
        struct head h = {.segment = segment, .n = n, .block = VECTOR_BLOCK};
        memcpy(h.magic, magic, sizeof magic);
        memcpy(&h.model, m, sizeof h.model);
        h.hash = XXH3_64bits(&h, offsetof(struct head, hash));
        vectors_name(name, segment, m);
        if (m->dims == 0 || m->dims % 32 || m->dims > VECTOR_DIMS_MAX || n == 0)
                return err_set(err, -EINVAL, "vectors of %u dimensions", m->dims);
        struct vectors *v = xcalloc(1, sizeof *v);
        v->n = n;
        v->dims = m->dims;
        v->n_blocks = (n + VECTOR_BLOCK - 1) / VECTOR_BLOCK;
        v->stride =
                (sizeof(struct vector_block) + (size_t)VECTOR_BLOCK * v->dims * 3 + 63) / 64 * 64;
        v->size = PAGE + v->n_blocks * v->stride;
        v->valid = xcalloc(v->n_blocks, 1);
        v->fd = open_file(dir, name, &h, v->size, create);
        int r = v->fd < 0 ? v->fd : 0;
        void *map = r < 0 ? MAP_FAILED
                          : mmap(NULL, v->size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
        if (r == 0 && map == MAP_FAILED)
                r = -errno;
        if (r < 0) {
                vectors_close(v);
                return err_sys(err, r, "%s", name);
        }
        v->map = map;
        for (uint32_t b = 0; b < v->n_blocks; b++) {
                v->valid[b] = vector_block(v, b)->hash == block_hash(v, b);
                v->filled += v->valid[b];
        }
        *ret = v;
        return 0;
}

void vectors_close(struct vectors *v)
{
        if (!v)
                return;
        if (v->map)
                munmap(v->map, v->size);
        closep(&v->fd);
        free(v->valid);
        free(v);
}

uint32_t vectors_blocks(const struct vectors *v)
{
        return v->n_blocks;
}

uint32_t vectors_filled(const struct vectors *v)
{
        return __atomic_load_n(&v->filled, __ATOMIC_RELAXED);
}

bool vectors_has(const struct vectors *v, uint32_t block)
{
        return __atomic_load_n(&v->valid[block], __ATOMIC_ACQUIRE);
}

uint32_t vectors_in(const struct vectors *v, uint32_t block)
{
        uint32_t left = v->n - block * VECTOR_BLOCK;
        return left < VECTOR_BLOCK ? left : VECTOR_BLOCK;
}

/* The eight-bit form is made from the bf16 one: that is what its error is measured against. */
static void put_one(struct vector_block *b, uint32_t i, uint32_t dims, const float *x)
{
        unsigned char *q = (unsigned char *)b->bytes + (size_t)i * dims;
        uint16_t *h =
                (uint16_t *)(void *)(b->bytes + (size_t)VECTOR_BLOCK * dims) + (size_t)i * dims;
        float max = 0;
        double error = 0;
        for (uint32_t k = 0; k < dims; k++) {
                h[k] = to_bf16(x[k]);
                float f = fabsf(from_bf16(h[k]));
                max = f > max ? f : max;
        }
        float scale = max > 0 ? max / 127 : 1;
        for (uint32_t k = 0; k < dims; k++) {
                float f = from_bf16(h[k]);
                int e = (int)lrintf(f / scale);
                double d = (double)f - (double)scale * e;
                q[k] = (unsigned char)(e + 128);
                error += d * d;
        }
        b->scale[i] = scale;
        b->error[i] = (float)(sqrt(error) * 1.000001);
}

void vectors_put(struct vectors *v, uint32_t block, const float *x)
{
        struct vector_block *b = (void *)(v->map + PAGE + (size_t)block * v->stride);
        uint32_t n = vectors_in(v, block);
        for (uint32_t i = 0; i < n; i++)
                put_one(b, i, v->dims, x + (size_t)i * v->dims);
        b->hash = block_hash(v, block);
        if (!v->valid[block])
                __atomic_add_fetch(&v->filled, 1, __ATOMIC_RELAXED);
        __atomic_store_n(&v->valid[block], 1, __ATOMIC_RELEASE);
}

void vectors_get(const struct vectors *v, uint32_t passage, float *ret)
{
        const uint16_t *h = vector_bf16(v, passage);
        for (uint32_t k = 0; k < v->dims; k++)
                ret[k] = from_bf16(h[k]);
}

int vectors_sync(struct vectors *v, struct err *err)
{
        return fdatasync(v->fd) < 0 ? err_sys(err, -errno, "syncing vectors") : 0;
}
