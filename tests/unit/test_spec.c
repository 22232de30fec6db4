#include "base/id.h"
#include "box/command.h"
#include "box/spec.h"
#include "test.h"
#include <stdio.h>

static struct launch_spec good(void)
{
        struct launch_spec s = {.profile = BOX_RUN,
                                .image = "host",
                                .pids = 64,
                                .memory_bytes = 64u << 20,
                                .disk_bytes = 16u << 20};
        snprintf(s.id, sizeof s.id, "%s", id_new().s);
        return s;
}

static struct launch_spec with_mounts(const char *a, const char *b)
{
        struct launch_spec s = good();
        const char *targets[] = {a, b};
        for (int i = 0; i < 2 && targets[i]; i++) {
                snprintf(s.mounts[i].volume, sizeof s.mounts[i].volume, "%s", id_new().s);
                snprintf(s.mounts[i].target, sizeof s.mounts[i].target, "%s", targets[i]);
                s.n_mounts++;
        }
        return s;
}

static void refused(const struct launch_spec *s, const char *field)
{
        struct err err = {0};
        if (spec_check(s, &err) != -EINVAL)
                test_failed(__FILE__, __LINE__, "not refused: %s", field);
        if (strncmp(err_text(&err), field, strlen(field)) != 0)
                test_failed(__FILE__, __LINE__, "'%s' does not begin with the field %s",
                            err_text(&err), field);
}

TEST(a_good_specification_passes)
{
        struct launch_spec s = good();
        CHECK_INT(spec_check(&s, NULL), ==, 0);
        s = with_mounts("/data", "/work/in");
        CHECK_INT(spec_check(&s, NULL), ==, 0);
        s = with_mounts("/usrlocal", "/devices"); /* a prefix of a name is not a directory */
        CHECK_INT(spec_check(&s, NULL), ==, 0);
        snprintf(s.workdir, sizeof s.workdir, "/");
        CHECK_INT(spec_check(&s, NULL), ==, 0);
}

static void layer(struct launch_spec *s, int i, char digit)
{
        memset(s->layers[i].key, digit, 64);
}

#define REFUSE(field, change)                                                                      \
        do {                                                                                       \
                struct launch_spec s = good();                                                     \
                change;                                                                            \
                refused(&s, field);                                                                \
        } while (0)

