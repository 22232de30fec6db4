#include "box/spec.h"
#include "box/layer.h"
#include "base/id.h"
#include "base/str.h"
#include "link/gpu.h"

/* Where a volume may not be: what we mount ourselves, and what programs trust to be the host's. */
static const char *const reserved[] = {"/usr",    "/bin",  "/sbin", "/lib", "/lib32", "/lib64",
                                       "/libx32", "/proc", "/dev",  "/sys", "/etc",   "/.paddock"};

static int bad(struct err *err, const char *field, const char *expected)
{
        return err_set(err, -EINVAL, "%s: expected %s", field, expected);
}

static bool is_absolute(const char *path)
{
        return path[0] == '/' && str_is_subpath(path + 1);
}

/* True when path is dir or something below it. */
static bool is_below(const char *path, const char *dir)
{
        size_t n = strlen(dir);
        return strncmp(path, dir, n) == 0 && (path[n] == 0 || path[n] == '/');
}

static int check_mount(const struct launch_spec *s, uint32_t i, struct err *err)
{
        const struct launch_mount *m = &s->mounts[i];
        if (!id_valid(m->volume))
                return bad(err, "mounts.volume", "an id");
        if (m->subpath[0] && !str_is_subpath(m->subpath))
                return bad(err, "mounts.subpath", "a path below the volume without '..'");
        if (!is_absolute(m->target))
                return bad(err, "mounts.target", "an absolute path without '..'");
        if (m->read_only > 1)
                return bad(err, "mounts.read_only", "0 or 1");
        for (size_t k = 0; k < ARRAY_LEN(reserved); k++)
                if (is_below(m->target, reserved[k]))
                        return err_set(err, -EINVAL, "mounts.target: '%s' belongs to the system",
                                       m->target);
        for (uint32_t k = 0; k < i; k++)
                if (is_below(m->target, s->mounts[k].target) ||
                    is_below(s->mounts[k].target, m->target))
                        return err_set(err, -EINVAL,
                                       "mounts.target: '%s' and '%s' lie in each other", m->target,
                                       s->mounts[k].target);
        return 0;
}

static int check_secret(const struct launch_spec *s, uint32_t i, struct err *err)
{
        const struct launch_secret *x = &s->secrets[i];
        if (!str_is_name(x->secret))
                return bad(err, "secrets.secret", "a name");
        if (!is_absolute(x->target))
                return bad(err, "secrets.target", "an absolute path without '..'");
        for (size_t k = 0; k < ARRAY_LEN(reserved); k++)
                if (is_below(x->target, reserved[k]))
                        return err_set(err, -EINVAL, "secrets.target: '%s' belongs to the system",
                                       x->target);
        for (uint32_t k = 0; k < s->n_mounts; k++)
                if (is_below(x->target, s->mounts[k].target))
                        return err_set(err, -EINVAL, "secrets.target: '%s' lies in a volume",
                                       x->target);
        for (uint32_t k = 0; k < i; k++)
                if (is_below(x->target, s->secrets[k].target) ||
                    is_below(s->secrets[k].target, x->target))
                        return err_set(err, -EINVAL, "secrets.target: '%s' is there twice",
                                       x->target);
        return 0;
}

/* What the specification can say and this launch does not do. */
static int check_unable(const struct launch_spec *s, struct err *err)
{
        const struct {
                const char *field;
                bool asked;
        } unable[] = {
                {"network: the open network", s->network == BOX_NET_OPEN},
                {"policy: a policy without a network",
                 s->policy.len && s->network != BOX_NET_PROXY},
                {"driver: a driver other than ns and runsc",
                 s->driver[0] && !str_eq(s->driver, "ns") && !str_eq(s->driver, "runsc")},
        };
        for (size_t i = 0; i < ARRAY_LEN(unable); i++)
                if (unable[i].asked)
                        return err_set(err, -ENOTSUP, "%s is not available here", unable[i].field);
        return 0;
}

static int check_gpus(const struct launch_spec *s, struct err *err)
{
        if (s->n_gpus > BOX_GPUS_MAX)
                return bad(err, "gpus", "at most 8");
        if (s->n_gpus && s->profile != BOX_RUN)
                return bad(err, "gpus", "none but for a user's command");
        for (uint32_t i = 0; i < s->n_gpus; i++) {
                const char *name = s->gpus[i].device;
                if (!gpu_name_valid(name) && !str_eq(name, "all") && !str_eq(name, "any"))
                        return bad(err, "gpus.device", "a name such as nvidia.com/gpu=0");
        }
        return 0;
}

static int check_layers(const struct launch_spec *s, struct err *err)
{
        if (s->n_layers > BOX_LAYERS_MAX)
                return bad(err, "layers", "at most 64");
        if ((s->n_layers || s->disk_backed) && s->profile != BOX_RUN && s->profile != BOX_BUILD &&
            s->profile != BOX_TEMPLATE)
                return bad(err, "layers, disk_backed", "none for a program of ours");
        for (uint32_t i = 0; i < s->n_layers; i++) {
                if (!layer_key_valid(s->layers[i].key))
                        return bad(err, "layers.key", "64 hexadecimal digits");
                for (uint32_t k = 0; k < i; k++)
                        if (str_eq(s->layers[i].key, s->layers[k].key))
                                return bad(err, "layers", "each layer once");
        }
        return 0;
}

