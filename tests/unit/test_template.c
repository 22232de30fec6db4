/* Templates: a warm Python whose forks are sandboxes of their own. */
#include "box/template.h"
#include "box_fixture.h"
#include <libgen.h>

static struct fixture *warm_fixture(void)
{
        static char libexec[4200];
        char self[4096];
        ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
        CHECK_INT(n, >, 0);
        self[n] = 0;
        snprintf(libexec, sizeof libexec, "%s/../libexec/paddock", dirname(self));
        fx_libexec = libexec;
        return fx_new();
}

/* A template that a shell command becomes, ready. */
static struct launch_spec warm_command(struct fixture *f, const char *command)
{
        struct launch_spec s = fx_spec();
        s.profile = BOX_TEMPLATE;
        f->exited = false;
        s.wall_ms = 0;
        const char *argv[] = {"sh", "-c", command, NULL};
        if (fx_create(f, &s, argv) < 0)
                test_failed(__FILE__, __LINE__, "template: %s", f->error);
        while (!box_find(f->boxes, s.id)->warm.ready) {
                fx_settle(f, 5);
                if (f->exited) {
                        char text[4096];
                        fx_drain(f->stdio[2], text, sizeof text);
                        test_failed(__FILE__, __LINE__, "template: %s", text);
                }
        }
        for (int i = 0; i < 3; i++)
                close(f->stdio[i]);
        return s;
}

/* A template of those modules ("NAME NAME"), ready. */
static struct launch_spec warm_python(struct fixture *f, const char *modules)
{
        char command[512];
        snprintf(command, sizeof command,
                 "exec python3 /.paddock/warm/python.py /.paddock/warm/libwarm.so %s", modules);
        return warm_command(f, command);
}

static struct outcome *python(struct fixture *f, const struct launch_spec *template,
                              const char *code)
{
        const char *argv[] = {"python3", "-c", code, NULL};
        struct launch_spec s = fx_spec();
        memcpy(s.template, template->id, sizeof s.template);
        return fx_run_spec(f, &s, argv);
}

TEST(a_fork_runs_in_a_sandbox_of_its_own)
{
        struct fixture *f = warm_fixture();
        struct launch_spec t = warm_python(f, "json");
        struct outcome *o = python(f, &t,
                                   "import sys, os; print(sys.argv, os.getpid() > 1, "
                                   "os.environ['HOME'], os.getcwd()); sys.exit(7)");
        CHECK_STR(o->err, "");
        CHECK_STR(o->out, "['-c'] True /work /work\n");
        CHECK_INT(o->result.reason, ==, BOX_EXITED);
        CHECK_INT(o->result.exit_code, ==, 7);
        CHECK_STR(o->created.enforcement.start, "forked");
        free(o);
        fx_free(f);
}

TEST(what_a_script_does_is_what_python_does)
{
        struct fixture *f = warm_fixture();
        struct launch_spec t = warm_python(f, "json");
        struct outcome *o = python(f, &t, "1/0");
        CHECK_INT(o->result.exit_code, ==, 1);
        CHECK_STR(o->err, "Traceback (most recent call last):\n  File \"<string>\", line 1, in "
                          "<module>\nZeroDivisionError: division by zero\n");
        free(o);
        o = python(f, &t,
                   "import atexit, sys, threading, time\n"
                   "atexit.register(print, 'at exit')\n"
                   "threading.Thread(target=lambda: (time.sleep(.05), print('thread'))).start()\n"
                   "sys.exit('because')");
        CHECK_INT(o->result.exit_code, ==, 1);
        CHECK_STR(o->err, "because\n");
        CHECK_STR(o->out, "thread\nat exit\n");
        free(o);
        o = python(f, &t, "import os, signal; os.kill(os.getpid(), signal.SIGTERM)");
        CHECK_INT(o->result.reason, ==, BOX_SIGNAL);
        CHECK_INT(o->result.signal, ==, SIGTERM);
        free(o);
        const char *module[] = {"python3", "-m", "json.tool", "--help", NULL};
        struct launch_spec s = fx_spec();
        memcpy(s.template, t.id, sizeof s.template);
        o = fx_run_spec(f, &s, module);
        CHECK_CONTAINS(o->out, "usage:");
        CHECK_INT(o->result.exit_code, ==, 0);
        free(o);
        const char *other[] = {"sh", "-c", "echo $0 $PATH; exit 3", NULL};
        s = fx_spec();
        memcpy(s.template, t.id, sizeof s.template);
        o = fx_run_spec(f, &s, other);
        CHECK_STR(o->out, "sh /usr/bin:/bin\n");
        CHECK_INT(o->result.exit_code, ==, 3);
        free(o);
        const char *nothing[] = {"nothing-of-that-name", NULL};
        s = fx_spec();
        memcpy(s.template, t.id, sizeof s.template);
        o = fx_run_spec(f, &s, nothing);
        CHECK_INT(o->result.exit_code, ==, 127);
        free(o);
        fx_free(f);
}

