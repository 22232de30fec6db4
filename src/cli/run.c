#include "cli/attach.h"
#include "cli/result.h"
#include "cli/simple.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include <signal.h>

static const char *const stdin_choices[] = {"auto", "yes", "no", NULL};

static const char *const networks[] = {"none", "proxy", "open", NULL};

static const struct flag flags[] = {
        {.o = {.name = "name",
               .type = OPTION_NAME,
               .doc = "Name of the sandbox; while one of that name runs, this comes to it and "
                      "starts none."},
         .arg = "NAME"},
        {.o = {.name = "image",
               .type = OPTION_NAME,
               .doc = "File system that the command sees; default host, this machine's /usr."},
         .arg = "IMAGE"},
        {.o = {.name = "volume",
               .type = OPTION_STR,
               .max = 4096,
               .doc = "Show a volume, or a folder of it, at PATH; ':ro' makes it read-only."},
         .letter = 'v',
         .arg = "NAME[/FOLDER]:PATH[:ro]",
         .repeated = true},
        {.o = {.name = "env",
               .type = OPTION_STR,
               .doc = "Set a variable of the environment; without =VALUE it is taken from here."},
         .letter = 'e',
         .arg = "NAME[=VALUE]",
         .repeated = true},
        {.o = {.name = "workdir",
               .type = OPTION_PATH,
               .doc = "Directory in which the command starts; default /work."},
         .letter = 'w',
         .arg = "PATH"},
        {.o = {.name = "memory",
               .type = OPTION_BYTES,
               .min = BOX_MEMORY_MIN,
               .max = BOX_BYTES_MAX,
               .doc = "Most memory, such as 512M."},
         .letter = 'm',
         .arg = "SIZE"},
        {.o = {.name = "cpu",
               .type = OPTION_CORES,
               .min = BOX_CPU_MIN,
               .max = BOX_CPU_MAX,
               .doc = "Most cores, such as 1.5."},
         .arg = "CORES"},
        {.o = {.name = "pids",
               .type = OPTION_U64,
               .min = 1,
               .max = BOX_PIDS_MAX,
               .doc = "Most processes and threads."},
         .arg = "N"},
        {.o = {.name = "disk",
               .type = OPTION_BYTES,
               .min = BOX_DISK_MIN,
               .max = BOX_BYTES_MAX,
               .doc = "Most writable space."},
         .arg = "SIZE"},
        {.o = {.name = "timeout",
               .type = OPTION_MS,
               .min = 1,
               .max = BOX_WALL_MS_MAX,
               .doc = "End the sandbox after this time, such as 30s; exit code 124."},
         .letter = 't',
         .arg = "TIME"},
        {.o = {.name = "stdin",
               .type = OPTION_ENUM,
               .choices = stdin_choices,
               .doc = "Whether standard input is passed in; auto (the default): not with "
                      "--detach."},
         .arg = "auto|yes|no"},
        {.o = {.name = "network",
               .type = OPTION_ENUM,
               .choices = networks,
               .doc = "none (the default); proxy: what --allow and --route name; open, for "
                      "operators: everything public."},
         .arg = "none|proxy|open"},
        {.o = {.name = "allow",
               .type = OPTION_STR,
               .max = 512,
               .doc = "A host that may be reached through the proxy inside: pypi.org, "
                      "*.debian.org, example.org:8443."},
         .arg = "HOST[:PORT]",
         .repeated = true},
        {.o = {.name = "route",
               .type = OPTION_NAME,
               .doc = "A route that may be used: an upstream whose key stays in the vault."},
         .arg = "NAME",
         .repeated = true},
        {.o = {.name = "detach",
               .doc = "Print the id and return; 'paddock wait' and 'paddock logs' "
                      "find it."},
         .letter = 'd'},
        {.o = {.name = "show-enforcement",
               .doc = "Afterwards say on standard error how long it took and what protected the "
                      "machine from it."}},
        FLAGS_END,
};

