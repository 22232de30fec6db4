/* Figures, freezing, and the limits that launch watches. */
#include "exec_fixture.h"

static struct launch_id id_of(const struct launch_spec *s)
{
        struct launch_id q;
        memcpy(q.id, s->id, sizeof q.id);
        return q;
}

static struct launch_spec running(struct fixture *f, struct launch_spec s, const char *script)
{
        const char *const argv[] = {"/bin/sh", "-c", script, NULL};
        CHECK_INT(fx_create(f, &s, argv), ==, 0);
        return s;
}

static void need_freezer(struct fixture *f)
{
        if (!cgroup_has(f->host->cgroups, CGROUP_FREEZER))
                SKIP("host lacks a freezer that this user may use");
}

static void need_cpu(struct fixture *f)
{
        if (!cgroup_accounts_cpu(f->host->cgroups))
                SKIP("host lacks processor time of a control group that this user may make");
}

/* The state of a process as the kernel shows it: what is frozen makes no progress. */
static size_t heard(int fd, int ms)
{
        char text[4096];
        size_t total = 0;
        struct pollfd p = {fd, POLLIN, 0};
        for (uint64_t end = clock_boot_ms() + (uint64_t)ms; clock_boot_ms() < end;) {
                if (poll(&p, 1, 10) == 1) {
                        ssize_t n = read(fd, text, sizeof text);
                        if (n <= 0)
                                break;
                        total += (size_t)n;
                }
        }
        return total;
}

static void wait_heard(int fd)
{
        struct pollfd p = {fd, POLLIN, 0};
        CHECK_INT(poll(&p, 1, 20000), ==, 1);
}

#define TICK "while :; do echo .; sleep 0.01; done"

BOTH(figures_of_io_while_it_runs)
{
        if (access("/proc/self/io", R_OK) < 0)
                SKIP("host lacks accounts of io that this user may read");
        if (!cgroup_has(f->host->cgroups, CGROUP_PIDS))
                SKIP("host lacks control groups that this user may make");
        struct launch_id v = {{0}};
        struct launch_spec base = fx_spec();
        memcpy(v.id, id_new().s, sizeof v.id);
        CHECK_INT(fx_call(f, LAUNCH_VOLUME_CREATE, &v, NULL, 0), ==, 0);
        base.n_mounts = 1;
        memcpy(base.mounts[0].volume, v.id, sizeof v.id);
        snprintf(base.mounts[0].target, sizeof base.mounts[0].target, "/v");
        struct launch_spec s = running(f, base,
                                       "head -c 3000000 /dev/zero >/v/a; sync /v/a; "
                                       "echo up; exec sleep 100");
        struct launch_id q = id_of(&s);
        char c[4];
        CHECK_INT(fd_read_all(f->stdio[1], c, 3), ==, 0);
        CHECK_INT(fx_call(f, LAUNCH_STATS, &q, NULL, 0), ==, 0);
        CHECK_INT(f->stats.io_write_bytes, >=, 3000000);
        stop_now(f, s.id);
        CHECK_INT(f->ended.io_write_bytes, >=, 3000000);
}

BOTH(figures_come_from_the_kernel)
{
        if (!cgroup_has(f->host->cgroups, CGROUP_MEMORY))
                SKIP("host lacks control groups that this user may make");
        struct launch_spec s =
                running(f, fx_spec(),
                        "sleep 100 & sleep 100 & exec python3 -c 'x = b\"x\" * (60 << 20)\n"
                        "import time\nt = time.time()\nwhile time.time() - t < 0.2: pass\n"
                        "print(\"up\", flush=True)\ntime.sleep(100)'");
        struct launch_id q = id_of(&s);
        char c[4];
        CHECK_INT(fd_read_all(f->stdio[1], c, 3), ==, 0);
        CHECK_INT(fx_call(f, LAUNCH_STATS, &q, NULL, 0), ==, 0);
        CHECK_INT(f->stats.pids, ==, 3);
        CHECK_INT(f->stats.memory_bytes, >, 60u << 20);
        CHECK_INT(f->stats.peak_memory_bytes, >=, f->stats.memory_bytes);
        CHECK_INT(f->stats.cpu_us, >, 100000);
        CHECK_INT(f->stats.frozen, ==, 0);
        stop_now(f, s.id);
        CHECK_INT(f->ended.cpu_us, >=, f->stats.cpu_us);
        CHECK_INT(fx_call(f, LAUNCH_STATS, &q, NULL, 0), ==, -ESRCH);
}

BOTH(what_is_frozen_stands_still_until_it_is_needed)
{
        need_freezer(f);
        struct launch_spec s = running(f, fx_spec(), "trap 'echo usr' USR1; " TICK);
        struct launch_id q = id_of(&s);
        struct launch_exec x = exec_in(s.id);
        int from = f->stdio[1];
        wait_heard(from);
        CHECK_INT(fx_call(f, LAUNCH_FREEZE, &q, NULL, 0), ==, 0);
        heard(from, 100); /* what was in the pipe, and the moment it takes */
        CHECK_INT(heard(from, 100), ==, 0);
        CHECK_INT(fx_call(f, LAUNCH_STATS, &q, NULL, 0), ==, 0);
        CHECK_INT(f->stats.frozen, ==, 1);
        CHECK(peer_event(f->asker, LAUNCH_TOUCH, &q, NULL, 0)); /* not for what was asked for */
        fx_settle(f, 50);
        CHECK_INT(heard(from, 100), ==, 0);
        CHECK_INT(fx_call(f, LAUNCH_THAW, &q, NULL, 0), ==, 0);
        wait_heard(from);
        CHECK_INT(fx_call(f, LAUNCH_FREEZE, &q, NULL, 0), ==, 0);
        CHECK_INT(begin_sh(f, &x, "exit 6"), ==, 0); /* an exec thaws */
        fx_pump(f, &f->exec_exited);
        CHECK_INT(f->exec_ended.exit_code, ==, 6);
        CHECK_INT(fx_call(f, LAUNCH_FREEZE, &q, NULL, 0), ==, 0);
        fx_crash(f);
        fx_begin(f);
        fx_settle(f, 100);
        CHECK_INT(fx_call(f, LAUNCH_STATS, &q, NULL, 0), ==, 0);
        CHECK_INT(f->stats.frozen, ==, 1); /* a restarted launch knows */
        stop_now(f, s.id);
}

