#include "api/sandbox_spec.h"
#include "api/images.h"
#include "api/command.h"
#include "api/egress.h"
#include "base/id.h"
#include "base/str.h"
#include "link/gpu.h"
#include "store/volumes.h"
#include <stdio.h>

#define LABELS_MAX 32

bool sandbox_path_valid(const char *path)
{
        return str_eq(path, "/") || (path[0] == '/' && str_is_subpath(path + 1));
}

/* ---- volumes, secrets, devices ---- */

static int read_mount(struct call *c, const json_t *o, struct launch_mount *m, struct err *err)
{
        char name[NAME_TEXT_MAX + 1];
        struct volume v;
        bool read_only = false;
        int r = json_read_str(o, "volume", JSON_REQUIRED, name, sizeof name, err);
        if (r >= 0)
                r = json_read_str(o, "target", JSON_REQUIRED, m->target, sizeof m->target, err);
        if (r >= 0)
                r = json_read_str(o, "subpath", JSON_OPTIONAL, m->subpath, sizeof m->subpath, err);
        if (r >= 0)
                r = json_read_bool(o, "read_only", JSON_OPTIONAL, &read_only, err);
        if (r < 0)
                return r;
        if (!sandbox_path_valid(m->target) || !m->target[1])
                return err_set(err, -EINVAL, "target: '%.64s' is not an absolute path", m->target);
        if (m->subpath[0] && !str_is_subpath(m->subpath))
                return err_set(err, -EINVAL, "subpath: not a path below the volume");
        r = volumes_find(c->api->db, c->who.user.id, name, &v, err);
        if (r < 0)
                return r;
        memcpy(m->volume, v.id, sizeof m->volume);
        m->read_only = read_only;
        return 0;
}

static int read_mounts(struct call *c, struct launch_spec *s, struct err *err)
{
        size_t i;
        json_t *item, *list = json_object_get(c->body, "volumes");
        if (json_array_size(list) > BOX_VOLUMES_MAX)
                return err_set(err, -EINVAL, "volumes: more than %d", BOX_VOLUMES_MAX);
        json_array_foreach(list, i, item)
        {
                int r = read_mount(c, item, &s->mounts[i], err);
                if (r < 0)
                        return err_wrap(err, r, "volumes[%zu]", i);
                s->n_mounts++;
        }
        return 0;
}

static int read_secrets(struct call *c, struct launch_spec *s, struct err *err)
{
        size_t i;
        json_t *item, *list = json_object_get(c->body, "secrets");
        if (json_array_size(list) > BOX_SECRETS_MAX)
                return err_set(err, -EINVAL, "secrets: more than %d", BOX_SECRETS_MAX);
        json_array_foreach(list, i, item)
        {
                struct launch_secret *x = &s->secrets[i];
                int r = json_read_str(item, "secret", JSON_REQUIRED, x->secret, sizeof x->secret,
                                      err);
                if (r >= 0 && !str_is_name(x->secret))
                        r = err_set(err, -EINVAL, "secret: not a name");
                if (r >= 0)
                        r = json_read_str(item, "target", JSON_OPTIONAL, x->target,
                                          sizeof x->target, err);
                if (r >= 0 && !x->target[0])
                        snprintf(x->target, sizeof x->target, "/run/secrets/%s", x->secret);
                if (r >= 0 && (!sandbox_path_valid(x->target) || !x->target[1]))
                        r = err_set(err, -EINVAL, "target: '%.64s' is not an absolute path",
                                    x->target);
                if (r < 0)
                        return err_wrap(err, r, "secrets[%zu]", i);
                s->n_secrets++;
        }
        return 0;
}