/* "docs/manuals:/docs:ro" */
static int add_volume(json_t *list, const char *text, struct err *err)
{
        size_t n = strcspn(text, ":");
        const char *target = text[n] ? text + n + 1 : "";
        size_t len = strcspn(target, ":");
        const char *mode = target[len] ? target + len : "";
        size_t name_len = strcspn(text, "/:");
        auto_free char *name = xstrndup(text, name_len);
        auto_free char *folder = text[name_len] == '/'
                                         ? xstrndup(text + name_len + 1, n - name_len - 1)
                                         : xstrdup("");
        auto_free char *path = xstrndup(target, len);
        bool read_only = str_eq(mode, ":ro");
        if (!str_is_name(name) || path[0] != '/' || (*mode && !read_only && !str_eq(mode, ":rw")) ||
            (text[name_len] == '/' && !str_is_subpath(folder)))
                return err_set(err, -EINVAL,
                               "--volume: '%.128s' is not valid, expected NAME:PATH, "
                               "NAME/FOLDER:PATH or either with ':ro'",
                               text);
        json_t *v =
                json_pack("{s:s,s:s,s:b}", "volume", name, "target", path, "read_only", read_only);
        if (*folder)
                json_object_set_new(v, "subpath", json_string(folder));
        return json_array_append_new(list, v);
}

static int add_env(json_t *env, const char *text, struct err *err)
{
        size_t n = strcspn(text, "=");
        auto_free char *name = xstrndup(text, n);
        const char *value = text[n] ? text + n + 1 : getenv(name);
        if (n == 0)
                return err_set(err, -EINVAL, "--env: '%.64s' has no name", text);
        if (!value)
                return err_set(err, -EINVAL, "--env: %.64s is not set here", name);
        if (json_object_set_new(env, name, json_string(value)) < 0)
                return err_set(err, -EINVAL, "--env: %.64s is not UTF-8", name);
        return 0;
}

/* The words as JSON: only UTF-8 can be said in it. */
static int add_argv(json_t *argv, const struct invocation *inv, struct err *err)
{
        for (unsigned i = 0; i < inv->n_operands; i++)
                if (json_array_append_new(argv, json_string(inv->operands[i])) < 0)
                        return err_set(err, -EINVAL, "word %u of the command is not UTF-8", i + 1);
        return 0;
}

/* The values of a repeated flag as a list; none: nothing. */
static void add_words(json_t *body, const char *key, const struct invocation *inv, const char *flag)
{
        const char *text;
        for (size_t i = 0; (text = flag_nth(inv, flag, i)); i++) {
                if (i == 0)
                        json_object_set_new(body, key, json_array());
                json_array_append_new(json_object_get(body, key), json_string(text));
        }
}

static bool wants_stdin(const struct invocation *inv)
{
        const char *s = flag_text(inv, "stdin");
        if (s && !str_eq(s, "auto"))
                return str_eq(s, "yes");
        return !flag_given(inv, "detach");
}

static int request(const struct invocation *inv, json_t **ret, struct err *err)
{
        static const char *const texts[] = {"name", "image", "workdir", "network"};
        static const struct {
                const char *flag, *key;
        } numbers[] = {{"memory", "memory_bytes"},
                       {"cpu", "cpu_milli"},
                       {"pids", "pids"},
                       {"disk", "disk_bytes"},
                       {"timeout", "timeout_ms"}};
        auto_json json_t *body = json_pack("{s:[],s:{},s:[],s:b}", "argv", "env", "volumes",
                                           "stdin", wants_stdin(inv));
        const char *text;
        int r = add_argv(json_object_get(body, "argv"), inv, err);
        for (size_t i = 0; r >= 0 && (text = flag_nth(inv, "env", i)); i++)
                r = add_env(json_object_get(body, "env"), text, err);
        for (size_t i = 0; r >= 0 && (text = flag_nth(inv, "volume", i)); i++)
                r = add_volume(json_object_get(body, "volumes"), text, err);
        if (r < 0)
                return r;
        add_words(body, "allow", inv, "allow");
        add_words(body, "routes", inv, "route");
        for (size_t i = 0; i < ARRAY_LEN(texts); i++)
                if (flag_given(inv, texts[i]))
                        json_object_set_new(body, texts[i], json_string(flag_text(inv, texts[i])));
        for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
                if (flag_given(inv, numbers[i].flag))
                        json_object_set_new(
                                body, numbers[i].key,
                                json_integer((json_int_t)flag_u64(inv, numbers[i].flag, 0)));
        *ret = TAKE_PTR(body);
        return 0;
}

