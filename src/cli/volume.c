#include "cli/simple.h"
#include "base/limits.h"
#include "cli/upload.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include <fcntl.h>

static void print_volumes(const json_t *answer)
{
        static const char *const titles[] = {"NAME", "ID", "CREATED", ">QUOTA", NULL};
        CLEANUP(table_freep) struct table *t = table_new(titles);
        size_t i;
        json_t *v;
        char when[32], size[24];
        json_array_foreach((json_t *)list_in(answer, "volumes"), i, v)
        {
                table_cell(t, "%s", get_str(v, "name"));
                table_cell(t, "%s", get_str(v, "id"));
                table_cell(t, "%s", local_time(when, get_u64(v, "created_ms")));
                table_cell(t, "%s",
                           get_u64(v, "quota_bytes")
                                   ? str_from_bytes(size, sizeof size, get_u64(v, "quota_bytes"))
                                   : "-");
        }
        table_print(t);
}

static int list(struct invocation *inv)
{
        return simple_call(inv, SERVER_START, "GET", "/v1/volumes", NULL, print_volumes);
}

static void print_made(const json_t *v)
{
        if (str_eq(get_str(v, "quota"), "watched"))
                fputs("paddock: the quota is only watched on this host: a sandbox that takes "
                      "more is ended within a second or so\n",
                      stderr);
}

static int create(struct invocation *inv)
{
        json_t *body = json_pack("{s:s}", "name", inv->operands[0]);
        if (flag_given(inv, "quota"))
                json_object_set_new(body, "quota_bytes",
                                    json_integer((json_int_t)flag_u64(inv, "quota", 0)));
        return simple_call(inv, SERVER_START, "POST", "/v1/volumes", body, print_made);
}

static int remove_volume(struct invocation *inv)
{
        CLEANUP(buf_done) struct buf b = {0};
        return simple_call(inv, SERVER_START, "DELETE",
                           target_of(&b, "/v1/volumes/", inv->operands[0], ""), NULL, NULL);
}

static int copy(struct invocation *inv, const char *what, const char *key)
{
        CLEANUP(buf_done) struct buf b = {0};
        return simple_call(inv, SERVER_START, "POST",
                           target_of(&b, "/v1/volumes/", inv->operands[0], what),
                           json_pack("{s:s}", key, inv->operands[1]), NULL);
}

static int snapshot(struct invocation *inv)
{
        return copy(inv, "/snapshot", "name");
}

static int restore(struct invocation *inv)
{
        return copy(inv, "/restore", "from");
}

/* All files below prefix, page by page, into one list. */
static int list_files(const struct invocation *inv, const char *volume, const char *prefix,
                      json_t **ret, struct err *err)
{
        CLEANUP(client_freep) struct client *c = NULL;
        auto_json json_t *all = json_array();
        int r = server_connect(inv, SERVER_START, &c, err);
        r = r < 0 ? r : volume_files(c, volume, prefix, all, err);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(all);
        return 0;
}

static int ls(struct invocation *inv)
{
        static const char *const titles[] = {">SIZE", "MODIFIED", "PATH", NULL};
        struct err err = {0};
        auto_json json_t *files = NULL;
        int r = list_files(inv, inv->operands[0], inv->n_operands > 1 ? inv->operands[1] : "",
                           &files, &err);
        if (r < 0)
                return fail(r, &err);
        if (inv->json) {
                auto_json json_t *answer = json_pack("{s:O}", "files", files);
                out_json(answer);
                return EXIT_DONE;
        }
        CLEANUP(table_freep) struct table *t = table_new(titles);
        size_t i;
        json_t *f;
        char when[32];
        json_array_foreach(files, i, f)
        {
                table_cell(t, "%llu", (unsigned long long)get_u64(f, "size_bytes"));
                table_cell(t, "%s", local_time(when, get_u64(f, "mtime_ms")));
                table_cell(t, "%s", get_str(f, "path"));
        }
        table_print(t);
        return EXIT_DONE;
}

/* A volume's files counted: what `volume show` says. */
static int show(struct invocation *inv)
{
        struct err err = {0};
        auto_json json_t *files = NULL;
        int r = list_files(inv, inv->operands[0], "", &files, &err);
        if (r < 0)
                return fail(r, &err);
        size_t i;
        json_t *f;
        uint64_t bytes = 0;
        json_array_foreach(files, i, f)
        {
                bytes += get_u64(f, "size_bytes");
        }

        auto_json json_t *answer =
                json_pack("{s:s,s:I,s:I}", "name", inv->operands[0], "files",
                          (json_int_t)json_array_size(files), "size_bytes", (json_int_t)bytes);
        char size[24];
        if (inv->json)
                out_json(answer);
        else
                printf("%s: %zu files, %s\n", inv->operands[0], json_array_size(files),
                       str_from_bytes(size, sizeof size, bytes));
        return EXIT_DONE;
}