/* "2": as many as are free, which launch finds. */
static int add_gpus(struct launch_spec *s, const char *text, struct err *err)
{
        static const char any[] = "any";
        uint64_t n = 1;
        bool count = str_to_u64(text, &n) == 0;
        if (!count && !str_eq(text, "all") && !gpu_name_valid(text))
                return err_set(err, -EINVAL,
                               "'%.64s' is no name such as nvidia.com/gpu=0, no number and not "
                               "'all'",
                               text);
        if (n < 1 || n > BOX_GPUS_MAX - s->n_gpus)
                return err_set(err, -EINVAL, "expected 1 to %d in all", BOX_GPUS_MAX);
        for (; n > 0; n--)
                snprintf(s->gpus[s->n_gpus++].device, sizeof s->gpus->device, "%s",
                         count ? any : text);
        return 0;
}

static int read_gpus(struct call *c, struct launch_spec *s, struct err *err)
{
        size_t i;
        json_t *item, *list = json_object_get(c->body, "gpu");
        json_array_foreach(list, i, item)
        {
                int r = add_gpus(s, json_string_value(item), err);
                if (r < 0)
                        return err_wrap(err, r, "gpu[%zu]", i);
        }
        return 0;
}

/* ---- labels ---- */

static bool is_label_key(const char *s)
{
        size_t n = strlen(s);
        return n >= 1 && n <= NAME_TEXT_MAX && s[0] != '-' && s[0] != '.' &&
               strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789._-") == n;
}

static int read_labels(const struct call *c, struct err *err)
{
        const char *key;
        json_t *v, *labels = json_object_get(c->body, "labels");
        if (json_object_size(labels) > LABELS_MAX)
                return err_set(err, -EINVAL, "labels: more than %d", LABELS_MAX);
        json_object_foreach(labels, key, v)
        {
                const char *s = json_string_value(v);
                if (!is_label_key(key))
                        return err_set(err, -EINVAL,
                                       "labels: '%.64s' is not a key of a-z, 0-9, '.', '_', '-'",
                                       key);
                if (!*s || strlen(s) > LABEL_TEXT_MAX || strpbrk(s, "\n\r"))
                        return err_set(err, -EINVAL, "labels: the value of '%s' is no line of 1-%d",
                                       key, LABEL_TEXT_MAX);
        }
        return 0;
}

/* ---- limits ---- */

/* A limit: what was asked for, else the configured default; below the configured maximum. */
static int read_limit(struct call *c, const char *key, const char *setting, const char *max_setting,
                      uint64_t min, uint64_t max, uint64_t *ret, struct err *err)
{
        uint64_t most = max_setting ? api_setting_u64(c->api, max_setting) : 0;
        *ret = setting ? api_setting_u64(c->api, setting) : 0;
        if (most && most < max)
                max = most;
        if (*ret > max)
                *ret = max;
        int r = json_read_u64(c->body, key, JSON_OPTIONAL, min, max, ret, err);
        return r < 0 ? r : 0;
}

/* The same where 0 means none. */
static int read_limit0(struct call *c, const char *key, const char *setting,
                       const char *max_setting, uint64_t min, uint64_t max, uint64_t *ret,
                       struct err *err)
{
        const json_t *v = json_object_get(c->body, key);
        uint64_t most = max_setting ? api_setting_u64(c->api, max_setting) : 0;
        if (json_is_integer(v) && json_integer_value(v) == 0) {
                *ret = most; /* "no limit" is more than the maximum, too */
                return 0;
        }
        int r = read_limit(c, key, setting, max_setting, min, max, ret, err);
        if (r == 0 && most && *ret == 0)
                *ret = most;
        return r;
}

/* Files of a disk that is memory are charged to --memory: more of them than that can never be. */
static int check_disk(const struct call *c, struct launch_spec *s, struct err *err)
{
        char disk[24], memory[24];
        s->disk_backed = s->disk_bytes > BOX_TMPFS_MAX;
        if (s->disk_backed || s->disk_bytes <= s->memory_bytes)
                return 0;
        if (!json_is_integer(json_object_get(c->body, "disk_bytes"))) {
                s->disk_bytes = s->memory_bytes; /* the default is for the usual memory */
                return 0;
        }
        return err_set(err, -EINVAL,
                       "disk_bytes: %s of files lie in memory, of which there are %s; ask for "
                       "less, for more memory, or for more than 512 MiB, which lie on disk",
                       str_from_bytes(disk, sizeof disk, s->disk_bytes),
                       str_from_bytes(memory, sizeof memory, s->memory_bytes));
}

