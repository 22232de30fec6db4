/* Real sandboxes through launch's own code: rootful, and as an ordinary user. */
#include "box_fixture.h"
#include "link/init.h"
#include "box/slot.h"
#include "os/caps.h"
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>

static void expect(struct fixture *f, const char *script, const char *out)
{
        struct outcome *o = fx_sh(f, script);
        if (strcmp(o->out, out) != 0)
                test_failed(__FILE__, __LINE__, "%s: printed \"%s\" and \"%s\", expected \"%s\"",
                            script, o->out, o->err, out);
        CHECK_INT(o->result.reason, ==, BOX_EXITED); /* not its time limit */
        free(o);
}

BOTH(exit_codes_signals_and_output_come_back)
{
        struct outcome *o = fx_sh(f, "echo out; echo err >&2; exit 7");
        CHECK_INT(o->result.reason, ==, BOX_EXITED);
        CHECK_INT(o->result.exit_code, ==, 7);
        CHECK_STR(o->out, "out\n");
        CHECK_STR(o->err, "err\n");
        free(o);
        o = fx_sh(f, "kill -SEGV $$");
        CHECK_INT(o->result.reason, ==, BOX_SIGNAL);
        CHECK_INT(o->result.signal, ==, SIGSEGV);
        free(o);
}

BOTH(a_command_that_is_not_there_is_127)
{
        struct launch_spec s = fx_spec();
        const char *const argv[] = {"/bin/nothing", NULL};
        CHECK_INT(fx_create(f, &s, argv), ==, 0);
        fx_pump(f, &f->exited);
        CHECK_INT(f->ended.reason, ==, BOX_EXITED);
        CHECK_INT(f->ended.exit_code, ==, 127);
        char text[256];
        fx_drain(f->stdio[2], text, sizeof text);
        CHECK_CONTAINS(text, "/bin/nothing");
}

BOTH(the_wall_limit_ends_it_with_all_children)
{
        struct launch_spec s = fx_spec();
        s.wall_ms = 150;
        struct outcome *o = fx_sh_spec(f, &s, "trap '' TERM; setsid sleep 100 & sleep 100; :");
        CHECK_INT(o->result.reason, ==, BOX_WALL);
        CHECK_INT(o->result.run_ms, >=, 150);
        free(o);
}

TEST(the_memory_limit_is_named)
{
        struct fixture *f = fx_new();
        if (!cgroup_has(f->host->cgroups, CGROUP_MEMORY))
                SKIP("no memory controller");
        struct launch_spec s = fx_spec();
        s.memory_bytes = s.disk_bytes = 32u << 20;
        struct outcome *o = fx_sh_spec(f, &s, "exec python3 -c 'x = b\"x\" * (200 << 20)'");
        CHECK_INT(o->result.reason, ==, BOX_OOM);
        CHECK_INT(o->result.peak_memory_bytes, >, 16u << 20);
        CHECK_INT(o->result.peak_memory_bytes, <=, 32u << 20);
        free(o);
        /* What is written to the disk is charged to the memory. */
        s = fx_spec();
        s.memory_bytes = s.disk_bytes = 32u << 20;
        o = fx_sh_spec(f, &s, "exec head -c 200M /dev/zero > /work/x");
        CHECK_INT(o->result.reason, ==, BOX_OOM);
        free(o);
        fx_settle(f, 100);
        CHECK(!cgroup_exists(f->host->cgroups, s.id));
        fx_free(f);
}

BOTH(the_disk_limit_holds)
{
        struct launch_spec s = fx_spec();
        s.disk_bytes = 4u << 20;
        struct outcome *o = fx_sh_spec(
                f, &s,
                "for d in work tmp dev/shm; do head -c 3M /dev/zero > /$d/x; done; du -cbs "
                "/work /tmp /dev/shm | tail -1 | cut -f1");
        CHECK_CONTAINS(o->err, "No space left");
        CHECK_INT(strtol(o->out, NULL, 10), <=, (4 << 20) + 4096); /* directories */
        free(o);
}

BOTH(the_pids_limit_holds)
{
        struct launch_spec s = fx_spec();
        s.pids = 8;
        struct outcome *o = fx_sh_spec(f, &s,
                                       "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 5 & done; "
                                       "echo unlimited");
        CHECK_CONTAINS(o->err, "fork");
        CHECK(!strstr(o->out, "unlimited") || o->result.exit_code == 0);
        CHECK(!strstr(o->out, "unlimited"));
        free(o);
}

