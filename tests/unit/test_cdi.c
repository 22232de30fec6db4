/* CDI files: what is taken from one, what refuses it, and what launch makes of the devices. */
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "box/gpu.h"
#include "serve/gpus.h"
#include "test.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define PATHS "/usr/lib,/usr/share,/lib"
static const struct cdi_rules rules = {PATHS};

#define DEVICE "{\"name\":\"0\",\"containerEdits\":{%s}}"
#define NODE                                                                                       \
        "{\"path\":\"/dev/gpu0\",\"hostPath\":\"/dev/"                                             \
        "zero\",\"type\":\"c\",\"permissions\":\"rw\"}"
#define FILE_OF "\"cdiVersion\":\"0.6.0\",\"kind\":\"example.com/gpu\""
#define LIB     "/usr/lib/libx.so.1.2"
#define HOOK(v)                                                                                    \
        "\"hooks\":[{\"hookName\":\"createContainer\",\"path\":\"/usr/bin/"                        \
        "nvidia-ctk\",\"args\":[\"nvidia-ctk\",\"hook\"," v "]}]"

static int read_json(const char *edits, const char *more, struct cdi_list *l, struct err *err)
{
        auto_free char *text = xasprintf("{" FILE_OF ",\"devices\":[" DEVICE "]%s}", edits, more);
        return cdi_read(text, strlen(text), false, &rules, l, err);
}

TEST(a_device_is_its_nodes_files_and_links)
{
        CLEANUP(cdi_list_done) struct cdi_list l = {0};
        struct err err = {0};
        int r = read_json("\"deviceNodes\":[" NODE "]",
                          ",\"containerEdits\":{\"env\":[\"NVIDIA_VISIBLE_DEVICES=void\"],"
                          "\"mounts\":[{\"hostPath\":\"" LIB "\",\"containerPath\":\"" LIB
                          "\",\"options\":[\"ro\",\"nosuid\",\"nodev\",\"bind\"]},"
                          "{\"hostPath\":\"/run/nvidia-persistenced/socket\","
                          "\"containerPath\":\"/run/nvidia-persistenced/socket\"}],"
                          "" HOOK("\"create-symlinks\",\"--link\",\"libx.so.1::/usr/lib/libx.so\","
                                  "\"--link=../card0::/dev/dri/by-path/a\"") "}",
                          &l, &err);
        CHECK_STR(err_text(&err), err_text(&(struct err){0}));
        CHECK_INT(r, ==, 0);
        CHECK_INT(l.n, ==, 1);
        const struct gpu_device *d = &l.devices[0];
        CHECK_STR(d->name, "example.com/gpu=0");
        CHECK_INT(d->n_nodes, ==, 1);
        CHECK_STR(d->nodes[0].path, "/dev/zero");
        CHECK_STR(d->nodes[0].target, "/dev/gpu0");
        CHECK_INT(d->n_files, ==, 1); /* the socket of a daemon is left out */
        CHECK_STR(d->files[0].target, LIB);
        CHECK_INT(d->n_links, ==, 1);
        CHECK_STR(d->links[0].path, "/usr/lib/libx.so");
        CHECK_STR(d->links[0].target, "libx.so.1");
        CHECK_INT(gpu_device_check(d, NULL), ==, 0);
}

TEST(yaml_says_the_same_as_json)
{
        static const char text[] = "---\n"
                                   "cdiVersion: \"0.6.0\" # a comment\n"
                                   "kind: example.com/gpu\n"
                                   "devices:\n"
                                   "- name: \"0\"\n"
                                   "  containerEdits:\n"
                                   "    deviceNodes:\n"
                                   "    - path: /dev/gpu0\n"
                                   "      major: 195\n"
                                   "      fileMode: 438\n"
                                   "- name: all\n"
                                   "  containerEdits: {}\n"
                                   "containerEdits:\n"
                                   "  additionalGids: []\n";
        CLEANUP(cdi_list_done) struct cdi_list l = {0};
        struct err err = {0};
        int r = cdi_read(text, strlen(text), true, &rules, &l, &err);
        CHECK_STR(r < 0 ? err_text(&err) : "", "");
        CHECK_INT(l.n, ==, 2);
        CHECK_STR(l.devices[0].nodes[0].path, "/dev/gpu0");
        CHECK_STR(l.devices[1].name, "example.com/gpu=all");
}

