/* Abuse that needs a look or a hand from outside: numbers of the list of escapes, docs/THREATS.md. */
#include "box_fixture.h"
#include <dirent.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>

/* A volume, as mount 0 of the specification, at /v; its directory on the host. */
static int spec_with_volume(struct fixture *f, struct launch_spec *s)
{
        struct launch_id v;
        snprintf(v.id, sizeof v.id, "%s", id_new().s);
        CHECK_INT(fx_call(f, LAUNCH_VOLUME_CREATE, &v, NULL, 0), ==, 0);
        s->n_mounts = 1;
        memcpy(s->mounts[0].volume, v.id, sizeof v.id);
        snprintf(s->mounts[0].target, sizeof s->mounts[0].target, "/v");
        int dir = dir_open_at(f->host->volumes, v.id);
        CHECK_INT(dir, >=, 0);
        return dir;
}

static void copy_program(int dir, const char *from, const char *to, mode_t mode, uid_t owner)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 8u << 20);
        CHECK_INT(file_read_at(AT_FDCWD, from, &b), ==, 0);
        auto_close int fd = openat(dir, to, O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
        CHECK_INT(fd_write_all(fd, b.data, b.len), ==, 0);
        if (geteuid() == 0)
                CHECK_INT(fchown(fd, owner, owner), ==, 0);
        CHECK_INT(fchmod(fd, mode), ==, 0); /* after chown, which takes the bit away */
}

/* Swaps `d` and `l` until it is killed. It keeps nothing of launch's: an inner end of a sandbox that
 * was made ahead would never close. */
static pid_t swap(int dir)
{
        pid_t pid = fork();
        if (pid != 0)
                return pid;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(dir, 3);
        close_range(4, ~0u, 0);
        for (;;) {
                renameat2(3, "d", 3, "l", RENAME_EXCHANGE);
                poll(NULL, 0, 1);
        }
}

/* 5: a sibling swaps a directory of the volume with a link while others mount below it. */
BOTH(a_directory_that_becomes_a_link_leads_nowhere)
{
        struct launch_spec s = fx_spec();
        auto_close int dir = spec_with_volume(f, &s);
        int mounted = 0, refused = 0;
        CHECK_INT(mkdirat(dir, "d", 0755), ==, 0);
        CHECK_INT(fchmodat(dir, "d", 0755, 0), ==, 0);
        auto_close int mark = openat(dir, "d/mark", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
        CHECK_INT(symlinkat("/etc", dir, "l"), ==, 0);
        pid_t swapper = swap(dir);
        snprintf(s.mounts[0].subpath, sizeof s.mounts[0].subpath, "d");
        for (int i = 0; i < 400 && (mounted < 10 || refused < 3); i++) {
                const char *const argv[] = {"/bin/sh", "-c", "echo $(ls /v)", NULL};
                char text[256];
                snprintf(s.id, sizeof s.id, "%s", id_new().s);
                if (fx_create(f, &s, argv) < 0) {
                        refused++;
                        continue;
                }
                mounted++;
                close(f->stdio[0]);
                fx_pump(f, &f->exited);
                fx_drain(f->stdio[1], text, sizeof text);
                close(f->stdio[2]);
                CHECK_STR(text, "mark\n");
        }
        kill(swapper, SIGKILL);
        CHECK_INT(waitpid(swapper, NULL, 0), ==, swapper);
        printf("# %d mounted, %d refused\n", mounted, refused);
        CHECK_INT(mounted, >, 0);
        CHECK_INT(refused, >, 0);
}

/* 16: rootful the file is root's inside, through the idmapped mount. */
BOTH(a_set_user_id_program_of_a_volume_gives_nothing)
{
        struct launch_spec s = fx_spec();
        auto_close int dir = spec_with_volume(f, &s);
        copy_program(dir, "/usr/bin/id", "id", 06755, SLOT_BASE);
        struct outcome *o = fx_sh_spec(f, &s, "stat -c %a /v/id; /v/id -u; /v/id -g");
        CHECK_STR(o->out, "6755\n1000\n1000\n");
        free(o);
}

/* 22: whether something is there on the host is not told by a subpath that is refused. */
BOTH(a_refused_subpath_says_nothing_about_the_host)
{
        static const char *const targets[] = {"/etc/shadow", "/nowhere/at/all", "/root"};
        struct launch_spec s = fx_spec();
        auto_close int dir = spec_with_volume(f, &s);
        const char *const argv[] = {"/bin/true", NULL};
        char first[ERR_TEXT_MAX] = "";
        int status = 0;
        for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
                CHECK_INT(symlinkat(targets[i], dir, "l"), ==, 0);
                snprintf(s.mounts[0].subpath, sizeof s.mounts[0].subpath, "l");
                snprintf(s.id, sizeof s.id, "%s", id_new().s);
                int r = fx_create(f, &s, argv);
                CHECK_INT(r, <, 0);
                if (i > 0) {
                        CHECK_INT(r, ==, status);
                        CHECK_STR(f->error, first);
                }
                status = r;
                snprintf(first, sizeof first, "%s", f->error);
                CHECK_INT(unlinkat(dir, "l", 0), ==, 0);
        }
}

