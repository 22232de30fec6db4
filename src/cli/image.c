#include "cli/image_job.h"
#include "cli/recipe_file.h"
#include "cli/result.h"
#include "cli/simple.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include <fcntl.h>
#include <sys/stat.h>

static void print_images(const json_t *answer)
{
        static const char *const titles[] = {"NAME", ">SIZE", ">LAYERS", "CREATED", NULL};
        CLEANUP(table_freep) struct table *t = table_new(titles);
        size_t i;
        json_t *v;
        char when[32], size[24];
        json_array_foreach((json_t *)list_in(answer, "images"), i, v)
        {
                table_cell(t, "%s", get_str(v, "name"));
                table_cell(t, "%s", str_from_bytes(size, sizeof size, get_u64(v, "size_bytes")));
                table_cell(t, "%zu", json_array_size(json_object_get(v, "layers")));
                table_cell(t, "%s", local_time(when, get_u64(v, "created_ms")));
        }
        table_print(t);
}

static int list(struct invocation *inv)
{
        return simple_call(inv, SERVER_START, "GET", "/v1/images", NULL, print_images);
}

static void print_image(const json_t *o)
{
        char size[24];
        const char *key;
        size_t i;
        json_t *v;
        printf("name        %s\n", get_str(o, "name"));
        printf("below       %s\n", json_is_true(json_object_get(o, "host"))
                                           ? "the host's /usr"
                                           : "nothing: it has a root of its own");
        if (*get_str(o, "workdir"))
                printf("workdir     %s\n", get_str(o, "workdir"));
        json_array_foreach(json_object_get(o, "entrypoint"), i, v)
        {
                printf("%-11s %s\n", i ? "" : "entrypoint", json_string_value(v));
        }
        json_object_foreach(json_object_get(o, "env"), key, v)
        {
                printf("env         %s=%s\n", key, json_string_value(v));
        }
        json_array_foreach(json_object_get(o, "layers"), i, v)
        {
                printf("layer       %.16s  %s\n", get_str(v, "key"),
                       str_from_bytes(size, sizeof size, get_u64(v, "size_bytes")));
        }
}

static int show(struct invocation *inv)
{
        CLEANUP(buf_done) struct buf b = {0};
        return simple_call(inv, SERVER_START, "GET",
                           target_of(&b, "/v1/images/", inv->operands[0], ""), NULL, print_image);
}

static int remove_image(struct invocation *inv)
{
        CLEANUP(buf_done) struct buf b = {0};
        return simple_call(inv, SERVER_START, "DELETE",
                           target_of(&b, "/v1/images/", inv->operands[0], ""), NULL, NULL);
}

static void print_pruned(const json_t *o)
{
        char size[24];
        printf("%llu layers removed, %s\n", (unsigned long long)get_u64(o, "layers"),
               str_from_bytes(size, sizeof size, get_u64(o, "bytes")));
        if (get_u64(o, "in_use"))
                printf("%llu are used by running sandboxes\n",
                       (unsigned long long)get_u64(o, "in_use"));
}

static int prune(struct invocation *inv)
{
        return simple_call(inv, SERVER_START, "POST", "/v1/images/prune", json_object(),
                           print_pruned);
}

/* ---- build ---- */

static int build(struct invocation *inv)
{
        struct err err = {0};
        CLEANUP(client_freep) struct client *c = NULL;
        auto_json json_t *recipe = NULL, *job = NULL;
        const char *file = inv->operands[inv->n_operands - 1];
        const char *slash = strrchr(file, '/'), *base = slash ? slash + 1 : file;
        auto_free char *name = inv->n_operands > 1 ? xstrdup(inv->operands[0])
                                                   : xstrndup(base, strcspn(base, "."));
        int r = recipe_file_read(file, &recipe, &err);
        if (r < 0)
                return fail(r, &err);
        auto_json json_t *body = json_pack("{s:s,s:O}", "name", name, "recipe", recipe);
        r = server_connect(inv, SERVER_START, &c, &err);
        r = r < 0 ? r : client_call(c, "POST", "/v1/images/builds", body, &job, &err);
        if (r < 0)
                return fail(r, &err);
        return image_job_follow(inv, job);
}

/* ---- import ---- */

static int send_archive(struct client *c, int fd, struct err *err)
{
        char chunk[65536];
        ssize_t n;
        while ((n = read(fd, chunk, sizeof chunk)) != 0) {
                if (n < 0 && errno == EINTR)
                        continue;
                int r = n < 0 ? err_sys(err, -errno, "reading it")
                              : client_write(c, chunk, (size_t)n, err);
                if (r < 0)
                        return r;
        }
        return client_write_end(c, err);
}

static int read_job(struct client *c, json_t **ret, struct err *err)
{
        CLEANUP(buf_done) struct buf b;
        struct slice part;
        buf_init(&b, HTTP_BODY_MAX);
        int r = client_answer(c, NULL, err);
        while (r >= 0 && (r = client_read(c, &part, err)) == 1)
                if (buf_add(&b, part.data, part.len) < 0)
                        return err_set(err, -E2BIG, "the answer is too long");
        return r < 0 ? r : json_parse(buf_text(&b), b.len, ret, err);
}