static int check_limits(const struct launch_spec *s, struct err *err)
{
        if (s->cpu_milli && (s->cpu_milli < BOX_CPU_MIN || s->cpu_milli > BOX_CPU_MAX))
                return bad(err, "cpu_milli", "0 or 10 to 1024000 thousandths of a core");
        if (s->pids < 1 || s->pids > BOX_PIDS_MAX)
                return bad(err, "pids", "1 to 32768");
        if (s->memory_bytes < BOX_MEMORY_MIN || s->memory_bytes > BOX_BYTES_MAX)
                return bad(err, "memory_bytes", "4 MiB to 4 TiB");
        if (s->disk_bytes < BOX_DISK_MIN || s->disk_bytes > BOX_BYTES_MAX)
                return bad(err, "disk_bytes", "64 KiB to 4 TiB");
        if (s->profile == BOX_RUN && !s->disk_backed && s->disk_bytes > s->memory_bytes)
                return bad(err, "disk_bytes", "at most memory_bytes, in which it lies");
        if (s->wall_ms > BOX_WALL_MS_MAX)
                return bad(err, "wall_ms", "at most thirty days");
        if (s->idle_ms > BOX_WALL_MS_MAX)
                return bad(err, "idle_ms", "at most thirty days");
        if (s->freeze_ms > BOX_WALL_MS_MAX)
                return bad(err, "freeze_ms", "at most thirty days");
        if (s->cpu_ms > BOX_CPU_MS_MAX)
                return bad(err, "cpu_ms", "at most thirty days");
        return 0;
}

static int check_tty(uint32_t tty, uint32_t rows, uint32_t cols, struct err *err)
{
        if (tty > 1)
                return bad(err, "tty", "0 or 1");
        if (rows > BOX_TTY_MAX || cols > BOX_TTY_MAX)
                return bad(err, "rows, cols", "at most 4096");
        return 0;
}

static int check_workdir(const char *path, struct err *err)
{
        if (path[0] && !str_eq(path, "/") && !is_absolute(path))
                return bad(err, "workdir", "an absolute path without '..'");
        return 0;
}

int spec_check_exec(const struct launch_exec *e, struct err *err)
{
        if (!id_valid(e->id))
                return bad(err, "id", "an id");
        if (!id_valid(e->exec))
                return bad(err, "exec", "an id");
        if (e->program > EXEC_FILES)
                return bad(err, "program", "command or files");
        if (e->wall_ms > BOX_WALL_MS_MAX)
                return bad(err, "wall_ms", "at most thirty days");
        int r = check_tty(e->tty, e->rows, e->cols, err);
        return r < 0 ? r : check_workdir(e->workdir, err);
}

int spec_check(const struct launch_spec *s, struct err *err)
{
        if (!id_valid(s->id))
                return bad(err, "id", "an id");
        if (!str_is_name(s->image) || (!s->n_layers && !str_eq(s->image, "host")))
                return bad(err, "image", "'host', or a name and its layers");
        if (s->hostname[0] && !str_is_name(s->hostname))
                return bad(err, "hostname", "a name of [a-z0-9-]");
        if (s->owner[0] && !str_is_name(s->owner))
                return bad(err, "owner", "a name of [a-z0-9-]");
        if (s->profile < BOX_RUN || s->profile > BOX_TEMPLATE)
                return bad(err, "profile", "run, parse, files, build or template");
        if (s->template[0] && !id_valid(s->template))
                return bad(err, "template", "an id");
        if (s->template[0] && (s->profile != BOX_RUN || s->tty || s->disk_backed ||
                               s->network != BOX_NET_NONE || s->n_secrets || s->n_gpus))
                return err_set(
                        err, -ENOTSUP,
                        "template: a forked sandbox has no terminal, no network, no secrets, "
                        "no GPU and no disk-backed files");
        if (s->profile == BOX_TEMPLATE && (s->tty || s->n_mounts || s->network != BOX_NET_NONE))
                return bad(err, "profile", "a template without terminal, volumes and network");
        if (s->network > BOX_NET_OPEN)
                return bad(err, "network", "none, proxy or open");
        int r = check_workdir(s->workdir, err);
        if (r == 0)
                r = check_limits(s, err);
        if (r == 0)
                r = check_tty(s->tty, s->rows, s->cols, err);
        if (r == 0)
                r = check_unable(s, err);
        if (r < 0)
                return r;
        if (s->disk_backed > 1)
                return bad(err, "disk_backed", "0 or 1");
        r = check_layers(s, err);
        if (r == 0)
                r = check_gpus(s, err);
        if (r < 0)
                return r;
        if (s->n_mounts > BOX_VOLUMES_MAX)
                return bad(err, "mounts", "at most 16");
        for (uint32_t i = 0; i < s->n_mounts && r == 0; i++)
                r = check_mount(s, i, err);
        if (r == 0 && s->n_secrets > BOX_SECRETS_MAX)
                return bad(err, "secrets", "at most 16");
        for (uint32_t i = 0; i < s->n_secrets && r == 0; i++)
                r = check_secret(s, i, err);
        return r;
}