/* 39: whatever is taken, it counts. */
BOTH(memory_of_every_kind_is_limited)
{
        static const char *const kinds[] = {"pages", "shared", "memfd",
                                            "tmpfs", "pipes",  "sockets"};
        if (!cgroup_has(f->host->cgroups, CGROUP_MEMORY))
                SKIP("host lacks a memory controller for this user");
        for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
                struct launch_spec s = fx_spec();
                char self[4096], script[64];
                auto_close int dir = spec_with_volume(f, &s);
                ssize_t n = readlink("/proc/self/exe", self, sizeof self - 16);
                CHECK_INT(n, >, 0);
                self[n] = 0;
                snprintf(strrchr(self, '/'), 16, "/escape");
                copy_program(dir, self, "escape", 0755, SLOT_BASE);
                s.memory_bytes = s.disk_bytes = 48u << 20;
                snprintf(script, sizeof script, "exec /v/escape memory %s", kinds[i]);
                struct outcome *o = fx_sh_spec(f, &s, script);
                printf("# %s: %s %u, peak %llu\n", kinds[i], launch_reason_text(o->result.reason),
                       o->result.exit_code, (unsigned long long)o->result.peak_memory_bytes);
                bool stopped = o->result.reason == BOX_EXITED && o->result.exit_code == 0;
                CHECK(o->result.reason == BOX_OOM || stopped);
                CHECK_INT(o->result.peak_memory_bytes, <=, s.memory_bytes);
                free(o);
        }
}

/* 48: no deadline is on a clock that anybody can set, or that stands while the host sleeps. */
BOTH(deadlines_are_on_the_clock_of_the_boot)
{
        struct launch_spec s = fx_spec();
        const char *const argv[] = {"/bin/sleep", "60", NULL};
        char path[64];
        int timers = 0;
        if (geteuid() != 0)
                return; /* init is not ours to look into, which test_roles and 11 say */
        CHECK_INT(fx_create(f, &s, argv), ==, 0);
        snprintf(path, sizeof path, "/proc/%d/fdinfo", box_find(f->boxes, s.id)->s.pid);
        DIR *d = opendir(path);
        CHECK(d);
        for (struct dirent *e; (e = readdir(d));) {
                CLEANUP(buf_done) struct buf b;
                buf_init(&b, 65536);
                if (e->d_name[0] == '.' || file_read_at(dirfd(d), e->d_name, &b) < 0)
                        continue;
                CHECK_INT(buf_add(&b, "", 1), ==, 0);
                const char *clock = strstr(b.data, "clockid:");
                if (!clock)
                        continue;
                timers++;
                CHECK_INT(strtol(clock + 8, NULL, 10), ==, CLOCK_BOOTTIME);
        }
        closedir(d);
        CHECK_INT(timers, >=, 2);
        stop_now(f, s.id);
}

/* 49: nobody reads what it writes, it is sent junk, its window changes all the time. */
BOTH(a_terminal_that_nobody_reads_stops_nothing)
{
        struct launch_spec s = fx_spec();
        const char *const argv[] = {"/bin/sh", "-c", "trap '' INT QUIT TSTP HUP WINCH; yes", NULL};
        char junk[4096];
        s.tty = 1;
        CHECK_INT(fx_create(f, &s, argv), ==, 0);
        CHECK_INT(f->n_stdio, ==, 1);
        struct termios raw; /* junk is no signal */
        CHECK_INT(tcgetattr(f->stdio[0], &raw), ==, 0);
        cfmakeraw(&raw);
        CHECK_INT(tcsetattr(f->stdio[0], TCSANOW, &raw), ==, 0);
        for (size_t i = 0; i < sizeof junk; i++)
                junk[i] = (char)(i * 7);
        CHECK_INT(fcntl(f->stdio[0], F_SETFL, O_NONBLOCK), ==, 0);
        for (unsigned short i = 1; i < 5000; i++) {
                struct winsize w = {i, (unsigned short)(5000 - i), 0, 0};
                CHECK_INT(ioctl(f->stdio[0], TIOCSWINSZ, &w), ==, 0);
                if (write(f->stdio[0], junk, i % sizeof junk) < 0)
                        CHECK_INT(errno, ==, EAGAIN);
        }
        stop_now(f, s.id);
        close(f->stdio[0]);
}
