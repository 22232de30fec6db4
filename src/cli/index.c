/* index: what is new or changed below the caller's paths goes into the volume, then the server
 * reads the volume; see index_watch.c for the second half. */
#include "cli/index.h"
#include "cli/simple.h"
#include "cli/upload.h"
#include "cli/walk.h"
#include "base/str.h"
#include <fcntl.h>

struct sync {
        struct client *client;
        const char *volume;
        json_t *known; /* path -> {size_bytes, mtime_ms} */
        json_t *seen;  /* path -> true, of this run */
        struct progress progress;
        uint64_t files, sent, unreadable;
};

static void on_problem(void *ctx, const char *path, const char *reason)
{
        struct sync *s = ctx;
        s->unreadable++;
        index_problem(&s->progress, path, reason);
}

static uint64_t mtime_ms(const struct stat *st)
{
        return (uint64_t)st->st_mtim.tv_sec * 1000 + (uint64_t)st->st_mtim.tv_nsec / 1000000;
}

static bool unchanged(const struct sync *s, const char *path, const struct stat *st)
{
        const json_t *known = json_object_get(s->known, path);
        return known && get_u64(known, "size_bytes") == (uint64_t)st->st_size &&
               get_u64(known, "mtime_ms") == mtime_ms(st);
}

static int on_file(void *ctx, int dirfd, const char *name, const char *path,
                   const struct stat *found, struct err *err)
{
        struct sync *s = ctx;
        struct stat st;
        s->files++;
        json_object_set_new(s->seen, path, json_true());
        progress_show(&s->progress, "uploading", s->sent, s->files);
        if (unchanged(s, path, found))
                return 0;
        /* O_NONBLOCK: it may have become a FIFO since it was looked at */
        auto_close int fd =
                openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0) {
                on_problem(s, path, errno_text(errno));
                return 0;
        }
        if (!S_ISREG(st.st_mode)) {
                on_problem(s, path, "no longer a file");
                return 0;
        }
        int r = upload_file(s->client, s->volume, path, fd, err);
        if (r == -EIO || r == -E2BIG || r == -EISDIR) { /* this file's own trouble */
                on_problem(s, path, err_text(err));
                return 0;
        }
        s->sent += r >= 0;
        return r < 0 ? err_wrap(err, r, "%s", path) : 0;
}

/* Volume docs is everybody's from the start: it is made when it is first used. */
static int make_docs(struct sync *s, struct err *err)
{
        auto_json json_t *body = json_pack("{s:s}", "name", s->volume);
        int r = client_call(s->client, "POST", "/v1/volumes", body, NULL, err);
        return r == -EEXIST ? 0 : r;
}

/* What the volume holds already. */
static int read_known(struct sync *s, struct err *err)
{
        auto_json json_t *files = json_array();
        int r = volume_files(s->client, s->volume, "", files, err);
        if (r == -ENOENT && str_eq(s->volume, "docs"))
                return make_docs(s, err);
        if (r == -ENOENT)
                return err_set(err, r,
                               "there is no volume '%s'; 'paddock volume create %s' makes it",
                               s->volume, s->volume);
        if (r < 0)
                return r;
        size_t i;
        json_t *f;
        json_array_foreach(files, i, f)
        {
                json_object_set(s->known, get_str(f, "path"), f);
        }
        return 0;
}

/* Files of the volume below the named folders that the folders no longer hold. */
static int remove_missing(struct sync *s, json_t *roots, struct err *err)
{
        const char *path, *root;
        json_t *f, *unused;
        json_object_foreach(s->known, path, f)
        {
                bool below = false;
                json_object_foreach(roots, root, unused)
                {
                        size_t n = strlen(root);
                        below = below || (str_starts(path, root) && path[n] == '/');
                }
                if (!below || json_object_get(s->seen, path))
                        continue;
                CLEANUP(buf_done) struct buf b = {0};
                int r = client_call(s->client, "DELETE", volume_file_target(&b, s->volume, path),
                                    NULL, NULL, err);
                if (r < 0 && r != -ENOENT)
                        return r;
        }
        return 0;
}