static int read_limits(struct call *c, struct launch_spec *s, struct err *err)
{
        uint64_t cpu = 0, pids = 0, rows = 0, cols = 0;
        bool tty = false;
        int r = read_limit(c, "memory_bytes", "sandbox.memory_default", "sandbox.memory_max",
                           BOX_MEMORY_MIN, BOX_BYTES_MAX, &s->memory_bytes, err);
        if (r == 0)
                r = read_limit0(c, "cpu_milli", "sandbox.cpu_default", NULL, BOX_CPU_MIN,
                                BOX_CPU_MAX, &cpu, err);
        if (r == 0)
                r = read_limit(c, "pids", "sandbox.pids_default", NULL, 1, BOX_PIDS_MAX, &pids,
                               err);
        if (r == 0)
                r = read_limit(c, "disk_bytes", "sandbox.disk_default", NULL, BOX_DISK_MIN,
                               BOX_BYTES_MAX, &s->disk_bytes, err);
        if (r == 0)
                r = check_disk(c, s, err);
        if (r == 0)
                r = read_limit0(c, "timeout_ms", "sandbox.timeout_default", "sandbox.timeout_max",
                                1, BOX_WALL_MS_MAX, &s->wall_ms, err);
        if (r == 0)
                r = read_limit0(c, "idle_timeout_ms", NULL, NULL, 1000, BOX_WALL_MS_MAX,
                                &s->idle_ms, err);
        if (r == 0)
                r = read_limit0(c, "cpu_time_ms", NULL, NULL, 1, BOX_CPU_MS_MAX, &s->cpu_ms, err);
        if (r == 0)
                r = read_limit0(c, "output_limit_bytes", NULL, NULL, 1, BOX_BYTES_MAX,
                                &s->output_bytes_max, err);
        if (r == 0)
                r = json_read_bool(c->body, "tty", JSON_OPTIONAL, &tty, err);
        if (r >= 0)
                r = json_read_u64(c->body, "rows", JSON_OPTIONAL, 0, BOX_TTY_MAX, &rows, err);
        if (r >= 0)
                r = json_read_u64(c->body, "cols", JSON_OPTIONAL, 0, BOX_TTY_MAX, &cols, err);
        if (r < 0)
                return r;
        s->cpu_milli = (uint32_t)cpu;
        s->pids = (uint32_t)pids;
        s->tty = tty;
        s->rows = (uint32_t)rows;
        s->cols = (uint32_t)cols;
        return 0;
}

/* ---- the whole ---- */

/* Words of paths below /v1/sandboxes are no names. */
static bool reserved(const char *name)
{
        return str_eq(name, "events");
}

static int read_template(struct call *c, struct sandbox_spec *s, struct err *err)
{
        char name[NAME_TEXT_MAX + 1];
        int r = json_read_str(c->body, "template", JSON_OPTIONAL, name, sizeof name, err);
        if (r <= 0 || !name[0])
                return r < 0 ? r : 0;
        if (!str_is_name(name))
                return err_set(err, -EINVAL, "template: not a name");
        r = template_load(c->api, c->who.user.id, name, &s->template, err);
        if (r == 0)
                memcpy(s->launch.image, s->template.image, sizeof s->launch.image);
        return r;
}

/* What a fork of a running process cannot be given. It is refused, not started cold: who names a
 * template counts on it. */