BOTH(nothing_of_the_host_is_there)
{
        expect(f, "cat /etc/shadow /root/.bashrc /var/lib/dpkg/status 2>/dev/null; echo $?", "1\n");
        expect(f, "ls -A /",
               ".paddock\nbin\ndev\netc\nlib\nlib32\nlib64\nproc\nrun\nsbin\ntmp\nusr"
               "\nvar\nwork\n");
        expect(f, "set -- /proc/[0-9]*; echo $#", "1\n"); /* the shell; init is hidden */
        expect(f, "ls /sys /proc/1/root /home 2>/dev/null; echo $?", "2\n");
        expect(f, "cat /proc/keys /proc/kallsyms /proc/timer_list 2>&1 | head -c 100", "");
        expect(f, "id -un; id -gn; id -G; hostname; pwd", "user\nuser\n1000\nsandbox\n/work\n");
}

BOTH(the_root_is_read_only_and_work_is_not)
{
        expect(f,
               "for d in / /usr /etc /dev /proc /.paddock /var /proc/bus; do "
               "touch $d/x 2>/dev/null && echo wrote $d; done; "
               "for d in /work /tmp /run /dev/shm /var/tmp; do touch $d/x || echo no $d; done",
               "");
        /* and not by the modes of directories alone: what is mounted writable is this */
        expect(f, "awk '$4 ~ /^rw/ && $2 !~ /^.(proc|dev)./ {print $2}' /proc/mounts | sort",
               "/run\n/tmp\n/work\n");
        expect(f, "awk '$4 !~ /nosuid/ && $2 !~ /^.(proc|dev)./ {print $2}' /proc/mounts", "");
        expect(f, "echo 1 > /dev/null && head -c 4 /dev/zero | wc -c", "4\n");
        expect(f, "echo 1 > /proc/self/oom_score_adj; echo 1 > /proc/sys/kernel/hostname", "");
}

BOTH(capabilities_no_new_privs_and_seccomp_are_in_force_for_the_command)
{
        expect(f, "grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status | tr '\\t' ' '",
               "CapInh: 0000000000000000\nCapPrm: 0000000000000000\nCapEff: 0000000000000000\n"
               "CapBnd: 0000000000000000\nCapAmb: 0000000000000000\nNoNewPrivs: 1\nSeccomp: 2\n");
        expect(f,
               "unshare -Ur true 2>/dev/null; echo $?; mount -t tmpfs x /tmp 2>/dev/null || echo "
               "no",
               "1\nno\n");
}

BOTH(no_user_namespace_can_be_made_and_the_host_kills_it_first)
{
        expect(f, "cat /proc/sys/user/max_user_namespaces /proc/self/oom_score_adj", "0\n500\n");
        expect(f,
               "umask; awk '/core|open files|locked memory|nice|realtime pri/ {print $(NF - 1), "
               "$NF}' "
               "/proc/self/limits",
               "0022\n1 bytes\n4096 files\n65536 bytes\n0 0\n0 0\n");
}

BOTH(only_three_descriptors_are_open)
{
        expect(f, "ls /proc/self/fd | tr '\\n' ' '", "0 1 2 3 "); /* 3 is ls reading it */
        expect(f, "readlink /proc/self/fd/0 /proc/self/fd/1 | cut -d: -f1", "pipe\npipe\n");
        expect(f, "echo a > /dev/stdout; echo b > /proc/self/fd/1; : < /dev/stdin", "a\nb\n");
}

BOTH(there_is_no_network)
{
        expect(f, "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '", "lo\n");
        expect(f, "tail -n +2 /proc/net/route", "");
        expect(f,
               "python3 -c 'import socket\n"
               "for a in (\"1.1.1.1\", \"169.254.169.254\"):\n"
               " try: socket.create_connection((a, 80), 1); print(\"open\")\n"
               " except OSError as e: print(e.errno)\n"
               "s = socket.create_server((\"127.0.0.1\", 0))\n"
               "socket.create_connection(s.getsockname()); print(\"lo\")'",
               "101\n101\nlo\n");
}

