#include "serve/gpus.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define FILES_MAX 64 /* in one directory */

/* Is `word` one of the list, which has commas? */
static bool is_listed(const char *list, const char *word, size_t n)
{
        for (const char *p = list; *p;) {
                size_t len = strcspn(p, ",");
                if (len == n && strncmp(p, word, n) == 0)
                        return true;
                p += len + (p[len] == ',');
        }
        return false;
}

/* ---- nodes ---- */

/* The name of the driver that has the major number: "195 nvidia-frontend" below "Character
 * devices:". */
static int driver_of(unsigned major_no, char ret[64])
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 65536);
        if (file_read_at(AT_FDCWD, "/proc/devices", &b) < 0)
                return -ENOENT;
        const char *text = buf_text(&b), *end = strstr(text, "Block devices:");
        for (const char *p = text; *p && (!end || p < end);) {
                unsigned number;
                char name[64];
                if (sscanf(p, " %u %63[^\n]", &number, name) == 2 && number == major_no) {
                        memcpy(ret, name, sizeof name);
                        return 0;
                }
                p += strcspn(p, "\n");
                p += *p == '\n';
        }
        return -ENOENT;
}

static int resolve_node(struct gpu_node *n, const struct gpus_options *o, struct err *err)
{
        struct stat st;
        char driver[64], real[PATH_MAX];
        if (!realpath(n->path, real))
                return err_sys(err, -errno, "%s", n->path);
        if (!str_eq(real, n->path))
                return err_set(err, -ELOOP, "%s: a link leads to it", n->path);
        if (lstat(n->path, &st) < 0)
                return err_sys(err, -errno, "%s", n->path);
        if (!S_ISCHR(st.st_mode))
                return err_set(err, -ENODEV, "%s is no character device", n->path);
        n->major_no = major(st.st_rdev);
        n->minor_no = minor(st.st_rdev);
        if (driver_of(n->major_no, driver) < 0 || !is_listed(o->drivers, driver, strlen(driver)))
                return err_set(err, -EPERM,
                               "%s has major number %u, whose driver is none of gpu.drivers",
                               n->path, n->major_no);
        return 0;
}

/* ---- files ---- */

static bool below_listed(const char *list, const char *path)
{
        for (const char *p = list; *p;) {
                size_t n = strcspn(p, ",");
                if (n && strncmp(path, p, n) == 0 && path[n] == '/')
                        return true;
                p += n + (p[n] == ',');
        }
        return false;
}

static int resolve_file(struct gpu_file *f, const struct gpus_options *o, struct err *err)
{
        struct stat st;
        char real[PATH_MAX];
        if (!realpath(f->path, real) || lstat(real, &st) < 0)
                return err_sys(err, -errno, "%s", f->path);
        if (!below_listed(o->paths, real) || !gpu_path_valid(real))
                return err_set(err, -EPERM,
                               "%s leads to '%.160s', which is below none of gpu.paths", f->path,
                               real);
        if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
                return err_set(err, -EPERM, "%s is neither a file nor a directory", f->path);
        f->directory = S_ISDIR(st.st_mode);
        snprintf(f->path, sizeof f->path, "%.159s", real);
        return 0;
}

static const char *base_name(const char *path)
{
        return strrchr(path, '/') + 1;
}

static bool has_path(const struct gpu_device *d, const char *path)
{
        for (uint32_t i = 0; i < d->n_links; i++)
                if (str_eq(d->links[i].path, path))
                        return true;
        for (uint32_t i = 0; i < d->n_files; i++)
                if (str_eq(d->files[i].target, path))
                        return true;
        return false;
}

static void add_name(struct gpu_device *d, const struct gpu_file *f, const char *name)
{
        char path[2 * GPU_PATH_MAX];
        snprintf(path, sizeof path, "%.*s/%.100s", (int)(base_name(f->target) - f->target - 1),
                 f->target, name);
        if (d->n_links >= GPU_LINKS_MAX || !gpu_file_target_valid(path) || has_path(d, path))
                return;
        struct gpu_link *l = &d->links[d->n_links++];
        snprintf(l->path, sizeof l->path, "%.159s", path);
        snprintf(l->target, sizeof l->target, "%s", base_name(f->target));
}

/* The names that this host's loader has for the libraries of a directory: libcuda.so.1 ->
 * libcuda.so.570.86.15. The vendor's hook would have ldconfig make them. */
static void add_names(struct gpu_device *d, const char *dir)
{
        DIR *list = opendir(dir);
        char path[PATH_MAX], to[256];
        for (struct dirent *e; list && (e = readdir(list));) {
                if (e->d_type != DT_LNK || !strstr(e->d_name, ".so"))
                        continue;
                snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
                ssize_t n = readlink(path, to, sizeof to - 1);
                to[n < 0 ? 0 : n] = 0;
                for (uint32_t i = 0; i < d->n_files; i++) {
                        const struct gpu_file *f = &d->files[i];
                        size_t len = strlen(dir);
                        if (!f->directory && strncmp(f->path, dir, len) == 0 &&
                            f->path[len] == '/' && str_eq(f->path + len + 1, to))
                                add_name(d, f, e->d_name);
                }
        }
        if (list)
                closedir(list);
}

