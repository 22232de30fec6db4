/* The program `files`: link/files.h says what it answers. It runs in a sandbox that has one volume,
 * at /volume (or at the folder that is its argument), so that no role opens a file of a user. */
#include "box/files_ops.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/walk.h"
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#define OUT_HIGH 65536

static int flush(struct files *s, struct err *err)
{
        int r = s->out.len ? fd_write_all(STDOUT_FILENO, s->out.data, s->out.len) : 0;
        buf_clear(&s->out);
        return r < 0 ? err_sys(err, r, "writing to the asker") : 0;
}

int files_send(struct files *s, uint32_t verb, const void *obj, struct err *err)
{
        int r = frame_put(&s->out, &files_frames, verb, obj, err);
        return r < 0 || s->out.len < OUT_HIGH ? r : flush(s, err);
}

int files_done(struct files *s, int code, const struct err *why, struct files_done *d,
               struct err *err)
{
        d->error = (uint32_t)-code;
        if (code < 0) {
                const char *text = err_text(why);
                size_t n = utf8_clip(text, strlen(text), sizeof d->reason - 1);
                memcpy(d->reason, text, n);
        }
        int r = files_send(s, FILES_DONE, d, err);
        return r < 0 ? r : flush(s, err);
}

int files_checked_path(const char *path, bool make, struct err *why)
{
        if (!str_is_subpath(path) || str_starts(path, WALK_HIDDEN) || strstr(path, "/" WALK_HIDDEN))
                return err_set(why, -EINVAL, "not a path of a file");
        if (make && walk_has_dash(path))
                return err_set(why, -EINVAL, "a name that begins with '-'");
        return 0;
}

struct files_file files_file_of(const char *path, const struct stat *st)
{
        struct files_file f = {.size = (uint64_t)st->st_size,
                               .mtime_ms = (uint64_t)st->st_mtim.tv_sec * 1000 +
                                           (uint64_t)st->st_mtim.tv_nsec / 1000000,
                               .mode = st->st_mode};
        memcpy(f.path, path, strlen(path) + 1);
        return f;
}

/* A regular file of the volume, open for reading. */
static int open_file(struct files *s, const char *path, struct stat *st, struct err *why)
{
        int r = files_checked_path(path, false, why);
        auto_close int fd = r < 0 ? -1 : open_regular_beneath(s->root, path);
        if (r < 0)
                return r;
        if (fd < 0)
                return err_sys(why, fd, "opening it");
        if (fstat(fd, st) < 0)
                return err_sys(why, -errno, "fstat");
        return TAKE_FD(fd);
}

static int send_bytes(struct files *s, int fd, uint64_t *ret_sent, struct err *why, struct err *err)
{
        char piece[32768];
        for (;;) {
                ssize_t n = read(fd, piece, sizeof piece);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return err_sys(why, -errno, "reading it");
                if (n == 0)
                        return 0;
                struct slice data = {piece, (size_t)n};
                int r = files_send(s, FILES_DATA, &data, err);
                if (r < 0)
                        return r;
                *ret_sent += (uint64_t)n;
        }
}

static int answer_get(struct files *s, const struct files_get *rq, bool data, struct err *err)
{
        struct err why = {0};
        struct stat st;
        struct files_done d = {0};
        auto_close int fd = open_file(s, rq->path, &st, &why);
        int code = fd < 0 ? fd : 0;
        if (code == 0 && data && lseek(fd, (off_t)rq->offset, SEEK_SET) < 0)
                code = err_sys(&why, -errno, "offset");
        if (code == 0) {
                struct files_file f = files_file_of(rq->path, &st);
                int r = files_send(s, FILES_FILE, &f, err);
                if (r < 0)
                        return r;
        }
        if (code == 0 && data)
                code = send_bytes(s, fd, &d.count, &why, err);
        if (err->code)
                return err->code;
        return files_done(s, code, &why, &d, err);
}

struct listing {
        struct files *s;
        uint32_t left;
        struct files_done done;
        struct err *err;
};

static int on_file(void *ctx, const struct walk_file *w)
{
        struct listing *l = ctx;
        if (l->left == 0) {
                l->done.more = 1;
                return 1;
        }
        struct files_file f = {.size = w->size, .mtime_ms = (uint64_t)(w->mtime_ns / 1000000)};
        memcpy(f.path, w->path, strlen(w->path) + 1);
        l->left--;
        l->done.count++;
        return files_send(l->s, FILES_FILE, &f, l->err);
}

