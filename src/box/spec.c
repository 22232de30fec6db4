#include "box/spec.h"
#include "base/id.h"
#include "base/str.h"

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

int spec_check(const struct launch_spec *s, struct err *err)
{
        if (!id_valid(s->id))
                return bad(err, "id", "an id");
        if (!str_eq(s->image, "host"))
                return bad(err, "image", "'host'");
        if (s->hostname[0] && !str_is_name(s->hostname))
                return bad(err, "hostname", "a name of [a-z0-9-]");
        if (s->workdir[0] && !str_eq(s->workdir, "/") && !is_absolute(s->workdir))
                return bad(err, "workdir", "an absolute path without '..'");
        if (s->profile < BOX_RUN || s->profile > BOX_FILES)
                return bad(err, "profile", "run, parse or files");
        if (s->cpu_milli && (s->cpu_milli < BOX_CPU_MIN || s->cpu_milli > BOX_CPU_MAX))
                return bad(err, "cpu_milli", "0 or 10 to 1024000 thousandths of a core");
        if (s->pids < 1 || s->pids > BOX_PIDS_MAX)
                return bad(err, "pids", "1 to 32768");
        if (s->memory_bytes < BOX_MEMORY_MIN || s->memory_bytes > BOX_BYTES_MAX)
                return bad(err, "memory_bytes", "4 MiB to 4 TiB");
        if (s->disk_bytes < BOX_DISK_MIN || s->disk_bytes > BOX_BYTES_MAX)
                return bad(err, "disk_bytes", "64 KiB to 4 TiB");
        if (s->wall_ms > BOX_WALL_MS_MAX)
                return bad(err, "wall_ms", "at most thirty days");
        if (s->n_mounts > BOX_VOLUMES_MAX)
                return bad(err, "mounts", "at most 16");
        for (uint32_t i = 0; i < s->n_mounts; i++) {
                int r = check_mount(s, i, err);
                if (r < 0)
                        return r;
        }
        return 0;
}
