#include "base/id.h"
#include "base/mem.h"
#include "box/plan.h"
#include "box/spec.h"
#include "test.h"
#include <stdio.h>

static struct launch_spec spec(void)
{
        struct launch_spec s = {.profile = BOX_RUN,
                                .image = "host",
                                .pids = 64,
                                .memory_bytes = 64u << 20,
                                .disk_bytes = 16u << 20};
        snprintf(s.id, sizeof s.id, "%s", id_new().s);
        return s;
}

static const struct plan_facts facts = {.rootful = true,
                                        .limits_in_cgroup = true,
                                        .links = {{"lib", "usr/lib"}},
                                        .n_links = 1,
                                        .masks = {{"proc/kcore", false}, {"proc/acpi", true}},
                                        .n_masks = 2};

static char *printed(const struct launch_spec *s, const struct plan_facts *f)
{
        CLEANUP(plan_freep) struct plan *p = plan_new(s, f);
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 1u << 20);
        CHECK_INT(plan_print(p, &b), ==, 0);
        return buf_take(&b);
}

/* Where a line begins in the text; fails when it is not there. */
static size_t at(const char *text, const char *line)
{
        char with[300];
        snprintf(with, sizeof with, "\n%s\n", line);
        const char *p = strstr(text, with);
        if (!p)
                test_failed(__FILE__, __LINE__, "no step '%s' in:\n%s", line, text);
        return (size_t)(p - text);
}

TEST(a_plan_is_the_same_for_the_same_input)
{
        struct launch_spec s = spec();
        auto_free char *a = printed(&s, &facts), *b = printed(&s, &facts);
        CHECK_STR(a, b);
}

TEST(the_order_is_the_one_that_closes_doors)
{
        struct launch_spec s = spec();
        s.n_mounts = 1;
        snprintf(s.mounts[0].volume, sizeof s.mounts[0].volume, "%s", id_new().s);
        snprintf(s.mounts[0].target, sizeof s.mounts[0].target, "/work/in/deep");
        auto_free char *t = printed(&s, &facts);
        CHECK(strncmp(t, "root 16777216\n", 14) == 0);
        CHECK_INT(at(t, "directory work/in 0755"), <, at(t, "view work work"));
        CHECK_INT(at(t, "view work work"), <, at(t, "tree work/in/deep 10"));
        CHECK_INT(at(t, "proc proc"), <, at(t, "mask proc/kcore"));
        CHECK_INT(at(t, "tree work/in/deep 10"), <, at(t, "seal"));
        CHECK_INT(at(t, "mask proc/acpi"), <, at(t, "seal"));
        CHECK_INT(at(t, "seal"), <, at(t, "pivot"));
        CHECK_INT(at(t, "pivot"), <, at(t, "limits"));
        CHECK_INT(at(t, "limits"), <, at(t, "ids"));
        CHECK_INT(at(t, "ids"), <, at(t, "seccomp sandbox"));
        CHECK_STR(t + strlen(t) - strlen("seccomp sandbox\n"),
                  "seccomp sandbox\n"); /* nothing after it */
}

/* A device's files come before a user's volumes: none is ever made inside one of these. */
TEST(files_of_devices_are_placed_before_volumes)
{
        auto_free struct gpu_device *d = xcalloc(1, sizeof *d);
        struct gpu_table gpus = {.devices = d, .n = 1};
        struct plan_facts with = facts;
        struct launch_spec s = spec();
        with.gpus = &gpus;
        snprintf(d->name, sizeof d->name, "example.com/gpu=0");
        d->n_files = d->n_links = 1;
        snprintf(d->files[0].path, sizeof d->files[0].path, "/usr/lib/a.so");
        snprintf(d->files[0].target, sizeof d->files[0].target, "/opt/a/a.so");
        snprintf(d->links[0].path, sizeof d->links[0].path, "/opt/b/a.so");
        snprintf(d->links[0].target, sizeof d->links[0].target, "../a/a.so");
        s.n_gpus = s.n_mounts = 1;
        memcpy(s.gpus[0].device, d->name, sizeof d->name);
        snprintf(s.mounts[0].volume, sizeof s.mounts[0].volume, "%s", id_new().s);
        snprintf(s.mounts[0].target, sizeof s.mounts[0].target, "/opt/a/v");
        auto_free char *t = printed(&s, &with);
        CHECK_INT(at(t, "directory opt/a 0755"), <, at(t, "file opt/a/a.so"));
        CHECK_INT(at(t, "directory opt/b 0755"), <, at(t, "link opt/b/a.so ../a/a.so"));
        CHECK_INT(at(t, "file opt/a/a.so"), <, at(t, "tree opt/a/a.so 26"));
        CHECK_INT(at(t, "tree opt/a/a.so 26"), <, at(t, "tree opt/a/v 10"));
        memcpy(s.image, "mine", sizeof "mine");
        s.n_layers = 1;
        auto_free char *own = printed(&s, &with);
        CHECK_INT(at(own, "tree opt/a/a.so 26"), <, at(own, "tree opt/a/v 10"));
        s.n_gpus = 0;
        auto_free char *none = printed(&s, &with);
        CHECK(!strstr(none, "a.so"));
}

