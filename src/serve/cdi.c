#include "serve/cdi.h"
#include "base/mem.h"
#include "base/str.h"
#include "conf/yaml_json.h"
#include "serve/cdi_hook.h"
#include <stdio.h>

struct reader {
        const struct cdi_rules *rules;
        struct err *err;
};

void cdi_list_done(struct cdi_list *l)
{
        free(l->devices);
        *l = (struct cdi_list){0};
}

/* ---- helpers ---- */

static int known_keys(const json_t *o, const char *const *keys, struct err *err)
{
        const char *key;
        json_t *v;
        if (!json_is_object(o))
                return err_set(err, -EINVAL, "expected a map");
        json_object_foreach((json_t *)o, key, v)
        {
                const char *const *k = keys;
                while (*k && !str_eq(*k, key))
                        k++;
                if (!*k)
                        return err_set(err, -EINVAL, "%.64s: not known here", key);
        }
        return 0;
}

/* The list of that name; an absent one is an empty one. */
static int list_of(const json_t *o, const char *key, size_t most, const json_t **ret,
                   struct err *err)
{
        const json_t *v = json_object_get(o, key);
        *ret = NULL;
        if (!v || json_is_null(v))
                return 0;
        if (!json_is_array(v))
                return err_set(err, -EINVAL, "%s: expected a list", key);
        if (json_array_size(v) > most)
                return err_set(err, -EINVAL, "%s: more than %zu", key, most);
        *ret = v;
        return 0;
}

static int read_path(const json_t *o, const char *key, enum json_need need, char ret[GPU_PATH_MAX],
                     struct err *err)
{
        int r = json_read_str(o, key, need, ret, GPU_PATH_MAX, err);
        if (r > 0 && !gpu_path_valid(ret))
                return err_set(err, -EINVAL,
                               "%s: '%.100s' is no absolute path of plain characters without '..'",
                               key, ret);
        return r;
}

/* ---- variables ---- */

/* Only the vendor's own, which say to a container runtime what it shall do: none is set. */
static int check_env(const json_t *o, struct err *err)
{
        static const char *const vendors[] = {"NVIDIA_", "CUDA_", "AMD_", "ROCR_", "HIP_", "ZE_"};
        const json_t *list, *item;
        size_t i;
        int r = list_of(o, "env", 64, &list, err);
        json_array_foreach((json_t *)list, i, item)
        {
                const char *s = json_string_value(item);
                size_t n = s ? strcspn(s, "=") : 0;
                bool ok = s && strlen(s) < 512 && s[n] == '=' &&
                          strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == n;
                bool ours = false;
                for (size_t k = 0; ok && k < ARRAY_LEN(vendors); k++)
                        ours |= str_starts(s, vendors[k]);
                if (!ours)
                        return err_set(err, -EINVAL,
                                       "env[%zu]: '%.64s' is no variable of a device's vendor", i,
                                       s ? s : "");
        }
        return r;
}

/* ---- nodes ---- */

static int read_node(const json_t *o, struct gpu_node *n, struct err *err)
{
        static const char *const keys[] = {"path",     "hostPath",    "type", "major", "minor",
                                           "fileMode", "permissions", "uid",  "gid",   NULL};
        char type[8] = "c", permissions[8] = "rw";
        int r = known_keys(o, keys, err);
        if (r == 0)
                r = read_path(o, "path", JSON_REQUIRED, n->target, err);
        if (r >= 0)
                r = read_path(o, "hostPath", JSON_OPTIONAL, n->path, err);
        if (r == 0)
                memcpy(n->path, n->target, sizeof n->path);
        if (r >= 0)
                r = json_read_str(o, "type", JSON_OPTIONAL, type, sizeof type, err);
        if (r >= 0)
                r = json_read_str(o, "permissions", JSON_OPTIONAL, permissions, sizeof permissions,
                                  err);
        if (r < 0)
                return r;
        if (!str_eq(type, "c") && !str_eq(type, "u"))
                return err_set(err, -EINVAL, "type: '%s' is no character device", type);
        if (strspn(permissions, "rwm") != strlen(permissions))
                return err_set(err, -EINVAL, "permissions: expected letters of rwm");
        if (!str_starts(n->path, "/dev/"))
                return err_set(err, -EINVAL, "hostPath: '%.100s' is not below /dev", n->path);
        if (!gpu_node_target_valid(n->target))
                return err_set(err, -EINVAL, "path: '%.100s' is no place for a device", n->target);
        return 0;
}

static int read_nodes(const json_t *edits, struct gpu_device *d, struct err *err)
{
        const json_t *list, *item;
        size_t i;
        int r = list_of(edits, "deviceNodes", GPU_NODES_MAX, &list, err);
        if (r == 0 && d->n_nodes + json_array_size(list) > GPU_NODES_MAX)
                return err_set(err, -EINVAL, "deviceNodes: more than %d", GPU_NODES_MAX);
        json_array_foreach((json_t *)list, i, item)
        {
                r = read_node(item, &d->nodes[d->n_nodes], err);
                if (r < 0)
                        return err_wrap(err, r, "deviceNodes[%zu]", i);
                d->n_nodes++;
        }
        return r;
}