static int import(struct invocation *inv)
{
        struct err err = {0};
        CLEANUP(client_freep) struct client *c = NULL;
        CLEANUP(buf_done) struct buf b = {0};
        auto_json json_t *job = NULL;
        const char *file = inv->operands[1];
        auto_close int fd =
                str_eq(file, "-") ? dup(STDIN_FILENO) : open(file, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return fail(err_sys(&err, -errno, "%s", file), &err);
        struct client_request rq = {
                .method = "POST",
                .target = target_of(&b, "/v1/images/imports?name=", inv->operands[0],
                                    flag_given(inv, "oci") ? "&oci=true" : ""),
                .content_type = "application/x-tar",
                .upload = true,
                .upload_bytes = UPLOAD_CHUNKED};
        int r = server_connect(inv, SERVER_START, &c, &err);
        r = r < 0 ? r : client_send(c, &rq, &err);
        r = r < 0 ? r : send_archive(c, fd, &err);
        if (r == -EPIPE || r >= 0)
                r = read_job(c, &job, &err);
        if (r < 0)
                return fail(r, &err);
        const json_t *result = json_object_get(job, "result");
        if (inv->json)
                out_json(job);
        else if (result_exit_code(result) != EXIT_DONE)
                image_job_log(inv, job);
        return result_exit_code(result);
}

/* ---- export ---- */

static int export(struct invocation *inv)
{
        struct err err = {0};
        CLEANUP(client_freep) struct client *c = NULL;
        CLEANUP(buf_done) struct buf b = {0};
        bool to_file = inv->n_operands > 1 && !str_eq(inv->operands[1], "-");
        auto_free char *tmp =
                to_file ? xasprintf("%s.part-%d", inv->operands[1], (int)getpid()) : NULL;
        auto_close int fd = to_file ? open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)
                                    : dup(STDOUT_FILENO);
        struct client_request rq = {
                .method = "GET",
                .target = target_of(&b, "/v1/images/", inv->operands[0], "/export")};
        if (fd < 0)
                return fail(err_sys(&err, -errno, "%s", to_file ? tmp : "standard output"), &err);
        int r = server_connect(inv, SERVER_START, &c, &err);
        r = r < 0 ? r : client_send(c, &rq, &err);
        r = r < 0 ? r : client_answer(c, NULL, &err);
        r = r < 0 ? r : client_read_to(c, fd, &err);
        if (r >= 0 && to_file && rename(tmp, inv->operands[1]) < 0)
                r = err_sys(&err, -errno, "%s", inv->operands[1]);
        if (r < 0 && to_file)
                unlink(tmp);
        return r < 0 ? fail(r, &err) : EXIT_DONE;
}

static const struct flag build_flags[] = {
        {.o = {.name = "detach", .doc = "Print the id of the job and return."}, .letter = 'd'},
        FLAGS_END,
};
static const struct flag import_flags[] = {
        {.o = {.name = "oci",
               .doc = "FILE is an OCI archive (skopeo copy SOURCE oci-archive:FILE)."}},
        FLAGS_END,
};

const struct command command_image_list = {
        .name = "image list", .operands = "", .summary = "List your images.", .run = list};
const struct command command_image_show = {.name = "image show",
                                           .operands = "NAME",
                                           .summary = "Show what an image is made of.",
                                           .min_operands = 1,
                                           .max_operands = 1,
                                           .run = show};
const struct command command_image_build = {
        .name = "image build",
        .operands = "[NAME] FILE",
        .summary = "Build an image by a recipe; its name is the file's unless one is given.",
        .details =
                "Each step of the recipe is one layer, made once and then found again. docs/"
                "images.md says what a recipe may have. Ctrl-C ends the watching, not the build.",
        .flags = build_flags,
        .min_operands = 1,
        .max_operands = 2,
        .run = build};
const struct command command_image_remove = {
        .name = "image remove",
        .operands = "NAME",
        .summary = "Remove an image; 'image prune' then frees what only it had.",
        .min_operands = 1,
        .max_operands = 1,
        .run = remove_image};
const struct command command_image_prune = {.name = "image prune",
                                            .operands = "",
                                            .summary = "Remove layers that no image has.",
                                            .run = prune};
const struct command command_image_import = {
        .name = "image import",
        .operands = "NAME FILE",
        .summary = "Make an image of a tar archive of a root, or of standard input (-).",
        .flags = import_flags,
        .min_operands = 2,
        .max_operands = 2,
        .run = import};
const struct command command_image_export = {
        .name = "image export",
        .operands = "NAME [FILE]",
        .summary = "Write an image as a tar archive to FILE or standard output.",
        .min_operands = 1,
        .max_operands = 2,
        .run = export};