#define REFUSED(what, edits)                                                                       \
        do {                                                                                       \
                CLEANUP(cdi_list_done) struct cdi_list l = {0};                                    \
                struct err err = {0};                                                              \
                CHECK_INT(read_json(edits, "", &l, &err), <, 0);                                   \
                CHECK_CONTAINS(err_text(&err), what);                                              \
                CHECK_INT(l.n, ==, 0);                                                             \
        } while (0)
#define MOUNT(from, to) "\"mounts\":[{\"hostPath\":\"" from "\",\"containerPath\":\"" to "\"}]"

TEST(a_hostile_file_is_refused_whole)
{
        REFUSED("env[0]", "\"env\":[\"LD_PRELOAD=/tmp/x.so\"]");
        REFUSED("env[0]", "\"env\":[\"PATH=/tmp\"]");
        REFUSED("env[0]", "\"env\":[\"NVIDIA_X\"]");
        REFUSED("env[1]", "\"env\":[\"NVIDIA_A=1\",\"PYTHONPATH=/x\"]");
        REFUSED("is a hook that is not known", HOOK("\"run-anything\""));
        REFUSED("args", "\"hooks\":[{\"hookName\":\"createContainer\",\"path\":\"/bin/sh\"}]");
        REFUSED("env[0]", "\"hooks\":[{\"hookName\":\"createContainer\",\"path\":\"/x\","
                          "\"args\":[\"x\",\"chmod\"],\"env\":[\"LD_PRELOAD=/x\"]}]");
        REFUSED("no place for a driver's link",
                HOOK("\"create-symlinks\",\"--link\",\"/etc/shadow::/etc/passwd\""));
        REFUSED("is below none of gpu.paths", MOUNT("/etc/shadow", "/usr/lib/x"));
        REFUSED("is below none of gpu.paths", MOUNT("/root/.ssh", "/usr/lib/x"));
        REFUSED("is below none of gpu.paths", MOUNT("/usr/libexec", "/usr/lib/x"));
        REFUSED("hostPath", MOUNT("/usr/lib/../../etc/shadow", "/usr/lib/x"));
        REFUSED("containerPath", MOUNT(LIB, "/usr/lib/../../etc/x"));
        REFUSED("no place for a driver's file", MOUNT(LIB, "/etc/ld.so.preload"));
        REFUSED("no place for a driver's file", MOUNT(LIB, "/proc/self/x"));
        REFUSED("no place for a driver's file", MOUNT(LIB, "/work/x"));
        REFUSED("containerPath", MOUNT(LIB, "usr/lib/x"));
        REFUSED("options: 'rw'", "\"mounts\":[{\"hostPath\":\"" LIB "\",\"containerPath\":\"" LIB
                                 "\",\"options\":[\"rw\"]}]");
        REFUSED("is no character device", "\"deviceNodes\":[{\"path\":\"/dev/x\",\"type\":\"b\"}]");
        REFUSED("is no character device", "\"deviceNodes\":[{\"path\":\"/dev/x\",\"type\":\"p\"}]");
        REFUSED("is no place for a device", "\"deviceNodes\":[{\"path\":\"/dev/null\"}]");
        REFUSED("is no place for a device", "\"deviceNodes\":[{\"path\":\"/dev/pts/0\"}]");
        REFUSED("is not below /dev",
                "\"deviceNodes\":[{\"path\":\"/dev/x\",\"hostPath\":\"/tmp/x\"}]");
        REFUSED("path", "\"deviceNodes\":[{\"path\":\"/dev/../etc/x\"}]");
        REFUSED("additionalGids", "\"additionalGids\":[0]");
        REFUSED("intelRdt", "\"intelRdt\":{\"closID\":\"x\"}");
        REFUSED("sysctl: not known", "\"sysctl\":[]");
}