static void add_library_names(struct gpu_device *d)
{
        char dir[GPU_PATH_MAX], seen[8][GPU_PATH_MAX];
        size_t n = 0;
        for (uint32_t i = 0; i < d->n_files; i++) {
                const struct gpu_file *f = &d->files[i];
                bool known = f->directory || !strstr(base_name(f->path), ".so");
                snprintf(dir, sizeof dir, "%.*s", (int)(base_name(f->path) - f->path - 1), f->path);
                for (size_t k = 0; k < n; k++)
                        known |= str_eq(seen[k], dir);
                if (known || n >= ARRAY_LEN(seen))
                        continue;
                memcpy(seen[n++], dir, sizeof dir);
                add_names(d, dir);
        }
}

/* "/lib/firmware/x" is written for a root whose /lib is a link; a place is never behind one. */
static void follow_merged(char path[GPU_PATH_MAX])
{
        static const char *const links[] = {"/lib/", "/lib32/", "/lib64/", "/bin/"};
        char old[GPU_PATH_MAX];
        for (size_t i = 0; i < ARRAY_LEN(links); i++) {
                if (!str_starts(path, links[i]) || strlen(path) + 4 >= GPU_PATH_MAX)
                        continue;
                memcpy(old, path, sizeof old);
                snprintf(path, GPU_PATH_MAX, "/usr%.*s", GPU_PATH_MAX - 5, old);
                return;
        }
}

int gpus_resolve(struct gpu_device *d, const struct gpus_options *o, struct err *err)
{
        int r = 0;
        for (uint32_t i = 0; i < d->n_nodes && r == 0; i++)
                r = resolve_node(&d->nodes[i], o, err);
        for (uint32_t i = 0; i < d->n_links; i++)
                follow_merged(d->links[i].path);
        for (uint32_t i = 0; i < d->n_files; i++)
                follow_merged(d->files[i].target);
        for (uint32_t i = 0; i < d->n_files && r == 0; i++)
                r = resolve_file(&d->files[i], o, err);
        if (r < 0)
                return r;
        add_library_names(d);
        return gpu_device_check(d, err);
}

/* ---- the host ---- */

/* A file that somebody else can write says nothing about this host. */
static int check_owner(int fd, const char *what, struct err *err)
{
        struct stat st;
        if (fstat(fd, &st) < 0)
                return err_sys(err, -errno, "%s", what);
        if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & 022))
                return err_set(err, -EPERM, "%s can be written by others than root", what);
        return 0;
}

static int read_one(int dir, const char *name, const struct gpus_options *o, struct cdi_list *to,
                    struct err *err)
{
        CLEANUP(buf_done) struct buf b;
        struct cdi_rules rules = {o->paths};
        struct stat st;
        buf_init(&b, CDI_FILE_MAX);
        auto_close int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0 || fstat(fd, &st) < 0)
                return err_sys(err, -errno, "it");
        if (!S_ISREG(st.st_mode))
                return err_set(err, -EINVAL, "it is no file");
        int r = check_owner(fd, "it", err);
        if (r < 0)
                return r;
        r = fd_slurp(fd, &b);
        if (r < 0)
                return err_sys(err, r, "it");
        return cdi_read(buf_text(&b), b.len, !str_ends(name, ".json"), &rules, to, err);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
        return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_cdi(const struct dirent *e)
{
        return str_ends(e->d_name, ".json") || str_ends(e->d_name, ".yaml");
}

static void read_dir(const char *path, const struct gpus_options *o, struct cdi_list *to)
{
        struct dirent **names;
        struct err err = {0};
        auto_close int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0)
                return; /* there is none: nothing to say */
        int n = check_owner(dir, "the directory", &err);
        if (n == 0)
                n = scandir(path, &names, is_cdi, by_name);
        if (n < 0) {
                log_warn("gpu.refused", kv("file", path), kv("error", err_text(&err)));
                return;
        }
        for (int i = 0; i < n; i++) {
                err = (struct err){0};
                if (i >= FILES_MAX)
                        err_set(&err, -E2BIG, "more files than %d", FILES_MAX);
                else if (read_one(dir, names[i]->d_name, o, to, &err) == 0)
                        err.code = 0;
                if (err.code < 0)
                        log_warn("gpu.refused", kv("file", names[i]->d_name), kv("dir", path),
                                 kv("error", err_text(&err)));
                free(names[i]);
        }
        free(names);
}

int gpus_of_host(const struct gpus_options *o, struct err *err)
{
        CLEANUP(cdi_list_done) struct cdi_list all = {0};
        char dir[PATH_MAX];
        size_t whole = 0;
        for (const char *p = o->dirs; *p;) {
                size_t n = strcspn(p, ",");
                snprintf(dir, sizeof dir, "%.*s", (int)n, p);
                read_dir(dir, o, &all);
                p += n + (p[n] == ',');
        }
        for (size_t i = 0; i < all.n; i++) {
                struct err why = {0};
                if (gpus_resolve(&all.devices[i], o, &why) == 0)
                        all.devices[whole++] = all.devices[i];
                else
                        log_warn("gpu.left_out", kv("device", all.devices[i].name),
                                 kv("error", err_text(&why)));
        }
        if (whole)
                log_info("gpu.devices", kv("n", whole));
        int fd = memfd_sealed("gpus", all.devices ? (const void *)all.devices : "",
                              whole * sizeof *all.devices);
        return fd < 0 ? err_sys(err, fd, "list of devices") : fd;
}