TEST(every_bound_is_held_and_named)
{
        REFUSE("id", s.id[3] = '/');
        REFUSE("id", s.id[10] = 0);
        REFUSE("image", snprintf(s.image, sizeof s.image, "../host"));
        REFUSE("image", s.image[0] = 0);
        REFUSE("hostname", snprintf(s.hostname, sizeof s.hostname, "a b"));
        REFUSE("hostname", snprintf(s.hostname, sizeof s.hostname, "-a"));
        REFUSE("workdir", snprintf(s.workdir, sizeof s.workdir, "work"));
        REFUSE("workdir", snprintf(s.workdir, sizeof s.workdir, "/work/../etc"));
        REFUSE("profile", s.profile = 0);
        REFUSE("profile", s.profile = BOX_TEMPLATE + 1);
        REFUSE("owner", snprintf(s.owner, sizeof s.owner, "a/b"));
        REFUSE("network", s.network = BOX_NET_OPEN + 1);
        REFUSE("tty", s.tty = 2);
        REFUSE("rows, cols", s.cols = BOX_TTY_MAX + 1);
        REFUSE("idle_ms", s.idle_ms = BOX_WALL_MS_MAX + 1);
        REFUSE("freeze_ms", s.freeze_ms = BOX_WALL_MS_MAX + 1);
        REFUSE("cpu_ms", s.cpu_ms = BOX_CPU_MS_MAX + 1);
        REFUSE("cpu_milli", s.cpu_milli = BOX_CPU_MIN - 1);
        REFUSE("cpu_milli", s.cpu_milli = BOX_CPU_MAX + 1);
        REFUSE("pids", s.pids = 0);
        REFUSE("pids", s.pids = BOX_PIDS_MAX + 1);
        REFUSE("memory_bytes", s.memory_bytes = BOX_MEMORY_MIN - 1);
        REFUSE("memory_bytes", s.memory_bytes = UINT64_MAX);
        REFUSE("disk_bytes", s.disk_bytes = BOX_DISK_MIN - 1);
        REFUSE("disk_bytes", s.disk_bytes = UINT64_MAX);
        REFUSE("wall_ms", s.wall_ms = BOX_WALL_MS_MAX + 1);
        REFUSE("mounts", s.n_mounts = BOX_VOLUMES_MAX + 1);
        REFUSE("image", snprintf(s.image, sizeof s.image, "mine"));
        REFUSE("disk_backed", s.disk_backed = 2);
        REFUSE("layers, disk_backed", (s.disk_backed = 1, s.profile = BOX_FILES));
        REFUSE("disk_bytes", s.disk_bytes = s.memory_bytes + 1);
        REFUSE("gpus", s.n_gpus = BOX_GPUS_MAX + 1);
        REFUSE("gpus", (s.n_gpus = 1, s.profile = BOX_FILES));
        REFUSE("gpus.device", s.n_gpus = 1);
        REFUSE("gpus.device", (s.n_gpus = 1, memcpy(s.gpus[0].device, "../x/y=0", 9)));
        REFUSE("layers", s.n_layers = BOX_LAYERS_MAX + 1);
        REFUSE("layers.key", s.n_layers = 1);
        REFUSE("layers.key", (s.n_layers = 1, layer(&s, 0, 'g')));
        REFUSE("layers", (s.n_layers = 2, layer(&s, 0, 'a'), layer(&s, 1, 'a')));
}

TEST(layers_are_accepted)
{
        struct launch_spec s = good();
        struct err err = {0};
        s.n_layers = 2;
        layer(&s, 0, 'a');
        layer(&s, 1, 'b');
        CHECK_INT(spec_check(&s, &err), ==, 0);
        snprintf(s.image, sizeof s.image, "mine");
        CHECK_INT(spec_check(&s, &err), ==, 0);
        s.profile = BOX_BUILD;
        CHECK_INT(spec_check(&s, &err), ==, 0);
}

#define UNABLE(field, change)                                                                      \
        do {                                                                                       \
                struct launch_spec s = good();                                                     \
                struct err err = {0};                                                              \
                change;                                                                            \
                CHECK_INT(spec_check(&s, &err), ==, -ENOTSUP);                                     \
                CHECK_CONTAINS(err_text(&err), field);                                             \
        } while (0)

TEST(what_launch_cannot_do_is_refused_by_name)
{
        UNABLE("network", s.network = BOX_NET_OPEN);
        UNABLE("policy", s.policy = slice_of("allow x"));
        UNABLE("driver", snprintf(s.driver, sizeof s.driver, "other"));
}

TEST(every_bound_of_an_exec_is_held_and_named)
{
        struct launch_exec ok = {.tty = 1, .rows = 24, .cols = 80, .workdir = "/"};
        snprintf(ok.id, sizeof ok.id, "%s", id_new().s);
        snprintf(ok.exec, sizeof ok.exec, "%s", id_new().s);
        CHECK_INT(spec_check_exec(&ok, NULL), ==, 0);
#define REFUSE_EXEC(field, change)                                                                 \
        do {                                                                                       \
                struct launch_exec e = ok;                                                         \
                struct err err = {0};                                                              \
                change;                                                                            \
                CHECK_INT(spec_check_exec(&e, &err), ==, -EINVAL);                                 \
                CHECK_CONTAINS(err_text(&err), field ": expected");                                \
        } while (0)
        REFUSE_EXEC("id", e.id[0] = '.');
        REFUSE_EXEC("exec", e.exec[0] = 0);
        REFUSE_EXEC("program", e.program = EXEC_FILES + 1);
        REFUSE_EXEC("tty", e.tty = 2);
        REFUSE_EXEC("rows, cols", e.rows = BOX_TTY_MAX + 1);
        REFUSE_EXEC("wall_ms", e.wall_ms = BOX_WALL_MS_MAX + 1);
        REFUSE_EXEC("workdir", snprintf(e.workdir, sizeof e.workdir, "/a/../b"));
}