TEST(bounds_of_a_file_are_held)
{
        CLEANUP(cdi_list_done) struct cdi_list l = {0};
        CLEANUP(buf_done) struct buf b;
        struct err err = {0};
        buf_init(&b, 1u << 20);
        CHECK_INT(buf_adds(&b, "\"mounts\":["), ==, 0);
        for (int i = 0; i <= GPU_FILES_MAX; i++)
                CHECK_INT(buf_addf(&b,
                                   "%s{\"hostPath\":\"/usr/lib/%d\",\"containerPath\":"
                                   "\"/usr/lib/%d\"}",
                                   i ? "," : "", i, i),
                          ==, 0);
        CHECK_INT(buf_adds(&b, "]"), ==, 0);
        CHECK_INT(read_json(buf_text(&b), "", &l, &err), <, 0);
        CHECK_CONTAINS(err_text(&err), "mounts: more than 128");
        CHECK_INT(read_json("", ",\"hooks\":[]", &l, &err), <, 0);
        CHECK_CONTAINS(err_text(&err), "hooks: not known");
        static const char twice[] = "{" FILE_OF ",\"devices\":[{\"name\":\"0\"},{\"name\":\"0\"}]}";
        CHECK_INT(cdi_read(twice, strlen(twice), false, &rules, &l, &err), <, 0);
        CHECK_CONTAINS(err_text(&err), "there twice");
        static const char yaml[] = "a: &x [1]\nb: *x\n";
        CHECK_INT(cdi_read(yaml, strlen(yaml), true, &rules, &l, &err), <, 0);
        CHECK_CONTAINS(err_text(&err), "anchors");
        static const char deep[] = "[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]";
        CHECK_INT(cdi_read(deep, strlen(deep), true, &rules, &l, &err), <, 0);
        CHECK_CONTAINS(err_text(&err), "nested too deep");
        CHECK_INT(l.n, ==, 0);
}

/* ---- the host ---- */

static struct gpu_device one_node(const char *path)
{
        struct gpu_device d = {.name = "example.com/gpu=0", .n_nodes = 1};
        snprintf(d.nodes[0].path, sizeof d.nodes[0].path, "%s", path);
        snprintf(d.nodes[0].target, sizeof d.nodes[0].target, "/dev/gpu0");
        return d;
}

TEST(a_path_of_the_host_is_what_it_is_said_to_be)
{
        const struct gpus_options mem = {"", PATHS, "nvidia,mem"}, nvidia = {"", PATHS, "nvidia"};
        struct err err = {0};
        struct gpu_device d = one_node("/dev/zero");
        CHECK_INT(gpus_resolve(&d, &mem, &err), ==, 0);
        CHECK_INT(d.nodes[0].major_no, ==, 1);
        CHECK_INT(d.nodes[0].minor_no, ==, 5);
        d = one_node("/dev/zero");
        CHECK_INT(gpus_resolve(&d, &nvidia, &err), ==, -EPERM);
        CHECK_CONTAINS(err_text(&err), "gpu.drivers");
        d = one_node("/dev/stdin"); /* a link */
        CHECK_INT(gpus_resolve(&d, &mem, &err), <, 0);
        d = one_node("/dev/no-such-device");
        CHECK_INT(gpus_resolve(&d, &mem, &err), ==, -ENOENT);
        d = one_node("/dev/zero");
        d.n_files = 1;
        snprintf(d.files[0].target, sizeof d.files[0].target, "/lib/x");
        snprintf(d.files[0].path, sizeof d.files[0].path, "/usr/share");
        CHECK_INT(gpus_resolve(&d, &mem, &err), ==, -EPERM); /* not below, but itself */
        snprintf(d.files[0].path, sizeof d.files[0].path, "/usr/lib/os-release");
        CHECK_INT(gpus_resolve(&d, &mem, &err), ==, 0);
        CHECK_STR(d.files[0].target, "/usr/lib/x");
}

/* ---- launch ---- */

static struct gpu_table table(size_t n)
{
        struct gpu_table t = {.devices = xcalloc(n, sizeof *t.devices), .n = n};
        for (size_t i = 0; i < n; i++) {
                t.devices[i] = one_node("/dev/zero");
                snprintf(t.devices[i].name, sizeof t.devices[i].name, "example.com/gpu=%zu", i);
                snprintf(t.devices[i].nodes[0].target, sizeof t.devices[i].nodes[0].target,
                         "/dev/gpu%zu", i);
                t.devices[i].nodes[0].major_no = 1;
                t.devices[i].nodes[0].minor_no = 5;
        }
        return t;
}

static struct launch_spec asks(const char *a, const char *b)
{
        struct launch_spec s = {.image = "host", .n_gpus = b ? 2 : 1};
        snprintf(s.gpus[0].device, sizeof s.gpus[0].device, "%s", a);
        snprintf(s.gpus[1].device, sizeof s.gpus[1].device, "%s", b ? b : "");
        return s;
}

static bool first_is_used(void *ctx UNUSED, const char *name)
{
        return str_ends(name, "=0");
}