static int check_fork(const struct sandbox_spec *s, struct err *err)
{
        const struct launch_spec *l = &s->launch;
        bool forks = s->template.name[0] && s->template.runtime == TEMPLATE_PYTHON;
        bool plain = !l->tty && !l->disk_backed && l->network == BOX_NET_NONE && !l->n_secrets &&
                     !l->n_gpus && (!l->driver[0] || str_eq(l->driver, "ns"));
        if (!forks || plain)
                return 0;
        return err_set(err, -EINVAL,
                       "template: a forked sandbox has no terminal, no network, no secrets, no "
                       "GPU, no disk-backed files (more than 512 MiB) and no driver but ns");
}

static int read_names(struct call *c, struct sandbox_spec *s, struct err *err)
{
        struct launch_spec *l = &s->launch;
        snprintf(l->image, sizeof l->image, "host");
        int r = json_read_str(c->body, "name", JSON_OPTIONAL, s->name, sizeof s->name, err);
        if (r > 0 && (!str_is_name(s->name) || reserved(s->name)))
                return err_set(err, -EINVAL, "name: 1 to 63 of a-z, 0-9 and -, not at its ends");
        if (r >= 0)
                r = read_template(c, s, err);
        if (r >= 0)
                r = json_read_str(c->body, "image", JSON_OPTIONAL, l->image, sizeof l->image, err);
        if (r >= 0 && !str_is_name(l->image))
                return err_set(err, -EINVAL, "image: not a name");
        if (r >= 0 && s->template.name[0] && !str_eq(l->image, s->template.image))
                return err_set(err, -EINVAL, "image: the template '%s' is one of the image '%s'",
                               s->template.name, s->template.image);
        snprintf(s->image, sizeof s->image, "%s", l->image);
        if (r >= 0)
                r = image_apply(c->api, c->who.user.id, c->body, l, err);
        if (r >= 0)
                r = json_read_str(c->body, "driver", JSON_OPTIONAL, l->driver, sizeof l->driver,
                                  err);
        if (r > 0 && l->driver[0] && !str_eq(l->driver, "ns") && !str_eq(l->driver, "runsc"))
                return err_set(err, -EINVAL, "driver: expected ns or runsc");
        if (r >= 0)
                r = json_read_str(c->body, "workdir", JSON_OPTIONAL, l->workdir, sizeof l->workdir,
                                  err);
        if (r > 0 && l->workdir[0] && !sandbox_path_valid(l->workdir))
                return err_set(err, -EINVAL, "workdir: not an absolute path");
        snprintf(l->hostname, sizeof l->hostname, "%s", s->name[0] ? s->name : "sandbox");
        return r < 0 ? r : 0;
}

int sandbox_spec_read(struct call *c, struct sandbox_spec *s, struct err *err)
{
        s->command = -1;
        buf_init(&s->policy, POLICY_TEXT_MAX);
        s->launch.profile = BOX_RUN;
        memcpy(s->launch.id, id_new().s, sizeof s->launch.id);
        int r = read_names(c, s, err);
        r = r < 0 ? r : read_mounts(c, &s->launch, err);
        r = r < 0 ? r : read_secrets(c, &s->launch, err);
        r = r < 0 ? r : read_gpus(c, &s->launch, err);
        r = r < 0 ? r : read_labels(c, err);
        r = r < 0 ? r : egress_read(c, &s->launch, &s->policy, err);
        r = r < 0 ? r : read_limits(c, &s->launch, err);
        if (r < 0)
                return r;
        r = check_fork(s, err);
        if (r < 0)
                return r;
        s->has_stdin = json_is_true(json_object_get(c->body, "stdin"));
        if (s->launch.network == BOX_NET_PROXY)
                egress_env(c, json_object_get(c->body, "routes"));
        command_env(c->body);
        s->command = command_of(c->body, true, err);
        return s->command < 0 ? s->command : 0;
}

void sandbox_spec_done(struct sandbox_spec *s)
{
        if (s->command >= 0)
                close(s->command);
        buf_done(&s->policy);
        template_done(&s->template);
}
