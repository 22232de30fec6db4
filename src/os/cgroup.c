#include "os/cgroup_impl.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#define PARENT      "paddock"
#define KILL_ROUNDS 100 /* new ones may be born while the list is read, but not for ever */
#define OWN_LEAF    "paddock-roles" /* v2: where the processes of a group with children live */
static const char *const names[CGROUP_CONTROLLERS] = {"memory", "pids", "cpu", "io", "freezer"};

const char *cgroup_controller_text(enum cgroup_controller c)
{
        return names[c];
}

/* ---- finding our own groups ---- */

/* True when `word` is one of the comma- or space-separated words of `list`. */
static bool has_word(const char *list, const char *word)
{
        size_t n = strlen(word);
        for (const char *p = list; (p = strstr(p, word)); p += n)
                if ((p == list || strchr(", ", p[-1])) && (!p[n] || strchr(", \n", p[n])))
                        return true;
        return false;
}

/* The path of our group in the hierarchy of a controller (NULL: v2) from /proc/self/cgroup. */
static int own_path(const char *text, const char *controller, char *ret, size_t size)
{
        for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
                size_t len = strcspn(line, "\n");
                const char *list = memchr(line, ':', len);
                const char *path =
                        list ? memchr(list + 1, ':', len - (size_t)(list + 1 - line)) : NULL;
                if (!path)
                        continue;
                char words[128];
                snprintf(words, sizeof words, "%.*s", (int)(path - list - 1), list + 1);
                if (controller ? !has_word(words, controller) : words[0] != 0)
                        continue;
                size_t n = len - (size_t)(path + 1 - line);
                if (n >= size)
                        return -ENAMETOOLONG;
                memcpy(ret, path + 1, n);
                ret[n] = 0;
                return 0;
        }
        return -ENOENT;
}

/* A cgroup mount: its mount point and the group that it shows as its root. */
struct found {
        char root[1024], point[1024];
};

static int find_mount(const char *text, const char *controller, struct found *ret)
{
        for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
                char buf[3072], type[32] = "", options[512] = "";
                snprintf(buf, sizeof buf, "%.*s", (int)strcspn(line, "\n"), line);
                const char *dash = strstr(buf, " - ");
                if (!dash || sscanf(buf, "%*s %*s %*s %1023s %1023s", ret->root, ret->point) != 2 ||
                    sscanf(dash, " - %31s %*s %511s", type, options) != 2)
                        continue;
                if (controller ? str_eq(type, "cgroup") && has_word(options, controller)
                               : str_eq(type, "cgroup2"))
                        return 0;
        }
        return -ENOENT;
}

