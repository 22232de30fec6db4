#include "box/unpack.h"
#include "base/str.h"
#include "base/walk.h"
#include <stdio.h>
#include <sys/stat.h>

#define WHITEOUT ".wh."
#define OPAQUE   ".wh..wh..opq"

/* "./a//b/" -> "a/b"; "" is the root itself. */
static int clean_path(const char *path, char ret[PATH_TEXT_MAX + 1], const char *what,
                      struct err *err)
{
        size_t n = 0, depth = 0;
        if (*path == '/')
                return err_set(err, -EINVAL, "%s: an absolute name", what);
        while (*path) {
                size_t part = strcspn(path, "/");
                bool nothing = part == 0 || (part == 1 && path[0] == '.');
                if (part == 2 && path[0] == '.' && path[1] == '.')
                        return err_set(err, -EINVAL, "%s: a name with '..'", what);
                if (!nothing &&
                    (n + part + 2 > PATH_TEXT_MAX || part > 255 || ++depth > UNPACK_DEPTH_MAX))
                        return err_set(err, -ENAMETOOLONG, "%s: a name that is too long", what);
                if (!nothing) {
                        if (n)
                                ret[n++] = '/';
                        memcpy(ret + n, path, part);
                        n += part;
                }
                path += part + (path[part] == '/');
        }
        ret[n] = 0;
        if (!utf8_valid(ret, n))
                return err_set(err, -EINVAL, "%s: a name that is not UTF-8", what);
        return 0;
}

/* OCI's way to say that something of a lower layer is gone: the name in the same directory. */
static int whiteout(char *path)
{
        char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
        if (!str_starts(name, WHITEOUT))
                return UNPACK_FILE;
        if (str_eq(name, OPAQUE)) {
                *(slash ? slash : path) = 0;
                return UNPACK_OPAQUE;
        }
        memmove(name, name + strlen(WHITEOUT), strlen(name) - strlen(WHITEOUT) + 1);
        return *name && !str_eq(name, ".") && !str_eq(name, "..") ? UNPACK_GONE : -EINVAL;
}

static int check_file(struct unpack_limits *l, const struct unpack_entry *e, char *path,
                      struct err *err)
{
        if (e->size > l->bytes_max - l->bytes)
                return err_set(err, -EFBIG, "the archive holds more than %llu bytes",
                               (unsigned long long)l->bytes_max);
        l->bytes += e->size;
        int what = e->oci ? whiteout(path) : UNPACK_FILE;
        return what < 0 ? err_set(err, what, "a mark that names nothing") : what;
}

/* As the command line and HTTP refuse them. */
static int check_copied(const char *path, struct err *err)
{
        if (str_starts(path, WALK_HIDDEN) || strstr(path, "/" WALK_HIDDEN))
                return err_set(err, -EINVAL, "entry '%.64s': a name of Paddock's own", path);
        if (walk_has_dash(path))
                return err_set(err, -EINVAL, "entry '%.64s': a name that begins with '-'", path);
        return 0;
}

int unpack_check(struct unpack_limits *l, const struct unpack_entry *e,
                 char ret_path[PATH_TEXT_MAX + 1], char ret_target[PATH_TEXT_MAX + 1],
                 struct err *err)
{
        if (++l->entries > UNPACK_ENTRIES_MAX)
                return err_set(err, -E2BIG, "more than %u entries", UNPACK_ENTRIES_MAX);
        int r = clean_path(e->path, ret_path, "entry", err);
        if (r < 0)
                return r;
        if (e->copy && (r = check_copied(ret_path, err)) < 0)
                return r;
        if (!*ret_path && e->type != S_IFDIR)
                return err_set(err, -EINVAL, "entry: no name");
        if (e->type == 0) {
                if (!e->target)
                        return err_set(err, -EINVAL, "entry: of no kind");
                r = clean_path(e->target, ret_target, "hard link", err);
                return r < 0         ? r
                       : *ret_target ? UNPACK_HARDLINK
                                     : err_set(err, -EINVAL, "hard link: to nothing");
        }
        switch (e->type) {
        case S_IFDIR:
                return UNPACK_DIR;
        case S_IFREG:
                return check_file(l, e, ret_path, err);
        case S_IFLNK:
                if (!e->target || !*e->target || strlen(e->target) > PATH_TEXT_MAX)
                        return err_set(err, -EINVAL, "link: no target, or one that is too long");
                return UNPACK_LINK;
        case S_IFIFO:
        case S_IFSOCK:
                return UNPACK_SKIP;
        }
        return err_set(err, -EINVAL, "entry '%.64s': a device", ret_path);
}
