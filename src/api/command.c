#include "api/command.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/sha256.h"
#include "base/str.h"

static void put_u32(char *p, uint32_t v)
{
        for (int i = 0; i < 4; i++)
                p[i] = (char)(v >> (8 * i));
}

static int add_env(struct buf *b, const json_t *env, uint32_t *n, struct err *err)
{
        const char *key;
        json_t *v;
        json_object_foreach((json_t *)env, key, v)
        {
                if (!*key || strchr(key, '='))
                        return err_set(err, -EINVAL, "env: '%.64s' is no name of a variable", key);
                int r = buf_addf(b, "%s=%s", key, json_string_value(v));
                if (r == 0)
                        r = buf_add(b, "", 1);
                if (r < 0)
                        return err_set(err, -EINVAL, "env: argv and env are longer than %u bytes",
                                       ARGS_BYTES_MAX);
                ++*n;
        }
        return *n <= ARGS_COUNT_MAX ? 0
                                    : err_set(err, -EINVAL, "env: more than %d", ARGS_COUNT_MAX);
}

static int add_argv(struct buf *b, const json_t *argv, bool may_be_absent, struct err *err)
{
        size_t i, argc = json_array_size(argv);
        json_t *item;
        if (argc > ARGS_COUNT_MAX || (argc == 0 && !may_be_absent))
                return err_set(err, -EINVAL, "argv: 1 to %d strings are needed", ARGS_COUNT_MAX);
        int r = buf_add(b, "\0\0\0\0\0\0\0\0", 8);
        json_array_foreach(argv, i, item)
        {
                const char *s = json_string_value(item);
                r = r < 0 ? r : buf_add(b, s, strlen(s) + 1);
        }
        if (r < 0)
                return err_set(err, -EINVAL, "argv: longer than %u bytes", ARGS_BYTES_MAX);
        if (argc && b->data[8] == '\0')
                return err_set(err, -EINVAL, "argv: the program has no name");
        return 0;
}

int command_of(const json_t *body, bool may_be_absent, struct err *err)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, ARGS_BYTES_MAX);
        const json_t *argv = json_object_get(body, "argv"), *env = json_object_get(body, "env");
        uint32_t envc = 0;
        int r = add_argv(&b, argv, may_be_absent, err);
        if (r == 0)
                r = add_env(&b, env, &envc, err);
        if (r < 0)
                return r;
        put_u32(b.data, (uint32_t)json_array_size(argv));
        put_u32(b.data + 4, envc);
        int fd = memfd_sealed("command", b.data, b.len);
        return fd < 0 ? err_sys(err, fd, "command") : fd;
}

void command_env(json_t *body)
{
        static const struct {
                const char *name, *value;
        } usual[] = {{"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
                     {"HOME", "/work"}};
        json_t *env = json_object_get(body, "env");
        if (!env) {
                env = json_object();
                json_object_set_new(body, "env", env);
        }
        for (size_t i = 0; i < ARRAY_LEN(usual); i++)
                if (!json_object_get(env, usual[i].name))
                        json_object_set_new(env, usual[i].name, json_string(usual[i].value));
}

json_t *command_kept(const json_t *argv)
{
        json_t *item, *kept = json_array();
        size_t i, left = ARGS_KEPT_MAX;
        json_array_foreach(argv, i, item)
        {
                char cut[ARGS_KEPT_MAX + 4];
                size_t n = json_string_length(item) + 1;
                if (n <= left) {
                        json_array_append(kept, item);
                        left -= n;
                        continue;
                }
                snprintf(cut, sizeof cut, "%.*s...", (int)left, json_string_value(item));
                json_array_append_new(kept, json_str_lossy(cut, strlen(cut)));
                break;
        }
        return kept;
}

void command_digest(const json_t *body, const char *salt, char ret[65])
{
        static const char *const keys[] = {"argv", "env"};
        struct sha256 h;
        unsigned char sum[32];
        sha256_init(&h);
        sha256_add(&h, salt, strlen(salt));
        for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
                const json_t *v = json_object_get(body, keys[i]);
                bool none = json_object_size(v) + json_array_size(v) == 0;
                char *text = none ? NULL : json_dumps(v, JSON_COMPACT | JSON_SORT_KEYS);
                sha256_add(&h, text ? text : "", text ? strlen(text) + 1 : 1);
                free(text);
        }
        sha256_end(&h, sum);
        hex_encode(ret, sum, sizeof sum);
}