/* ---- files ---- */

static bool from_allowed(const struct cdi_rules *rules, const char *path)
{
        for (const char *p = rules->paths; *p;) {
                size_t n = strcspn(p, ",");
                if (n && strncmp(path, p, n) == 0 && path[n] == '/')
                        return true;
                p += n + (p[n] == ',');
        }
        return false;
}

/* The socket of a daemon of the host is left out: no sandbox talks to one. */
static bool is_daemon_socket(const char *path)
{
        static const char *const sockets[] = {
                "/run/nvidia-persistenced/socket", "/var/run/nvidia-persistenced/socket",
                "/run/nvidia-fabricmanager/socket", "/var/run/nvidia-fabricmanager/socket",
                "/tmp/nvidia-mps"};
        for (size_t i = 0; i < ARRAY_LEN(sockets); i++)
                if (str_eq(path, sockets[i]))
                        return true;
        return false;
}

static int check_options(const json_t *o, struct err *err)
{
        static const char *const known[] = {"ro",    "nosuid", "nodev",   "noexec",
                                            "bind",  "rbind",  "private", "rprivate",
                                            "slave", "rslave", NULL};
        const json_t *list, *item;
        size_t i;
        int r = list_of(o, "options", 16, &list, err);
        json_array_foreach((json_t *)list, i, item)
        {
                const char *s = json_string_value(item);
                const char *const *k = known;
                while (s && *k && !str_eq(*k, s))
                        k++;
                if (!s || !*k)
                        return err_set(err, -EINVAL, "options: '%.32s' is not done here",
                                       s ? s : "");
        }
        return r;
}

/* 1: it is to be left out. */
static int read_file(const json_t *o, const struct reader *rd, struct gpu_file *f)
{
        static const char *const keys[] = {"hostPath", "containerPath", "options", "type", NULL};
        char type[16] = "bind";
        int r = known_keys(o, keys, rd->err);
        if (r == 0)
                r = read_path(o, "hostPath", JSON_REQUIRED, f->path, rd->err);
        if (r >= 0)
                r = read_path(o, "containerPath", JSON_REQUIRED, f->target, rd->err);
        if (r >= 0)
                r = json_read_str(o, "type", JSON_OPTIONAL, type, sizeof type, rd->err);
        if (r >= 0)
                r = check_options(o, rd->err);
        if (r < 0)
                return r;
        if (type[0] && !str_eq(type, "bind"))
                return err_set(rd->err, -EINVAL, "type: '%s' is not done here", type);
        if (is_daemon_socket(f->path))
                return 1;
        if (!from_allowed(rd->rules, f->path))
                return err_set(rd->err, -EINVAL,
                               "hostPath: '%.100s' is below none of gpu.paths (%.200s)", f->path,
                               rd->rules->paths);
        if (!gpu_file_target_valid(f->target))
                return err_set(rd->err, -EINVAL,
                               "containerPath: '%.100s' is no place for a driver's file",
                               f->target);
        return 0;
}

static int read_files(const json_t *edits, const struct reader *rd, struct gpu_device *d)
{
        const json_t *list, *item;
        size_t i;
        int r = list_of(edits, "mounts", 2 * GPU_FILES_MAX, &list, rd->err);
        json_array_foreach((json_t *)list, i, item)
        {
                if (d->n_files >= GPU_FILES_MAX)
                        return err_set(rd->err, -EINVAL, "mounts: more than %d", GPU_FILES_MAX);
                r = read_file(item, rd, &d->files[d->n_files]);
                if (r < 0)
                        return err_wrap(rd->err, r, "mounts[%zu]", i);
                d->n_files += r == 0;
        }
        return r < 0 ? r : 0;
}

/* ---- edits ---- */

static int read_hooks(const json_t *edits, struct gpu_device *d, struct err *err)
{
        const json_t *list, *item;
        size_t i;
        int r = list_of(edits, "hooks", 32, &list, err);
        json_array_foreach((json_t *)list, i, item)
        {
                static const char *const keys[] = {"hookName", "path",    "args",
                                                   "env",      "timeout", NULL};
                r = known_keys(item, keys, err);
                if (r == 0)
                        r = check_env(item, err);
                if (r == 0)
                        r = cdi_hook(item, d, err);
                if (r < 0)
                        return err_wrap(err, r, "hooks[%zu]", i);
        }
        return r;
}