static int answer_list(struct files *s, const struct files_list *rq, struct err *err)
{
        struct err why = {0};
        bool any = rq->limit == 0 || rq->limit > FILES_LIST_MAX;
        struct listing l = {.s = s, .left = any ? FILES_LIST_MAX : rq->limit, .err = err};
        uint64_t skipped = 0;
        int code = walk_files(s->root, rq->prefix, rq->after, on_file, &l, &skipped, &why);
        if (err->code)
                return err->code;
        l.done.skipped = skipped > UINT32_MAX ? UINT32_MAX : (uint32_t)skipped;
        return files_done(s, code < 0 ? code : 0, &why, &l.done, err);
}

static int count_file(void *ctx, const struct walk_file *w)
{
        (void)w;
        (*(uint64_t *)ctx)++;
        return 0;
}

static int remove_tree(struct files *s, const char *path, int parent, const char *name,
                       uint64_t *ret, struct err *why)
{
        char below[PATH_TEXT_MAX + 2];
        uint64_t skipped;
        snprintf(below, sizeof below, "%s/", path);
        int r = walk_files(s->root, below, "", count_file, ret, &skipped, why);
        if (r == 0)
                r = tree_remove_at(parent, name);
        return r < 0 ? err_sys(why, r, "removing it") : 0;
}

static int remove_path(struct files *s, const struct files_remove *rq, uint64_t *ret,
                       struct err *why)
{
        const char *name;
        struct stat st;
        int r = files_checked_path(rq->path, false, why);
        if (r < 0)
                return r;
        auto_close int parent = files_parent(s->root, rq->path, false, &name, why);
        if (parent < 0)
                return parent;
        if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return err_sys(why, -errno, "removing it");
        if (rq->tree && S_ISDIR(st.st_mode)) {
                r = remove_tree(s, rq->path, parent, name, ret, why);
        } else if (S_ISDIR(st.st_mode)) {
                r = err_sys(why, -EISDIR, "removing it");
        } else if (!S_ISREG(st.st_mode)) {
                r = err_sys(why, -ENOENT, "removing it");
        } else {
                r = unlinkat(parent, name, 0) < 0 ? err_sys(why, -errno, "removing it") : 0;
                *ret = r == 0;
        }
        if (r == 0 && fsync(parent) < 0)
                r = err_sys(why, -errno, "writing to the volume");
        return r;
}

static int answer_remove(struct files *s, const struct files_remove *rq, struct err *err)
{
        struct err why = {0};
        struct files_done d = {0};
        int code = remove_path(s, rq, &d.count, &why);
        return files_done(s, code, &why, &d, err);
}

static int answer(struct files *s, const struct frame *f, struct err *err)
{
        union {
                struct files_put put;
                struct files_get get;
                struct files_list list;
                struct files_remove remove;
        } rq;
        const struct frame_verb *v = frame_find(&files_frames, f->verb);
        if (f->verb > FILES_PACK || v->type->size > sizeof rq)
                return err_set(err, -EPROTO, "frame %u is no request", f->verb);
        int r = frames_decode(&s->in, f, &rq, err);
        if (r < 0)
                return r;
        switch (f->verb) {
        case FILES_PUT:
                return files_put(s, &rq.put, err);
        case FILES_LIST:
                return answer_list(s, &rq.list, err);
        case FILES_REMOVE:
                return answer_remove(s, &rq.remove, err);
        case FILES_UNPACK:
                return files_unpack(s, &rq.get, err);
        case FILES_PACK:
                return files_pack(s, &rq.get, err);
        }
        return answer_get(s, &rq.get, f->verb == FILES_GET, err);
}

int main(int argc, char **argv)
{
        struct err err = {0};
        struct files s = {.root = -1};
        struct frame f;
        const char *volume = argc > 1 ? argv[1] : "/volume";
        signal(SIGPIPE, SIG_IGN);
        auto_close int root = open(volume, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (root < 0) {
                fprintf(stderr, "files: %s: %s\n", volume, errno_text(errno));
                return 1;
        }
        setlocale(LC_CTYPE, "C.UTF-8"); /* names in archives are taken as they are */
        umask(022);
        s.root = root;
        s.in_place = strcmp(volume, "/") == 0;
        frames_init(&s.in, &files_frames);
        buf_init(&s.out, OUT_HIGH + 2 * (FRAME_HEAD + FRAME_MAX));
        int r;
        while ((r = frames_read(&s.in, STDIN_FILENO, 0, &f, &err)) > 0) {
                r = answer(&s, &f, &err);
                if (r < 0)
                        break;
        }
        if (r < 0)
                fprintf(stderr, "files: %s\n", err_text(&err));
        buf_done(&s.out);
        frames_done(&s.in);
        return r < 0;
}