/* The guest's root is a directory; what is writable in it is so before all else is sealed. */
TEST(runsc_has_a_root_around_the_guests)
{
        struct launch_spec s = spec();
        memcpy(s.driver, "runsc", sizeof "runsc");
        s.n_mounts = 1;
        snprintf(s.mounts[0].volume, sizeof s.mounts[0].volume, "%s", id_new().s);
        snprintf(s.mounts[0].target, sizeof s.mounts[0].target, "/work/v");
        auto_free char *t = printed(&s, &facts);
        CHECK_INT(at(t, "view .paddock/guest/work .paddock/guest/work"), <,
                  at(t, "tree .paddock/guest/work/v 10"));
        CHECK_INT(at(t, "tree .paddock/guest/work/v 10"), <, at(t, "seal"));
        CHECK_INT(at(t, "tree .paddock/runsc 3"), <, at(t, "seal"));
        CHECK_INT(at(t, "seal"), <, at(t, "pivot"));
        CHECK_STR(t + strlen(t) - strlen("ids\nseccomp runsc\n"), "ids\nseccomp runsc\n");
        memcpy(s.image, "mine", sizeof "mine");
        s.n_layers = 1;
        auto_free char *image = printed(&s, &facts);
        CHECK_INT(at(image, "tree .paddock/guest 4"), <,
                  at(image, "tree .paddock/guest/work/v 10"));
        CHECK(!strstr(image, "view .paddock/guest/usr"));
}

TEST(profiles_have_their_program)
{
        struct launch_spec s = spec();
        auto_free char *run = printed(&s, &facts);
        CHECK(!strstr(run, ".paddock/parse") && !strstr(run, ".paddock/files"));
        s.profile = BOX_PARSE;
        auto_free char *parse = printed(&s, &facts);
        CHECK_INT(at(parse, "file .paddock/parse"), <, at(parse, "tree .paddock/parse 3"));
        s.profile = BOX_FILES;
        auto_free char *files = printed(&s, &facts);
        CHECK_INT(at(files, "tree .paddock/files 3"), <, at(files, "seal"));
}

TEST(limits_without_control_groups_are_in_the_plan)
{
        struct launch_spec s = spec();
        struct plan_facts none = facts;
        none.limits_in_cgroup = false;
        auto_free char *with = printed(&s, &facts), *without = printed(&s, &none);
        CHECK_INT(at(with, "limits"), >, 0);
        CHECK_INT(at(without, "limits 67108864 64"), >, 0);
}

TEST(landlock_lets_write_where_volumes_are_writable)
{
        struct launch_spec s = spec();
        s.n_mounts = 2;
        for (int i = 0; i < 2; i++) {
                snprintf(s.mounts[i].volume, sizeof s.mounts[i].volume, "%s", id_new().s);
                snprintf(s.mounts[i].target, sizeof s.mounts[i].target, i ? "/ro" : "/rw");
        }
        s.mounts[1].read_only = 1;
        struct init_path dirs[INIT_WRITABLE_MAX];
        uint32_t n = plan_writable(&s, dirs);
        bool rw = false, ro = false;
        for (uint32_t i = 0; i < n; i++) {
                rw = rw || strcmp(dirs[i].path, "/rw") == 0;
                ro = ro || strcmp(dirs[i].path, "/ro") == 0;
        }
        CHECK(rw && !ro);
}

TEST(the_largest_specification_fits)
{
        struct launch_spec s = spec();
        s.n_mounts = BOX_VOLUMES_MAX;
        for (int i = 0; i < BOX_VOLUMES_MAX; i++) {
                char *t = s.mounts[i].target;
                snprintf(s.mounts[i].volume, sizeof s.mounts[i].volume, "%s", id_new().s);
                /* as deep as 127 bytes go: a new directory every other byte */
                int n = snprintf(t, sizeof s.mounts[i].target, "/m%02d", i);
                for (; n + 2 < (int)sizeof s.mounts[i].target; n += 2)
                        memcpy(t + n, "/d", 3);
        }
        CHECK_INT(spec_check(&s, NULL), ==, 0);
        CLEANUP(plan_freep) struct plan *p = plan_new(&s, &facts);
        CHECK_INT(p->n, >, 16 * 60);
        CHECK_INT(p->n, <=, PLAN_STEPS_MAX);
}
