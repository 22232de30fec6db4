/* More commands in a running sandbox, and terminals. */
#include "exec_fixture.h"
#include <libgen.h>
#include <sys/ioctl.h>
#include <termios.h>

static int forget(struct fixture *f, const struct launch_exec *x)
{
        struct launch_exec_id id;
        memcpy(id.id, x->id, sizeof id.id);
        memcpy(id.exec, x->exec, sizeof id.exec);
        return fx_call(f, LAUNCH_EXEC_FORGET, &id, NULL, 0);
}

static int send_signal(struct fixture *f, const struct launch_exec *x, uint32_t signal)
{
        struct launch_exec_signal s = {.signal = signal};
        memcpy(s.id, x->id, sizeof s.id);
        memcpy(s.exec, x->exec, sizeof s.exec);
        return fx_call(f, LAUNCH_EXEC_SIGNAL, &s, NULL, 0);
}

BOTH(an_exec_runs_beside_others_and_its_end_comes_back)
{
        struct launch_spec s = idle_box(f);
        struct launch_exec x = exec_in(s.id), other = exec_in(s.id);
        char out[512];
        snprintf(x.workdir, sizeof x.workdir, "/tmp");
        sh(f, &x, "echo hi; pwd; echo kept > /work/x; exit 7", out, sizeof out);
        CHECK_STR(out, "hi\n/tmp\n");
        CHECK_INT(f->exec_ended.reason, ==, BOX_EXITED);
        CHECK_INT(f->exec_ended.exit_code, ==, 7);
        sh(f, &other, "cat /work/x; kill -SEGV $$", out, sizeof out);
        CHECK_STR(out, "kept\n");
        CHECK_INT(f->exec_ended.reason, ==, BOX_SIGNAL);
        CHECK_INT(f->exec_ended.signal, ==, SIGSEGV);
        CHECK_INT(begin_sh(f, &other, ":"), ==, -EEXIST);
        CHECK_INT(forget(f, &other), ==, 0);
        CHECK_INT(forget(f, &other), ==, -ENOENT);
        struct launch_exec many[3] = {exec_in(s.id), exec_in(s.id), exec_in(s.id)};
        int in[3], from[3];
        for (int i = 0; i < 3; i++) {
                CHECK_INT(begin_sh(f, &many[i], "read x; echo $x"), ==, 0);
                in[i] = f->stdio[0];
                from[i] = f->stdio[1];
                close(f->stdio[2]);
        }
        for (int i = 2; i >= 0; i--) {
                f->exec_exited = false;
                CHECK_INT(fd_write_all(in[i], &"0\n1\n2\n"[i * 2], 2), ==, 0);
                fx_pump(f, &f->exec_exited);
                CHECK_STR(f->exec_ended.exec, many[i].exec);
                fx_drain(from[i], out, sizeof out);
                CHECK_INT(out[0], ==, '0' + i);
                close(in[i]);
        }
        stop_now(f, s.id);
}

BOTH(an_exec_has_what_the_command_has_and_no_more)
{
        struct launch_spec s = idle_box(f);
        struct launch_exec x = exec_in(s.id), y = exec_in(s.id), z = exec_in(s.id);
        char out[1024];
        sh(f, &x, "grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status | tr '\\t' ' '", out,
           sizeof out);
        CHECK_STR(out, "CapInh: 0000000000000000\nCapPrm: 0000000000000000\nCapEff: "
                       "0000000000000000\nCapBnd: 0000000000000000\nCapAmb: "
                       "0000000000000000\nNoNewPrivs: 1\nSeccomp: 2\n");
        sh(f, &y, "ls /proc/self/fd | tr '\\n' ' '; unshare -Ur true 2>/dev/null || echo no", out,
           sizeof out);
        CHECK_STR(out, "0 1 2 3 no\n");
        /* Neither init nor the supervisor can be seen; the blocked signals of ours are not its. */
        sh(f, &z, "set -- /proc/[0-9]*; echo $#", out, sizeof out);
        CHECK_STR(out, "1\n");
        struct launch_exec mask = exec_in(s.id); /* without a shell, which would clear it */
        CHECK_INT(begin(f, &mask,
                        (const char *const[]){"/bin/grep", "SigBlk", "/proc/self/status", NULL}),
                  ==, 0);
        fx_pump(f, &f->exec_exited);
        ssize_t n = read(f->stdio[1], out, sizeof out - 1);
        out[n < 0 ? 0 : n] = 0;
        CHECK_STR(out, "SigBlk:\t0000000000000000\n");
        stop_now(f, s.id);
}

