/* `paddock sandbox cp`: files and folders into a running sandbox and out of it, as it sees them. */
#include "cli/simple.h"
#include "cli/tree_copy.h"
#include "cli/upload.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include <fcntl.h>
#include <sys/stat.h>

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
        if (len == 0) { /* all of it */
                free(ret->path);
                ret->path = xstrdup(".");
        } else if (!str_is_subpath(ret->path))
                return err_set(err, -EINVAL, "'%.128s' is no path inside a sandbox", path);
        return 0;
}

/* ---- in ---- */

static int copy_in(struct client *c, const char *from, const struct end *to, struct err *err)
{
        struct stat st;
        bool from_stdin = str_eq(from, "-");
        if (!from_stdin && stat(from, &st) < 0)
                return err_sys(err, -errno, "%s", from);
        if (!from_stdin && S_ISDIR(st.st_mode))
                return tree_send(c, "sandboxes", to->box, to->path, from, err);
        auto_close int fd = from_stdin ? dup(STDIN_FILENO) : open(from, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return err_sys(err, -errno, "%s", from);
        return upload_file_to(c, "sandboxes", to->box, to->path, fd, err);
}

/* ---- out ---- */

/* Less what the caller's umask keeps from everything that he makes. */
static mode_t permissions(const char *mode)
{
        mode_t mask = umask(077);
        umask(mask);
        return (mode_t)strtoul(mode, NULL, 8) & 0777 & ~mask;
}

static int receive(struct client *c, const char *box, const char *path, int fd, struct err *err)
{
        CLEANUP(buf_done) struct buf b = {0};
        struct client_request rq = {.method = "GET",
                                    .target = file_target(&b, "sandboxes", box, path)};
        const struct h1_head *head;
        int r = client_send(c, &rq, err);
        r = r < 0 ? r : client_answer(c, &head, err);
        const char *mode = r < 0 ? NULL : h1_find(head, "x-paddock-mode");
        if (mode && fd != STDOUT_FILENO && fchmod(fd, permissions(mode)) < 0)
                return err_sys(err, -errno, "its mode");
        return r < 0 ? r : client_read_to(c, fd, err);
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

static int copy_out(struct client *c, const struct end *from, const char *to, struct err *err)
{
        struct stat st;
        const char *name = strrchr(from->path, '/');
        bool inside = !str_eq(to, "-") && stat(to, &st) == 0 && S_ISDIR(st.st_mode);
        auto_free char *file =
                inside ? xasprintf("%s/%s", to, name ? name + 1 : from->path) : xstrdup(to);
        struct err is_folder = {0};
        int r = str_eq(from->path, ".") ? -EINVAL
                                        : get_one(c, from->box, from->path, file, &is_folder);
        if (r == -EINVAL && !str_eq(to, "-")) /* 400: a folder, perhaps */
                return tree_receive(c, "sandboxes", from->box, from->path, to, err);
        return r < 0 ? err_set(err, r, "%s", err_text(&is_folder)) : 0;
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
        .details =
                "A path without a leading slash is below /work. What is in a folder goes into the "
                "other one, with modes, times and symbolic links; of what comes out of a "
                "sandbox, links that lead out of the folder are left out and said. '-' is "
                "standard input or output. A file is there whole or not at all.",
        .min_operands = 2,
        .max_operands = 2,
        .run = cp,
};