TEST(a_program_that_an_upgrade_replaced_is_run_as_it_was)
{
        static const char script[] = "#!/bin/sh\necho as it was\n";
        static const char *const argv[] = {"/.paddock/files", NULL};
        char dir[] = "/tmp/paddock-libexec-XXXXXX", text[64];
        CHECK(mkdtemp(dir));
        auto_close int libexec = dir_open_at(AT_FDCWD, dir);
        CHECK_INT(file_replace_at(libexec, "files", script, sizeof script - 1, 0755), ==, 0);
        fx_libexec = dir;
        struct fixture *f = fx_new();
        CHECK_INT(unlinkat(libexec, "files", 0), ==, 0);
        struct launch_spec s = fx_spec();
        s.profile = BOX_FILES;
        CHECK_INT(fx_create(f, &s, argv), ==, 0);
        fx_pump(f, &f->exited);
        fx_drain(f->stdio[1], text, sizeof text);
        CHECK_STR(text, "as it was\n");
        fx_libexec = NULL;
        fx_free(f);
        CHECK_INT(tree_remove_at(AT_FDCWD, dir), ==, 0);
}

BOTH(stdin_is_delivered_and_its_end_too)
{
        struct launch_spec s = fx_spec();
        const char *const argv[] = {"/usr/bin/wc", "-c", NULL};
        char text[64];
        CHECK_INT(fx_create(f, &s, argv), ==, 0);
        CHECK_INT(fd_write_all(f->stdio[0], "hello", 5), ==, 0);
        close(f->stdio[0]);
        /* keep holds a copy of the writing end: the asker puts the rest back without it */
        struct keep_key key = {.name = "stdio"};
        snprintf(key.id, sizeof key.id, "%s", s.id);
        int rest[2] = {dup(f->stdio[1]), dup(f->stdio[2])};
        CHECK_INT(store_put(f->store, &key, rest, 2), ==, 0);
        fx_pump(f, &f->exited);
        fx_drain(f->stdio[1], text, sizeof text);
        CHECK_STR(text, "5\n");
}

static void make_volume(struct fixture *f, char id[ID_TEXT_LEN + 1])
{
        struct launch_id v;
        snprintf(v.id, sizeof v.id, "%s", id_new().s);
        CHECK_INT(fx_call(f, LAUNCH_VOLUME_CREATE, &v, NULL, 0), ==, 0);
        CHECK_INT(fx_call(f, LAUNCH_VOLUME_CREATE, &v, NULL, 0), ==, 0);
        memcpy(id, v.id, sizeof v.id);
}

static struct launch_mount mount_of(const char *volume, const char *target, bool ro)
{
        struct launch_mount m = {.read_only = ro};
        snprintf(m.volume, sizeof m.volume, "%s", volume);
        snprintf(m.target, sizeof m.target, "%s", target);
        return m;
}

/* By the group or by the accounts of its processes: of those that run, and of those that have ended. */
BOTH(what_is_written_to_a_disk_is_counted)
{
        char id[ID_TEXT_LEN + 1];
        struct launch_spec s = fx_spec();
        if (access("/proc/self/io", R_OK) < 0)
                SKIP("host lacks accounts of io that this user may read");
        make_volume(f, id);
        s.n_mounts = 1;
        s.mounts[0] = mount_of(id, "/v", false);
        struct outcome *o =
                fx_sh_spec(f, &s, "sh -c 'head -c 3000000 /dev/zero >/v/a; sync /v/a'; exec true");
        CHECK_INT(o->result.exit_code, ==, 0);
        CHECK_INT(o->result.io_write_bytes, >=, 3000000);
        CHECK_INT(o->result.io_write_bytes, <, 30000000);
        free(o);
        s = fx_spec();
        o = fx_sh_spec(f, &s, "head -c 3000000 /dev/zero >/work/a");
        CHECK_INT(o->result.io_write_bytes, <, 3000000); /* memory is no disk */
        free(o);
}

