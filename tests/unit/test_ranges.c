/* An ordinary user who has further ids: the lists of the host, and sandboxes that get them. */
#include "exec_fixture.h"
#include "serve/subid.h"
#include <sched.h>
#include <sys/wait.h>

TEST(the_first_range_of_a_user_is_found_by_name_or_number)
{
        static const char text[] = "other:100000:65536\nme:1:2\nme:x:y\nshort:7\n:::\n"
                                   "me:300000:131072\nme:900000:65536\n1234:500000:65536";
        struct subid s = subid_find(text, "me", 77);
        CHECK_INT(s.first, ==, 300000);
        CHECK_INT(s.count, ==, 131072);
        CHECK_INT(subid_find(text, NULL, 1234).first, ==, 500000);
        CHECK_INT(subid_find(text, "m", 1).count, ==, 0);
        CHECK_INT(subid_find("", "me", 1).count, ==, 0);
        CHECK_INT(subid_find("me:0:65536", "me", 1).count, ==, 0);
        CHECK_INT(subid_find("me:4294967295:65536", "me", 1).count, ==, 0);
        CHECK_INT(subid_find("me:-5:65536", "me", 1).count, ==, 0);
}

#define FIRST 300000
#define TWO   131072

/* Becomes what serve makes of launch where newuidmap is: an ordinary user in a namespace with two
 * ranges, capable in it. The maps are written by root as that program would. */
static void become_launch(void)
{
        int go[2], made[2], status;
        char c;
        CHECK_INT(pipe(go), ==, 0);
        CHECK_INT(pipe(made), ==, 0);
        pid_t me = getpid();
        pid_t helper = fork();
        if (helper == 0) {
                char path[64], map[96];
                snprintf(map, sizeof map, "%d %d 1\n%d %d %d\n", TEST_USER, TEST_USER, FIRST, FIRST,
                         TWO);
                if (read(made[0], &c, 1) != 1)
                        _exit(1);
                snprintf(path, sizeof path, "/proc/%d/uid_map", me);
                if (file_poke_at(AT_FDCWD, path, map) < 0)
                        _exit(2);
                snprintf(path, sizeof path, "/proc/%d/gid_map", me);
                _exit(file_poke_at(AT_FDCWD, path, map) < 0 ? 3 : 0);
        }
        CHECK_INT(setgroups(0, NULL), ==, 0);
        CHECK_INT(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), ==, 0);
        CHECK_INT(setresgid(TEST_USER, TEST_USER, TEST_USER), ==, 0);
        CHECK_INT(setresuid(TEST_USER, TEST_USER, TEST_USER), ==, 0);
        CHECK_INT(unshare(CLONE_NEWUSER), ==, 0); /* with every capability, in there */
        CHECK_INT(write(made[1], "x", 1), ==, 1);
        CHECK_INT(waitpid(helper, &status, 0), ==, helper);
        CHECK_INT(status, ==, 0);
}

static struct fixture *launch_with_ranges(void)
{
        if (geteuid() != 0)
                SKIP("host lacks root for this test");
        become_launch();
        return fx_new_with(false, false);
}

static void expect_maps(struct fixture *f, const struct launch_spec *s, const char *maps,
                        const char *ids)
{
        struct launch_exec x = exec_in(s->id);
        char out[512];
        CHECK_STR(f->created.enforcement.ids, ids);
        sh(f, &x, "tr -s ' ' < /proc/self/uid_map; tr -s ' ' < /proc/self/gid_map; id -u; id -G",
           out, sizeof out);
        CHECK_STR(out, maps);
}

TEST(each_sandbox_of_a_user_has_a_range_while_there_are_some)
{
        struct fixture *f = launch_with_ranges();
        struct launch_spec s[3];
        CHECK_INT(f->host->n_ranges, ==, 2);
        s[0] = idle_box(f);
        expect_maps(f, &s[0],
                    " 0 300000 1000\n 1000 54321 1\n 1001 301001 64535\n 0 300000 1000\n 1000 "
                    "54321 1\n 1001 301001 64535\n1000\n1000\n",
                    "300000+65536, 1000 is 54321");
        s[1] = idle_box(f);
        CHECK_STR(f->created.enforcement.ids, "365536+65536, 1000 is 54321");
        s[2] = idle_box(f); /* the third: the user's one id */
        expect_maps(f, &s[2], " 1000 54321 1\n 1000 54321 1\n1000\n1000\n", "single 54321");
        CHECK_INT(f->created.enforcement.capabilities, ==, 0);
        stop_now(f, s[0].id);
        for (int i = 0; f->boxes->slots[1]; i++) { /* told before its namespaces are gone */
                CHECK_INT(i, <, 1000);
                fx_settle(f, 5);
        }
        s[0] = idle_box(f); /* what is free again is given again */
        CHECK_STR(f->created.enforcement.ids, "300000+65536, 1000 is 54321");
        for (int i = 0; i < 3; i++)
                stop_now(f, s[i].id);
        fx_free(f);
}

/* Volumes are written by sandboxes with and without a range. */
TEST(files_of_a_volume_have_one_owner_whatever_the_range)
{
        struct fixture *f = launch_with_ranges();
        struct launch_id v;
        snprintf(v.id, sizeof v.id, "%s", id_new().s);
        CHECK_INT(fx_call(f, LAUNCH_VOLUME_CREATE, &v, NULL, 0), ==, 0);
        for (int i = 0; i < 4; i++) {
                struct launch_spec s = fx_spec();
                s.n_mounts = 1;
                memcpy(s.mounts[0].volume, v.id, sizeof v.id);
                snprintf(s.mounts[0].target, sizeof s.mounts[0].target, "/v");
                struct outcome *o =
                        fx_sh_spec(f, &s, "echo x >> /v/f; wc -l < /v/f; stat -c %u:%g /v/f");
                char want[32];
                snprintf(want, sizeof want, "%d\n1000:1000\n", i + 1);
                CHECK_STR(o->out, want);
                free(o);
                if (i < 3)
                        idle_box(f); /* takes a range, or none is left */
        }
        fx_free(f);
}