static int create(const struct invocation *inv, json_t **ret, struct err *err)
{
        auto_json json_t *body = NULL;
        CLEANUP(client_freep) struct client *c = NULL;
        int r = request(inv, &body, err);
        r = r < 0 ? r : server_connect(inv, SERVER_START, &c, err);
        r = r < 0 ? r : client_call(c, "POST", "/v1/sandboxes", body, ret, err);
        if (r == -EPIPE)
                return err_wrap(err, r,
                                "whether it was started is not known, 'paddock sandbox "
                                "list' tells");
        return r;
}

/* The result with what the command printed: --json. */
static void print_json(const struct attach *a, json_t *sandbox)
{
        static const char *const keys[] = {"stdout", "stderr"};
        json_object_set(sandbox, "result", a->result);
        json_object_set_new(sandbox, "state", json_string("ended"));
        if (a->enforcement)
                json_object_set(sandbox, "enforcement", a->enforcement);
        for (int i = 0; i < 2; i++)
                json_object_set_new(sandbox, keys[i],
                                    json_str_lossy(buf_text(a->capture[i]), a->capture[i]->len));
        out_json(sandbox);
}

static int foreground(const struct invocation *inv, json_t *sandbox)
{
        struct err err = {0};
        CLEANUP(buf_done) struct buf out = {0};
        CLEANUP(buf_done) struct buf errors = {0};
        buf_init(&out, BOX_LOG_MAX);
        buf_init(&errors, BOX_LOG_MAX);
        struct attach a = {.inv = inv, .id = get_str(sandbox, "id"), .use_stdin = wants_stdin(inv)};
        if (inv->json) {
                a.capture[0] = &out;
                a.capture[1] = &errors;
        }
        int r = attach_run(&a, &err);
        auto_json json_t *enforcement = a.enforcement, *result = a.result;
        if (r < 0) {
                fail(r, &err);
                return r == -ECANCELED ? 128 + SIGINT : EXIT_LOST;
        }
        if (inv->json)
                print_json(&a, sandbox);
        else
                result_explain(result);
        if (flag_given(inv, "show-enforcement"))
                result_print_enforcement(enforcement ? enforcement
                                                     : json_object_get(sandbox, "enforcement"),
                                         result);
        return result_exit_code(result);
}

static int run(struct invocation *inv)
{
        struct err err = {0};
        auto_json json_t *sandbox = NULL;
        int r = create(inv, &sandbox, &err);
        if (r < 0) {
                int status = fail(r, &err);
                return r == -EIO ? EXIT_LOST : status; /* not 1: that could be the command's own */
        }
        if (!flag_given(inv, "detach"))
                return foreground(inv, sandbox);
        if (inv->json)
                out_json(sandbox);
        else
                puts(get_str(sandbox, "id"));
        return EXIT_DONE;
}

const struct command command_run = {
        .name = "run",
        .operands = "[--] COMMAND [ARGUMENT]...",
        .summary = "Run a command in a sandbox of its own.",
        .details =
                "The command sees a read-only system, an empty /work, no network and nothing of "
                "this machine's files but the volumes that are named. Its standard input, output "
                "and error are this command's, and its exit code too: 128 and the number when a "
                "signal ended it, 124 at the time limit, 137 at the memory limit, 125 when the "
                "sandbox was lost.\n\nCtrl-C is passed on; a second one kills the sandbox. When "
                "the server restarts meanwhile, the command comes back to its sandbox by itself.",
        .flags = flags,
        .min_operands = 1,
        .max_operands = ANY_OPERANDS,
        .flags_first = true,
        .run = run,
};