BOTH(volumes_are_shared_written_and_protected)
{
        char id[ID_TEXT_LEN + 1];
        make_volume(f, id);
        struct launch_spec s = fx_spec();
        s.n_mounts = 1;
        s.mounts[0] = mount_of(id, "/data/deep", false);
        struct outcome *o =
                fx_sh_spec(f, &s,
                           "mkdir /data/deep/sub && echo hello > /data/deep/sub/file && ln -s /etc "
                           "/data/deep/link && stat -c %u:%g /data/deep/sub/file; touch /data/x");
        CHECK_STR(o->out, "1000:1000\n");
        CHECK_CONTAINS(o->err, "Read-only");
        free(o);
        s = fx_spec();
        s.n_mounts = 2;
        s.mounts[0] = mount_of(id, "/work/in", true);
        snprintf(s.mounts[0].subpath, sizeof s.mounts[0].subpath, "sub");
        s.mounts[1] = mount_of(id, "/out", false);
        o = fx_sh_spec(f, &s,
                       "cat /work/in/file; touch /work/in/x; touch /out/sub/y && ls /work/in");
        CHECK_STR(o->out, "hello\nfile\ny\n");
        CHECK_CONTAINS(o->err, "Read-only");
        free(o);
        /* A link inside the volume is no way out of it. */
        s = fx_spec();
        s.n_mounts = 1;
        s.mounts[0] = mount_of(id, "/v", true);
        snprintf(s.mounts[0].subpath, sizeof s.mounts[0].subpath, "link");
        const char *const argv[] = {"/bin/true", NULL};
        CHECK_INT(fx_create(f, &s, argv), <, 0);
        CHECK_CONTAINS(f->error, "subpath");
        CHECK(!cgroup_exists(f->host->cgroups, s.id));
        struct launch_id v;
        memcpy(v.id, id, sizeof v.id);
        CHECK_INT(fx_call(f, LAUNCH_VOLUME_REMOVE, &v, NULL, 0), ==, 0);
        s.mounts[0].subpath[0] = 0;
        CHECK_INT(fx_create(f, &s, argv), ==, -ENOENT);
}

BOTH(a_large_volume_is_gone_at_once_and_its_files_little_by_little)
{
        struct launch_id v;
        char path[160];
        make_volume(f, v.id);
        for (int i = 0; i < 1000; i++) {
                snprintf(path, sizeof path, "%s/volumes/%s/%d", f->state, v.id, i);
                auto_close int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
                CHECK_INT(fd, >=, 0);
        }
        CHECK_INT(fx_call(f, LAUNCH_VOLUME_REMOVE, &v, NULL, 0), ==, 0);
        snprintf(path, sizeof path, "%s/volumes/%s", f->state, v.id);
        CHECK(access(path, F_OK) < 0);
        snprintf(path, sizeof path, "%s/removed/%s", f->state, v.id);
        CHECK(access(path, F_OK) == 0); /* the answer did not wait for it */
        fx_crash(f);
        fx_begin(f); /* a restarted launch goes on */
        for (int i = 0; access(path, F_OK) == 0; i++) {
                CHECK_INT(i, <, 1000);
                fx_settle(f, 5);
        }
}

BOTH(a_volume_in_use_is_not_removed)
{
        struct launch_id v, q;
        make_volume(f, v.id);
        struct launch_spec s = fx_spec();
        const char *const argv[] = {"/bin/sleep", "100", NULL};
        s.n_mounts = 1;
        s.mounts[0] = mount_of(v.id, "/v", false);
        CHECK_INT(fx_create(f, &s, argv), ==, 0);
        CHECK_INT(fx_call(f, LAUNCH_VOLUME_REMOVE, &v, NULL, 0), ==, -EBUSY);
        struct launch_stop stop = {.grace_ms = 0};
        memcpy(stop.id, s.id, sizeof stop.id);
        CHECK_INT(fx_call(f, LAUNCH_STOP, &stop, NULL, 0), ==, 0);
        fx_pump(f, &f->exited);
        CHECK_INT(fx_call(f, LAUNCH_VOLUME_REMOVE, &v, NULL, 0), ==, 0);
        memcpy(q.id, s.id, sizeof q.id);
        CHECK_INT(fx_call(f, LAUNCH_FORGET, &q, NULL, 0), ==, 0);
}

/* The pid of init as this process sees it. */
static pid_t init_pid(struct fixture *f, const char *id)
{
        struct box *b = box_find(f->boxes, id);
        CHECK(b);
        return b->s.pid;
}

static void link_of(pid_t pid, const char *ns, char *ret, size_t size)
{
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/ns/%s", pid, ns);
        ssize_t n = readlink(path, ret, size - 1);
        CHECK_INT(n, >, 0);
        ret[n] = 0;
}

