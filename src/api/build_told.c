/* What an OCI image says of itself: variables, working directory and entrypoint, from its
 * configuration as skopeo prints it. It is a stranger's: what is no good is left out. */
#include "api/build_step.h"
#include "base/str.h"

#define ENV_MAX   256
#define WORDS_MAX 64

static void take_env(struct build *b, const json_t *list)
{
        size_t i;
        const json_t *v;
        json_array_foreach(list, i, v)
        {
                const char *text = json_string_value(v), *eq = text ? strchr(text, '=') : NULL;
                char name[128];
                if (!eq || eq == text || (size_t)(eq - text) >= sizeof name ||
                    json_object_size(b->r.env) >= ENV_MAX)
                        continue;
                snprintf(name, sizeof name, "%.*s", (int)(eq - text), text);
                const char *ours = json_string_value(json_object_get(b->r.env, name));
                if (!ours || (str_eq(name, "PATH") && str_eq(ours, RECIPE_PATH)))
                        json_object_set_new(b->r.env, name, json_string(eq + 1));
        }
}

static void take_workdir(struct build *b, const char *dir)
{
        if (b->r.workdir[0] || !dir || dir[0] != '/' || !str_is_subpath(dir + 1) ||
            strlen(dir) >= sizeof b->r.workdir)
                return;
        memcpy(b->r.workdir, dir, strlen(dir) + 1);
}

static void take_entrypoint(struct build *b, const json_t *words)
{
        size_t i;
        json_t *v;
        if (json_array_size(b->r.entrypoint) || json_array_size(words) > WORDS_MAX)
                return;
        json_array_foreach((json_t *)words, i, v)
        {
                if (!json_is_string(v))
                        return;
        }
        json_array_extend(b->r.entrypoint, (json_t *)words);
}

void build_told(struct build *b)
{
        auto_json json_t *o = NULL;
        struct err err = {0};
        int r = json_parse(buf_text(&b->told), b->told.len, &o, &err);
        const json_t *config = json_object_get(o, "config");
        buf_clear(&b->told);
        if (r < 0) {
                build_say(b, "the image's configuration cannot be read (%s), ignoring",
                          err_text(&err));
                return;
        }
        take_env(b, json_object_get(config, "Env"));
        take_workdir(b, json_string_value(json_object_get(config, "WorkingDir")));
        take_entrypoint(b, json_object_get(config, "Entrypoint"));
}