BOTH(the_time_limit_of_an_exec_ends_all_it_started_and_nothing_else)
{
        struct launch_spec s = idle_box(f);
        struct launch_exec other = exec_in(s.id), x = exec_in(s.id), look = exec_in(s.id);
        char out[256];
        CHECK_INT(begin_sh(f, &other, "exec sleep 77"), ==, 0);
        x.wall_ms = 200;
        /* A daemon in a session of its own, whose parents are gone. */
        CHECK_INT(
                begin_sh(f, &x,
                         "trap '' TERM; (setsid sh -c 'sleep 88 & sleep 88 & sleep 88' &) ; sleep "
                         "99"),
                ==, 0);
        fx_pump(f, &f->exec_exited);
        CHECK_STR(f->exec_ended.exec, x.exec);
        CHECK_INT(f->exec_ended.reason, ==, BOX_WALL);
        CHECK_INT(f->exec_ended.run_ms, >=, 200);
        sh(f, &look, "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -o 'sleep [0-9][0-9]'", out,
           sizeof out);
        CHECK_STR(out, "sleep 77\n");
        stop_now(f, s.id);
        CHECK_INT(f->exec_ended.reason, ==, BOX_KILLED); /* the other one, with the sandbox */
        CHECK_STR(f->exec_ended.exec, other.exec);
}

BOTH(a_signal_reaches_one_exec_and_its_end_says_so)
{
        struct launch_spec s = idle_box(f);
        struct launch_exec x = exec_in(s.id), y = exec_in(s.id);
        CHECK_INT(begin_sh(f, &x, "exec sleep 100"), ==, 0);
        CHECK_INT(begin_sh(f, &y, "exec sleep 100"), ==, 0);
        CHECK_INT(send_signal(f, &x, 99), ==, -EINVAL);
        CHECK_INT(forget(f, &x), ==, -EBUSY);
        CHECK_INT(send_signal(f, &x, SIGTERM), ==, 0);
        fx_pump(f, &f->exec_exited);
        CHECK_STR(f->exec_ended.exec, x.exec);
        CHECK_INT(f->exec_ended.reason, ==, BOX_KILLED);
        CHECK_INT(f->exec_ended.signal, ==, SIGTERM);
        CHECK_INT(send_signal(f, &x, SIGTERM), ==, -ESRCH);
        snprintf(x.exec, sizeof x.exec, "%s", id_new().s);
        CHECK_INT(send_signal(f, &x, SIGTERM), ==, -ENOENT);
        struct launch_empty all = {0};
        CHECK_INT(fx_call(f, LAUNCH_EXEC_LIST, &all, NULL, 0), ==, 0);
        CHECK_INT(f->listed, ==, 2);
        CHECK_INT(f->execs[0].state, ==, BOX_ENDED);
        CHECK_INT(f->execs[1].state, ==, BOX_RUNNING);
        CHECK_STR(f->execs[1].exec, y.exec);
        stop_now(f, s.id);
}