TEST(two_sandboxes_share_no_namespace_and_no_id_with_each_other_or_the_host)
{
        static const char *const kinds[] = {"user", "mnt", "pid", "net", "ipc", "uts", "cgroup"};
        struct fixture *f = fx_new();
        struct launch_spec s[2] = {fx_spec(), fx_spec()};
        const char *const argv[] = {"/bin/sleep", "100", NULL};
        pid_t pids[2];
        char maps[2][128] = {"", ""};
        for (int i = 0; i < 2; i++) {
                CHECK_INT(fx_create(f, &s[i], argv), ==, 0);
                pids[i] = init_pid(f, s[i].id);
                char path[64];
                snprintf(path, sizeof path, "/proc/%d/uid_map", pids[i]);
                auto_close int fd = open(path, O_RDONLY);
                CHECK_INT(read(fd, maps[i], sizeof maps[i] - 1), >, 0);
        }
        unsigned in[2], out[2], count[2];
        for (int i = 0; i < 2; i++)
                CHECK_INT(sscanf(maps[i], "%u %u %u", &in[i], &out[i], &count[i]), ==, 3);
        CHECK_INT(out[0] / SLOT_SIZE, !=, out[1] / SLOT_SIZE);
        CHECK_INT(count[0], ==, SLOT_SIZE);
        CHECK_INT(out[0], >, SLOT_BASE); /* never the range that volumes have on disk */
        CHECK_INT(out[1], >, SLOT_BASE);
        for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
                char a[64], b[64], host[64];
                link_of(pids[0], kinds[k], a, sizeof a);
                link_of(pids[1], kinds[k], b, sizeof b);
                link_of(getpid(), kinds[k], host, sizeof host);
                CHECK(strcmp(a, b) != 0 && strcmp(a, host) != 0 && strcmp(b, host) != 0);
        }
        stop_now(f, s[0].id);
        stop_now(f, s[1].id);
        fx_free(f);
}

/* Another installation of root has the first free range. */
TEST(a_range_that_another_installation_holds_is_left_alone)
{
        struct fixture *f = fx_new();
        const char *const argv[] = {"/bin/sleep", "100", NULL};
        struct launch_spec s[2] = {fx_spec(), fx_spec()};
        CHECK_INT(fx_create(f, &s[0], argv), ==, 0);
        uint32_t mine = box_find(f->boxes, s[0].id)->j.slot;
        CHECK_INT(slot_take(mine, 1, NULL), ==, -EAGAIN);
        fx_crash(f); /* keep has a copy of the lock */
        CHECK_INT(slot_take(mine, 1, NULL), ==, -EAGAIN);
        fx_begin(f);
        fx_settle(f, 100);
        CHECK_INT(box_find(f->boxes, s[0].id)->lock, >=, 0);
        auto_close int theirs = -EAGAIN;
        uint32_t slot = mine;
        while (theirs == -EAGAIN)
                theirs = slot_take(++slot, 1, NULL);
        CHECK_INT(fx_create(f, &s[1], argv), ==, 0);
        CHECK_INT(box_find(f->boxes, s[1].id)->j.slot, !=, slot);
        stop_now(f, s[0].id);
        stop_now(f, s[1].id);
        fx_settle(f, 100);
        auto_close int again = -EAGAIN; /* a test beside this one may have taken it for a while */
        for (int i = 0; i < 1500 && (again = slot_take(mine, 1, NULL)) == -EAGAIN; i++)
                poll(NULL, 0, 10);
        CHECK_INT(again, >=, 0);
        fx_free(f);
}

BOTH(the_enforcement_record_is_what_the_kernel_says)
{
        struct launch_spec s = fx_spec();
        const char *const argv[] = {"/bin/sleep", "100", NULL};
        CHECK_INT(fx_create(f, &s, argv), ==, 0);
        const struct launch_enforcement *e = &f->created.enforcement;
        struct caps_status st;
        CHECK_INT(caps_read(init_pid(f, s.id), &st), ==, 0);
        CHECK_INT(e->capabilities, ==,
                  st.effective | st.permitted | st.inheritable | st.bounding | st.ambient);
        CHECK_INT(e->capabilities, ==, 0);
        CHECK_INT(e->no_new_privs, ==, st.no_new_privs);
        CHECK_INT(e->no_new_privs, ==, 1);
        CHECK_INT(st.seccomp, ==, 2);
        CHECK_INT(strlen(e->seccomp), ==, 64);
        CHECK_STR(e->driver, "ns");
        CHECK_STR(e->network, "none");
        CHECK_STR(e->cgroup, cgroup_mode(f->host->cgroups));
        char ids[48];
        if (f->host->facts.rootful)
                snprintf(ids, sizeof ids, "%u+%u", st.uid - BOX_UID, SLOT_SIZE);
        else
                snprintf(ids, sizeof ids, "single %u", f->host->uid);
        CHECK_STR(e->ids, ids);
        CHECK_INT(strstr(e->missing, "memory limit") == NULL, ==, e->memory_limit);
        CHECK_INT(f->created.start_us, >, 0);
        stop_now(f, s.id);
}