static int put(struct invocation *inv)
{
        struct err err = {0};
        CLEANUP(client_freep) struct client *c = NULL;
        const char *file = inv->operands[1];
        const char *slash = strrchr(file, '/');
        const char *path = inv->n_operands > 2 ? inv->operands[2] : slash ? slash + 1 : file;
        bool from_stdin = str_eq(file, "-");
        auto_close int fd = from_stdin ? dup(STDIN_FILENO) : open(file, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return fail(err_sys(&err, -errno, "%s", file), &err);
        if (from_stdin && inv->n_operands < 3)
                return fail(err_set(&err, -EINVAL, "a PATH is needed for standard input"), &err);
        if (!str_is_subpath(path))
                return fail(err_set(&err, -EINVAL, "'%.128s' is no path inside a volume", path),
                            &err);
        int r = server_connect(inv, SERVER_START, &c, &err);
        r = r < 0 ? r : upload_file(c, inv->operands[0], path, fd, &err);
        return r < 0 ? fail(r, &err) : EXIT_DONE;
}

static int receive(struct client *c, const struct invocation *inv, int fd, struct err *err)
{
        CLEANUP(buf_done) struct buf b = {0};
        struct client_request rq = {
                .method = "GET",
                .target = volume_file_target(&b, inv->operands[0], inv->operands[1])};
        int r = client_send(c, &rq, err);
        r = r < 0 ? r : client_answer(c, NULL, err);
        return r < 0 ? r : client_read_to(c, fd, err);
}

/* To standard output, or to a file that appears only when all of it is there. */
static int get(struct invocation *inv)
{
        struct err err = {0};
        CLEANUP(client_freep) struct client *c = NULL;
        bool to_file = inv->n_operands > 2 && !str_eq(inv->operands[2], "-");
        auto_free char *tmp =
                to_file ? xasprintf("%s.part-%d", inv->operands[2], (int)getpid()) : NULL;
        auto_close int fd = to_file ? open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)
                                    : dup(STDOUT_FILENO);
        if (fd < 0)
                return fail(err_sys(&err, -errno, "%s", to_file ? tmp : "standard output"), &err);
        int r = server_connect(inv, SERVER_START, &c, &err);
        r = r < 0 ? r : receive(c, inv, fd, &err);
        if (r >= 0 && to_file && rename(tmp, inv->operands[2]) < 0)
                r = err_sys(&err, -errno, "%s", inv->operands[2]);
        if (r < 0 && to_file)
                unlink(tmp);
        return r < 0 ? fail(r, &err) : EXIT_DONE;
}

static int rm(struct invocation *inv)
{
        CLEANUP(buf_done) struct buf b = {0};
        return simple_call(inv, SERVER_START, "DELETE",
                           volume_file_target(&b, inv->operands[0], inv->operands[1]), NULL, NULL);
}

#define VOLUME_COMMAND(word, usage, sentence, least, most, function)                               \
        {                                                                                          \
                .name = "volume " word, .operands = usage, .summary = sentence,                    \
                .min_operands = least, .max_operands = most, .run = function                       \
        }

const struct command command_volume_list =
        VOLUME_COMMAND("list", "", "List your volumes.", 0, 0, list);
static const struct flag create_flags[] = {
        {.o = {.name = "quota",
               .type = OPTION_BYTES,
               .min = VOLUME_QUOTA_MIN,
               .max = BOX_BYTES_MAX,
               .doc = "What it may take, such as 10G; held by the file system where that can, "
                      "else watched."},
         .arg = "SIZE"},
        FLAGS_END,
};
const struct command command_volume_create = {
        .name = "volume create",
        .operands = "NAME",
        .summary = "Make a volume: a named folder that sandboxes can see.",
        .flags = create_flags,
        .min_operands = 1,
        .max_operands = 1,
        .run = create,
};
const struct command command_volume_show =
        VOLUME_COMMAND("show", "NAME", "Count the files of a volume and their bytes.", 1, 1, show);
const struct command command_volume_ls =
        VOLUME_COMMAND("ls", "NAME [PREFIX]", "List the files of a volume.", 1, 2, ls);
const struct command command_volume_put =
        VOLUME_COMMAND("put", "NAME FILE [PATH]",
                       "Copy a file of yours, or standard input (-), into a volume.", 2, 3, put);
const struct command command_volume_get =
        VOLUME_COMMAND("get", "NAME PATH [FILE]",
                       "Copy a file out of a volume to FILE or standard output.", 2, 3, get);
const struct command command_volume_rm =
        VOLUME_COMMAND("rm", "NAME PATH", "Remove a file from a volume.", 2, 2, rm);
const struct command command_volume_remove = VOLUME_COMMAND(
        "remove", "NAME", "Remove a volume and all that is in it.", 1, 1, remove_volume);
const struct command command_volume_snapshot = VOLUME_COMMAND(
        "snapshot", "NAME NEW", "Make a volume with the same content; no sandbox may use NAME.", 2,
        2, snapshot);
const struct command command_volume_restore = VOLUME_COMMAND(
        "restore", "NAME FROM",
        "Give a volume the content of another, all of it or nothing; no sandbox may use them.", 2,
        2, restore);
