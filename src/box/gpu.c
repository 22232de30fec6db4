#include "box/gpu.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

/* ---- the table ---- */

void gpu_done(struct gpu_table *t)
{
        free(t->devices);
        t->devices = NULL;
        t->n = 0;
}

int gpu_load(struct gpu_table *t, int fd, struct err *err)
{
        int64_t size = memfd_sealed_size(fd);
        size_t n = size < 0 ? 0 : (size_t)size / sizeof *t->devices;
        gpu_done(t);
        if (size < 0 || (size_t)size != n * sizeof *t->devices || n > GPU_LIST_MAX)
                return err_set(err, -EPROTO, "the list of devices is malformed");
        auto_free struct gpu_device *all = xcalloc(n + 1, sizeof *all);
        if (pread(fd, all, (size_t)size, 0) != size)
                return err_set(err, -EIO, "the list of devices");
        for (size_t i = 0; i < n; i++) {
                int r = gpu_device_check(&all[i], err);
                if (r < 0)
                        return r;
        }
        t->devices = TAKE_PTR(all);
        t->n = n;
        return 0;
}

static const struct gpu_device *find(const struct gpu_table *t, const char *name)
{
        for (size_t i = 0; i < t->n; i++)
                if (str_eq(t->devices[i].name, name))
                        return &t->devices[i];
        return NULL;
}

/* ---- which ones ---- */

/* A toolkit describes all its devices together once more, under that name. */
static bool is_one(const struct gpu_device *d)
{
        return !str_ends(d->name, "=all");
}

static bool has(const struct launch_spec *spec, const char *name)
{
        for (uint32_t i = 0; i < spec->n_gpus; i++)
                if (str_eq(spec->gpus[i].device, name))
                        return true;
        return false;
}

static void set_name(struct launch_gpu *g, const struct gpu_device *d)
{
        memcpy(g->device, d->name, sizeof g->device);
}

static int choose_all(const struct gpu_table *t, struct launch_spec *spec, struct err *err)
{
        if (spec->n_gpus != 1)
                return err_set(err, -EINVAL, "gpu: 'all' leaves no room for another");
        spec->n_gpus = 0;
        for (size_t i = 0; i < t->n; i++) {
                if (!is_one(&t->devices[i]))
                        continue;
                if (spec->n_gpus == BOX_GPUS_MAX)
                        return err_set(err, -E2BIG, "gpu: this host has more than %d, name some",
                                       BOX_GPUS_MAX);
                set_name(&spec->gpus[spec->n_gpus++], &t->devices[i]);
        }
        return spec->n_gpus ? 0 : err_set(err, -ENOENT, "gpu: this host has none");
}

static int choose_any(const struct gpu_table *t, struct launch_spec *spec, struct launch_gpu *g,
                      bool (*in_use)(void *ctx, const char *name), void *ctx, struct err *err)
{
        bool busy = false;
        for (size_t i = 0; i < t->n; i++) {
                const struct gpu_device *d = &t->devices[i];
                if (!is_one(d) || has(spec, d->name))
                        continue;
                if (t->shared || !in_use(ctx, d->name)) {
                        set_name(g, d);
                        return 0;
                }
                busy = true;
        }
        return busy ? err_set(err, -EBUSY, "gpu: the devices of this host are in use")
                    : err_set(err, -ENOENT, "gpu: this host has not so many");
}

/* Says what there is instead. */
static int unknown(const struct gpu_table *t, const char *name, struct err *err)
{
        char names[ERR_TEXT_MAX / 2] = "";
        size_t n = 0;
        for (size_t i = 0; i < t->n && n + strlen(t->devices[i].name) + 8 < sizeof names; i++)
                n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", i ? ", " : "",
                                      t->devices[i].name);
        return err_set(err, -ENOENT, "gpu: this host has no '%s'%s%s", name,
                       t->n ? ", but " : " and no CDI file of another (gpu.cdi_dirs)", names);
}

int gpu_choose(const struct gpu_table *t, struct launch_spec *spec,
               bool (*in_use)(void *ctx, const char *name), void *ctx, struct err *err)
{
        int r = has(spec, "all") ? choose_all(t, spec, err) : 0;
        for (uint32_t i = 0; i < spec->n_gpus && r == 0; i++)
                if (str_eq(spec->gpus[i].device, "any"))
                        r = choose_any(t, spec, &spec->gpus[i], in_use, ctx, err);
        for (uint32_t i = 0; i < spec->n_gpus && r == 0; i++) {
                const char *name = spec->gpus[i].device;
                for (uint32_t k = 0; k < i && r == 0; k++)
                        if (str_eq(spec->gpus[k].device, name))
                                r = err_set(err, -EINVAL, "gpu: '%s' is there twice", name);
                if (r == 0 && !find(t, name))
                        r = unknown(t, name, err);
                else if (r == 0 && !t->shared && in_use(ctx, name))
                        r = err_set(err, -EBUSY, "gpu: '%s' is in use by another sandbox", name);
        }
        return r;
}