BOTH(stop_gives_the_grace_and_signal_reaches_the_main_process)
{
        struct launch_spec s = fx_spec();
        const char *const argv[] = {"/bin/sh", "-c",
                                    "trap 'echo term; exit 3' TERM; trap 'echo usr' USR1; echo up; "
                                    "while :; do sleep 0.02; done",
                                    NULL};
        CHECK_INT(fx_create(f, &s, argv), ==, 0);
        char c[4];
        CHECK_INT(fd_read_all(f->stdio[1], c, 3), ==, 0); /* "up\n": the traps are set */
        struct launch_signal sig = {.signal = SIGUSR1};
        struct launch_stop stop = {.grace_ms = 10000};
        memcpy(sig.id, s.id, sizeof sig.id);
        memcpy(stop.id, s.id, sizeof stop.id);
        CHECK_INT(fx_call(f, LAUNCH_SIGNAL, &sig, NULL, 0), ==, 0);
        char text[64];
        CHECK_INT(fd_read_all(f->stdio[1], text, 4), ==, 0);
        CHECK(memcmp(text, "usr\n", 4) == 0);
        CHECK_INT(fx_call(f, LAUNCH_STOP, &stop, NULL, 0), ==, 0);
        fx_pump(f, &f->exited);
        CHECK_INT(f->ended.reason, ==, BOX_EXITED);
        CHECK_INT(f->ended.exit_code, ==, 3);
        sig.signal = 99;
        CHECK_INT(fx_call(f, LAUNCH_SIGNAL, &sig, NULL, 0), ==, -EINVAL);
        sig.signal = 9;
        CHECK_INT(fx_call(f, LAUNCH_SIGNAL, &sig, NULL, 0), ==, -ESRCH);
}

BOTH(the_reason_of_a_stop_is_the_results)
{
        struct launch_spec s = fx_spec();
        const char *const argv[] = {"/bin/sh", "-c",
                                    "trap 'exit 3' TERM; echo up; sleep 100 & wait", NULL};
        struct launch_stop stop = {.grace_ms = 10000, .reason = BOX_LOST};
        char c[4];
        memcpy(stop.id, s.id, sizeof stop.id);
        CHECK_INT(fx_create(f, &s, argv), ==, 0);
        CHECK_INT(fd_read_all(f->stdio[1], c, 3), ==, 0);
        CHECK_INT(fx_call(f, LAUNCH_STOP, &stop, NULL, 0), ==, -EINVAL);
        CHECK_CONTAINS(f->error, "reason");
        stop.reason = BOX_OUTPUT;
        CHECK_INT(fx_call(f, LAUNCH_STOP, &stop, NULL, 0), ==, 0);
        fx_pump(f, &f->exited);
        CHECK_INT(f->ended.reason, ==, BOX_OUTPUT);
        CHECK_INT(f->ended.exit_code, ==, 3);
        CHECK_INT(f->ended.start_us, >, 0);
}

TEST(results_are_kept_until_they_are_forgotten)
{
        struct fixture *f = fx_new_with(geteuid() == 0, false);
        struct launch_spec s = fx_spec();
        struct launch_id q;
        memcpy(q.id, s.id, sizeof q.id);
        CHECK_INT(fx_call(f, LAUNCH_QUERY, &q, NULL, 0), ==, -ENOENT);
        free(fx_sh_spec(f, &s, "exit 5"));
        CHECK_INT(fx_call(f, LAUNCH_QUERY, &q, NULL, 0), ==, 0);
        CHECK_INT(f->result.state, ==, BOX_ENDED);
        CHECK_INT(f->result.exit_code, ==, 5);
        const char *const argv[] = {"/bin/true", NULL};
        CHECK_INT(fx_create(f, &s, argv), ==, -EEXIST);
        struct launch_empty none = {0};
        CHECK_INT(fx_call(f, LAUNCH_LIST, &none, NULL, 0), ==, 0);
        CHECK_INT(f->listed, ==, 1);
        CHECK_INT(fx_call(f, LAUNCH_FORGET, &q, NULL, 0), ==, 0);
        CHECK_INT(fx_call(f, LAUNCH_QUERY, &q, NULL, 0), ==, -ENOENT);
        fx_settle(f, 50);
        CHECK_INT(store_count(f->store), ==, 0);
        fx_free(f);
}