TEST(any_is_one_that_is_free_and_all_is_all)
{
        CLEANUP(gpu_done) struct gpu_table t = table(3);
        struct err err = {0};
        struct launch_spec s = asks("any", "any");
        CHECK_INT(gpu_choose(&t, &s, first_is_used, NULL, &err), ==, 0);
        CHECK_STR(s.gpus[0].device, "example.com/gpu=1");
        CHECK_STR(s.gpus[1].device, "example.com/gpu=2");
        s = asks("all", NULL);
        CHECK_INT(gpu_choose(&t, &s, first_is_used, NULL, &err), ==, -EBUSY);
        CHECK_CONTAINS(err_text(&err), "example.com/gpu=0");
        t.shared = true;
        s = asks("all", NULL);
        CHECK_INT(gpu_choose(&t, &s, first_is_used, NULL, &err), ==, 0);
        CHECK_INT(s.n_gpus, ==, 3);
        t.shared = false;
        s = asks("example.com/gpu=0", NULL);
        CHECK_INT(gpu_choose(&t, &s, first_is_used, NULL, &err), ==, -EBUSY);
        s = asks("example.com/gpu=7", NULL);
        CHECK_INT(gpu_choose(&t, &s, first_is_used, NULL, &err), ==, -ENOENT);
        s = asks("example.com/gpu=1", "example.com/gpu=1");
        CHECK_INT(gpu_choose(&t, &s, first_is_used, NULL, &err), ==, -EINVAL);
        t.n = 1;
        s = asks("any", NULL);
        CHECK_INT(gpu_choose(&t, &s, first_is_used, NULL, &err), ==, -EBUSY);
}

TEST(two_devices_that_want_one_place_are_refused)
{
        CLEANUP(gpu_done) struct gpu_table t = table(2);
        struct gpu_set set;
        struct err err = {0};
        struct launch_spec s = asks("example.com/gpu=0", "example.com/gpu=1");
        CHECK_INT(gpu_set(&t, &s, &set, &err), ==, 0);
        CHECK_INT(set.n_nodes, ==, 2);
        memcpy(t.devices[1].nodes[0].target, "/dev/gpu0", sizeof "/dev/gpu0");
        CHECK_INT(gpu_set(&t, &s, &set, &err), ==, 0); /* the same node, once */
        CHECK_INT(set.n_nodes, ==, 1);
        memcpy(t.devices[1].nodes[0].path, "/dev/full", sizeof "/dev/full");
        CHECK_INT(gpu_set(&t, &s, &set, &err), ==, -EINVAL);
}

TEST(a_node_that_has_changed_is_not_given)
{
        CLEANUP(gpu_done) struct gpu_table t = table(1);
        struct err err = {0};
        auto_close int fd = gpu_open_node(&t.devices[0].nodes[0], &err);
        CHECK_INT(fd, >=, 0);
        t.devices[0].nodes[0].minor_no = 7;
        CHECK_INT(gpu_open_node(&t.devices[0].nodes[0], &err), ==, -ENODEV);
        memcpy(t.devices[0].nodes[0].path, "/dev/stdin", sizeof "/dev/stdin");
        CHECK_INT(gpu_open_node(&t.devices[0].nodes[0], &err), ==, -ELOOP);
}

static int loaded(const void *p, size_t n)
{
        CLEANUP(gpu_done) struct gpu_table t = {0};
        struct err err = {0};
        auto_close int fd = memfd_sealed("gpus", p, n);
        int r = gpu_load(&t, fd, &err);
        return r < 0 ? r : (int)t.n;
}

TEST(launch_checks_what_serve_says)
{
        CLEANUP(gpu_done) struct gpu_table t = table(2);
        struct gpu_device *d = t.devices;
        CHECK_INT(loaded(d, 2 * sizeof *d), ==, 2);
        CHECK_INT(loaded(d, 2 * sizeof *d - 1), ==, -EPROTO);
        CHECK_INT(loaded("", 0), ==, 0);
        d[1].n_nodes = GPU_NODES_MAX + 1;
        CHECK_INT(loaded(d, 2 * sizeof *d), ==, -EPROTO);
        d[1].n_nodes = 1;
        memcpy(d[1].nodes[0].target, "/etc/x", sizeof "/etc/x");
        CHECK_INT(loaded(d, 2 * sizeof *d), ==, -EPROTO);
        memset(d[1].nodes[0].target, 'a', sizeof d[1].nodes[0].target);
        CHECK_INT(loaded(d, 2 * sizeof *d), ==, -EPROTO);
}