/* ---- what they need together ---- */

/* Below a directory that image "host" has from the host. */
static bool on_host(const char *path)
{
        static const char *const dirs[] = {"/usr/", "/lib", "/bin/", "/etc/"};
        for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
                if (str_starts(path, dirs[i]))
                        return true;
        return false;
}

static int same_on_host(const struct gpu_file *f, struct err *err)
{
        struct stat a, b;
        if (str_starts(f->target, "/etc/"))
                return 0; /* the sandbox's /etc is ours and stays so: docs/sandboxes.md */
        if (stat(f->target, &a) == 0 && stat(f->path, &b) == 0 && a.st_ino == b.st_ino &&
            a.st_dev == b.st_dev)
                return 0;
        return err_set(err, -ENOTSUP, "gpu: image 'host' has something else at '%s'", f->target);
}

static int add_nodes(const struct gpu_device *d, struct gpu_set *s, struct err *err)
{
        for (uint32_t i = 0; i < d->n_nodes; i++) {
                const struct gpu_node *n = &d->nodes[i];
                size_t k = 0;
                while (k < s->n_nodes && !str_eq(s->nodes[k]->target, n->target))
                        k++;
                if (k < s->n_nodes && !str_eq(s->nodes[k]->path, n->path))
                        return err_set(err, -EINVAL, "gpu: two devices want '%s'", n->target);
                if (k == GPU_NODES_MAX)
                        return err_set(err, -E2BIG, "gpu: more than %d nodes", GPU_NODES_MAX);
                s->nodes[k] = n;
                s->n_nodes += k == s->n_nodes;
        }
        return 0;
}

static int add_files(const struct gpu_device *d, bool host, struct gpu_set *s, struct err *err)
{
        for (uint32_t i = 0; i < d->n_files; i++) {
                const struct gpu_file *f = &d->files[i];
                size_t k = 0;
                if (host && on_host(f->target)) {
                        int r = same_on_host(f, err);
                        if (r < 0)
                                return r;
                        continue;
                }
                while (k < s->n_files && !str_eq(s->files[k]->target, f->target))
                        k++;
                if (k < s->n_files && !str_eq(s->files[k]->path, f->path))
                        return err_set(err, -EINVAL, "gpu: two devices want '%s'", f->target);
                if (k == GPU_FILES_MAX)
                        return err_set(err, -E2BIG, "gpu: more than %d files", GPU_FILES_MAX);
                s->files[k] = f;
                s->n_files += k == s->n_files;
        }
        return 0;
}

static int add_links(const struct gpu_device *d, bool host, struct gpu_set *s, struct err *err)
{
        for (uint32_t i = 0; i < d->n_links; i++) {
                const struct gpu_link *l = &d->links[i];
                size_t k = 0;
                if (host && on_host(l->path))
                        continue; /* the host's own are there */
                while (k < s->n_links && !str_eq(s->links[k]->path, l->path))
                        k++;
                if (k == GPU_LINKS_MAX)
                        return err_set(err, -E2BIG, "gpu: more than %d links", GPU_LINKS_MAX);
                if (k == s->n_links)
                        s->links[s->n_links++] = l;
        }
        return 0;
}

int gpu_set(const struct gpu_table *t, const struct launch_spec *spec, struct gpu_set *ret,
            struct err *err)
{
        bool host = str_eq(spec->image, "host");
        ret->n_nodes = ret->n_files = ret->n_links = 0;
        for (uint32_t i = 0; i < spec->n_gpus; i++) {
                const struct gpu_device *d = find(t, spec->gpus[i].device);
                if (!d)
                        return err_set(err, -ENOENT, "gpu: this host has no '%.127s'",
                                       spec->gpus[i].device);
                int r = add_nodes(d, ret, err);
                r = r < 0 ? r : add_files(d, host, ret, err);
                r = r < 0 ? r : add_links(d, host, ret, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ---- on the host ---- */

static int open_plain(const char *path, struct stat *st, struct err *err)
{
        struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS};
        auto_close int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
        if (fd < 0 || fstat(fd, st) < 0)
                return err_sys(err, -errno, "gpu: %s", path);
        return TAKE_FD(fd);
}

int gpu_open_node(const struct gpu_node *n, struct err *err)
{
        struct stat st;
        auto_close int fd = open_plain(n->path, &st, err);
        if (fd < 0)
                return fd;
        if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(n->major_no, n->minor_no))
                return err_set(err, -ENODEV, "gpu: %s is no longer that device", n->path);
        return TAKE_FD(fd);
}

int gpu_open_file(const struct gpu_file *f, struct err *err)
{
        struct stat st;
        auto_close int fd = open_plain(f->path, &st, err);
        if (fd < 0)
                return fd;
        if (f->directory ? !S_ISDIR(st.st_mode) : !S_ISREG(st.st_mode))
                return err_set(err, -ENODEV, "gpu: %s is no longer what it was", f->path);
        return TAKE_FD(fd);
}