TEST(bad_specifications_and_commands_are_refused_and_leave_nothing)
{
        struct fixture *f = fx_new_with(geteuid() == 0, false);
        struct launch_spec s = fx_spec();
        const char *const argv[] = {"/bin/true", NULL};
        s.pids = 0;
        CHECK_INT(fx_create(f, &s, argv), ==, -EINVAL);
        CHECK_CONTAINS(f->error, "pids");
        s = fx_spec();
        auto_close int plain = memfd_create("not-sealed", MFD_CLOEXEC);
        CHECK_INT(fx_call(f, LAUNCH_CREATE, &s, &plain, 1), ==, -EINVAL);
        CHECK_CONTAINS(f->error, "command");
        auto_close int torn = memfd_sealed("torn", "\1\0\0\0\0\0\0\0/bin/true", 17); /* no NUL */
        CHECK_INT(fx_call(f, LAUNCH_CREATE, &s, &torn, 1), ==, -EINVAL);
        CHECK_CONTAINS(f->error, "command");
        s = fx_spec();
        snprintf(s.workdir, sizeof s.workdir, "/nowhere");
        struct outcome *o = fx_sh_spec(f, &s, ":");
        CHECK_INT(o->result.exit_code, ==, 126);
        CHECK_CONTAINS(o->err, "/nowhere");
        free(o);
        f->no_keep = true;
        s = fx_spec();
        CHECK_INT(fx_create(f, &s, argv), ==, -EAGAIN);
        f->no_keep = false;
        fx_settle(f, 100);
        CHECK(!cgroup_exists(f->host->cgroups, s.id));
        struct launch_empty none = {0};
        CHECK_INT(fx_call(f, LAUNCH_LIST, &none, NULL, 0), ==, 0);
        CHECK_INT(f->listed, ==, 1); /* the one with the bad working directory */
        fx_free(f);
}

BOTH(a_restarted_launch_takes_on_what_runs_and_reports_what_ended)
{
        struct launch_spec s[3] = {fx_spec(), fx_spec(), fx_spec()};
        const char *const quick[] = {"/bin/sh", "-c", "sleep 0.1; exit 9", NULL};
        const char *const lasting[] = {"/bin/sleep", "100", NULL};
        CHECK_INT(fx_create(f, &s[0], quick), ==, 0);
        pid_t ends = init_pid(f, s[0].id);
        CHECK_INT(fx_create(f, &s[1], lasting), ==, 0);
        CHECK_INT(fx_create(f, &s[2], lasting), ==, 0);
        pid_t lives = init_pid(f, s[1].id);
        fx_crash(f);
        wait_dead(ends);
        CHECK_INT(kill(lives, 0), ==, 0);
        struct keep_key gone = {.name = "init"};
        memcpy(gone.id, s[2].id, sizeof gone.id);
        CHECK_INT(store_drop(f->store, &gone), >=, 2); /* the third: keep lost it */
        fx_begin(f);
        fx_settle(f, 100);
        struct launch_id q;
        memcpy(q.id, s[0].id, sizeof q.id);
        CHECK_INT(fx_call(f, LAUNCH_QUERY, &q, NULL, 0), ==, 0);
        CHECK_INT(f->result.reason, ==, BOX_EXITED);
        CHECK_INT(f->result.exit_code, ==, 9);
        memcpy(q.id, s[1].id, sizeof q.id);
        CHECK_INT(fx_call(f, LAUNCH_QUERY, &q, NULL, 0), ==, 0);
        CHECK_INT(f->result.state, ==, BOX_RUNNING);
        memcpy(q.id, s[2].id, sizeof q.id);
        CHECK_INT(fx_call(f, LAUNCH_QUERY, &q, NULL, 0), ==, 0);
        CHECK_INT(f->result.reason, ==, BOX_LOST);
        CHECK_CONTAINS(f->result.cause, "descriptors");
        stop_now(f, s[1].id);
        fx_settle(f, 200);
        for (int i = 0; i < 3; i++)
                CHECK(!cgroup_exists(f->host->cgroups, s[i].id));
}

