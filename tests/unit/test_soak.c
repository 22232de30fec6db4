/* Numbers 45 and 46 of the list of escapes: sandboxes that come and go leave nothing. SOAK=n says
 * how many; `make soak` has the large number. Figures are printed. */
#include "box_fixture.h"
#include <dirent.h>
#include <ftw.h>
#include <sys/resource.h>

struct figures {
        long fds, mounts, groups, journals, slots, nets, rss_kib;
};

static long entries(const char *path)
{
        DIR *d = opendir(path);
        long n = 0;
        for (struct dirent *e; d && (e = readdir(d));)
                n += e->d_name[0] != '.';
        if (d)
                closedir(d);
        return n;
}

static long number_after(const char *path, const char *word)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 1u << 20);
        if (file_read_at(AT_FDCWD, path, &b) < 0 || buf_add(&b, "", 1) < 0)
                return -1;
        const char *at = strstr(b.data, word);
        return at ? strtol(at + strlen(word), NULL, 10) : -1;
}

static long lines_of(const char *path)
{
        FILE *in = fopen(path, "re");
        long n = 0;
        for (int c; in && (c = fgetc(in)) != EOF;)
                n += c == '\n';
        if (in)
                fclose(in);
        return n;
}

/* Of every installation of this host: their names are ids. */
static long groups_of_host;
static int count_group(const char *path, const struct stat *st UNUSED, int type, struct FTW *at)
{
        groups_of_host += type == FTW_D && strlen(path + at->base) == ID_TEXT_LEN;
        return 0;
}

static struct figures figures(const struct fixture *f)
{
        struct figures x = {0};
        char path[128];
        snprintf(path, sizeof path, "%s/boxes", f->state);
        x.journals = entries(path);
        x.fds = entries("/proc/self/fd");
        x.mounts = lines_of("/proc/self/mountinfo");
        for (size_t i = 0; i < SLOTS; i++)
                x.slots += f->boxes->slots[i];
        groups_of_host = 0;
        if (nftw("/sys/fs/cgroup", count_group, 16, FTW_PHYS) == 0)
                x.groups = groups_of_host;
        x.nets = number_after("/proc/slabinfo", "net_namespace");
        x.rss_kib = number_after("/proc/self/status", "VmRSS:");
        return x;
}

static void print(const char *when, const struct figures *x)
{
        printf("# %s: %ld descriptors, %ld mounts, %ld groups, %ld journals, %ld id ranges, %ld "
               "network namespaces of the host, %ld KiB\n",
               when, x->fds, x->mounts, x->groups, x->journals, x->slots, x->nets, x->rss_kib);
}

static long wanted(void)
{
        const char *n = getenv("SOAK");
        long soak = n ? strtol(n, NULL, 10) : 0;
        if (soak > 0)
                alarm(0); /* it takes as long as it takes */
        return soak > 0 ? soak : 100;
}

static char last[ID_TEXT_LEN + 1];
static void one(struct fixture *f)
{
        static const char *const argv[] = {"/bin/true", NULL};
        struct launch_spec s = fx_spec();
        struct launch_id q;
        if (fx_create(f, &s, argv) < 0)
                test_failed(__FILE__, __LINE__, "create: %s", f->error);
        for (int i = 0; i < 3; i++)
                close(f->stdio[i]);
        fx_pump(f, &f->exited);
        CHECK_INT(f->ended.reason, ==, BOX_EXITED);
        memcpy(q.id, s.id, sizeof q.id);
        CHECK_INT(fx_call(f, LAUNCH_FORGET, &q, NULL, 0), ==, 0);
        memcpy(last, q.id, sizeof last);
}

/* Until everything that was on its way is gone: the kernel takes network namespaces down later. */
static struct figures settled(struct fixture *f, const struct figures *before)
{
        struct figures now = figures(f);
        for (int i = 0; i < 100; i++) {
                bool same = now.fds <= before->fds && now.slots <= before->slots &&
                            now.journals <= before->journals;
                if (i >= 4 && same)
                        break;
                fx_settle(f, 50);
                now = figures(f);
        }
        return now;
}

BOTH(sandboxes_come_and_go_and_nothing_grows)
{
        long n = wanted();
        for (int i = 0; i < 40; i++)
                one(f);
        struct figures none = {0};
        struct figures before = settled(f, &none);
        print("before", &before);
        uint64_t began = clock_boot_ms();
        for (long i = 0; i < n; i++)
                one(f);
        uint64_t took = clock_boot_ms() - began;
        struct figures after = settled(f, &before);
        print("after", &after);
        CHECK(!cgroup_exists(f->host->cgroups, last));
        printf("# %ld in %llu ms\n", n, (unsigned long long)took);
        CHECK_INT(after.fds, <=, before.fds);
        CHECK_INT(after.mounts, <=, before.mounts);
        CHECK_INT(after.journals, <=, before.journals);
        CHECK_INT(after.slots, <=, before.slots);
#if !defined(__SANITIZE_ADDRESS__)
        CHECK_INT(after.rss_kib, <=, before.rss_kib + 512); /* heap in use moves about, a bit */
#endif
        if (getenv("SOAK")) { /* alone on the host: others make these too */
                CHECK_INT(after.nets, <=, before.nets + 64);
                CHECK_INT(after.groups, <=, before.groups);
        }
}