BOTH(bad_execs_are_refused_and_leave_nothing)
{
        struct launch_spec s = idle_box(f);
        struct launch_exec x = exec_in(s.id);
        const char *const missing[] = {"/bin/nothing", NULL};
        CHECK_INT(begin(f, &x, none), ==, -EINVAL);
        CHECK_CONTAINS(f->error, "command");
        auto_close int torn = memfd_sealed("torn", "\1\0\0\0\0\0\0\0/bin/true", 17);
        CHECK_INT(fx_call(f, LAUNCH_EXEC, &x, &torn, 1), ==, -EINVAL);
        CHECK_INT(fx_call(f, LAUNCH_EXEC, &x, NULL, 0), ==, -EINVAL);
        snprintf(x.workdir, sizeof x.workdir, "../x");
        CHECK_INT(begin_sh(f, &x, ":"), ==, -EINVAL);
        x = exec_in(s.id);
        f->no_keep = true;
        CHECK_INT(begin_sh(f, &x, ":"), ==, -EAGAIN);
        f->no_keep = false;
        CHECK_INT(begin(f, &x, missing), ==, 0);
        fx_pump(f, &f->exec_exited);
        CHECK_INT(f->exec_ended.exit_code, ==, 127);
        struct launch_exec elsewhere = exec_in(id_new().s);
        CHECK_INT(begin_sh(f, &elsewhere, ":"), ==, -ENOENT);
        CHECK_INT(box_find(f->boxes, s.id)->j.n_execs, ==, 1);
        stop_now(f, s.id);
        x = exec_in(s.id);
        CHECK_INT(begin_sh(f, &x, ":"), ==, -ESRCH);
        struct launch_id q;
        memcpy(q.id, s.id, sizeof q.id);
        CHECK_INT(fx_call(f, LAUNCH_FORGET, &q, NULL, 0), ==, 0);
        fx_settle(f, 100);
        CHECK_INT(store_count(f->store), ==, 0);
}

BOTH(execs_survive_a_restart_of_launch)
{
        struct launch_spec s = idle_box(f);
        struct launch_exec lasts = exec_in(s.id), ends = exec_in(s.id), gone = exec_in(s.id);
        CHECK_INT(begin_sh(f, &lasts, "read x; echo got $x; exit 5"), ==, 0);
        for (int i = 0; i < 3; i++)
                close(f->stdio[i]); /* the asker died as well */
        CHECK_INT(begin_sh(f, &ends, "sleep 0.1; exit 9"), ==, 0);
        /* What the journal has and init does not know. */
        struct box *b = box_find(f->boxes, s.id);
        struct launch_exec_result *r = &b->j.execs[b->j.n_execs++];
        *r = b->j.execs[0];
        memcpy(r->exec, gone.exec, sizeof r->exec);
        box_write_journal(b);
        fx_crash(f);
        poll(NULL, 0, 300);
        fx_begin(f);
        fx_settle(f, 100);
        struct launch_empty all = {0};
        CHECK_INT(fx_call(f, LAUNCH_EXEC_LIST, &all, NULL, 0), ==, 0);
        CHECK_INT(f->listed, ==, 3);
        for (uint32_t i = 0; i < 3; i++) {
                const struct launch_exec_result *e = &f->execs[i];
                bool is_gone = strcmp(e->exec, gone.exec) == 0;
                if (strcmp(e->exec, lasts.exec) == 0)
                        CHECK_INT(e->state, ==, BOX_RUNNING);
                else
                        CHECK_INT(e->reason, ==, is_gone ? BOX_LOST : BOX_EXITED);
        }
        struct keep_key key = {.name = "stdio"};
        uint32_t n;
        memcpy(key.id, lasts.exec, sizeof key.id);
        const int *fds = store_get(f->store, &key, &n);
        CHECK(fds && n == 3);
        CHECK_INT(fd_write_all(fds[0], "it\n", 3), ==, 0);
        f->exec_exited = false;
        fx_pump(f, &f->exec_exited);
        CHECK_INT(f->exec_ended.exit_code, ==, 5);
        char out[16];
        ssize_t got = read(fds[1], out, sizeof out);
        CHECK_INT(got, ==, 7);
        CHECK(memcmp(out, "got it\n", 7) == 0);
        struct launch_exec again = exec_in(s.id);
        CHECK_INT(begin_sh(f, &again, ":"), ==, 0);
        fx_pump(f, &f->exec_exited);
        stop_now(f, s.id);
}