/* Opens our own group's directory in one hierarchy. */
static int open_own(const char *groups, const char *mounts, const char *controller)
{
        struct found f;
        char own[1024], path[3072];
        int r = own_path(groups, controller, own, sizeof own);
        if (r == 0)
                r = find_mount(mounts, controller, &f);
        if (r < 0)
                return r;
        const char *below = own;
        size_t n = strlen(f.root);
        if (n > 1 && strncmp(own, f.root, n) == 0)
                below = own + n;
        else if (n > 1)
                below = ""; /* the mount shows a part of the tree that we are not below: its top */
        snprintf(path, sizeof path, "%s%s", f.point, below);
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

static int make_parent(int own)
{
        if (mkdirat(own, PARENT, 0755) < 0 && errno != EEXIST)
                return -errno;
        int fd = dir_open_at(own, PARENT);
        if (fd >= 0 && faccessat(fd, ".", W_OK, AT_EACCESS) < 0) {
                close(fd);
                return -EACCES;
        }
        return fd;
}

/* v2: a group with children that have controllers may not hold processes itself (except the root of
 * the tree), so those of ours move into a leaf. */
static int empty_own(int own)
{
        char pids[16384];
        if (mkdirat(own, OWN_LEAF, 0755) < 0 && errno != EEXIST)
                return -errno;
        int r = cgroup_read(own, "cgroup.procs", pids, sizeof pids);
        for (char *p = pids, *next; r > 0 && *p; p = next) {
                next = p + strcspn(p, "\n");
                if (*next)
                        *next++ = 0;
                int e = file_poke_at(own, OWN_LEAF "/cgroup.procs", p);
                if (e < 0 && e != -ESRCH)
                        return e;
        }
        return r < 0 ? r : 0;
}

static void enable_v2(struct cgroup_host *h, int own)
{
        for (int c = 0; c < CGROUP_CONTROLLERS; c++) {
                char have[CGROUP_FILE_BYTES], word[16];
                if (cgroup_read(own, "cgroup.controllers", have, sizeof have) < 0 ||
                    !has_word(have, names[c]))
                        continue;
                snprintf(word, sizeof word, "+%s", names[c]);
                int r = file_poke_at(own, "cgroup.subtree_control", word);
                if (r == -EBUSY && empty_own(own) == 0)
                        r = file_poke_at(own, "cgroup.subtree_control", word);
                if (r == 0)
                        r = file_poke_at(h->v2, "cgroup.subtree_control", word);
                h->v2_has[c] = r == 0;
        }
        h->v2_has[CGROUP_FREEZER] = true; /* part of every group, since Linux 5.2 */
}

struct cgroup_host *cgroup_host_none(void)
{
        struct cgroup_host *h = xcalloc(1, sizeof *h);
        h->v2 = -1;
        for (int c = 0; c < CGROUP_CONTROLLERS; c++)
                h->v1[c] = -1;
        return h;
}

struct cgroup_host *cgroup_host_new(struct err *why)
{
        struct cgroup_host *h = cgroup_host_none();
        CLEANUP(buf_done) struct buf groups, mounts;
        buf_init(&groups, 65536);
        buf_init(&mounts, 4u << 20);
        int r = file_read_at(AT_FDCWD, "/proc/self/cgroup", &groups);
        if (r == 0)
                r = file_read_at(AT_FDCWD, "/proc/self/mountinfo", &mounts);
        if (r < 0) {
                err_sys(why, r, "/proc/self/cgroup");
                return h;
        }
        auto_close int own = open_own(buf_text(&groups), buf_text(&mounts), NULL);
        h->v2 = own < 0 ? own : make_parent(own);
        if (h->v2 >= 0)
                enable_v2(h, own);
        else
                r = h->v2;
        for (int c = 0; c < CGROUP_CONTROLLERS; c++) {
                if (h->v2_has[c] || c == CGROUP_IO)
                        continue; /* io: v2 or not at all, another hierarchy would cost each start */
                auto_close int dir = open_own(buf_text(&groups), buf_text(&mounts), names[c]);
                h->v1[c] = dir < 0 ? dir : make_parent(dir);
                if (h->v1[c] < 0)
                        r = h->v1[c];
        }
        if (r < 0)
                err_sys(why, r, "some control groups");
        return h;
}

void cgroup_host_free(struct cgroup_host *h)
{
        if (!h)
                return;
        closep(&h->v2);
        for (int c = 0; c < CGROUP_CONTROLLERS; c++)
                closep(&h->v1[c]);
        free(h);
}

bool cgroup_has(const struct cgroup_host *h, enum cgroup_controller c)
{
        return h->v2_has[c] || h->v1[c] >= 0;
}

const char *cgroup_mode(const struct cgroup_host *h)
{
        bool v1 = false;
        for (int c = 0; c < CGROUP_CONTROLLERS; c++)
                v1 = v1 || h->v1[c] >= 0;
        if (h->v2 >= 0)
                return v1 ? "hybrid" : "v2";
        return v1 ? "v1" : "none";
}

/* ---- one group ---- */

static int poke_u64(int dir, const char *name, const char *file, uint64_t value)
{
        char text[24];
        snprintf(text, sizeof text, "%llu", (unsigned long long)value);
        return cgroup_poke(dir, name, file, text);
}

static int limit_memory(const struct cgroup_host *h, const char *name, uint64_t bytes)
{
        if (h->v2_has[CGROUP_MEMORY]) {
                int r = poke_u64(h->v2, name, "memory.max", bytes);
                if (r == 0)
                        r = cgroup_poke(h->v2, name, "memory.swap.max", "0");
                if (r == 0 || r == -ENOENT) /* no swap accounting */
                        r = cgroup_poke(h->v2, name, "memory.oom.group", "1");
                return r;
        }
        int dir = h->v1[CGROUP_MEMORY];
        int r = poke_u64(dir, name, "memory.limit_in_bytes", bytes);
        if (r == 0)
                r = poke_u64(dir, name, "memory.memsw.limit_in_bytes", bytes);
        return r == -ENOENT ? 0 : r;
}

static int limit_cpu(const struct cgroup_host *h, const char *name, uint32_t milli)
{
        uint64_t quota_us = (uint64_t)milli * 100; /* of each 100 ms */
        if (h->v2_has[CGROUP_CPU]) {
                char text[40];
                snprintf(text, sizeof text, "%llu 100000", (unsigned long long)quota_us);
                return cgroup_poke(h->v2, name, "cpu.max", text);
        }
        return poke_u64(h->v1[CGROUP_CPU], name, "cpu.cfs_quota_us", quota_us);
}

int cgroup_limit(const struct cgroup_host *h, const char *name, const struct cgroup_limits *l,
                 struct err *err)
{
        int r = 0;
        if (l->memory_bytes && cgroup_has(h, CGROUP_MEMORY))
                r = limit_memory(h, name, l->memory_bytes);
        if (r < 0)
                return err_sys(err, r, "memory limit");
        if (l->pids && cgroup_has(h, CGROUP_PIDS))
                r = poke_u64(h->v2_has[CGROUP_PIDS] ? h->v2 : h->v1[CGROUP_PIDS], name, "pids.max",
                             l->pids);
        if (r < 0)
                return err_sys(err, r, "pids limit");
        if (l->cpu_milli && cgroup_has(h, CGROUP_CPU))
                r = limit_cpu(h, name, l->cpu_milli);
        return r < 0 ? err_sys(err, r, "cpu limit") : 0;
}

/* Calls fn on each hierarchy once: v1 hierarchies may hold several controllers ("cpu,cpuacct") but
 * then their directories are one, which mkdir and rmdir forgive. */
static int each_dir(const struct cgroup_host *h, int (*fn)(int dir, const char *name),
                    const char *name)
{
        int worst = h->v2 >= 0 ? fn(h->v2, name) : 0;
        for (int c = 0; c < CGROUP_CONTROLLERS; c++) {
                int r = h->v1[c] >= 0 ? fn(h->v1[c], name) : 0;
                if (r < 0)
                        worst = r;
        }
        return worst;
}

static int make_one(int dir, const char *name)
{
        return mkdirat(dir, name, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

static int remove_one(int dir, const char *name)
{
        return unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

int cgroup_make(const struct cgroup_host *h, const char *name, const struct cgroup_limits *limits,
                struct err *err)
{
        if (strlen(name) >= CGROUP_NAME_BYTES || strchr(name, '/'))
                return err_set(err, -EINVAL, "control group name");
        int r = each_dir(h, make_one, name);
        if (r < 0)
                err_sys(err, r, "control group");
        else
                r = cgroup_limit(h, name, limits, err);
        if (r < 0 && each_dir(h, remove_one, name) < 0)
                return err_wrap(err, r, "not undone");
        return r;
}

int cgroup_open(const struct cgroup_host *h, const char *name)
{
        return h->v2 < 0 ? -ENOENT : dir_open_at(h->v2, name);
}

int cgroup_doors(const struct cgroup_host *h, const char *name, int ret[CGROUP_CONTROLLERS],
                 struct err *err)
{
        char path[CGROUP_NAME_BYTES + 16];
        snprintf(path, sizeof path, "%s/tasks", name);
        for (int c = 0; c < CGROUP_CONTROLLERS; c++)
                ret[c] = -1;
        for (int c = 0; c < CGROUP_CONTROLLERS; c++) {
                if (h->v1[c] < 0)
                        continue;
                ret[c] = openat(h->v1[c], path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
                if (ret[c] >= 0)
                        continue;
                int r = err_sys(err, -errno, "control group of %s", names[c]);
                for (int k = 0; k < c; k++)
                        closep(&ret[k]);
                return r;
        }
        return 0;
}

int cgroup_door_v2(const struct cgroup_host *h, const char *name)
{
        char path[CGROUP_NAME_BYTES + 16];
        snprintf(path, sizeof path, "%s/cgroup.procs", name);
        bool needed = false;
        for (int c = 0; c < CGROUP_CONTROLLERS; c++)
                needed = needed || h->v2_has[c];
        return !needed ? -1 : openat(h->v2, path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
}

int cgroup_enter(const int doors[CGROUP_CONTROLLERS], struct err *err)
{
        for (int c = 0; c < CGROUP_CONTROLLERS; c++)
                if (doors[c] >= 0 && write(doors[c], "0", 1) != 1)
                        return err_sys(err, -errno, "entering the control group of %s", names[c]);
        return 0;
}

static void kill_listed(int dir, const char *name, int rounds)
{
        char path[CGROUP_NAME_BYTES + 16], pids[16384];
        snprintf(path, sizeof path, "%s/cgroup.procs", name);
        while (rounds--) {
                if (cgroup_read(dir, path, pids, sizeof pids) <= 0)
                        return;
                for (char *p = pids, *end; *p; p = end + (*end == '\n')) {
                        long pid = strtol(p, &end, 10);
                        if (end == p)
                                return;
                        if (pid > 1)
                                kill((pid_t)pid, SIGKILL);
                }
        }
}

void cgroup_kill(const struct cgroup_host *h, const char *name)
{
        if (h->v2 >= 0 && cgroup_poke(h->v2, name, "cgroup.kill", "1") == 0)
                return;
        if (h->v2 >= 0)
                kill_listed(h->v2, name, KILL_ROUNDS); /* before Linux 5.14 */
        /* v1: nothing is born while it stands still, and what does dies when it may go on. */
        int freezer = h->v1[CGROUP_FREEZER];
        if (freezer >= 0 && cgroup_freeze(h, name, true) == 0) {
                kill_listed(freezer, name, 1);
                if (cgroup_freeze(h, name, false) < 0)
                        kill_listed(freezer, name, 1); /* gone meanwhile */
        }
        for (int c = 0; c < CGROUP_CONTROLLERS; c++)
                if (h->v1[c] >= 0)
                        kill_listed(h->v1[c], name, KILL_ROUNDS);
}

int cgroup_remove(const struct cgroup_host *h, const char *name)
{
        return each_dir(h, remove_one, name);
}

static int absent(int dir, const char *name)
{
        return faccessat(dir, name, F_OK, 0) == 0 ? -EEXIST : 0;
}

bool cgroup_exists(const struct cgroup_host *h, const char *name)
{
        return each_dir(h, absent, name) < 0;
}