/* sandbox.md, tests 62 and 63: nothing random is shared, nothing is open, nobody else is seen. */
TEST(forks_share_no_randomness)
{
        struct fixture *f = warm_fixture();
        struct launch_spec t = warm_python(f, "random uuid ssl tempfile");
        char seen[16][512];
        size_t n = 0;
        fx_ready = 2;
        f->boxes->c.ready = 2;
        for (int i = 0; i < 8; i++) {
                struct outcome *o =
                        python(f, &t,
                               "import os, random, uuid, ssl, tempfile\n"
                               "print(random.random(), uuid.uuid4(), ssl.RAND_bytes(16).hex(), "
                               "os.urandom(16).hex(), tempfile.mktemp(), uuid.uuid1(), sep='\\n')");
                CHECK_STR(o->err, "");
                char *rest = o->out;
                for (char *line; (line = strsep(&rest, "\n")) && *line;) {
                        for (size_t k = 0; k < n; k++)
                                CHECK(!strstr(seen[k], line));
                }
                free(o);
                o = python(f, &t,
                           "import os, random, uuid, ssl, tempfile\n"
                           "print(random.random(), uuid.uuid4(), ssl.RAND_bytes(16).hex(), "
                           "os.urandom(16).hex(), tempfile.mktemp(), uuid.uuid1(), sep='|')");
                snprintf(seen[n++], sizeof seen[0], "%.500s", o->out);
                free(o);
        }
        for (size_t i = 0; i < n; i++)
                for (char *a, *rest = seen[i]; (a = strsep(&rest, "|"));)
                        for (size_t k = i + 1; k < n; k++)
                                CHECK(!strstr(seen[k], a));
        fx_free(f);
}

TEST(a_fork_is_as_locked_down_as_any_command)
{
        struct fixture *f = warm_fixture();
        struct launch_spec t = warm_python(f, "json");
        const char *code =
                "import os\n"
                "s = dict(l.split(':\\t', 1) for l in "
                "open('/proc/self/status').read().splitlines() "
                "if ':\\t' in l)\n"
                "print(s['CapEff'], s['CapPrm'], s['CapBnd'], s['CapInh'], s['CapAmb'], "
                "s['NoNewPrivs'], s['Seccomp'], s['Groups'].strip(), s['Uid'].split()[0])\n"
                "print(sorted(os.listdir('/proc/self/fd'))[:3], len(os.listdir('/proc/self/fd')))\n"
                "print(sorted(p for p in os.listdir('/proc') if p.isdigit()) == "
                "[str(os.getpid())] , os.listdir('/tmp'))\n"
                "import ctypes; libc = ctypes.CDLL(None, use_errno=True)\n"
                "print([libc.unshare(f) for f in (0x10000000, 0x20000, 0x40000000)], "
                "libc.setns(0, 0), libc.mount(b'none', b'/tmp', b'tmpfs', 0, None))\n"
                "open('/tmp/mine', 'w').write('x')\n"
                "try:\n open('/usr/x', 'w')\nexcept OSError as e: print(e.errno)\n";
        for (int i = 0; i < 2; i++) {
                struct outcome *o = python(f, &t, code);
                CHECK_STR(o->err, "");
                CHECK_CONTAINS(o->out, "0000000000000000 0000000000000000 0000000000000000 "
                                       "0000000000000000 0000000000000000 1 2  1000\n");
                CHECK_CONTAINS(o->out, "['0', '1', '2'] 4\nTrue []\n[-1, -1, -1] -1 -1\n30\n");
                free(o);
        }
        fx_free(f);
}

#ifdef __x86_64__
/* The warm library with its seccomp(2) made a getpid(2): a fork that has only the filter of the
 * template, and says that all went well. */
