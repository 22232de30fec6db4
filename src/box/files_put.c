/* PUT of the program `files`: a temporary file, and its name only when it is whole. */
#include "box/files_ops.h"
#include "base/fd.h"
#include "base/id.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/walk.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#define TEMP_DIR   WALK_HIDDEN "put" /* holds what is not complete; never shown */
#define TEMP_OLD_S 86400             /* left behind by a kill: nothing is uploaded for a day */

/* One upload. */
struct put {
        struct files *s;
        const struct files_put *rq;
        int fd;       /* of the temporary file; -1 once it failed */
        int temp_dir; /* holds it */
        char temp[sizeof WALK_HIDDEN + ID_TEXT_LEN];
        uint64_t bytes;
        int code; /* 0 or the negative errno that it failed with */
        struct err why;
};

int files_parent(int root, const char *path, bool make, const char **ret_name, struct err *err)
{
        char part[PATH_TEXT_MAX + 1];
        auto_close int dir = open_beneath(root, ".", O_RDONLY | O_DIRECTORY, 0);
        if (dir < 0)
                return err_sys(err, dir, "the volume");
        const char *slash;
        for (; (slash = strchr(path, '/')); path = slash + 1) {
                memcpy(part, path, (size_t)(slash - path));
                part[slash - path] = '\0';
                int made = make ? mkdirat(dir, part, 0755) : -1;
                if (make && made < 0 && errno != EEXIST)
                        return err_sys(err, -errno, "folder '%s'", part);
                if (made == 0 && fsync(dir) < 0)
                        return err_sys(err, -errno, "folder '%s'", part);
                int next = open_beneath(dir, part, O_RDONLY | O_DIRECTORY, 0);
                if (next == -ELOOP)
                        next = -ENOTDIR;
                if (next < 0)
                        return err_sys(err, next, "folder '%s'", part);
                close(dir);
                dir = next;
        }
        *ret_name = path;
        return TAKE_FD(dir);
}

static void sweep_old(int temp_dir)
{
        int copy = dup(temp_dir);
        DIR *dir = copy < 0 ? NULL : fdopendir(copy);
        const struct dirent *e;
        struct stat st;
        if (!dir)
                return;
        while ((e = readdir(dir)))
                if (fstatat(temp_dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                    S_ISREG(st.st_mode) && st.st_mtime + TEMP_OLD_S < time(NULL))
                        unlinkat(temp_dir, e->d_name, 0);
        closedir(dir);
}

static void fail(struct put *p, int code, const char *what)
{
        if (p->code)
                return;
        p->code = err_sys(&p->why, code, "%s", what);
        if (p->fd >= 0)
                close(p->fd);
        p->fd = -1;
}

static int beside(struct put *p)
{
        const char *name;
        int fd = files_parent(p->s->root, p->rq->path, true, &name, &p->why);
        if (fd < 0)
                p->code = fd;
        return fd;
}

static int in_temp_dir(struct put *p)
{
        int fd = -1;
        if (mkdirat(p->s->root, TEMP_DIR, 0700) < 0 && errno != EEXIST)
                fail(p, -errno, "writing to the volume");
        else
                fd = open_beneath(p->s->root, TEMP_DIR, O_RDONLY | O_DIRECTORY, 0);
        if (fd >= 0)
                sweep_old(fd);
        else if (!p->code)
                fail(p, fd, "writing to the volume");
        return fd;
}

static void begin(struct put *p)
{
        p->code = files_checked_path(p->rq->path, true, &p->why);
        if (p->code)
                return;
        if (p->rq->size != FILES_SIZE_ANY && p->rq->size > UPLOAD_BYTES_MAX) {
                fail(p, -EFBIG, "the file");
                return;
        }
        p->temp_dir = p->s->in_place ? beside(p) : in_temp_dir(p);
        if (p->temp_dir < 0)
                return;
        snprintf(p->temp, sizeof p->temp, WALK_HIDDEN "%s", id_new().s);
        p->fd = open_beneath(p->temp_dir, p->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644);
        if (p->fd < 0)
                fail(p, p->fd, "writing to the volume");
}

static void add(struct put *p, struct slice data)
{
        if (p->code)
                return;
        uint64_t max = p->rq->size == FILES_SIZE_ANY ? UPLOAD_BYTES_MAX : p->rq->size;
        if (data.len > max - p->bytes) {
                fail(p, -EFBIG, p->rq->size == FILES_SIZE_ANY ? "the file" : "more than its size");
                return;
        }
        int r = fd_write_all(p->fd, data.data, data.len);
        if (r < 0)
                fail(p, r, "writing to the volume");
        p->bytes += data.len;
}

static int set_mtime(int fd, uint64_t ms)
{
        struct timespec t[2] = {
                {.tv_nsec = UTIME_OMIT},
                {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000}};
        return ms && futimens(fd, t) < 0 ? -errno : 0;
}

/* The content is on disk before its name is. */
static void keep(struct put *p)
{
        const char *name;
        if (!p->code && p->rq->size != FILES_SIZE_ANY && p->bytes != p->rq->size)
                fail(p, -EINVAL, "less than its size");
        int r = p->code ? 0 : set_mtime(p->fd, p->rq->mtime_ms);
        if (r == 0 && !p->code && p->rq->mode && fchmod(p->fd, p->rq->mode & 0777) < 0)
                r = -errno;
        if (r == 0 && !p->code && fsync(p->fd) < 0)
                r = -errno;
        if (r < 0)
                fail(p, r, "writing to the volume");
        if (p->code)
                return;
        auto_close int dir = files_parent(p->s->root, p->rq->path, true, &name, &p->why);
        if (dir < 0) {
                p->code = dir;
                return;
        }
        if (renameat(p->temp_dir, p->temp, dir, name) < 0)
                fail(p, -errno, "naming it");
        else if (fsync(dir) < 0)
                fail(p, -errno, "writing to the volume");
}

static void put_done(struct put *p)
{
        if (p->fd >= 0)
                close(p->fd);
        if (p->temp_dir >= 0) {
                unlinkat(p->temp_dir, p->temp, 0); /* gone already when it was kept */
                close(p->temp_dir);
        }
}

static int answer_put(struct put *p, bool *answered, struct err *err)
{
        struct files_done d = {.count = p->bytes};
        *answered = true;
        return files_done(p->s, p->code, &p->why, &d, err);
}

int files_put(struct files *s, const struct files_put *rq, struct err *err)
{
        CLEANUP(put_done) struct put p = {.s = s, .rq = rq, .fd = -1, .temp_dir = -1};
        bool answered = false;
        begin(&p);
        for (;;) {
                struct frame f;
                struct files_end end;
                int r = p.code && !answered ? answer_put(&p, &answered, err) : 0;
                if (r == 0)
                        r = frames_read(&s->in, STDIN_FILENO, 0, &f, err);
                if (r <= 0)
                        return r < 0 ? r : err_set(err, -EPIPE, "ended inside a file");
                if (f.verb == FILES_DATA) {
                        add(&p, f.body);
                        continue;
                }
                if (f.verb != FILES_END)
                        return err_set(err, -EPROTO, "frame %u inside a file", f.verb);
                r = frames_decode(&s->in, &f, &end, err);
                if (r < 0)
                        return r;
                if (end.keep)
                        keep(&p);
                else
                        fail(&p, -ECANCELED, "given up");
                return answered ? 0 : answer_put(&p, &answered, err);
        }
}
