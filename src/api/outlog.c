#include "api/outlog.h"
#include "base/mem.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define HEAD_BYTES  4096u
#define RECORD_HEAD 8u
#define OPEN_RECORD UINT32_MAX
#define MAGIC       "pdlog1\r\n"

/* Shared memory: what is written here is the kernel's, whatever becomes of this process. */
struct head {
        char magic[8];
        uint64_t stdin_bytes, dropped;
        uint32_t stdin_ended;
};

struct outlog {
        int fd;
        struct head *head;
        uint64_t end;    /* of the file */
        uint64_t record; /* head of the open record; 0 = there is none */
        enum stream_type stream;
        uint64_t stored;
};

static void name_of(char dst[40], const char *id)
{
        snprintf(dst, 40, "%.27s.log", id);
}

static int put_record(struct outlog *o, uint64_t at, enum stream_type stream, uint32_t len)
{
        unsigned char h[RECORD_HEAD] = {(unsigned char)stream};
        for (int i = 0; i < 4; i++)
                h[4 + i] = (unsigned char)(len >> (8 * i));
        ssize_t n = pwrite(o->fd, h, sizeof h, (off_t)at);
        return n == (ssize_t)sizeof h ? 0 : n < 0 ? -errno : -ENOSPC;
}

/* 1 = read one, 0 = there is none at `at`. */
static int get_record(int fd, uint64_t at, enum stream_type *ret_stream, uint64_t *ret_len)
{
        unsigned char h[RECORD_HEAD];
        ssize_t n = pread(fd, h, sizeof h, (off_t)at);
        if (n < 0)
                return -errno;
        if (n < (ssize_t)sizeof h)
                return 0;
        uint32_t len =
                (uint32_t)h[4] | (uint32_t)h[5] << 8 | (uint32_t)h[6] << 16 | (uint32_t)h[7] << 24;
        if (h[0] != STREAM_STDOUT && h[0] != STREAM_STDERR)
                return -EBADMSG;
        *ret_stream = (enum stream_type)h[0];
        *ret_len = len;
        if (len != OPEN_RECORD)
                return 1;
        struct stat st;
        if (fstat(fd, &st) < 0)
                return -errno;
        *ret_len = (uint64_t)st.st_size - at - RECORD_HEAD;
        return 1;
}

/* Walks the records to the last one. A torn head at the very end is written over. */
static int recover(struct outlog *o)
{
        struct stat st;
        if (fstat(o->fd, &st) < 0)
                return -errno;
        uint64_t at = HEAD_BYTES, len;
        enum stream_type stream;
        int r;
        while ((r = get_record(o->fd, at, &stream, &len)) > 0) {
                if (at + RECORD_HEAD + len > (uint64_t)st.st_size)
                        return -EBADMSG;
                o->record = at;
                o->stream = stream;
                o->stored += len;
                at += RECORD_HEAD + len;
        }
        o->end = at;
        if (r < 0)
                return r;
        /* The last one may have been closed just before the end: then a new one begins. */
        unsigned char len4[4];
        if (o->record && (pread(o->fd, len4, 4, (off_t)o->record + 4) != 4 ||
                          memcmp(len4, "\xff\xff\xff\xff", 4) != 0))
                o->record = 0;
        return ftruncate(o->fd, (off_t)o->end) < 0 ? -errno : 0;
}

static int map_head(struct outlog *o)
{
        struct stat st;
        if (fstat(o->fd, &st) < 0)
                return -errno;
        bool fresh = st.st_size < HEAD_BYTES;
        /* Written, not only made so long: on a full disk the first store to a hole is SIGBUS. */
        static const char page[HEAD_BYTES] = MAGIC;
        ssize_t n = fresh ? pwrite(o->fd, page, sizeof page, 0) : (ssize_t)sizeof page;
        if (n != (ssize_t)sizeof page)
                return n < 0 ? -errno : -ENOSPC;
        void *p = mmap(NULL, HEAD_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, o->fd, 0);
        if (p == MAP_FAILED)
                return -errno;
        o->head = p;
        return memcmp(o->head->magic, MAGIC, sizeof o->head->magic) == 0 ? 0 : -EBADMSG;
}

