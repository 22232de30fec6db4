/* Sandboxes made ahead: what is theirs alone. That nobody can tell them from others is shown by the
 * tests of test_launch, test_exec and test_escape, which run in both kinds. */
#include "box_fixture.h"

TEST(one_made_ahead_has_the_limits_name_and_disk_that_were_asked_for)
{
        struct fixture *f = fx_new_ahead(true);
        struct launch_spec s = fx_spec();
        snprintf(s.hostname, sizeof s.hostname, "zebra");
        s.disk_bytes = 3u << 20;
        s.memory_bytes = 77u << 20;
        struct outcome *o =
                fx_sh_spec(f, &s, "hostname; head -c 9000000 /dev/zero >/tmp/x; stat -c %s /tmp/x");
        CHECK_INT(f->boxes->pool.hits, ==, 1);
        CHECK_CONTAINS(o->out, "zebra\n");
        CHECK_INT(strtol(o->out + 6, NULL, 10), <=, 3 << 20);
        CHECK_INT(strtol(o->out + 6, NULL, 10), >, 2 << 20);
        free(o);
        s = fx_spec();
        s.memory_bytes = s.disk_bytes = 20u << 20;
        o = fx_sh_spec(f, &s, "exec head -c 200M /dev/zero >/work/x");
        CHECK_INT(f->boxes->pool.hits, ==, 2);
        CHECK_INT(o->result.reason, ==, BOX_OOM);
        free(o);
        fx_free(f);
}

TEST(its_record_is_that_of_any_other)
{
        struct fixture *f = fx_new_ahead(true);
        struct outcome *ahead = fx_sh(f, "true");
        CHECK_INT(f->boxes->pool.hits, ==, 1);
        f->boxes->c.ready = 0;
        struct outcome *cold = fx_sh(f, "true");
        CHECK_INT(f->boxes->pool.hits, ==, 1);
        struct launch_enforcement *a = &ahead->created.enforcement, *c = &cold->created.enforcement;
        CHECK_STR(a->start, "ahead");
        CHECK_STR(c->start, "cold");
        memcpy(a->start, c->start, sizeof a->start);
        memcpy(a->ids, c->ids, sizeof a->ids);
        CHECK_INT(memcmp(a, c, sizeof *a), ==, 0);
        free(ahead);
        free(cold);
        fx_free(f);
}

TEST(the_driver_by_its_name_is_the_same)
{
        struct fixture *f = fx_new_ahead(true);
        struct launch_spec s = fx_spec();
        snprintf(s.driver, sizeof s.driver, "ns");
        struct outcome *o = fx_sh_spec(f, &s, "true");
        CHECK_STR(o->created.enforcement.start, "ahead");
        free(o);
        fx_free(f);
}

TEST(the_pool_refills_itself_and_no_sandbox_is_used_twice)
{
        struct fixture *f = fx_new_ahead(true);
        char first[64] = "";
        for (int i = 0; i < 8; i++) {
                fx_fill_pool(f);
                struct outcome *o =
                        fx_sh(f, "touch /tmp/mine; ls /tmp; readlink /proc/self/ns/pid");
                CHECK_CONTAINS(o->out, "mine\npid:");
                CHECK(strcmp(o->out, first) != 0);
                snprintf(first, sizeof first, "%.60s", o->out);
                free(o);
        }
        CHECK_INT(f->boxes->pool.hits, ==, 8);
        CHECK_INT(f->boxes->pool.misses, ==, 0);
        fx_free(f);
}

/* An asker sees nothing of them, and a launch that is started again sweeps them. */
TEST(they_are_nobodys_and_end_with_launch)
{
        struct fixture *f = fx_new_ahead(true);
        struct launch_empty none = {0};
        char groups[3][ID_TEXT_LEN + 1];
        pid_t pids[3];
        size_t n = 0;
        CHECK_INT(fx_call(f, LAUNCH_LIST, &none, NULL, 0), ==, 0);
        CHECK_INT(f->listed, ==, 0);
        for (struct box *b = f->boxes->first; b; b = b->next) {
                CHECK(b->spare && n < 3);
                memcpy(groups[n], b->j.group, sizeof groups[n]);
                pids[n++] = b->s.pid;
        }
        CHECK_INT(n, ==, 3);
        fx_crash(f);
        fx_ready = 0;
        fx_begin(f);
        for (size_t i = 0; i < 3; i++)
                wait_dead(pids[i]);
        fx_settle(f, 300);
        for (size_t i = 0; i < 3; i++)
                CHECK(!cgroup_exists(f->host->cgroups, groups[i]));
        CHECK(!f->boxes->first);
        auto_close int dir = dup(f->host->boxes);
        CHECK_INT(faccessat(dir, groups[0], F_OK, 0), <, 0);
        fx_free(f);
}

/* The record of the pool was still there when launch ended: the sandbox runs on all the same. */
TEST(a_handed_over_one_outlives_a_restart_between_the_two_records)
{
        struct fixture *f = fx_new_ahead(true);
        const char *argv[] = {"sleep", "60", NULL};
        struct launch_spec s = fx_spec();
        CHECK_INT(fx_create(f, &s, argv), ==, 0);
        struct box *b = box_find(f->boxes, s.id);
        CHECK(b && strcmp(b->j.group, s.id) != 0);
        struct journal spare = {.stage = JOURNAL_MAKING, .slot = b->j.slot};
        memcpy(spare.result.id, b->j.group, sizeof spare.result.id);
        memcpy(spare.group, b->j.group, sizeof spare.group);
        CHECK_INT(journal_write(f->host->boxes, &spare), ==, 0);
        fx_ready = 0;
        fx_crash(f);
        fx_begin(f);
        fx_settle(f, 200);
        struct launch_id q;
        memcpy(q.id, s.id, sizeof q.id);
        CHECK_INT(fx_call(f, LAUNCH_QUERY, &q, NULL, 0), ==, 0);
        CHECK_INT(f->result.state, ==, BOX_RUNNING);
        CHECK_INT(faccessat(f->host->boxes, spare.result.id, F_OK, 0), <, 0);
        stop_now(f, s.id);
        fx_free(f);
}

TEST(one_that_cannot_be_changed_is_refused_and_thrown_away)
{
        struct fixture *f = fx_new_ahead(true);
        const char *argv[] = {"true", NULL};
        struct launch_spec s = fx_spec();
        s.n_mounts = 1;
        snprintf(s.mounts[0].volume, sizeof s.mounts[0].volume, "%s", id_new().s);
        snprintf(s.mounts[0].target, sizeof s.mounts[0].target, "/data");
        CHECK_INT(fx_create(f, &s, argv), ==, -ENOENT);
        CHECK_CONTAINS(f->error, "volume");
        fx_settle(f, 200);
        CHECK(!box_find(f->boxes, s.id));
        fx_fill_pool(f);
        struct outcome *o = fx_sh(f, "true");
        CHECK_INT(o->result.reason, ==, BOX_EXITED);
        free(o);
        fx_free(f);
}