/* What has no meaning here must not be there, or be empty. */
static int check_empty(const json_t *edits, struct err *err)
{
        static const char *const fields[] = {"additionalGids", "intelRdt", "netDevices"};
        for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
                const json_t *v = json_object_get(edits, fields[i]);
                if (v && !json_is_null(v) && json_array_size(v) + json_object_size(v) > 0)
                        return err_set(err, -EINVAL,
                                       "%s: a sandbox has none of the host's, that cannot be given",
                                       fields[i]);
        }
        return 0;
}

static int read_edits(const json_t *o, const struct reader *rd, struct gpu_device *d)
{
        static const char *const keys[] = {"env",        "deviceNodes",    "hooks",    "mounts",
                                           "netDevices", "additionalGids", "intelRdt", NULL};
        const json_t *edits = json_object_get(o, "containerEdits");
        if (!edits || json_is_null(edits))
                return 0;
        int r = known_keys(edits, keys, rd->err);
        r = r < 0 ? r : check_empty(edits, rd->err);
        r = r < 0 ? r : check_env(edits, rd->err);
        r = r < 0 ? r : read_nodes(edits, d, rd->err);
        r = r < 0 ? r : read_files(edits, rd, d);
        r = r < 0 ? r : read_hooks(edits, d, rd->err);
        return r < 0 ? err_wrap(rd->err, r, "containerEdits") : 0;
}

/* ---- the file ---- */

static int check_version(const json_t *o, struct err *err)
{
        char text[16];
        int r = json_read_str(o, "cdiVersion", JSON_REQUIRED, text, sizeof text, err);
        if (r < 0)
                return r;
        bool ok = (str_starts(text, "0.") || str_starts(text, "1.")) &&
                  strspn(text, "0123456789.") == strlen(text);
        return ok ? 0 : err_set(err, -EINVAL, "cdiVersion: expected 0.x or 1.x");
}

static int read_device(const json_t *o, const char *kind, const struct gpu_device *common,
                       const struct reader *rd, struct gpu_device *d)
{
        static const char *const keys[] = {"name", "annotations", "containerEdits", NULL};
        char name[GPU_NAME_MAX];
        int r = known_keys(o, keys, rd->err);
        if (r == 0)
                r = json_read_str(o, "name", JSON_REQUIRED, name, sizeof name, rd->err);
        if (r < 0)
                return r;
        *d = *common;
        int n = snprintf(d->name, sizeof d->name, "%s=%s", kind, name);
        if (n >= (int)sizeof d->name || !gpu_name_valid(d->name))
                return err_set(rd->err, -EINVAL, "name: '%.64s' is none", name);
        return read_edits(o, rd, d);
}

static int read_devices(const json_t *file, const char *kind, const struct gpu_device *common,
                        const struct reader *rd, struct cdi_list *to)
{
        const json_t *list, *item;
        size_t i, k;
        int r = list_of(file, "devices", GPU_LIST_MAX, &list, rd->err);
        if (r < 0)
                return r;
        if (!list || to->n + json_array_size(list) > GPU_LIST_MAX)
                return err_set(rd->err, -EINVAL, "devices: none, or more than %d in all",
                               GPU_LIST_MAX);
        size_t n = to->n + json_array_size(list);
        to->devices = xrealloc(to->devices, n * sizeof *to->devices);
        json_array_foreach((json_t *)list, i, item)
        {
                struct gpu_device *d = &to->devices[to->n + i];
                r = read_device(item, kind, common, rd, d);
                if (r < 0)
                        return err_wrap(rd->err, r, "devices[%zu]", i);
                for (k = 0; k < to->n + i; k++)
                        if (str_eq(to->devices[k].name, d->name))
                                return err_set(rd->err, -EINVAL,
                                               "devices[%zu]: '%.100s' is there twice", i, d->name);
        }
        to->n = n;
        return 0;
}

int cdi_read(const char *text, size_t n, bool yaml, const struct cdi_rules *rules,
             struct cdi_list *to, struct err *err)
{
        static const char *const keys[] = {"cdiVersion", "kind",           "annotations",
                                           "devices",    "containerEdits", NULL};
        auto_json json_t *file = NULL;
        struct reader rd = {rules, err};
        char kind[GPU_NAME_MAX];
        if (n > CDI_FILE_MAX)
                return err_set(err, -E2BIG, "larger than %u bytes", CDI_FILE_MAX);
        int r = yaml ? yaml_to_json(text, n, &file, err) : json_parse(text, n, &file, err);
        r = r < 0 ? r : known_keys(file, keys, err);
        r = r < 0 ? r : check_version(file, err);
        r = r < 0 ? r : json_read_str(file, "kind", JSON_REQUIRED, kind, sizeof kind, err);
        if (r < 0)
                return r;
        auto_free struct gpu_device *common = xcalloc(1, sizeof *common);
        r = read_edits(file, &rd, common);
        return r < 0 ? r : read_devices(file, kind, common, &rd, to);
}