/* ---- many at once ---- */

#define CROWD_MAX 500
/* As many as the list of escapes wants when the host is ours; fewer beside the other tests, whose
 * minute each has is not to be spent on waiting for them. */
static size_t crowd = 100;
struct member {
        char id[ID_TEXT_LEN + 1];
        bool answered, cancelled;
        int status, stdio[3];
        uint64_t cancel_ms;
};

static void on_member(void *ctx, const struct peer_answer *a)
{
        struct member *m = ctx;
        m->answered = true;
        m->status = a->status;
        for (uint32_t i = 0; i < a->n_fds && i < 3; i++)
                m->stdio[i] = TAKE_FD(a->fds[i]);
}
static void on_stopped(void *ctx UNUSED, const struct peer_answer *a UNUSED)
{
}

static void ask(struct fixture *f, struct member *m)
{
        struct launch_spec s = fx_spec();
        char script[128];
        memcpy(m->id, s.id, sizeof m->id);
        s.memory_bytes = 32u << 20;
        s.disk_bytes = 4u << 20;
        s.wall_ms = 60000;
        snprintf(script, sizeof script, "echo %s; exec sleep 0.0%d", m->id, rand() % 10);
        const char *const argv[] = {"/bin/sh", "-c", script, NULL};
        auto_close int fd = fx_command(argv);
        m->stdio[0] = m->stdio[1] = m->stdio[2] = -1;
        m->cancel_ms = clock_boot_ms() + (uint64_t)(rand() % 3000);
        peer_call(f->asker, LAUNCH_CREATE, &s, &fd, 1, on_member, m);
}

/* Half of them are stopped, whatever they are at. */
static size_t cancel_some(struct fixture *f, struct member *all)
{
        size_t answered = 0;
        for (size_t i = 0; i < crowd; i++) {
                struct member *m = &all[i];
                answered += m->answered;
                if (m->cancelled || i % 2 || clock_boot_ms() < m->cancel_ms)
                        continue;
                struct launch_stop stop = {.grace_ms = 0};
                memcpy(stop.id, m->id, sizeof stop.id);
                m->cancelled = true;
                peer_call(f->asker, LAUNCH_STOP, &stop, NULL, 0, on_stopped, NULL);
        }
        return answered;
}

static size_t running(const struct fixture *f)
{
        size_t n = 0;
        for (const struct box *b = f->boxes->first; b; b = b->next)
                n += !b->spare && b->s.pidfd >= 0;
        return n;
}

static void check_member(struct member *m, int *made, int *whole)
{
        char text[128];
        if (m->status < 0)
                return;
        (*made)++;
        close(m->stdio[0]);
        fx_drain(m->stdio[1], text, sizeof text);
        close(m->stdio[2]);
        text[strcspn(text, "\n")] = 0;
        if (text[0]) /* a cancelled one may have said nothing; nobody says another's name */
                CHECK_STR(text, m->id);
        (*whole) += text[0] != 0;
        if (!m->cancelled)
                CHECK_STR(text, m->id);
}

TEST(many_at_once_with_random_cancels)
{
        static struct member all[CROWD_MAX];
        crowd = getenv("SOAK") ? CROWD_MAX : crowd;
        struct rlimit many;
        wanted();
        CHECK_INT(getrlimit(RLIMIT_NOFILE, &many), ==, 0);
        many.rlim_cur = many.rlim_max;
        CHECK_INT(setrlimit(RLIMIT_NOFILE, &many), ==, 0);
        if (many.rlim_max < crowd * 16)
                SKIP("host lacks enough descriptors for this user");
        struct fixture *f = fx_new_with(geteuid() == 0, false);
        int made = 0, whole = 0;
        one(f);
        struct figures none = {0}, before = settled(f, &none);
        print("before", &before);
        for (size_t i = 0; i < crowd; i++)
                ask(f, &all[i]);
        for (uint64_t end = clock_boot_ms() + 50000; clock_boot_ms() < end;) {
                CHECK_INT(loop_once(f->loop, 5, NULL), ==, 0);
                if (cancel_some(f, all) == crowd && running(f) == 0)
                        break;
        }
        CHECK_INT(cancel_some(f, all), ==, crowd);
        CHECK_INT(running(f), ==, 0);
        for (size_t i = 0; i < crowd; i++)
                check_member(&all[i], &made, &whole);
        printf("# %d of %zu made, %d said their name\n", made, crowd, whole);
        CHECK_INT(made, >, crowd / 4);
        for (size_t i = 0; i < crowd; i++) {
                struct launch_id q;
                memcpy(q.id, all[i].id, sizeof q.id);
                int r = fx_call(f, LAUNCH_FORGET, &q, NULL, 0);
                CHECK(!cgroup_exists(f->host->cgroups, q.id));
                CHECK(r == 0 || r == -ENOENT);
        }
        struct figures after = settled(f, &before);
        print("after", &after);
        CHECK_INT(after.fds, <=, before.fds);
        CHECK_INT(after.slots, <=, before.slots);
        CHECK_INT(after.journals, <=, before.journals);
        fx_free(f);
}
