#include "vault/audit.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/str.h"
#include <dirent.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <sys/stat.h>

#define DIR_NAME     "audit"
#define FILE_NAME    "log"
#define NAME_MAX_OLD 32
#define SYNC_MS      1000
#define HEAD_MS      60000        /* the chain's head goes to the system log */
#define KEPT_MAX     (64ll << 20) /* then a new file begins */

struct audit {
        struct loop *loop;
        struct loop_timer *sync, *head;
        int dir, fd;
        uint64_t n; /* of the last line */
        char prev[65];
        struct buf line;
        bool broken, dirty;
        off_t size;
};

static void hash_line(const char *p, size_t n, char ret[65])
{
        unsigned char sum[SHA256_DIGEST_LENGTH];
        SHA256((const unsigned char *)p, n, sum); /* with the processor's own instructions */
        hex_encode(ret, sum, sizeof sum);
}

/* "{"n":17,": the number of a line. */
static uint64_t line_number(const char *p, size_t n)
{
        uint64_t v = 0;
        if (n < 6 || memcmp(p, "{\"n\":", 5) != 0)
                return 0;
        for (size_t i = 5; i < n && p[i] >= '0' && p[i] <= '9'; i++)
                v = v * 10 + (uint64_t)(p[i] - '0');
        return v;
}

/* The last whole line says where to go on; what a power failure left behind it is cut off. */
static int find_end(struct audit *a, struct err *err)
{
        struct stat st;
        char tail[AUDIT_LINE_MAX * 2];
        if (fstat(a->fd, &st) < 0)
                return err_sys(err, -errno, "audit log");
        off_t from = st.st_size > (off_t)sizeof tail ? st.st_size - (off_t)sizeof tail : 0;
        ssize_t n = pread(a->fd, tail, sizeof tail, from);
        if (n < 0)
                return err_sys(err, -errno, "audit log");
        while (n > 0 && tail[n - 1] != '\n')
                n--;
        a->size = from + n;
        if (a->size != st.st_size && ftruncate(a->fd, a->size) < 0)
                return err_sys(err, -errno, "audit log");
        if (n == 0)
                return from ? err_set(err, -EBADMSG, "the audit log has no lines") : 0;
        const char *end = tail + n - 1, *begin = end;
        while (begin > tail && begin[-1] != '\n')
                begin--;
        a->n = line_number(begin, (size_t)(end - begin));
        hash_line(begin, (size_t)(end - begin), a->prev);
        return a->n ? 0 : err_set(err, -EBADMSG, "the audit log's last line is not one of ours");
}

static void sync_now(void *ctx)
{
        struct audit *a = ctx;
        a->sync = NULL;
        if (a->dirty && fdatasync(a->fd) < 0)
                log_error("audit.sync", kv("error", errno_text(errno)));
        a->dirty = false;
}

static void tell_head(void *ctx)
{
        struct audit *a = ctx;
        static uint64_t told;
        if (a->n != told)
                log_info("audit.head", kv("n", a->n), kv("sha256", a->prev));
        told = a->n;
        a->head = loop_timer_add(a->loop, HEAD_MS, tell_head, a);
}

static int open_file(struct audit *a, struct err *err)
{
        closep(&a->fd);
        a->size = 0;
        a->fd = openat(a->dir, FILE_NAME, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
                       0600);
        return a->fd < 0 ? err_sys(err, -errno, "audit log") : 0;
}

int audit_open(struct loop *l, int state_fd, struct audit **ret, struct err *err)
{
        CLEANUP(audit_freep) struct audit *a = xcalloc(1, sizeof *a);
        *a = (struct audit){.loop = l, .dir = -1, .fd = -1};
        memset(a->prev, '0', 64);
        buf_init(&a->line, AUDIT_LINE_MAX);
        int r = dir_ensure_at(state_fd, DIR_NAME, 0700);
        if (r == 0)
                a->dir = r = dir_open_at(state_fd, DIR_NAME);
        if (r < 0)
                return err_sys(err, r, "audit log");
        r = open_file(a, err);
        if (r == 0)
                r = find_end(a, err);
        if (r < 0)
                return r;
        a->head = loop_timer_add(l, HEAD_MS, tell_head, a);
        *ret = TAKE_PTR(a);
        return 0;
}

void audit_free(struct audit *a)
{
        if (!a)
                return;
        loop_timer_remove(a->sync);
        loop_timer_remove(a->head);
        if (a->dirty && fdatasync(a->fd) < 0)
                log_error("audit.sync", kv("error", errno_text(errno)));
        closep(&a->fd);
        closep(&a->dir);
        buf_done(&a->line);
        free(a);
}

bool audit_works(const struct audit *a)
{
        return !a->broken;
}

/* ---- writing ---- */

static void add(struct audit *a, int r)
{
        if (r < 0)
                a->broken = true;
}

void audit_begin(struct audit *a, const char *kind)
{
        char when[25];
        buf_clear(&a->line);
        add(a, buf_addf(&a->line, "{\"n\":%llu,\"ts\":\"%s\",\"kind\":\"%s\"",
                        (unsigned long long)a->n + 1, clock_text(when, clock_wall_ms()), kind));
}