int outlog_open(int dirfd, const char *id, struct outlog **ret, struct err *err)
{
        char name[40];
        name_of(name, id);
        struct outlog *o = xcalloc(1, sizeof *o);
        o->fd = openat(dirfd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        int r = o->fd < 0 ? -errno : map_head(o);
        if (r == 0)
                r = recover(o);
        if (r < 0) {
                outlog_free(o);
                return err_sys(err, r, "stored output of %s", id);
        }
        *ret = o;
        return 0;
}

void outlog_free(struct outlog *o)
{
        if (!o)
                return;
        if (o->head)
                munmap(o->head, HEAD_BYTES);
        if (o->fd >= 0)
                close(o->fd);
        free(o);
}

/* The record that bytes of this stream go into; closes the one before. */
static int open_record(struct outlog *o, enum stream_type stream)
{
        if (o->record && o->stream == stream)
                return 0;
        int r = 0;
        if (o->record)
                r = put_record(o, o->record, o->stream,
                               (uint32_t)(o->end - o->record - RECORD_HEAD));
        o->record = r == 0 ? 0 : o->record;
        if (r == 0)
                r = put_record(o, o->end, stream, OPEN_RECORD);
        if (r < 0)
                return r;
        o->record = o->end;
        o->stream = stream;
        o->end += RECORD_HEAD;
        return 0;
}

/* A socket or a terminal instead of a pipe: splice cannot, two calls must do. */
static int64_t copy(struct outlog *o, int fd, size_t max)
{
        char chunk[16384];
        ssize_t n = read(fd, chunk, max < sizeof chunk ? max : sizeof chunk);
        if (n <= 0)
                return n < 0 ? -errno : 0;
        ssize_t w = pwrite(o->fd, chunk, (size_t)n, (off_t)o->end);
        if (w < n)
                outlog_drop(o, (uint64_t)(n - (w > 0 ? w : 0)));
        return w < 0 ? -ENOSPC : w;
}

int64_t outlog_take(struct outlog *o, enum stream_type stream, int fd, size_t max)
{
        uint64_t used = o->end - HEAD_BYTES + RECORD_HEAD;
        if (used >= BOX_LOG_MAX || outlog_dropped(o))
                return -EFBIG; /* and stays so: there are no holes in what is stored */
        if (max > BOX_LOG_MAX - used)
                max = BOX_LOG_MAX - used;
        int r = open_record(o, stream);
        if (r < 0)
                return r == -ENOSPC ? -EFBIG : r;
        off_t at = (off_t)o->end;
        int64_t n = splice(fd, NULL, o->fd, &at, max, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
        if (n < 0 && errno == EINVAL)
                n = copy(o, fd, max);
        else if (n < 0)
                n = errno == ENOSPC || errno == EDQUOT ? -EFBIG : -errno;
        if (n > 0) {
                o->end += (uint64_t)n;
                o->stored += (uint64_t)n;
        }
        return n;
}

uint64_t outlog_stored(const struct outlog *o)
{
        return o->stored;
}

uint64_t outlog_dropped(const struct outlog *o)
{
        return __atomic_load_n(&o->head->dropped, __ATOMIC_RELAXED);
}

void outlog_drop(struct outlog *o, uint64_t n)
{
        __atomic_fetch_add(&o->head->dropped, n, __ATOMIC_RELAXED);
}

uint64_t outlog_stdin(const struct outlog *o)
{
        return __atomic_load_n(&o->head->stdin_bytes, __ATOMIC_RELAXED);
}

void outlog_stdin_add(struct outlog *o, uint64_t n)
{
        __atomic_fetch_add(&o->head->stdin_bytes, n, __ATOMIC_RELAXED);
}

bool outlog_stdin_ended(const struct outlog *o)
{
        return o->head->stdin_ended;
}

void outlog_stdin_end(struct outlog *o)
{
        o->head->stdin_ended = 1;
}

int outlog_remove(int dirfd, const char *id)
{
        char name[40];
        name_of(name, id);
        return unlinkat(dirfd, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

uint64_t outlog_bytes(int dirfd, const char *id)
{
        char name[40];
        struct stat st;
        name_of(name, id);
        return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ? 0 : (uint64_t)st.st_size;
}

/* ---- readers ---- */

int outlog_read_open(int dirfd, const char *id, struct outlog_cursor *ret)
{
        char name[40];
        name_of(name, id);
        int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0 && errno != ENOENT)
                return -errno;
        *ret = (struct outlog_cursor){.fd = fd, .at = HEAD_BYTES};
        return 0;
}

void outlog_read_close(struct outlog_cursor *c)
{
        if (c->fd >= 0)
                close(c->fd);
        c->fd = -1;
}

void outlog_seek(struct outlog_cursor *c, uint64_t offset)
{
        if (offset < c->start) {
                c->at = HEAD_BYTES;
                c->start = 0;
        }
        c->offset = offset;
}

uint64_t outlog_read_stdin(const struct outlog_cursor *c)
{
        struct head h;
        if (c->fd < 0 || pread(c->fd, &h, sizeof h, 0) != (ssize_t)sizeof h)
                return 0;
        return h.stdin_bytes;
}

int64_t outlog_read(struct outlog_cursor *c, void *dst, size_t max, enum stream_type *ret)
{
        uint64_t len;
        int r = 0;
        while (c->fd >= 0 && (r = get_record(c->fd, c->at, ret, &len)) > 0) {
                if (c->offset < c->start + len) {
                        uint64_t skip = c->offset - c->start, left = len - skip;
                        ssize_t n = pread(c->fd, dst, left < max ? (size_t)left : max,
                                          (off_t)(c->at + RECORD_HEAD + skip));
                        if (n < 0)
                                return -errno;
                        c->offset += (uint64_t)n;
                        return n;
                }
                /* The open record has no successor yet; an offset beyond it waits here. */
                enum stream_type next;
                uint64_t next_len;
                if (get_record(c->fd, c->at + RECORD_HEAD + len, &next, &next_len) <= 0)
                        return 0;
                c->at += RECORD_HEAD + len;
                c->start += len;
        }
        return r;
}
