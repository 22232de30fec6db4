/* What is kept of a request for a sandbox, and how a second one differs from it. */
#include "api/command.h"
#include "api/sandbox_spec.h"
#include "base/str.h"

static json_t *list_or_empty(const json_t *body, const char *key)
{
        json_t *v = json_object_get(body, key);
        return json_is_array(v) ? json_incref(v) : json_array();
}

static json_t *kept_secrets(const struct launch_spec *s)
{
        json_t *list = json_array();
        for (uint32_t i = 0; i < s->n_secrets; i++)
                json_array_append_new(list, json_pack("{s:s,s:s}", "secret", s->secrets[i].secret,
                                                      "target", s->secrets[i].target));
        return list;
}

/* Numbers and words of launch's own. */
static json_t *kept_values(const struct sandbox_spec *s)
{
        static const char *const networks[] = {"none", "proxy", "open"};
        const struct launch_spec *l = &s->launch;
        return json_pack(
                "{s:b,s:b,s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "stdin",
                s->has_stdin, "tty", l->tty != 0, "image", s->image, "template", s->template.name,
                "driver", l->driver[0] ? l->driver : "ns", "workdir",
                l->workdir[0] ? l->workdir : "/work", "network", networks[l->network],
                "memory_bytes", (json_int_t)l->memory_bytes, "cpu_milli", (json_int_t)l->cpu_milli,
                "pids", (json_int_t)l->pids, "disk_bytes", (json_int_t)l->disk_bytes, "timeout_ms",
                (json_int_t)l->wall_ms, "idle_timeout_ms", (json_int_t)l->idle_ms, "cpu_time_ms",
                (json_int_t)l->cpu_ms, "output_limit_bytes", (json_int_t)l->output_bytes_max);
}

json_t *sandbox_spec_kept(const struct call *c, const struct sandbox_spec *s)
{
        static const char *const lists[] = {"volumes", "allow", "routes", "gpu"};
        json_t *o = kept_values(s), *labels = json_object_get(c->body, "labels");
        char digest[65];
        command_digest(c->body, s->launch.id, digest);
        json_object_set_new(o, "argv", command_kept(json_object_get(c->body, "argv")));
        json_object_set_new(o, "digest", json_string(digest));
        for (size_t i = 0; i < ARRAY_LEN(lists); i++)
                json_object_set_new(o, lists[i], list_or_empty(c->body, lists[i]));
        json_object_set_new(o, "secrets", kept_secrets(&s->launch));
        json_object_set_new(o, "labels",
                            json_is_object(labels) ? json_incref(labels) : json_object());
        return o;
}

/* What it was made of, for a snapshot: its image may be another one by then. Not compared. */
void sandbox_spec_keep_layers(json_t *kept, const struct launch_spec *s)
{
        json_t *list = json_array();
        for (uint32_t i = 0; i < s->n_layers; i++)
                json_array_append_new(list,
                                      json_pack("{s:s,s:I}", "key", s->layers[i].key, "size_bytes",
                                                (json_int_t)s->layers[i].size_bytes));
        json_object_set_new(kept, "layers", list);
        json_object_set_new(kept, "on_host", json_boolean(str_eq(s->image, "host")));
}

static void add(json_t *list, const char *field, const json_t *running, const json_t *asked)
{
        json_t *a = running ? json_incref((json_t *)running) : json_null();
        json_t *b = asked ? json_incref((json_t *)asked) : json_null();
        json_array_append_new(list,
                              json_pack("{s:s,s:o,s:o}", "field", field, "running", a, "asked", b));
}

json_t *sandbox_spec_difference(const struct call *c, const struct sandbox_spec *s,
                                const json_t *kept)
{
        auto_json json_t *asked = sandbox_spec_kept(c, s);
        json_t *list = json_array(), *v;
        const char *key, *id = json_string_value(json_object_get(kept, "id"));
        char digest[65];
        json_object_foreach(asked, key, v)
        {
                const json_t *was = json_object_get(kept, key);
                if (!str_eq(key, "digest") && was && !json_equal(was, v))
                        add(list, key, was, v);
        }
        command_digest(c->body, id ? id : "", digest);
        const char *was = json_string_value(json_object_get(kept, "digest"));
        bool argv_same = json_equal(json_object_get(kept, "argv"), json_object_get(asked, "argv"));
        if (was && argv_same && !str_eq(was, digest))
                add(list, "env", NULL, NULL); /* or the end of a very long argv */
        if (json_array_size(list) > 0)
                return list;
        json_decref(list);
        return NULL;
}
