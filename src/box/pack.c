#include "box/pack.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/walk.h"
#include "box/unpack.h"
#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

struct pack {
        struct archive *out;
        struct archive_entry_linkresolver *links;
        dev_t dev;
        bool copy, at_root;
        struct err *err;
};

static int pack_dir(struct pack *p, int fd, const char *path, int depth);

static int bad(struct pack *p)
{
        return err_set(p->err, -EIO, "archive: %.200s", archive_error_string(p->out));
}

static int put_content(struct pack *p, int dir, const char *name)
{
        char piece[65536];
        auto_close int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : 1;
        while (n > 0 && (n = read(fd, piece, sizeof piece)) > 0)
                if (archive_write_data(p->out, piece, (size_t)n) < 0)
                        return bad(p);
        return n < 0 ? err_sys(p->err, -errno, "%.128s", name) : 0;
}

static int put_entry(struct pack *p, int dir, const char *name, const char *path,
                     const struct stat *st)
{
        char target[4096];
        struct archive_entry *e = archive_entry_new(), *spare = NULL;
        archive_entry_copy_stat(e, st);
        archive_entry_set_pathname(e, path);
        if (p->copy) {
                archive_entry_set_uid(e, 0);
                archive_entry_set_gid(e, 0);
                archive_entry_unset_atime(e);
                archive_entry_unset_ctime(e);
        }
        if (S_ISLNK(st->st_mode)) {
                ssize_t n = readlinkat(dir, name, target, sizeof target - 1);
                target[n < 0 ? 0 : n] = 0;
                archive_entry_set_symlink(e, target);
        }
        archive_entry_linkify(p->links, &e, &spare);
        int r = archive_write_header(p->out, e) == ARCHIVE_OK ? 0 : bad(p);
        if (r == 0 && S_ISREG(st->st_mode) && archive_entry_size(e) > 0)
                r = put_content(p, dir, name);
        archive_entry_free(e);
        return r;
}

static bool is_one_of(const char *path, const char *const *names)
{
        while (*names && !str_eq(path, *names))
                names++;
        return *names != NULL;
}

static bool is_left_out(const struct pack *p, const char *path, const char *name,
                        const struct stat *st)
{
        static const char *const of_root[] = {"proc", "dev", "sys", "tmp", "run", ".paddock", NULL};
        static const char *const of_copy[] = {"proc", "dev", "sys", ".paddock", NULL};
        if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode) && !S_ISLNK(st->st_mode))
                return true;
        if (!p->copy)
                return st->st_dev != p->dev || is_one_of(path, of_root);
        return str_starts(name, WALK_HIDDEN) || *name == '-' || !utf8_valid(name, strlen(name)) ||
               (p->at_root && is_one_of(path, of_copy));
}

static int one(struct pack *p, int dir, const char *name, const char *in, int depth)
{
        char path[PATH_TEXT_MAX + 1];
        struct stat st;
        int n = snprintf(path, sizeof path, "%s%s%s", in, *in ? "/" : "", name);
        if (n >= (int)sizeof path || depth > UNPACK_DEPTH_MAX)
                return err_set(p->err, -ENAMETOOLONG, "'%.64s': a name that is too long", name);
        if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || is_left_out(p, path, name, &st))
                return 0;
        int r = put_entry(p, dir, name, path, &st);
        if (r < 0 || !S_ISDIR(st.st_mode))
                return r;
        int sub = dir_open_at(dir, name);
        return sub < 0 ? err_sys(p->err, sub, "%.128s", path) : pack_dir(p, sub, path, depth + 1);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
        return strcmp((*a)->d_name, (*b)->d_name);
}

/* Closes fd. In the order of names: the same image gives the same bytes. */
static int pack_dir(struct pack *p, int fd, const char *path, int depth)
{
        struct dirent **names;
        int n = scandirat(fd, ".", &names, NULL, by_name);
        int r = n < 0 ? err_sys(p->err, -errno, "%.128s", path) : 0;
        for (int i = 0; i < n; i++) {
                const char *name = names[i]->d_name;
                if (r == 0 && !str_eq(name, ".") && !str_eq(name, ".."))
                        r = one(p, fd, name, path, depth);
                free(names[i]);
        }
        if (n >= 0)
                free(names);
        close(fd);
        return r;
}

static int run(struct pack *p, int dir)
{
        int r = pack_dir(p, dir, "", 0);
        if (r == 0 && archive_write_close(p->out) != ARCHIVE_OK)
                r = bad(p);
        archive_entry_linkresolver_free(p->links);
        archive_write_free(p->out);
        return r;
}

static bool begin(struct pack *p)
{
        p->links = archive_entry_linkresolver_new();
        if (!p->out || !p->links)
                return false;
        archive_entry_linkresolver_set_strategy(p->links, ARCHIVE_FORMAT_TAR_PAX_RESTRICTED);
        return archive_write_set_format_pax_restricted(p->out) == ARCHIVE_OK;
}

int pack_root(struct err *err)
{
        struct stat st;
        struct pack p = {.out = archive_write_new(), .err = err};
        int root = dir_open_at(AT_FDCWD, "/");
        if (root < 0 || fstat(root, &st) < 0 || !begin(&p) ||
            archive_write_open_fd(p.out, STDOUT_FILENO) != ARCHIVE_OK)
                return err_set(err, -EIO, "the root cannot be read");
        p.dev = st.st_dev;
        return run(&p, root);
}

int pack_copy(int dir, int out_fd, struct err *err)
{
        struct pack p = {.out = archive_write_new(), .err = err, .copy = true};
        int own = fcntl(dir, F_DUPFD_CLOEXEC, 3);
        if (own < 0 || !begin(&p) || archive_write_open_fd(p.out, out_fd) != ARCHIVE_OK)
                return err_set(err, -EIO, "the folder cannot be read");
        return run(&p, own);
}

int pack_copy_to(struct archive *out, archive_write_callback *write, void *ctx, int dir,
                 bool at_root, struct err *err)
{
        struct pack p = {.out = out, .err = err, .copy = true, .at_root = at_root};
        int own = fcntl(dir, F_DUPFD_CLOEXEC, 3);
        if (own < 0 || !begin(&p) ||
            archive_write_open(p.out, ctx, NULL, write, NULL) != ARCHIVE_OK)
                return err_set(err, -EIO, "the folder cannot be read");
        return run(&p, own);
}
