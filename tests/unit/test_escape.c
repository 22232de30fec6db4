/* The escapes of tests/escape/escape.c, tried inside real sandboxes, rootful and as an ordinary
 * user; and those that need a look from outside. Numbers are those of docs/THREATS.md. */
#include "box_fixture.h"
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

/* A volume with the program in it, as mount 0 of the specification, at /v. */
static struct launch_spec spec_with_program(struct fixture *f)
{
        struct launch_spec s = fx_spec();
        struct launch_id v;
        char self[4096];
        CLEANUP(buf_done) struct buf b;
        snprintf(v.id, sizeof v.id, "%s", id_new().s);
        CHECK_INT(fx_call(f, LAUNCH_VOLUME_CREATE, &v, NULL, 0), ==, 0);
        ssize_t n = readlink("/proc/self/exe", self, sizeof self - 16);
        CHECK_INT(n, >, 0);
        self[n] = 0;
        snprintf(strrchr(self, '/'), 16, "/escape");
        buf_init(&b, 8u << 20);
        CHECK_INT(file_read_at(AT_FDCWD, self, &b), ==, 0);
        auto_close int dir = dir_open_at(f->host->volumes, v.id);
        auto_close int fd = openat(dir, "escape", O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
        CHECK_INT(fd_write_all(fd, b.data, b.len), ==, 0);
        CHECK_INT(fchmod(fd, 0755), ==, 0);
        s.n_mounts = 1;
        memcpy(s.mounts[0].volume, v.id, sizeof v.id);
        snprintf(s.mounts[0].target, sizeof s.mounts[0].target, "/v");
        s.mounts[0].read_only = 1;
        s.wall_ms = 50000;
        return s;
}

/* What the program hunts for, number 73: a file, a variable and a socket of the host. */
static int plant_flags(const struct fixture *f)
{
        struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "\0paddock-flag"};
        auto_close int fd =
                openat(f->state_fd, "paddock-flag", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
        CHECK_INT(fd, >=, 0);
        auto_close int tmp = open("/tmp/paddock-flag", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
        setenv("PADDOCK_FLAG", "1", 1);
        int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (bind(s, (struct sockaddr *)&a, sizeof a) == 0) /* else another test of ours listens */
                CHECK_INT(listen(s, 8), ==, 0);
        return s;
}

/* Runs it; each line is printed with the kind of sandbox, for tests/escape/table.sh. */
static void try_escapes(struct fixture *f, struct launch_spec *s, const char *profile,
                        const char *kind)
{
        const char *const argv[] = {"/v/escape", profile, NULL};
        static char text[1 << 16];
        auto_close int flag = plant_flags(f);
        s->memory_bytes = 128u << 20;
        s->disk_bytes = 16u << 20;
        if (fx_create(f, s, argv) < 0)
                test_failed(__FILE__, __LINE__, "create: %s", f->error);
        close(f->stdio[0]);
        fx_pump(f, &f->exited);
        fx_drain(f->stdio[1], text, sizeof text);
        close(f->stdio[2]);
        int closed = 0, doors = 0;
        char *rest = text;
        for (char *line; (line = strsep(&rest, "\n"));) {
                closed += strncmp(line, "ok ", 3) == 0;
                doors += strncmp(line, "not ok", 6) == 0;
                if (strstr(line, " - "))
                        printf("# %s %s %s\n", kind, f->host->facts.rootful ? "root" : "user",
                               line);
        }
        printf("# %s: %d closed, %d open; ended by %s, code %u, signal %u\n", kind, closed, doors,
               launch_reason_text(f->ended.reason), f->ended.exit_code, f->ended.signal);
        CHECK_INT(doors, ==, 0);
        CHECK_INT(closed, >=, 40);
        CHECK_INT(f->ended.reason, ==, BOX_EXITED);
        CHECK_INT(f->ended.exit_code, ==, 0);
        fx_settle(f, 100);
        CHECK(!cgroup_exists(f->host->cgroups, s->id)); /* 43: nobody survived */
}

BOTH(the_escapes_that_one_sandbox_can_try)
{
        struct launch_spec s = spec_with_program(f);
        try_escapes(f, &s, "run", fx_ready ? "ahead" : "run");
}

/* Where the programs are that these profiles show. */
static const char *libexec(void)
{
        static char path[4096];
        ssize_t n = readlink("/proc/self/exe", path, sizeof path - 32);
        CHECK_INT(n, >, 0);
        path[n] = 0;
        *strrchr(path, '/') = 0;
        snprintf(strrchr(path, '/'), 32, "/libexec/paddock");
        return path;
}

/* Each of these runs rootful and as an ordinary user. */
#define MODES(name)                                                                                \
        static void name(struct fixture *f);                                                       \
        FX_TEST(name, rootful, (fx_libexec = libexec(), fx_new()))                                 \
        FX_TEST(name, rootless, (fx_libexec = libexec(), fx_new_with(false, false)))               \
        static void name(struct fixture *f)

MODES(the_escapes_from_a_parser)
{
        struct launch_spec s = spec_with_program(f);
        s.profile = BOX_PARSE;
        try_escapes(f, &s, "files", "parse");
}

MODES(the_escapes_from_a_volumes_program)
{
        struct launch_spec s = spec_with_program(f);
        s.profile = BOX_FILES;
        try_escapes(f, &s, "files", "files");
}

MODES(the_escapes_beside_the_proxy)
{
        struct launch_spec s = spec_with_program(f);
        s.network = BOX_NET_PROXY;
        try_escapes(f, &s, "proxy", "proxy");
}

MODES(the_escapes_from_a_build)
{
        struct launch_spec s = spec_with_program(f);
        s.profile = BOX_BUILD;
        try_escapes(f, &s, "build", "build");
}

/* A layer that a build made: what lies in `from` of it. */
static void make_layer(struct fixture *f, struct launch_spec *s, const char *script,
                       const char *from)
{
        struct launch_spec b = fx_spec();
        struct launch_layer_commit c = {0};
        b.profile = BOX_BUILD;
        struct outcome *o = fx_sh_spec(f, &b, script);
        CHECK_INT(o->result.exit_code, ==, 0);
        free(o);
        memset(c.key, 'e', 64);
        memcpy(c.id, b.id, sizeof c.id);
        snprintf(c.from, sizeof c.from, "%s", from);
        if (fx_call(f, LAUNCH_LAYER_COMMIT, &c, NULL, 0) < 0)
                test_failed(__FILE__, __LINE__, "commit: %s", f->error);
        s->n_layers = 1;
        memcpy(s->layers[0].key, c.key, sizeof c.key);
}

MODES(the_escapes_from_an_image)
{
        struct launch_spec s = spec_with_program(f);
        make_layer(f, &s, "mkdir -p /opt/x && echo x > /opt/x/y", "");
        try_escapes(f, &s, "image", "image");
}

/* 3: the image brings files of its own where the devices go, a link in /proc's place is refused by
 * test_tree; what the sandbox sees is the kernel's in both. */
MODES(the_escapes_from_an_image_with_a_root_of_its_own)
{
        struct launch_spec s = spec_with_program(f);
        make_layer(f, &s,
                   "mkdir -p /t && cd / && mkdir -p t/dev t/proc t/etc t/usr/bin t/work && echo x "
                   "> t/dev/null &&"
                   " ln -s /proc/sysrq-trigger t/dev/zero; echo y > t/proc/keys; cp /usr/bin/env "
                   "t/usr/bin/",
                   "t");
        snprintf(s.image, sizeof s.image, "mine");
        try_escapes(f, &s, "image", "root");
}

/* 36 */
BOTH(two_sandboxes_find_nothing_of_each_other)
{
        struct launch_spec holder = spec_with_program(f), finder = holder;
        const char *const argv[] = {"/v/escape", "hold", NULL};
        char text[8] = "";
        snprintf(finder.id, sizeof finder.id, "%s", id_new().s);
        CHECK_INT(fx_create(f, &holder, argv), ==, 0);
        CHECK_INT(fd_read_all(f->stdio[1], text, 5), ==, 0);
        CHECK_STR(text, "held\n");
        for (int i = 0; i < 3; i++)
                close(f->stdio[i]);
        struct outcome *o = fx_sh_spec(f, &finder, "exec /v/escape find");
        CHECK_CONTAINS(o->out, "ok 36 - two sandboxes find nothing of each other\n");
        CHECK_INT(o->result.exit_code, ==, 0);
        free(o);
}

/* One of three installations: root's (user 0), and those of two ordinary users. */
struct side {
        uid_t user;
        pid_t pid;    /* the process that is launch there */
        int go, held; /* ends it when it closes; says what it holds */
        struct {
                pid_t init;
                char state[64];
        } is;
};

static struct fixture *as_user(uid_t user)
{
        fx_user = user;
        return fx_new_with(user == 0, false);
}

/* Holds a sandbox that leaves traces wherever a sandbox can, until the pipe ends. */
static void hold(struct side *s)
{
        int go[2], held[2];
        CHECK_INT(pipe(go), ==, 0);
        CHECK_INT(pipe(held), ==, 0);
        s->pid = fork();
        CHECK_INT(s->pid, >=, 0);
        if (s->pid == 0) {
                const char *const argv[] = {"/v/escape", "hold", NULL};
                char text[8] = "";
                close(go[1]);
                struct fixture *f = as_user(s->user);
                struct launch_spec spec = spec_with_program(f);
                CHECK_INT(fx_create(f, &spec, argv), ==, 0);
                CHECK_INT(fd_read_all(f->stdio[1], text, 5), ==, 0);
                s->is.init = box_find(f->boxes, spec.id)->s.pid;
                memcpy(s->is.state, f->state, sizeof s->is.state);
                CHECK_INT(fd_write_all(held[1], &s->is, sizeof s->is), ==, 0);
                CHECK_INT(read(go[0], text, 1), ==, 0);
                fx_free(f);
                exit(0);
        }
        close(go[0]);
        close(held[1]);
        s->go = go[1];
        s->held = held[0];
        CHECK_INT(fd_read_all(s->held, &s->is, sizeof s->is), ==, 0);
}

/* A user finds nothing of another's sandbox from outside either. */
static void look_from_outside(const struct side *mine, const struct side *theirs)
{
        char path[64];
        if (mine->user == 0 || mine->user == theirs->user)
                return;
        CHECK_INT(kill(theirs->is.init, 0), <, 0);
        CHECK_INT(errno, ==, EPERM);
        snprintf(path, sizeof path, "/proc/%d/root/", theirs->is.init);
        CHECK_INT(open(path, O_RDONLY | O_CLOEXEC), <, 0);
        CHECK_INT(open(theirs->is.state, O_RDONLY | O_CLOEXEC), <, 0);
        CHECK_INT(errno, ==, EACCES);
}

static int find_and_look(const struct side *mine, const struct side *sides)
{
        int status;
        pid_t pid = fork();
        CHECK_INT(pid, >=, 0);
        if (pid == 0) {
                struct fixture *f = as_user(mine->user);
                struct launch_spec s = spec_with_program(f);
                struct outcome *o = fx_sh_spec(f, &s, "exec /v/escape find");
                CHECK_CONTAINS(o->out, "ok 36 - two sandboxes find nothing of each other\n");
                CHECK_INT(o->result.exit_code, ==, 0);
                free(o);
                for (int i = 0; i < 3; i++)
                        look_from_outside(mine, &sides[i]);
                fx_free(f);
                exit(0);
        }
        CHECK_INT(waitpid(pid, &status, 0), ==, pid);
        return status;
}

TEST(two_users_and_root_find_nothing_of_each_other)
{
        if (geteuid() != 0)
                SKIP("host lacks root for this test");
        struct side sides[3] = {{.user = 0}, {.user = TEST_USER}, {.user = TEST_USER + 1}};
        int status;
        for (int i = 0; i < 3; i++)
                hold(&sides[i]);
        for (int i = 0; i < 3; i++)
                CHECK_INT(find_and_look(&sides[i], sides), ==, 0);
        for (int i = 0; i < 3; i++)
                close(sides[i].go);
        for (int i = 0; i < 3; i++) {
                CHECK_INT(waitpid(sides[i].pid, &status, 0), ==, sides[i].pid);
                CHECK_INT(status, ==, 0);
        }
}

/* 1: a working directory that is a descriptor of launch or of init */
BOTH(a_working_directory_of_descriptors_is_refused)
{
        for (int fd = 3; fd < 64; fd += 4) {
                struct launch_spec s = fx_spec();
                snprintf(s.workdir, sizeof s.workdir, "/proc/self/fd/%d", fd);
                struct outcome *o = fx_sh_spec(f, &s, "pwd");
                CHECK_INT(o->result.exit_code, ==, 126);
                CHECK_STR(o->out, "");
                free(o);
        }
}

/* 38, 42, 43: whatever it does with its processes, its time limit ends all of them. */
BOTH(stopped_ignoring_and_multiplying_processes_end)
{
        struct launch_spec s = fx_spec();
        s.wall_ms = 400;
        s.pids = 200;
        struct outcome *o = fx_sh_spec(
                f, &s,
                "trap '' TERM INT HUP QUIT; (setsid sh -c 'while :; do sleep 100 & done' & "
                "(setsid sh -c 'kill -STOP $$' &) ; b() { b | b & }; b 2>/dev/null) & "
                "kill -STOP $$"); /* a shell that cannot fork ends: not this one */
        CHECK_INT(o->result.reason, ==, BOX_WALL);
        free(o);
        fx_settle(f, 200);
        CHECK(!cgroup_exists(f->host->cgroups, s.id));
}

/* 47: the most that a command may have, and one byte more */
BOTH(two_mebibytes_of_arguments_are_a_clean_case)
{
        struct launch_spec s = fx_spec();
        const char *args[20] = {"/bin/sh", "-c", "echo $#", "sh"};
        static char long_text[100001];
        memset(long_text, 'a', sizeof long_text - 1);
        for (int i = 4; i < 19; i++)
                args[i] = long_text;
        f->exited = false;
        CHECK_INT(fx_create(f, &s, args), ==, 0);
        fx_pump(f, &f->exited);
        char text[64];
        fx_drain(f->stdio[1], text, sizeof text);
        CHECK_STR(text, "15\n");
        s = fx_spec();
        char *big = xcalloc(1, ARGS_BYTES_MAX + 1);
        memcpy(big, "\1\0\0\0\0\0\0\0", 8);
        memset(big + 8, 'a', ARGS_BYTES_MAX - 8);
        auto_close int fd = memfd_sealed("big", big, ARGS_BYTES_MAX + 1);
        CHECK_INT(fx_call(f, LAUNCH_CREATE, &s, &fd, 1), ==, -EINVAL);
        free(big);
}