TEST(what_was_half_made_is_swept_as_lost)
{
        struct fixture *f = fx_new_with(geteuid() == 0, false);
        struct launch_spec s = fx_spec();
        struct spawned half;
        struct err err = {0};
        struct journal j = {.stage = JOURNAL_MAKING, .slot = 1, .asker = "api"};
        snprintf(j.result.id, sizeof j.result.id, "%s", s.id);
        CHECK_INT(journal_write(f->host->boxes, &j), ==, 0);
        if (spawn(f->host, &s, 1, NULL, &half, &err) < 0)
                test_failed(__FILE__, __LINE__, "%s", err_text(&err));
        /* And a record that cannot be read. */
        auto_close int torn = openat(f->host->boxes, id_new().s, O_CREAT | O_WRONLY, 0600);
        CHECK_INT(write(torn, "\377\377\377\377x", 5), ==, 5);
        fx_crash(f);
        close(half.control); /* as the kernel does for a killed launch */
        spawned_close_stdio(&half, true, true);
        fx_begin(f);
        fx_settle(f, 300);
        wait_dead(half.pid);
        struct launch_id q;
        memcpy(q.id, s.id, sizeof q.id);
        CHECK_INT(fx_call(f, LAUNCH_QUERY, &q, NULL, 0), ==, 0);
        CHECK_INT(f->result.reason, ==, BOX_LOST);
        CHECK_CONTAINS(f->result.cause, "being made");
        CHECK(!cgroup_exists(f->host->cgroups, s.id));
        close(half.pidfd);
        fx_free(f);
}

TEST(without_control_groups_the_limits_are_best_effort_and_said_to_be)
{
        struct fixture *f = fx_new_with(geteuid() == 0, true);
        struct launch_spec s = fx_spec();
        s.memory_bytes = 64u << 20;
        struct outcome *o = fx_sh_spec(f, &s, "exec python3 -c 'x = b\"x\" * (200 << 20)'");
        CHECK_STR(o->created.enforcement.cgroup, "none");
        CHECK_CONTAINS(o->created.enforcement.missing, "memory limit");
        CHECK_INT(o->created.enforcement.memory_limit, ==, 0);
        CHECK_INT(o->created.enforcement.pids_limit, ==, 0);
        CHECK_INT(o->result.exit_code, ==, 1);
        CHECK_CONTAINS(o->err, "MemoryError");
        free(o);
        fx_free(f);
}

static size_t count_fds(void)
{
        size_t n = 0;
        for (int fd = 0; fd < 1024; fd++)
                n += fcntl(fd, F_GETFD) >= 0;
        return n;
}

/* Every call that makes a descriptor fails in turn: groups, mounts, pipes, the process itself. */
TEST(a_start_that_fails_at_any_point_leaves_nothing)
{
        struct fixture *f = fx_new_with(geteuid() == 0, false);
        struct rlimit full, low;
        int failures = 0, r = -1;
        CHECK_INT(getrlimit(RLIMIT_NOFILE, &full), ==, 0);
        fx_settle(f, 20);
        size_t before = count_fds();
        for (rlim_t most = before; r < 0; most++) {
                struct launch_spec s = fx_spec();
                struct err err = {0};
                struct spawned made;
                CHECK_INT(most, <, before + 64);
                low = (struct rlimit){most, full.rlim_max};
                CHECK_INT(setrlimit(RLIMIT_NOFILE, &low), ==, 0);
                r = spawn(f->host, &s, 1, NULL, &made, &err);
                CHECK_INT(setrlimit(RLIMIT_NOFILE, &full), ==, 0);
                if (r == 0) { /* all of it fits: the child may still fail, and then says so */
                        spawned_close_stdio(&made, true, true);
                        kill(made.pid, SIGKILL);
                        wait_dead(made.pid);
                        close(made.control);
                        close(made.pidfd);
                        CHECK_INT(cgroup_remove(f->host->cgroups, s.id), ==, 0);
                } else {
                        failures++;
                        CHECK(err.text[0]);
                        CHECK(!cgroup_exists(f->host->cgroups, s.id));
                }
                CHECK_INT(count_fds(), ==, before);
        }
        CHECK_INT(failures, >, 8);
        fx_free(f);
}