BOTH(the_time_limit_holds_while_frozen)
{
        need_freezer(f);
        struct launch_spec s = fx_spec();
        s.wall_ms = 300;
        s = running(f, s, "sleep 100");
        struct launch_id q = id_of(&s);
        CHECK_INT(fx_call(f, LAUNCH_FREEZE, &q, NULL, 0), ==, 0);
        fx_pump(f, &f->exited);
        CHECK_INT(f->ended.reason, ==, BOX_WALL);
}

BOTH(what_is_idle_ends_and_what_is_used_does_not)
{
        need_cpu(f);
        struct launch_spec s = fx_spec();
        s.idle_ms = 300;
        struct launch_spec used = running(f, s, "exec sleep 100");
        struct launch_id q = id_of(&used);
        f->exited = false;
        for (int i = 0; i < 8; i++) {
                CHECK(peer_event(f->asker, LAUNCH_TOUCH, &q, NULL, 0));
                fx_settle(f, 100);
        }
        CHECK(!f->exited);
        fx_pump(f, &f->exited); /* left alone */
        CHECK_INT(f->ended.reason, ==, BOX_IDLE);
        CHECK_INT(f->ended.signal, ==, SIGTERM);
        snprintf(s.id, sizeof s.id, "%s", id_new().s);
        running(f, s, "while :; do :; done"); /* works and says nothing */
        f->exited = false;
        fx_settle(f, 800);
        CHECK(!f->exited);
        stop_now(f, s.id);
        snprintf(s.id, sizeof s.id, "%s", id_new().s);
        CHECK_INT(fx_create(f, &s, none), ==, 0);
        struct launch_exec x = exec_in(s.id);
        CHECK_INT(begin_sh(f, &x, "exec sleep 0.8"), ==, 0); /* an exec that sleeps is a use */
        f->exited = false;
        fx_pump(f, &f->exec_exited);
        CHECK(!f->exited);
        CHECK_INT(f->exec_ended.reason, ==, BOX_EXITED);
        fx_pump(f, &f->exited);
        CHECK_INT(f->ended.reason, ==, BOX_IDLE);
}

BOTH(what_is_idle_can_be_frozen_instead)
{
        need_freezer(f);
        need_cpu(f);
        struct launch_spec s = fx_spec();
        s.freeze_ms = 200;
        s = running(f, s, "exec sleep 100");
        struct launch_id q = id_of(&s);
        for (int i = 0; !box_find(f->boxes, s.id)->frozen; i++) {
                CHECK_INT(i, <, 1000);
                fx_settle(f, 20);
        }
        CHECK(peer_event(f->asker, LAUNCH_TOUCH, &q, NULL, 0));
        fx_settle(f, 50);
        CHECK(!box_find(f->boxes, s.id)->frozen);
        stop_now(f, s.id);
}

BOTH(the_limit_of_processor_time_ends_it)
{
        need_cpu(f);
        struct launch_spec s = fx_spec();
        s.cpu_ms = 300;
        s = running(f, s, "while :; do :; done");
        f->exited = false;
        fx_pump(f, &f->exited);
        CHECK_INT(f->ended.reason, ==, BOX_CPU);
        CHECK_INT(f->ended.cpu_us, >=, 300000);
}

TEST(without_a_count_of_processor_time_there_is_no_limit_of_it)
{
        struct fixture *f = fx_new_with(geteuid() == 0, true);
        struct launch_spec s = fx_spec();
        struct launch_id q = id_of(&s);
        s.cpu_ms = 300;
        CHECK_INT(fx_create(f, &s, none), ==, -ENOTSUP);
        CHECK_CONTAINS(f->error, "cpu_ms");
        s.cpu_ms = 0;
        CHECK_INT(fx_create(f, &s, none), ==, 0);
        CHECK_INT(fx_call(f, LAUNCH_FREEZE, &q, NULL, 0), ==, -ENOTSUP);
        stop_now(f, s.id);
        fx_free(f);
}

TEST(an_exec_that_takes_too_much_memory_ends_as_oom)
{
        struct fixture *f = fx_new();
        if (!cgroup_has(f->host->cgroups, CGROUP_MEMORY))
                SKIP("host lacks no memory controller");
        struct launch_spec s = fx_spec();
        s.memory_bytes = s.disk_bytes = 48u << 20;
        CHECK_INT(fx_create(f, &s, none), ==, 0);
        struct launch_exec x = exec_in(s.id);
        CHECK_INT(begin_sh(f, &x, "exec python3 -c 'x = b\"x\" * (200 << 20)'"), ==, 0);
        fx_pump(f, &f->exec_exited);
        CHECK_INT(f->exec_ended.reason, ==, BOX_OOM);
        fx_free(f);
}