TEST(a_fork_that_skips_its_own_filter_is_not_started)
{
        struct fixture *f = warm_fixture();
        struct launch_spec t = warm_command(
                f, "python3 -c \"b = open('/.paddock/warm/libwarm.so', 'rb').read(); "
                   "old = bytes((0xbf, 0x3d, 1, 0, 0)); assert b.count(old) == 1; "
                   "open('/tmp/w.so', 'wb').write(b.replace(old, bytes((0xbf, 39, 0, 0, 0))))\" "
                   "&& exec python3 /.paddock/warm/python.py /tmp/w.so json");
        const char *argv[] = {"python3", "-c", "print('ran')", NULL};
        struct launch_spec s = fx_spec();
        memcpy(s.template, t.id, sizeof s.template);
        CHECK_INT(fx_create(f, &s, argv), <, 0);
        CHECK_CONTAINS(f->error, "not locked down");
        fx_free(f);
}
#endif

TEST(limits_volumes_and_names_reach_a_fork_that_waited)
{
        struct fixture *f = warm_fixture();
        struct launch_spec t = warm_python(f, "json"), s = fx_spec();
        struct launch_id v;
        snprintf(v.id, sizeof v.id, "%s", id_new().s);
        CHECK_INT(fx_call(f, LAUNCH_VOLUME_CREATE, &v, NULL, 0), ==, 0);
        f->boxes->c.ready = 2;
        memcpy(s.template, t.id, sizeof s.template);
        pool_wanted(f->boxes, &s);
        for (int i = 0; pool_size(f->boxes, &s) < 2; i++) {
                CHECK_INT(i, <, 500);
                fx_settle(f, 10);
        }
        const char *write[] = {"python3", "-c",
                               "import socket; open('/data/x', 'w').write('kept'); "
                               "print(socket.gethostname())",
                               NULL};
        s.n_mounts = 1;
        memcpy(s.mounts[0].volume, v.id, sizeof v.id);
        snprintf(s.mounts[0].target, sizeof s.mounts[0].target, "/data");
        snprintf(s.hostname, sizeof s.hostname, "okapi");
        struct outcome *o = fx_run_spec(f, &s, write);
        CHECK_STR(o->err, "");
        CHECK_STR(o->out, "okapi\n");
        CHECK_INT(f->boxes->pool.hits, ==, 1);
        free(o);
        const char *hog[] = {"python3", "-c", "x = bytearray(300 << 20)", NULL};
        s = fx_spec();
        memcpy(s.template, t.id, sizeof s.template);
        s.memory_bytes = 64u << 20;
        o = fx_run_spec(f, &s, hog);
        CHECK_INT(o->result.reason, ==, BOX_OOM);
        free(o);
        const char *sleep[] = {"python3", "-c", "import time; time.sleep(60)", NULL};
        s = fx_spec();
        memcpy(s.template, t.id, sizeof s.template);
        s.wall_ms = 200;
        o = fx_run_spec(f, &s, sleep);
        CHECK_INT(o->result.reason, ==, BOX_WALL);
        free(o);
        fx_free(f);
}

TEST(a_child_cannot_poison_the_next)
{
        struct fixture *f = warm_fixture();
        struct launch_spec t = warm_python(f, "json");
        struct outcome *o = python(f, &t,
                                   "import json, sys, os; json.dumps = lambda x: 'poison'; "
                                   "sys.path.insert(0, '/tmp'); os.environ['X'] = '1'; "
                                   "open('/tmp/json.py', 'w').write('print(666)')");
        CHECK_INT(o->result.exit_code, ==, 0);
        free(o);
        o = python(f, &t,
                   "import json, sys, os; print(json.dumps([1]), '/tmp' in sys.path, "
                   "os.environ.get('X'), os.listdir('/tmp'))");
        CHECK_STR(o->out, "[1] False None []\n");
        free(o);
        fx_free(f);
}

TEST(a_template_in_use_is_not_stopped_and_its_end_ends_its_sandboxes)
{
        struct fixture *f = warm_fixture();
        struct launch_spec t = warm_python(f, "json"), s = fx_spec();
        const char *sleep[] = {"python3", "-c", "import time; time.sleep(60)", NULL};
        memcpy(s.template, t.id, sizeof s.template);
        CHECK_INT(fx_create(f, &s, sleep), ==, 0);
        struct launch_stop stop = {.grace_ms = 0};
        memcpy(stop.id, t.id, sizeof stop.id);
        CHECK_INT(fx_call(f, LAUNCH_STOP, &stop, NULL, 0), ==, -EBUSY);
        struct launch_id q;
        memcpy(q.id, s.id, sizeof q.id);
        pidfd_send_signal(box_find(f->boxes, t.id)->s.pidfd, SIGKILL, NULL, 0);
        for (int i = 0; i < 500 && (!i || f->result.state == BOX_RUNNING); i++) {
                fx_settle(f, 10);
                CHECK_INT(fx_call(f, LAUNCH_QUERY, &q, NULL, 0), ==, 0);
        }
        CHECK_INT(f->result.reason, ==, BOX_LOST);
        CHECK_CONTAINS(f->result.cause, "template");
        struct launch_spec late = fx_spec();
        memcpy(late.template, t.id, sizeof late.template);
        fx_settle(f, 100);
        CHECK_INT(fx_create(f, &late, sleep), ==, -ENOENT);
        fx_free(f);
}