static bool is_plain(unsigned char c)
{
        return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* The next character, escaped where JSON wants it; how many bytes of the value that was. */
static size_t put_char(struct audit *a, const char *p, size_t n)
{
        size_t len = utf8_char(p, n);
        unsigned char c = (unsigned char)*p;
        if (len > 1)
                add(a, buf_add(&a->line, p, len));
        else
                add(a, buf_addf(&a->line, "\\u%04x", c));
        return len > 1 ? len : 1;
}

static void put_key(struct audit *a, const char *key)
{
        add(a, buf_add(&a->line, ",\"", 2));
        add(a, buf_adds(&a->line, key));
        add(a, buf_add(&a->line, "\":", 2));
}

void audit_text(struct audit *a, const char *key, const char *value)
{
        size_t n = strlen(value);
        put_key(a, key);
        add(a, buf_add(&a->line, "\"", 1));
        for (size_t i = 0; i < n && i < 512;) {
                size_t run = 0;
                while (i + run < n && i + run < 512 && is_plain((unsigned char)value[i + run]))
                        run++;
                add(a, buf_add(&a->line, value + i, run));
                i += run;
                if (i < n && i < 512)
                        i += put_char(a, value + i, n - i);
        }
        add(a, buf_add(&a->line, "\"", 1));
}

void audit_number(struct audit *a, const char *key, uint64_t value)
{
        char digits[20];
        size_t at = sizeof digits;
        do
                digits[--at] = (char)('0' + value % 10);
        while (value /= 10);
        put_key(a, key);
        add(a, buf_add(&a->line, digits + at, sizeof digits - at));
}

/* The old file keeps its lines under the number of its last one; the chain goes on in the new. */
static void rotate(struct audit *a)
{
        char name[40];
        struct err err = {0};
        snprintf(name, sizeof name, "log.%020llu", (unsigned long long)a->n);
        if (fdatasync(a->fd) < 0 || renameat(a->dir, FILE_NAME, a->dir, name) < 0 ||
            open_file(a, &err) < 0) {
                a->broken = true;
                log_error("audit.rotate", kv("error", errno_text(errno)));
        }
}

int audit_end(struct audit *a)
{
        add(a, buf_addf(&a->line, ",\"prev\":\"%s\"}\n", a->prev));
        bool whole = a->line.len && a->line.data[a->line.len - 1] == '\n';
        ssize_t n = whole ? write(a->fd, a->line.data, a->line.len) : -1;
        if (n != (ssize_t)a->line.len) {
                if (n > 0 && ftruncate(a->fd, a->size) < 0)
                        log_error("audit.torn", kv("error", errno_text(errno)));
                if (!a->broken)
                        log_error("audit.write", kv("error", errno_text(n < 0 ? errno : ENOSPC)));
                a->broken = true;
                return -EIO;
        }
        a->broken = false;
        a->dirty = true;
        a->n++;
        a->size += n;
        hash_line(a->line.data, a->line.len - 1, a->prev);
        if (!a->sync)
                a->sync = loop_timer_add(a->loop, SYNC_MS, sync_now, a);
        if (a->size > KEPT_MAX)
                rotate(a);
        return 0;
}

/* ---- reading ---- */

static int each_line(int fd, uint64_t from, bool (*fn)(void *, const char *, size_t), void *ctx)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, AUDIT_LINE_MAX * 4);
        for (off_t at = 0;;) {
                char *to = buf_room(&b, AUDIT_LINE_MAX);
                ssize_t n = to ? pread(fd, to, AUDIT_LINE_MAX, at) : -1;
                if (n <= 0)
                        return n < 0 ? -EIO : 0;
                at += n;
                b.len += (size_t)n;
                char *lf;
                while (b.len && (lf = memchr(b.data, '\n', b.len))) {
                        size_t len = (size_t)(lf - b.data);
                        if (line_number(b.data, len) >= from && !fn(ctx, b.data, len))
                                return 1;
                        buf_consume(&b, len + 1);
                }
                if (b.len > AUDIT_LINE_MAX * 2)
                        return -EBADMSG;
        }
}

#define FILES_MAX 4096

static int by_name(const void *a, const void *b)
{
        return strcmp(a, b);
}

/* The files of older lines that may hold the from-th, oldest first: a name is its last number. */
static size_t older_files(const struct audit *a, uint64_t from, char (*names)[NAME_MAX_OLD])
{
        DIR *d = fdopendir(dir_open_at(a->dir, "."));
        size_t n = 0;
        for (struct dirent *e; d && n < FILES_MAX && (e = readdir(d));) {
                uint64_t last;
                if (!str_starts(e->d_name, FILE_NAME ".") || strlen(e->d_name) >= NAME_MAX_OLD ||
                    str_to_u64(e->d_name + strlen(FILE_NAME "."), &last) < 0 || last < from)
                        continue;
                snprintf(names[n++], NAME_MAX_OLD, "%s", e->d_name);
        }
        if (d)
                closedir(d);
        qsort(names, n, sizeof names[0], by_name);
        return n;
}

int audit_read(const struct audit *a, uint64_t from, bool (*fn)(void *, const char *, size_t),
               void *ctx)
{
        auto_free char(*names)[NAME_MAX_OLD] = xcalloc(FILES_MAX, sizeof *names);
        size_t n = older_files(a, from, names);
        int r = 0;
        for (size_t i = 0; i < n && r == 0; i++) {
                auto_close int fd = openat(a->dir, names[i], O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
                r = fd < 0 ? -errno : each_line(fd, from, fn, ctx);
        }
        return r ? r : each_line(a->fd, from, fn, ctx);
}

uint64_t audit_head(const struct audit *a, char hash[65])
{
        memcpy(hash, a->prev, 65);
        return a->n;
}