/* Reads what a terminal shows until the text is there. */
static void expect_shown(int master, const char *text)
{
        char got[4096] = "";
        size_t n = 0;
        struct pollfd p = {master, POLLIN, 0};
        while (!strstr(got, text)) {
                if (poll(&p, 1, 10000) != 1)
                        test_failed(__FILE__, __LINE__, "not shown: %s; but: %s", text, got);
                ssize_t r = read(master, got + n, sizeof got - 1 - n);
                if (r <= 0)
                        test_failed(__FILE__, __LINE__, "ended before %s; shown: %s", text, got);
                n += (size_t)r;
                got[n] = 0;
        }
}

BOTH(a_terminal_is_the_sandboxs_own)
{
        struct launch_spec s = fx_spec();
        const char *const argv[] = {"/bin/sh", "-c",
                                    "tty; stty size; echo x > /dev/tty; trap 'echo win' WINCH; "
                                    "trap 'echo int; exit 4' INT; echo up; while :; do sleep "
                                    "0.02; done",
                                    NULL};
        s.tty = 1;
        s.rows = 33;
        s.cols = 101;
        CHECK_INT(fx_create(f, &s, argv), ==, 0);
        CHECK_INT(f->n_stdio, ==, 1);
        int master = f->stdio[0];
        expect_shown(master, "/dev/pts/0\r\n33 101\r\nx\r\nup\r\n");
        struct winsize w = {.ws_row = 50, .ws_col = 132};
        CHECK_INT(ioctl(master, TIOCSWINSZ, &w), ==, 0);
        expect_shown(master, "win");
        CHECK_INT(fd_write_all(master, "\3", 1), ==, 0); /* the line discipline makes it SIGINT */
        fx_pump(f, &f->exited);
        CHECK_INT(f->ended.exit_code, ==, 4);
        close(master);
}

TEST(what_is_no_master_of_a_terminal_is_not_taken_for_one)
{
        int pair[2];
        struct err err = {0};
        CHECK_INT(pipe(pair), ==, 0);
        auto_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        auto_close int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
        CHECK_INT(box_check_master(pair[0], &err), ==, -EPROTO);
        CHECK_INT(box_check_master(null, &err), ==, -EPROTO);
        CHECK_INT(box_check_master(master, &err), ==, 0);
}

/* A sandbox whose init is of the version before execs: it is spoken to in its version and not asked
 * what it does not know. */
BOTH(an_older_init_gets_its_own_version)
{
        struct launch_spec s = fx_spec();
        const char *const argv[] = {"/bin/sleep", "100", NULL};
        char storage[LINK_MESSAGE_MAX];
        int pair[2];
        CHECK_INT(fx_create(f, &s, argv), ==, 0);
        struct box *b = box_find(f->boxes, s.id);
        b->j.init_version = 1;
        struct launch_exec x = exec_in(s.id);
        CHECK_INT(begin_sh(f, &x, ":"), ==, -ENOTSUP);
        CHECK_INT(link_pair(pair), ==, 0);
        int real = b->s.control;
        b->s.control = pair[0];
        CHECK_INT(box_signal(b, SIGUSR1), ==, 0);
        b->s.control = real;
        struct link_spec old = init_link;
        old.version = old.oldest = 1;
        struct link_message m;
        CHECK_INT(link_recv(pair[1], &old, storage, &m), ==, 0);
        CHECK_INT(m.version, ==, 1);
        CHECK_INT(m.verb, ==, INIT_SIGNAL);
        stop_now(f, s.id); /* the real one takes both */
}