TEST(mounts_may_not_hide_the_system_or_each_other)
{
        static const char *const bad[] = {"/",           "",      "data",     "/usr",
                                          "/usr/lib/x",  "/etc",  "/proc/x",  "/dev/shm",
                                          "/.paddock/x", "/bin",  "/lib64/y", "/sys",
                                          "/a/../usr",   "/a//b", "/a/./b",   "/a/"};
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                struct launch_spec s = with_mounts(bad[i], NULL);
                s.n_mounts = 1;
                refused(&s, "mounts.target");
        }
        static const char *const pairs[][2] = {{"/a", "/a"}, {"/a", "/a/b"}, {"/a/b/c", "/a/b"}};
        for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
                struct launch_spec s = with_mounts(pairs[i][0], pairs[i][1]);
                refused(&s, "mounts.target");
        }
        struct launch_spec s = with_mounts("/a", "/ab");
        CHECK_INT(spec_check(&s, NULL), ==, 0);
        s.mounts[1].read_only = 2;
        refused(&s, "mounts.read_only");
        s = with_mounts("/a", NULL);
        snprintf(s.mounts[0].subpath, sizeof s.mounts[0].subpath, "../x");
        refused(&s, "mounts.subpath");
        snprintf(s.mounts[0].subpath, sizeof s.mounts[0].subpath, "/x");
        refused(&s, "mounts.subpath");
        s = with_mounts("/a", NULL);
        snprintf(s.mounts[0].volume, sizeof s.mounts[0].volume, "docs");
        refused(&s, "mounts.volume");
}

static int parse(const char *text, size_t n, struct err *err)
{
        struct command c = {0};
        int r = command_parse(text, n, &c, err);
        if (r == 0)
                command_done(&c);
        return r;
}
#define PARSE(text) parse(text, sizeof(text) - 1, &err)

TEST(a_command_is_taken_apart_exactly)
{
        static const char text[] = "\2\0\0\0\1\0\0\0/bin/echo\0\0A=b"; /* an empty argument */
        struct err err = {0};
        struct command c;
        CHECK_INT(command_parse(text, sizeof text, &c, &err), ==, 0);
        CHECK_STR(c.argv[0], "/bin/echo");
        CHECK_STR(c.argv[1], "");
        CHECK(!c.argv[2]);
        CHECK_STR(c.env[0], "A=b");
        CHECK(!c.env[1]);
        command_done(&c);
        CHECK_INT(PARSE("\1\0\0\0\0\0\0"), ==, -EINVAL);
        CHECK_INT(PARSE("\0\0\0\0\0\0\0\0"), ==, 0); /* no main command */
        CHECK_INT(PARSE("\0\0\0\0\0\0\0\0x\0"), ==, -EINVAL);
        CHECK_INT(PARSE("\1\0\0\0\0\0\0\0x"), ==, -EINVAL);
        CHECK_INT(PARSE("\1\0\0\0\0\0\0\0x\0y\0"), ==, -EINVAL);
        CHECK_INT(PARSE("\2\0\0\0\0\0\0\0x\0"), ==, -EINVAL);
        CHECK_INT(PARSE("\1\0\0\0\1\0\0\0x\0"), ==, -EINVAL);
        CHECK_INT(PARSE("\377\377\377\377\0\0\0\0x\0"), ==, -EINVAL);
        CHECK_INT(PARSE("\1\0\0\0\377\377\377\377x\0"), ==, -EINVAL);
        CHECK_INT(PARSE("\1\0\0\0\0\0\0\0x\0"), ==, 0);
}
