#include "cli/walk.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>

#define WALK_DEPTH_MAX 64

static int join(char *dst, const char *a, const char *b)
{
        int n = snprintf(dst, PATH_TEXT_MAX + 1, "%s%s%s", a, *a ? "/" : "", b);
        return n > PATH_TEXT_MAX ? -E2BIG : 0;
}

static int by_name(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

struct names {
        char **list;
        size_t n;
};

static void names_done(struct names *s)
{
        for (size_t i = 0; i < s->n; i++)
                free(s->list[i]);
        free(s->list);
}

/* Sorted, so that two runs do the same in the same order. Takes dirfd over. */
static int read_names(int dirfd, struct names *ret)
{
        DIR *d = fdopendir(dirfd);
        struct dirent *e;
        size_t cap = 0;
        if (!d) {
                int r = -errno;
                close(dirfd);
                return r;
        }
        while ((errno = 0, e = readdir(d))) {
                if (e->d_name[0] == '.')
                        continue;
                if (ret->n == cap) {
                        cap = cap ? cap * 2 : 64;
                        ret->list = xrealloc(ret->list, cap * sizeof *ret->list);
                }
                ret->list[ret->n++] = xstrdup(e->d_name);
        }
        int r = -errno;
        closedir(d);
        if (ret->n)
                qsort(ret->list, ret->n, sizeof *ret->list, by_name);
        return r;
}

static int directory(const struct walk *w, int fd, const char *path, int depth, struct err *err);

static int entry(const struct walk *w, int dirfd, const char *name, const char *parent, int depth,
                 struct err *err)
{
        struct stat st;
        char path[PATH_TEXT_MAX + 1];
        if (join(path, parent, name) < 0 || !str_is_subpath(path)) {
                w->problem(w->ctx, path, "its name cannot be used in a volume");
                return 0;
        }
        if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
                w->problem(w->ctx, path, errno_text(errno));
                return 0;
        }
        if (S_ISREG(st.st_mode))
                return w->file(w->ctx, dirfd, name, path, &st, err);
        if (!S_ISDIR(st.st_mode))
                return 0;
        int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || depth >= WALK_DEPTH_MAX) {
                w->problem(w->ctx, path, fd < 0 ? errno_text(errno) : "nested too deep");
                if (fd >= 0)
                        close(fd);
                return 0;
        }
        return directory(w, fd, path, depth + 1, err);
}

/* Takes fd over. */
static int directory(const struct walk *w, int fd, const char *path, int depth, struct err *err)
{
        CLEANUP(names_done) struct names names = {0};
        auto_close int own = fd;
        int copy = fcntl(own, F_DUPFD_CLOEXEC, 3);
        int r = copy < 0 ? -errno : read_names(copy, &names);
        if (r < 0)
                w->problem(w->ctx, path, errno_text(r));
        r = 0;
        for (size_t i = 0; i < names.n && r >= 0; i++)
                r = entry(w, own, names.list[i], path, depth, err);
        return r;
}

int walk_path(const struct walk *w, const char *path, const char *path_prefix, struct err *err)
{
        struct stat st;
        char real[PATH_MAX], name[PATH_TEXT_MAX + 1];
        if (!realpath(path, real) || stat(real, &st) < 0)
                return err_sys(err, -errno, "%s", path);
        char *slash = strrchr(real, '/');
        const char *base = slash[1] ? slash + 1 : "root";
        if (S_ISDIR(st.st_mode)) {
                auto_close int fd = open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                if (fd < 0 || join(name, path_prefix, base) < 0)
                        return err_sys(err, fd < 0 ? -errno : -ENAMETOOLONG, "%s", path);
                return directory(w, TAKE_FD(fd), name, 0, err);
        }
        if (!S_ISREG(st.st_mode))
                return err_set(err, -EINVAL, "%s: neither a file nor a directory", path);
        if (join(name, path_prefix, base) < 0 || !str_is_subpath(name))
                return err_set(err, -EINVAL, "%s: its name cannot be used in a volume", path);
        return w->file(w->ctx, AT_FDCWD, real, name, &st, err);
}