BOTH(an_exec_may_have_a_terminal)
{
        struct launch_spec s = idle_box(f);
        struct launch_exec x = exec_in(s.id);
        x.tty = 1;
        CHECK_INT(
                begin_sh(
                        f, &x,
                        "tty; stty size; python3 -c 'import fcntl; fcntl.ioctl(0, 0x5412, b\"x\")' "
                        "2>&1 | tail -1; read l; echo got $l; sleep 100"),
                ==, 0);
        CHECK_INT(f->n_stdio, ==, 1);
        int master = f->stdio[0];
        /* TIOCSTI is refused. */
        expect_shown(master, "/dev/pts/0\r\n24 80\r\nPermissionError: [Errno 1]");
        CHECK_INT(fd_write_all(master, "line\n", 5), ==, 0);
        expect_shown(master, "got line");
        /* keep has the master; when both are gone the command gets its hang-up. */
        struct keep_key key = {.name = "stdio"};
        memcpy(key.id, x.exec, sizeof key.id);
        close(master);
        CHECK_INT(store_drop(f->store, &key), ==, 1);
        fx_pump(f, &f->exec_exited);
        CHECK_INT(f->exec_ended.signal, ==, SIGHUP);
        stop_now(f, s.id);
}

/* 47: a flood of execs, and execs while it ends. */
BOTH(too_many_execs_are_refused_and_those_that_run_end_with_the_sandbox)
{
        struct launch_spec s = fx_spec();
        s.pids = 512;
        CHECK_INT(fx_create(f, &s, none), ==, 0);
        struct launch_exec x;
        for (int i = 0; i < BOX_EXECS_MAX; i++) {
                x = exec_in(s.id);
                CHECK_INT(begin_sh(f, &x, "exec sleep 100"), ==, 0);
                for (int k = 0; k < 3; k++)
                        close(f->stdio[k]);
        }
        x = exec_in(s.id);
        CHECK_INT(begin_sh(f, &x, ":"), ==, -EBUSY);
        auto_close int command = fx_command((const char *const[]){"/bin/true", NULL});
        struct launch_stop stop = {.grace_ms = 0};
        memcpy(stop.id, s.id, sizeof stop.id);
        peer_call(f->asker, LAUNCH_STOP, &stop, NULL, 0, fx_answer, f);
        f->exited = false;
        CHECK_INT(fx_call(f, LAUNCH_EXEC, &x, &command, 1), <, 0);
        while (!f->exited)
                fx_pump(f, &f->exited);
        struct launch_empty all = {0};
        CHECK_INT(fx_call(f, LAUNCH_EXEC_LIST, &all, NULL, 0), ==, 0);
        for (uint32_t i = 0; i < f->listed; i++)
                CHECK_INT(f->execs[i].reason, ==, BOX_KILLED);
        struct launch_id q;
        memcpy(q.id, s.id, sizeof q.id);
        CHECK_INT(fx_call(f, LAUNCH_FORGET, &q, NULL, 0), ==, 0);
        fx_settle(f, 100);
        CHECK_INT(store_count(f->store), ==, 0);
}

BOTH(without_a_main_command_it_ends_by_stop_and_by_its_time_limit)
{
        struct launch_spec s = idle_box(f);
        struct launch_exec x = exec_in(s.id);
        struct launch_stop stop = {.grace_ms = 60000}; /* not waited for */
        char c[4];
        memcpy(stop.id, s.id, sizeof stop.id);
        CHECK_INT(begin_sh(f, &x, "trap 'exit 3' TERM; echo up; while :; do sleep 0.02; done"), ==,
                  0);
        CHECK_INT(fd_read_all(f->stdio[1], c, 3), ==, 0);
        f->exited = false;
        CHECK_INT(fx_call(f, LAUNCH_STOP, &stop, NULL, 0), ==, 0);
        fx_pump(f, &f->exited);
        CHECK_INT(f->exec_ended.exit_code, ==, 3); /* said before, and not after its grace */
        CHECK_INT(f->ended.reason, ==, BOX_KILLED);
        s = fx_spec();
        s.wall_ms = 200;
        CHECK_INT(fx_create(f, &s, none), ==, 0);
        fx_pump(f, &f->exited);
        CHECK_INT(f->ended.reason, ==, BOX_WALL);
}

