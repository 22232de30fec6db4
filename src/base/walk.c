#include "base/walk.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define OPEN_TRIES       100
#define FOLDER_BYTES_MAX (256u << 20) /* names in one folder: about two million entries */

int open_beneath(int root, const char *path, int flags, mode_t mode)
{
        struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC),
                               .mode = mode,
                               .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
                                          RESOLVE_NO_MAGICLINKS};
        for (int tries = 0;; tries++) {
                long fd = syscall(SYS_openat2, root, path, &how, sizeof how);
                if (fd >= 0)
                        return (int)fd;
                /* EAGAIN: raced with a rename, or somebody holds a lease on it, perhaps for long */
                if (errno != EINTR && (errno != EAGAIN || tries == OPEN_TRIES))
                        return -errno;
        }
}

int open_regular_beneath(int root, const char *path)
{
        struct stat st;
        auto_close int fd = open_beneath(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
        if (fd == -ELOOP || fd == -ENXIO)
                return -ENOENT;
        if (fd < 0)
                return fd;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (S_ISDIR(st.st_mode))
                return -EISDIR;
        return S_ISREG(st.st_mode) ? TAKE_FD(fd) : -ENOENT;
}

struct item {
        uint32_t name; /* offset in the names of its folder */
        bool folder;
        uint64_t size, inode;
        int64_t mtime_ns, ctime_ns;
};
struct folder {
        struct buf names; /* NUL-terminated, folders with a '/' at their end */
        struct item *items;
        size_t n, cap;
};
struct walk {
        int root;
        const char *prefix, *after;
        walk_fn fn;
        void *ctx;
        uint64_t skipped;
        char path[PATH_TEXT_MAX + 2]; /* of the folder being read, with its '/' */
        struct err *err;
};

static void folder_done(struct folder *f)
{
        buf_done(&f->names);
        free(f->items);
}

static int64_t ns(struct timespec t)
{
        return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Could a path that begins with what is in w->path be wanted? */
static bool wanted(const struct walk *w, bool folder)
{
        const char *p = w->path;
        if (folder) {
                return (str_starts(p, w->prefix) || str_starts(w->prefix, p)) &&
                       (strcmp(p, w->after) > 0 || str_starts(w->after, p));
        }
        return str_starts(p, w->prefix) && strcmp(p, w->after) > 0;
}

static int keep(struct folder *f, const char *name, const struct stat *st)
{
        bool folder = S_ISDIR(st->st_mode);
        if (f->n == f->cap) {
                size_t cap = f->cap ? 2 * f->cap : 64;
                struct item *p = mem_retry(f->items, cap * sizeof *p);
                if (!p)
                        return -ENOMEM;
                f->items = p;
                f->cap = cap;
        }
        f->items[f->n++] = (struct item){(uint32_t)f->names.len, folder,
                                         (uint64_t)st->st_size,  st->st_ino,
                                         ns(st->st_mtim),        ns(st->st_ctim)};
        int r = buf_adds(&f->names, name);
        if (r == 0 && folder)
                r = buf_adds(&f->names, "/");
        return r < 0 ? r : buf_add(&f->names, "", 1);
}

/* One entry of the folder whose path is the first `len` bytes of w->path. */
static int look(struct walk *w, size_t len, int dir, const char *name, struct folder *f)
{
        struct stat st;
        if (str_eq(name, ".") || str_eq(name, "..") || str_starts(name, WALK_HIDDEN))
                return 0;
        if (len + strlen(name) > PATH_TEXT_MAX) {
                w->skipped++;
                return 0;
        }
        memcpy(w->path + len, name, strlen(name) + 1);
        if (!str_is_subpath(w->path)) {
                w->skipped++;
                return 0;
        }
        if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
                w->skipped += errno != ENOENT; /* gone meanwhile: as if it never was */
                return 0;
        }
        if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
                w->skipped++;
                return 0;
        }
        if (S_ISDIR(st.st_mode))
                memcpy(w->path + len + strlen(name), "/", 2);
        return wanted(w, S_ISDIR(st.st_mode)) ? keep(f, name, &st) : 0;
}

static int read_folder(struct walk *w, size_t len, struct folder *f)
{
        char at[PATH_TEXT_MAX + 2] = ".";
        if (len)
                memcpy(at, w->path, len), at[len] = '\0';
        auto_close int fd = open_beneath(w->root, at, O_RDONLY | O_DIRECTORY, 0);
        if (fd < 0)
                return fd;
        DIR *dir = fdopendir(fd);
        if (!dir)
                return -errno;
        int own = TAKE_FD(fd), r = 0;
        for (;;) {
                errno = 0;
                const struct dirent *e = readdir(dir);
                if (!e) {
                        r = -errno;
                        break;
                }
                r = look(w, len, own, e->d_name, f);
                if (r < 0)
                        break;
        }
        closedir(dir);
        return r;
}

static int by_name(const void *a, const void *b, void *names)
{
        const char *base = names;
        return strcmp(base + ((const struct item *)a)->name, base + ((const struct item *)b)->name);
}

static int walk_folder(struct walk *w, size_t len)
{
        CLEANUP(folder_done) struct folder f = {0};
        buf_init(&f.names, FOLDER_BYTES_MAX);
        int r = read_folder(w, len, &f);
        w->path[len] = '\0';
        if (r == -ENOMEM || r == -E2BIG)
                return err_sys(w->err, r, "listing '%s'", w->path);
        if (r < 0 && len == 0)
                return err_sys(w->err, r, "the volume cannot be read");
        w->skipped += r < 0 && r != -ENOENT;
        if (f.n)
                qsort_r(f.items, f.n, sizeof *f.items, by_name, f.names.data);
        for (size_t i = 0; i < f.n; i++) {
                const struct item *it = &f.items[i];
                const char *name = f.names.data + it->name;
                size_t n = strlen(name);
                memcpy(w->path + len, name, n + 1);
                struct walk_file file = {w->path, it->size, it->inode, it->mtime_ns, it->ctime_ns};
                r = it->folder ? walk_folder(w, len + n) : w->fn(w->ctx, &file);
                if (r != 0)
                        return r;
        }
        return 0;
}

int walk_files(int root, const char *prefix, const char *after, walk_fn fn, void *ctx,
               uint64_t *skipped, struct err *err)
{
        struct walk w = {
                .root = root, .prefix = prefix, .after = after, .fn = fn, .ctx = ctx, .err = err};
        int r = walk_folder(&w, 0);
        *skipped = w.skipped;
        return r;
}

bool walk_has_dash(const char *path)
{
        return path[0] == '-' || strstr(path, "/-");
}