/* "prefix/basename" of an operand: the folder of the volume that its files are in. */
static void note_root(json_t *roots, const char *prefix, const char *operand)
{
        char real[4096], root[PATH_TEXT_MAX + 1];
        if (!realpath(operand, real))
                return;
        snprintf(root, sizeof root, "%s%s%s", prefix, *prefix ? "/" : "", strrchr(real, '/') + 1);
        json_object_set_new(roots, root, json_true());
}

static int sync_paths(const struct invocation *inv, struct client *c, const char *volume,
                      struct err *err)
{
        const char *prefix = flag_text(inv, "prefix");
        auto_json json_t *known = json_object(), *seen = json_object(), *roots = json_object();
        struct sync s = {.client = c, .volume = volume, .known = known, .seen = seen};
        struct walk w = {.file = on_file, .problem = on_problem, .ctx = &s};
        progress_init(&s.progress);
        prefix = prefix ? prefix : "";
        int r = read_known(&s, err);
        for (unsigned i = 0; i < inv->n_operands && r >= 0; i++) {
                note_root(roots, prefix, inv->operands[i]);
                r = walk_path(&w, inv->operands[i], prefix, err);
        }
        if (r >= 0 && flag_given(inv, "delete"))
                r = remove_missing(&s, roots, err);
        progress_clear(&s.progress);
        if (r >= 0 && !inv->json)
                fprintf(stderr, "%llu files, %llu new or changed, %llu not read\n",
                        (unsigned long long)s.files, (unsigned long long)s.sent,
                        (unsigned long long)s.unreadable);
        return r;
}

static int start_job(const struct invocation *inv, struct client *c, const char *volume,
                     json_t **ret, struct err *err)
{
        const char *prefix = flag_text(inv, "prefix");
        auto_json json_t *body =
                json_pack("{s:s,s:b}", "volume", volume, "force", flag_given(inv, "force"));
        if (prefix)
                json_object_set_new(body, "prefix", json_string(prefix));
        return client_call(c, "POST", "/v1/index/jobs", body, ret, err);
}

static int run(struct invocation *inv)
{
        struct err err = {0};
        CLEANUP(client_freep) struct client *c = NULL;
        auto_json json_t *job = NULL;
        const char *volume = flag_text(inv, "volume"), *prefix = flag_text(inv, "prefix");
        volume = volume ? volume : "docs";
        if (prefix && !str_is_subpath(prefix))
                return fail(err_set(&err, -EINVAL, "--prefix: '%.128s' is no path inside a volume",
                                    prefix),
                            &err);
        int r = server_connect(inv, SERVER_START, &c, &err);
        if (r >= 0 && inv->n_operands)
                r = sync_paths(inv, c, volume, &err);
        r = r < 0 ? r : start_job(inv, c, volume, &job, &err);
        if (r < 0)
                return fail(r, &err);
        if (!flag_given(inv, "detach"))
                return index_watch(inv, get_str(job, "id"));
        if (inv->json)
                out_json(job);
        else
                puts(get_str(job, "id"));
        return EXIT_DONE;
}

static const struct flag flags[] = {
        {.o = {.name = "volume", .type = OPTION_NAME, .doc = "Volume for the files; default docs."},
         .arg = "NAME"},
        {.o = {.name = "prefix",
               .type = OPTION_STR,
               .max = PATH_TEXT_MAX,
               .doc = "Folder of the volume below which the files go and are read."},
         .arg = "PATH"},
        {.o = {.name = "force", .doc = "Read again also what has not changed."}},
        {.o = {.name = "delete",
               .doc = "Remove from the volume what the named folders no longer hold."}},
        {.o = {.name = "detach", .doc = "Print the id of the job and return."}, .letter = 'd'},
        FLAGS_END,
};

const struct command command_index = {
        .name = "index",
        .operands = "[PATH]...",
        .summary = "Put files and folders into a volume and make them searchable.",
        .details =
                "Only what is new or changed is sent, by size and time. A folder keeps its name: "
                "'index manuals' makes manuals/... in the volume. Hidden files, links and devices "
                "are left out. Without PATH the volume is read again as it is.\n\nOne line says of "
                "every file that could not be read why; such a file stops nothing. Ctrl-C ends the "
                "waiting, not the work.",
        .flags = flags,
        .max_operands = ANY_OPERANDS,
        .run = run,
};
