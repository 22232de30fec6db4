#include "cli/box_request.h"
#include "base/mem.h"
#include "base/str.h"
#include <sys/ioctl.h>

const char *const box_networks[] = {"none", "proxy", "open", NULL};
const char *const box_drivers[] = {"ns", "runsc", NULL};

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
static int add_argv(json_t *argv, char *const *words, struct err *err)
{
        for (unsigned i = 0; words[i]; i++)
                if (json_array_append_new(argv, json_string(words[i])) < 0)
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

/* "token:/etc/token" */
static int add_secrets(json_t *body, const struct invocation *inv, struct err *err)
{
        const char *text;
        json_t *list = json_array();
        for (size_t i = 0; (text = flag_nth(inv, "secret", i)); i++) {
                size_t n = strcspn(text, ":");
                auto_free char *name = xstrndup(text, n);
                json_t *o = json_pack("{s:s}", "secret", name);
                if (text[n])
                        json_object_set_new(o, "target", json_string(text + n + 1));
                json_array_append_new(list, o);
                if (!str_is_name(name) || (text[n] && text[n + 1] != '/')) {
                        json_decref(list);
                        return err_set(err, -EINVAL,
                                       "--secret: '%.128s' is not valid, expected NAME or "
                                       "NAME:PATH",
                                       text);
                }
        }
        json_object_set_new(body, "secrets", list);
        return 0;
}

static int add_labels(json_t *body, const struct invocation *inv, struct err *err)
{
        const char *text;
        json_t *labels = json_object();
        json_object_set_new(body, "labels", labels);
        for (size_t i = 0; (text = flag_nth(inv, "label", i)); i++) {
                size_t n = strcspn(text, "=");
                auto_free char *key = xstrndup(text, n);
                if (n == 0 || !text[n] ||
                    json_object_set_new(labels, key, json_string(text + n + 1)) < 0)
                        return err_set(err, -EINVAL,
                                       "--label: '%.128s' is not valid, expected KEY=VALUE", text);
        }
        return 0;
}

int box_request_command(const struct invocation *inv, char *const *argv, json_t *body,
                        struct err *err)
{
        json_t *words = json_array(), *env = json_object();
        const char *text;
        struct winsize w = {0};
        json_object_set_new(body, "argv", words);
        json_object_set_new(body, "env", env);
        int r = add_argv(words, argv, err);
        for (size_t i = 0; r >= 0 && (text = flag_nth(inv, "env", i)); i++)
                r = add_env(env, text, err);
        if (r < 0 || !flag_given(inv, "tty"))
                return r;
        json_object_set_new(body, "tty", json_true());
        if (ioctl(STDIN_FILENO, TIOCGWINSZ, &w) == 0) {
                json_object_set_new(body, "rows", json_integer(w.ws_row));
                json_object_set_new(body, "cols", json_integer(w.ws_col));
        }
        return 0;
}

int box_request(const struct invocation *inv, char *const *argv, bool with_stdin, json_t **ret,
                struct err *err)
{
        static const char *const texts[] = {"name",    "image",   "template",
                                            "workdir", "network", "driver"};
        static const struct {
                const char *flag, *key;
        } numbers[] = {{"memory", "memory_bytes"},
                       {"cpu", "cpu_milli"},
                       {"pids", "pids"},
                       {"disk", "disk_bytes"},
                       {"timeout", "timeout_ms"},
                       {"idle-timeout", "idle_timeout_ms"},
                       {"cpu-time", "cpu_time_ms"},
                       {"output-limit", "output_limit_bytes"}};
        auto_json json_t *body = json_pack("{s:[],s:b}", "volumes", "stdin", with_stdin);
        const char *text;
        int r = box_request_command(inv, argv, body, err);
        for (size_t i = 0; r >= 0 && (text = flag_nth(inv, "volume", i)); i++)
                r = add_volume(json_object_get(body, "volumes"), text, err);
        r = r < 0 ? r : add_secrets(body, inv, err);
        r = r < 0 ? r : add_labels(body, inv, err);
        if (r < 0)
                return r;
        add_words(body, "allow", inv, "allow");
        add_words(body, "routes", inv, "route");
        add_words(body, "gpu", inv, "gpu");
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

const char *const stdin_choices[] = {"auto", "yes", "no", NULL};

bool wants_stdin(const struct invocation *inv)
{
        const char *s = flag_text(inv, "stdin");
        if (s && !str_eq(s, "auto"))
                return str_eq(s, "yes");
        return !flag_given(inv, "detach");
}
