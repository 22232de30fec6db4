#include "link/gpu.h"
#include "base/str.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS  "0123456789"

static bool is_below(const char *path, const char *dir)
{
        size_t n = strlen(dir);
        return strncmp(path, dir, n) == 0 && path[n] == '/';
}

bool gpu_path_valid(const char *path)
{
        size_t parts = 0, n = strlen(path);
        if (path[0] != '/' || n >= GPU_PATH_MAX || !str_is_subpath(path + 1))
                return false;
        for (const char *p = path; *p; p++)
                parts += *p == '/';
        return parts <= GPU_DEPTH_MAX && strspn(path, LETTERS DIGITS "/._+-:@~=") == n;
}

bool gpu_node_target_valid(const char *path)
{
        static const char *const ours[] = {"null", "zero", "full",  "random", "urandom", "tty",
                                           "fd",   "pts",  "stdin", "stdout", "stderr",  "ptmx",
                                           "shm",  "mem",  "kmem",  "port",   "console", "kmsg"};
        if (!gpu_path_valid(path) || !is_below(path, "/dev"))
                return false;
        for (size_t i = 0; i < ARRAY_LEN(ours); i++)
                if (str_eq(path + 5, ours[i]) || is_below(path + 5, ours[i]))
                        return false;
        return true;
}

bool gpu_file_target_valid(const char *path)
{
        static const char *const dirs[] = {"/usr",        "/lib",     "/lib64",      "/lib32",
                                           "/bin",        "/opt",     "/etc/vulkan", "/etc/glvnd",
                                           "/etc/OpenCL", "/etc/egl", "/etc/nvidia"};
        if (!gpu_path_valid(path))
                return false;
        for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
                if (is_below(path, dirs[i]))
                        return true;
        return false;
}

bool gpu_name_valid(const char *name)
{
        size_t n = strlen(name), vendor = strspn(name, LETTERS DIGITS "._-");
        if (n >= GPU_NAME_MAX || vendor == 0 || name[vendor] != '/' || !strchr(LETTERS, name[0]))
                return false;
        const char *class = name + vendor + 1;
        size_t c = strspn(class, LETTERS DIGITS "._-");
        if (c == 0 || class[c] != '=' || !strchr(LETTERS, class[0]))
                return false;
        const char *device = class + c + 1;
        return *device && strspn(device, LETTERS DIGITS "._-:") == strlen(device);
}

static bool ends(const char *s, size_t size)
{
        return strnlen(s, size) < size;
}

static bool nodes_ok(const struct gpu_device *d)
{
        for (uint32_t i = 0; i < d->n_nodes; i++) {
                const struct gpu_node *n = &d->nodes[i];
                if (!ends(n->path, sizeof n->path) || !ends(n->target, sizeof n->target) ||
                    !gpu_path_valid(n->path) || !is_below(n->path, "/dev") ||
                    !gpu_node_target_valid(n->target))
                        return false;
        }
        return true;
}

static bool files_ok(const struct gpu_device *d)
{
        for (uint32_t i = 0; i < d->n_files; i++) {
                const struct gpu_file *f = &d->files[i];
                if (!ends(f->path, sizeof f->path) || !ends(f->target, sizeof f->target) ||
                    !gpu_path_valid(f->path) || !gpu_file_target_valid(f->target) ||
                    f->directory > 1)
                        return false;
        }
        for (uint32_t i = 0; i < d->n_links; i++) {
                const struct gpu_link *l = &d->links[i];
                if (!ends(l->path, sizeof l->path) || !ends(l->target, sizeof l->target) ||
                    !gpu_file_target_valid(l->path) || !l->target[0])
                        return false;
        }
        return true;
}

int gpu_device_check(const struct gpu_device *d, struct err *err)
{
        if (!ends(d->name, sizeof d->name) || !gpu_name_valid(d->name))
                return err_set(err, -EPROTO, "a device without a name");
        if (d->n_nodes > GPU_NODES_MAX || d->n_files > GPU_FILES_MAX || d->n_links > GPU_LINKS_MAX)
                return err_set(err, -EPROTO, "%s: too much of it", d->name);
        if (!nodes_ok(d) || !files_ok(d))
                return err_set(err, -EPROTO, "%s: a path that it may not have", d->name);
        return 0;
}