TEST(a_restarted_launch_goes_on_with_template_and_fork)
{
        struct fixture *f = warm_fixture();
        struct launch_spec t = warm_python(f, "json"), s = fx_spec();
        const char *wait[] = {"python3", "-c", "import sys; sys.stdin.read(); sys.exit(9)", NULL};
        memcpy(s.template, t.id, sizeof s.template);
        CHECK_INT(fx_create(f, &s, wait), ==, 0);
        int in = f->stdio[0];
        struct keep_key key = {.name = "stdio"};
        memcpy(key.id, s.id, sizeof key.id);
        store_drop(f->store, &key); /* api would close its copy */
        fx_crash(f);
        fx_begin(f);
        fx_settle(f, 100);
        struct outcome *o = python(f, &t, "print('again')");
        CHECK_STR(o->out, "again\n");
        free(o);
        f->exited = false;
        close(in);
        fx_pump(f, &f->exited);
        CHECK_STR(f->ended.id, s.id);
        CHECK_INT(f->ended.reason, ==, BOX_EXITED);
        CHECK_INT(f->ended.exit_code, ==, 9);
        fx_free(f);
}

TEST(imports_that_fail_are_told_by_the_template_itself)
{
        struct fixture *f = warm_fixture();
        struct launch_spec s = fx_spec();
        const char *argv[] = {"python3", "/.paddock/warm/python.py", "/.paddock/warm/libwarm.so",
                              "no_such_module", NULL};
        char text[4096];
        s.profile = BOX_TEMPLATE;
        s.wall_ms = 0;
        CHECK_INT(fx_create(f, &s, argv), ==, 0);
        if (!f->exited)
                fx_pump(f, &f->exited);
        CHECK_INT(f->ended.exit_code, ==, 1);
        fx_drain(f->stdio[2], text, sizeof text);
        CHECK_CONTAINS(text, "no_such_module");
        fx_free(f);
}

TEST(a_template_that_answers_for_a_fork_that_has_gone)
{
        struct fixture *f = warm_fixture();
        struct launch_spec t = fx_spec(), s = fx_spec();
        const char *late[] = {"python3", "-c",
                              "import os, signal, struct\n"
                              "def say(kind):\n"
                              "    os.write(0, struct.pack('Iii32s', kind, -5, 0, b'late'))\n"
                              "signal.signal(signal.SIGUSR1, lambda *_: say(3))\n"
                              "say(1)\n"
                              "while True:\n"
                              "    signal.pause()\n",
                              NULL};
        const char *argv[] = {"true", NULL};
        t.profile = BOX_TEMPLATE;
        t.wall_ms = 0;
        CHECK_INT(fx_create(f, &t, late), ==, 0);
        struct box *zygote = box_find(f->boxes, t.id);
        for (int i = 0; i < 1000 && !zygote->warm.ready; i++)
                fx_settle(f, 10);
        CHECK(zygote->warm.ready);
        memcpy(s.template, t.id, sizeof s.template);
        auto_close int command = fx_command(argv);
        f->answered = false;
        peer_call(f->asker, LAUNCH_CREATE, &s, &command, 1, fx_created, f);
        for (int i = 0; i < 1000 && !zygote->warm.forking; i++)
                fx_settle(f, 10);
        CHECK(zygote->warm.forking);
        CHECK_INT(pidfd_send_signal(zygote->warm.forking->s.pidfd, SIGKILL, NULL, 0), ==, 0);
        for (int i = 0; i < 1000 && (!f->answered || box_find(f->boxes, s.id)); i++)
                fx_settle(f, 10);
        CHECK_INT(f->status, <, 0);
        CHECK(!zygote->warm.forking);
        CHECK_INT(box_signal(zygote, SIGUSR1), ==, 0);
        for (int i = 0; i < 1000 && zygote->warm.asked; i++)
                fx_settle(f, 10);
        CHECK(!zygote->warm.asked);
        fx_free(f);
}