/* A program built for ASan cannot run in a sandbox: at its end it traces itself. */
#ifdef __SANITIZE_ADDRESS__
#define LIBEXEC "../../gcc/libexec/paddock"
#else
#define LIBEXEC "../libexec/paddock"
#endif

static void our_files_program_sees_what_the_sandbox_sees(bool rootful)
{
        static char libexec[4200];
        char self[4096];
        ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
        CHECK_INT(len, >, 0);
        self[len] = 0;
        snprintf(libexec, sizeof libexec, "%s/" LIBEXEC, dirname(self));
        fx_libexec = libexec;
        struct fixture *f = rootful ? fx_new() : fx_new_with(false, false);
        struct launch_spec s = idle_box(f);
        struct launch_exec x = exec_in(s.id), files = exec_in(s.id);
        char out[64];
        struct err err = {0};
        CHECK_INT(f->host->files, >=, 0);
        sh(f, &x, "mkdir /work/d && echo content > /work/d/file", out, sizeof out);
        files.program = EXEC_FILES;
        f->exec_exited = false;
        CHECK_INT(fx_call(f, LAUNCH_EXEC, &files, NULL, 0), ==, 0);
        CHECK_INT(f->n_stdio, ==, 3);
        CLEANUP(buf_done) struct buf rq;
        struct files_get get = {.path = "work/d/file"};
        CLEANUP(frames_done) struct frames in;
        struct frame fr;
        buf_init(&rq, FRAME_MAX);
        frames_init(&in, &files_frames);
        CHECK_INT(frame_put(&rq, &files_frames, FILES_GET, &get, &err), ==, 0);
        CHECK_INT(fd_write_all(f->stdio[0], rq.data, rq.len), ==, 0);
        CHECK_INT(frames_read(&in, f->stdio[1], 0, &fr, &err), ==, 1);
        CHECK_INT(fr.verb, ==, FILES_FILE);
        CHECK_INT(frames_read(&in, f->stdio[1], 0, &fr, &err), ==, 1);
        CHECK_INT(fr.verb, ==, FILES_DATA);
        CHECK(fr.body.len == 8 && memcmp(fr.body.data, "content\n", 8) == 0);
        close(f->stdio[0]);
        struct keep_key key = {.name = "stdio"};
        memcpy(key.id, files.exec, sizeof key.id);
        CHECK_INT(store_drop(f->store, &key), ==, 3);
        fx_pump(f, &f->exec_exited);
        CHECK_INT(f->exec_ended.exit_code, ==, 0);
        stop_now(f, s.id);
        fx_free(f);
        fx_libexec = NULL;
}
TEST(our_files_program_sees_what_the_sandbox_sees_rootful)
{
        our_files_program_sees_what_the_sandbox_sees(true);
}
TEST(our_files_program_sees_what_the_sandbox_sees_rootless)
{
        our_files_program_sees_what_the_sandbox_sees(false);
}

BOTH(two_mebibytes_of_arguments_reach_an_exec)
{
        struct launch_spec s = idle_box(f);
        struct launch_exec x = exec_in(s.id);
        const char *argv[32] = {"/usr/bin/printf", "%s"};
        char *big = xmalloc(104851), out[64];
        size_t total = 0;
        memset(big, 'a', 104850);
        big[104850] = 0;
        for (int i = 2; i < 22; i++) /* with the rest a little below the limit of 2 MiB */
                argv[i] = big;
        CHECK_INT(begin(f, &x, argv), ==, 0);
        while (total < 2097000) {
                ssize_t n = read(f->stdio[1], big, 104850);
                CHECK_INT(n, >, 0);
                total += (size_t)n;
        }
        fx_pump(f, &f->exec_exited);
        CHECK_INT(f->exec_ended.exit_code, ==, 0);
        CHECK_INT(read(f->stdio[1], out, sizeof out), ==, 0);
        free(big);
        stop_now(f, s.id);
}
