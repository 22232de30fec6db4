/* `paddock sandbox cp`: files and folders into a running sandbox and out of it, as it sees them. */
#include "cli/simple.h"
#include "cli/upload.h"
#include "cli/walk.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include <fcntl.h>

/* One end of the copy: PATH of ours, or SANDBOX:PATH. */
struct end {
        char *box;  /* NULL: ours */
        char *path; /* in a sandbox: without the leading slash */
};

static void end_done(struct end *e)
{
        free(e->box);
        free(e->path);
}

/* "dev:/work/x", "dev:notes" (below /work); a path of ours with a colon is written ./a:b. */
static int read_end(const char *text, struct end *ret, struct err *err)
{
        size_t n = strcspn(text, ":/");
        if (text[n] != ':' || n == 0) {
                ret->path = xstrdup(text);
                return 0;
        }
        const char *path = text + n + 1;
        ret->box = xstrndup(text, n);
        ret->path = path[0] == '/' ? xstrdup(path + 1) : xasprintf("work/%s", path);
        size_t len = strlen(ret->path);
        while (len > 0 && ret->path[len - 1] == '/')
                ret->path[--len] = '\0';
        if (!str_is_subpath(ret->path))
                return err_set(err, -EINVAL, "'%.128s' is no path inside a sandbox", path);
        return 0;
}

/* ---- in ---- */

struct upload {
        struct client *c;
        const struct end *to;
        int failed;
};

static int put_one(void *ctx, int dirfd, const char *name, const char *path,
                   const struct stat *st UNUSED, struct err *err)
{
        struct upload *u = ctx;
        auto_close int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return err_sys(err, -errno, "%s", path);
        const char *rest = strchr(path, '/'); /* behind the folder's own name, which is not kept */
        auto_free char *there = xasprintf("%s/%s", u->to->path, rest ? rest + 1 : path);
        int r = upload_file_to(u->c, "sandboxes", u->to->box, there, fd, err);
        return r < 0 ? err_wrap(err, r, "%s", path) : 0;
}

static void problem(void *ctx, const char *path, const char *reason)
{
        ((struct upload *)ctx)->failed = -EIO;
        fprintf(stderr, "paddock: %s: %s\n", path, reason);
}

static int copy_in(struct client *c, const char *from, const struct end *to, struct err *err)
{
        struct stat st;
        bool from_stdin = str_eq(from, "-");
        if (!from_stdin && stat(from, &st) < 0)
                return err_sys(err, -errno, "%s", from);
        if (!from_stdin && S_ISDIR(st.st_mode)) {
                struct upload u = {c, to, 0};
                struct walk w = {put_one, problem, &u};
                int r = walk_path(&w, from, "", err);
                return r < 0 ? r : u.failed ? err_set(err, u.failed, "not all was copied") : 0;
        }
        auto_close int fd = from_stdin ? dup(STDIN_FILENO) : open(from, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return err_sys(err, -errno, "%s", from);
        return upload_file_to(c, "sandboxes", to->box, to->path, fd, err);
}

/* ---- out ---- */

static int receive(struct client *c, const char *box, const char *path, int fd, struct err *err)
{
        CLEANUP(buf_done) struct buf b = {0};
        struct client_request rq = {.method = "GET",
                                    .target = file_target(&b, "sandboxes", box, path)};
        struct slice part;
        int r = client_send(c, &rq, err);
        r = r < 0 ? r : client_answer(c, NULL, err);
        while (r >= 0 && (r = client_read(c, &part, err)) == 1) {
                int w = fd_write_all(fd, part.data, part.len);
                if (w < 0)
                        return err_sys(err, w, "writing it");
        }
        return r;
}

/* A file appears only when all of it is there. */
static int get_one(struct client *c, const char *box, const char *path, const char *to,
                   struct err *err)
{
        if (str_eq(to, "-"))
                return receive(c, box, path, STDOUT_FILENO, err);
        auto_free char *tmp = xasprintf("%s.part-%d", to, (int)getpid());
        auto_close int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (fd < 0)
                return err_sys(err, -errno, "%s", tmp);
        int r = receive(c, box, path, fd, err);
        if (r >= 0 && rename(tmp, to) < 0)
                r = err_sys(err, -errno, "%s", to);
        if (r < 0)
                unlink(tmp);
        return r;
}

/* Names come from the sandbox: str_is_subpath keeps them below `to`, and what is a link there was
 * not made by us. */
static int get_tree(struct client *c, const struct end *from, const char *to, const json_t *files,
                    struct err *err)
{
        size_t i, skip = strlen(from->path) + 1;
        json_t *f;
        int r = 0;
        json_array_foreach((json_t *)files, i, f)
        {
                const char *path = get_str(f, "path");
                if (strlen(path) <= skip || !str_is_subpath(path))
                        return err_set(err, -EPROTO, "the sandbox named a file that is none");
                auto_free char *local = xasprintf("%s/%s", to, path + skip);
                auto_free char *dir = xstrndup(local, (size_t)(strrchr(local, '/') - local));
                r = make_dirs(dir, err);
                r = r < 0 ? r : get_one(c, from->box, path, local, err);
                if (r < 0)
                        return err_wrap(err, r, "%.200s", path);
        }
        return r;
}

static int copy_out(struct client *c, const struct end *from, const char *to, struct err *err)
{
        struct stat st;
        auto_json json_t *files = json_array();
        auto_free char *below = xasprintf("%s/", from->path);
        int r = files_below(c, "sandboxes", from->box, below, files, err);
        if (r < 0)
                return r;
        if (json_array_size(files) > 0)
                return str_eq(to, "-") ? err_set(err, -EISDIR, "a folder does not fit a stream")
                                       : get_tree(c, from, to, files, err);
        if (!str_eq(to, "-") && stat(to, &st) == 0 && S_ISDIR(st.st_mode)) {
                const char *name = strrchr(from->path, '/');
                auto_free char *inside = xasprintf("%s/%s", to, name ? name + 1 : from->path);
                return get_one(c, from->box, from->path, inside, err);
        }
        return get_one(c, from->box, from->path, to, err);
}

static int cp(struct invocation *inv)
{
        struct err err = {0};
        CLEANUP(client_freep) struct client *c = NULL;
        CLEANUP(end_done) struct end from = {0};
        CLEANUP(end_done) struct end to = {0};
        int r = read_end(inv->operands[0], &from, &err);
        r = r < 0 ? r : read_end(inv->operands[1], &to, &err);
        if (r >= 0 && !from.box == !to.box)
                r = err_set(&err, -EINVAL, "one of the two is SANDBOX:PATH, the other is yours");
        r = r < 0 ? r : server_connect(inv, SERVER_START, &c, &err);
        if (r >= 0)
                r = to.box ? copy_in(c, from.path, &to, &err) : copy_out(c, &from, to.path, &err);
        return r < 0 ? fail(r, &err) : EXIT_DONE;
}

const struct command command_sandbox_cp = {
        .name = "sandbox cp",
        .operands = "SANDBOX:PATH FILE|FOLDER|-  or  FILE|FOLDER|- SANDBOX:PATH",
        .summary = "Copy files and folders into a running sandbox, or out of it.",
        .details = "A path without a leading slash is below /work. A folder is copied with all "
                   "regular files below it; links are not followed, hidden files of yours stay "
                   "here. '-' is standard input or output. A file is there whole or not at all.",
        .min_operands = 2,
        .max_operands = 2,
        .run = cp,
};
