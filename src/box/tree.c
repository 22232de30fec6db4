#include "box/tree.h"
#include "base/fd.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

struct survey {
        struct tree_tally tally;
        dev_t dev;
        bool seal;
        struct err *err;
};

static int survey_dir(struct survey *s, int fd, int depth);

static bool is_whiteout(const struct stat *st)
{
        return S_ISCHR(st->st_mode) && st->st_rdev == 0;
}

static int survey_sub(struct survey *s, int dir, const char *name, int depth)
{
        if (depth >= TREE_DEPTH_MAX)
                return err_set(s->err, -ELOOP, "directories lie deeper than %d", TREE_DEPTH_MAX);
        int sub = dir_open_at(dir, name);
        if (sub == -ENOENT)
                return 0; /* of one that runs: gone meanwhile */
        return sub < 0 ? err_sys(s->err, sub, "directory") : survey_dir(s, sub, depth + 1);
}

static int survey_entry(struct survey *s, int dir, const char *name, int depth)
{
        struct stat st;
        if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : err_sys(s->err, -errno, "entry");
        if (st.st_dev != s->dev)
                return err_set(s->err, -EXDEV, "another file system lies inside");
        if (++s->tally.files > TREE_FILES_MAX)
                return err_set(s->err, -E2BIG, "more than %u files", TREE_FILES_MAX);
        s->tally.bytes += (uint64_t)st.st_blocks * 512;
        if (S_ISDIR(st.st_mode))
                return survey_sub(s, dir, name, depth);
        if (!s->seal || S_ISLNK(st.st_mode) || is_whiteout(&st))
                return 0;
        if (!S_ISREG(st.st_mode))
                return unlinkat(dir, name, 0) < 0 ? err_sys(s->err, -errno, "entry") : 0;
        if ((st.st_mode & 06000) && fchmodat(dir, name, st.st_mode & 01777, 0) < 0)
                return err_sys(s->err, -errno, "mode");
        return 0;
}

/* Closes fd. */
static int survey_dir(struct survey *s, int fd, int depth)
{
        DIR *d = fdopendir(fd);
        if (!d) {
                close(fd);
                return err_sys(s->err, -ENOMEM, "directory");
        }
        int r = 0;
        for (struct dirent *e; r == 0 && (e = readdir(d));)
                if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
                        r = survey_entry(s, fd, e->d_name, depth);
        closedir(d);
        return r;
}

static int survey(int dir, bool seal, struct tree_tally *ret, struct err *err)
{
        struct stat st;
        struct survey s = {.seal = seal, .err = err};
        int fd = dir_open_at(dir, ".");
        if (fd < 0 || fstat(fd, &st) < 0) {
                closep(&fd);
                return err_sys(err, -EIO, "directory");
        }
        s.dev = st.st_dev;
        int r = survey_dir(&s, fd, 0);
        if (r == 0)
                *ret = s.tally;
        return r;
}

int tree_measure(int dir, struct tree_tally *ret, struct err *err)
{
        return survey(dir, false, ret, err);
}

int tree_seal(int dir, struct tree_tally *ret, struct err *err)
{
        static const char *const places[] = {"proc", "sys", "dev", ".paddock"};
        for (size_t i = 0; i < ARRAY_LEN(places); i++) {
                struct stat st;
                if (fstatat(dir, places[i], &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode))
                        return err_set(err, -EINVAL, "/%s is not a directory", places[i]);
        }
        return survey(dir, true, ret, err);
}
