#include "serve/cdi_hook.h"
#include "base/str.h"
#include <stdio.h>

#define ARGS_MAX 256

static const char *arg(const json_t *args, size_t i)
{
        const char *s = json_string_value(json_array_get(args, i));
        return s ? s : "";
}

/* "nvidia-ctk hook VERB ..." and "nvidia-cdi-hook VERB ...": where VERB is. */
static size_t verb_at(const json_t *args)
{
        return str_eq(arg(args, 1), "hook") ? 2 : 1;
}

/* "libcuda.so.1::/usr/lib/x86_64-linux-gnu/libcuda.so" */
static int add_link(struct gpu_device *d, const char *text, struct err *err)
{
        const char *sep = strstr(text, "::");
        if (d->n_links >= GPU_LINKS_MAX)
                return err_set(err, -EINVAL, "more than %d links", GPU_LINKS_MAX);
        struct gpu_link *l = &d->links[d->n_links];
        size_t n = sep ? (size_t)(sep - text) : 0;
        if (n == 0 || n >= sizeof l->target || strlen(sep + 2) >= sizeof l->path)
                return err_set(err, -EINVAL, "'%.100s' is no link, expected TARGET::PATH", text);
        snprintf(l->target, sizeof l->target, "%.*s", (int)n, text);
        snprintf(l->path, sizeof l->path, "%s", sep + 2);
        if (gpu_node_target_valid(l->path))
                return 0; /* /dev/dri/by-path/...: a second name of a node, which nothing needs */
        if (!gpu_file_target_valid(l->path))
                return err_set(err, -EINVAL, "'%.100s' is no place for a driver's link", l->path);
        d->n_links++;
        return 0;
}

static int create_symlinks(const json_t *args, struct gpu_device *d, struct err *err)
{
        for (size_t i = verb_at(args) + 1; i < json_array_size(args); i++) {
                const char *a = arg(args, i), *text = NULL;
                if (str_starts(a, "--link="))
                        text = a + 7;
                else if (str_eq(a, "--link") && i + 1 < json_array_size(args))
                        text = arg(args, ++i);
                if (!text)
                        return err_set(err, -EINVAL, "create-symlinks: '%.64s' is not known", a);
                int r = add_link(d, text, err);
                if (r < 0)
                        return err_wrap(err, r, "create-symlinks");
        }
        return 0;
}

int cdi_hook(const json_t *hook, struct gpu_device *d, struct err *err)
{
        static const char *const idle[] = {"update-ldcache", "chmod", "enable-cuda-compat",
                                           "disable-device-node-modification"};
        const json_t *args = json_object_get(hook, "args"), *item;
        size_t i;
        if (!json_is_array(args) || json_array_size(args) < 2 || json_array_size(args) > ARGS_MAX)
                return err_set(err, -EINVAL, "args: expected a program's name and its verb");
        json_array_foreach((json_t *)args, i, item)
        {
                if (!json_is_string(item))
                        return err_set(err, -EINVAL, "args[%zu]: expected a string", i);
        }
        const char *verb = arg(args, verb_at(args));
        if (str_eq(verb, "create-symlinks"))
                return create_symlinks(args, d, err);
        for (i = 0; i < ARRAY_LEN(idle); i++)
                if (str_eq(verb, idle[i]))
                        return 0;
        return err_set(err, -EINVAL, "'%.64s' is a hook that is not known here, and none is run",
                       verb);
}
