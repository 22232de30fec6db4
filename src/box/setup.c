#include "box/setup.h"
#include "base/fd.h"
#include "box/deliver.h"
#include "box/listen.h"
#include "box/spec.h"
#include "link/init.h"
#include "os/caps.h"
#include "os/mount.h"
#include "os/ns.h"
#include "os/seccomp.h"
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define CONTROL   3
#define OOM_SCORE "500" /* of 1000: as much as half of the host's memory */

/* glibc's wrappers would tell its other threads; there are none and fewer calls are faster. */
static int set_ids(uint32_t id)
{
        if (syscall(SYS_setresgid, id, id, id) < 0 || syscall(SYS_setresuid, id, id, id) < 0)
                return -errno;
        return 0;
}

static int make_root(uint64_t bytes, struct err *err)
{
        char size[24], inodes[24];
        snprintf(size, sizeof size, "%llu", (unsigned long long)bytes);
        snprintf(inodes, sizeof inodes, "%llu", (unsigned long long)(bytes / 4096 + 1024));
        struct mount_option o[] = {
                {"size", size}, {"nr_inodes", inodes}, {"mode", "0755"}, {NULL, NULL}};
        auto_close int fd = mount_new("tmpfs", o, MOUNT_NOSUID | MOUNT_NODEV, err);
        if (fd < 0)
                return fd;
        /* On top of the old root: nothing of the host is needed as a place. */
        int r = (int)syscall(SYS_move_mount, fd, "", AT_FDCWD, "/", 4 /* F_EMPTY_PATH */);
        return r < 0 ? err_sys(err, -errno, "new root") : TAKE_FD(fd);
}

static int attach_root(int fd, struct err *err)
{
        if (syscall(SYS_move_mount, fd, "", AT_FDCWD, "/", 4 /* F_EMPTY_PATH */) < 0)
                return err_sys(err, -errno, "root of the image");
        int root = fcntl(fd, F_DUPFD_CLOEXEC, 10);
        return root < 0 ? err_sys(err, -errno, "root of the image") : root;
}

static const char *last_part(const char *path)
{
        const char *slash = strrchr(path, '/');
        return slash ? slash + 1 : path;
}

static int open_parent(int root, const char *path, struct err *err)
{
        char parent[PATH_TEXT_MAX];
        const char *name = last_part(path);
        snprintf(parent, sizeof parent, "%.*s", name > path ? (int)(name - path - 1) : 0, path);
        int dir = dir_open_within(root, parent);
        return dir < 0 ? err_sys(err, dir, "%s", parent) : dir;
}

/* In an image there may be anything: no link is followed, and a place is what it has to be. */
static int make_place(int root, const struct plan_step *s, struct err *err)
{
        auto_close int dir = open_parent(root, s->path, err);
        if (dir < 0)
                return dir;
        const char *name = last_part(s->path);
        struct stat st;
        if (mkdirat(dir, name, s->mode) == 0)
                return 0;
        if (errno != EEXIST || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return err_sys(err, -errno, "%s", s->path);
        return S_ISDIR(st.st_mode)
                       ? 0
                       : err_set(err, -ENOTDIR, "the image has no directory at '/%s'", s->path);
}

static int make_file_place(int root, const char *path, struct err *err)
{
        struct stat st;
        auto_close int dir = open_parent(root, path, err);
        if (dir < 0)
                return dir;
        auto_close int fd =
                openat(dir, last_part(path), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0444);
        if (fd >= 0)
                return 0;
        if (errno != EEXIST || fstatat(dir, last_part(path), &st, AT_SYMLINK_NOFOLLOW) < 0)
                return err_sys(err, -errno, "%s", path);
        return S_ISREG(st.st_mode)
                       ? 0
                       : err_set(err, -EINVAL, "the image has no plain file at '/%s'", path);
}

/* One that the image has already is the image's. */
static int make_link(int root, const struct plan_step *s, struct err *err)
{
        auto_close int dir = open_parent(root, s->path, err);
        if (dir < 0)
                return dir;
        if (symlinkat(s->text, dir, last_part(s->path)) < 0 && errno != EEXIST)
                return err_sys(err, -errno, "%s", s->path);
        return 0;
}

static int make_dir(int root, const struct plan_step *s, struct err *err)
{
        if (mkdirat(root, s->path, s->mode) < 0)
                return err_sys(err, -errno, "%s", s->path);
        if (s->mode & 01000 && fchmodat(root, s->path, s->mode, 0) < 0) /* umask, sticky bit */
                return err_sys(err, -errno, "%s", s->path);
        if (s->own && fchownat(root, s->path, BOX_UID, BOX_UID, AT_SYMLINK_NOFOLLOW) < 0)
                return err_sys(err, -errno, "%s", s->path);
        return 0;
}

static int make_file(int root, const char *path, struct err *err)
{
        auto_close int fd = openat(root, path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0444);
        return fd < 0 ? err_sys(err, -errno, "%s", path) : 0;
}

static int attach_copy(int root, const char *from, const char *to, struct err *err)
{
        /* Both are ours: in an image no link can be there (image.h). */
        auto_close int fd = mount_copy(root, from, false, err);
        return fd < 0 ? fd : mount_attach(fd, root, to, err);
}

static int attach_new(int root, const char *type, const struct mount_option *o, int attrs,
                      const char *to, struct err *err)
{
        auto_close int fd = mount_new(type, o, attrs, err);
        return fd < 0 ? fd : mount_attach(fd, root, to, err);
}

/* What is written through the sandbox's own /proc while it still can be: no user namespace may be
 * made inside (but those that launch makes in a template), whatever the system-call filter thinks, and the host's out-of-memory killer
 * takes a sandbox before anything of the host. */
static int write_proc(int proc, uint32_t namespaces, struct err *err)
{
        char text[16];
        snprintf(text, sizeof text, "%u", namespaces);
        int r = file_poke_at(proc, "sys/user/max_user_namespaces", text);
        if (r < 0)
                return err_sys(err, r, "user namespaces inside");
        prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* for the file to be ours */
        r = file_poke_at(proc, "self/oom_score_adj", OOM_SCORE);
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
        return r < 0 && r != -EACCES ? err_sys(err, r, "out-of-memory score")
                                     : 0; /* it is higher */
}

static int make_proc(int root, const struct plan_step *s, struct err *err)
{
        static const struct mount_option hide[] = {{"hidepid", "invisible"}, {NULL, NULL}};
        const int attrs = MOUNT_NOSUID | MOUNT_NODEV | MOUNT_NOEXEC;
        auto_close int proc = mount_new("proc", hide, attrs, err);
        int r = proc < 0 ? proc : write_proc(proc, s->n, err);
        if (r == 0 && !s->mode)
                r = mount_set(proc, attrs | MOUNT_RO, err);
        return r < 0 ? r : mount_attach(proc, root, s->path, err);
}

static int limit(int what, rlim_t most, struct err *err)
{
        struct rlimit l;
        if (getrlimit(what, &l) < 0)
                return err_sys(err, -errno, "limit %d", what);
        if (most < l.rlim_max)
                l.rlim_max = most;
        if (most < l.rlim_cur || l.rlim_cur < l.rlim_max)
                l.rlim_cur = l.rlim_max < most ? l.rlim_max : most;
        return setrlimit(what, &l) < 0 ? err_sys(err, -errno, "limit %d", what) : 0;
}

static int set_limits(const struct plan_step *s, struct err *err)
{
        /* Core 1, not 0: with 0 the kernel would still feed a host's piped core_pattern. Stack: a
         * quarter of it is what argv and the environment may take, 2 MiB and their pointers. */
        static const struct {
                int what;
                rlim_t most;
        } limits[] = {
                {RLIMIT_CORE, 1},          {RLIMIT_NOFILE, 4096},     {RLIMIT_MEMLOCK, 65536},
                {RLIMIT_MSGQUEUE, 819200}, {RLIMIT_SIGPENDING, 1024}, {RLIMIT_NICE, 0},
                {RLIMIT_RTPRIO, 0},        {RLIMIT_STACK, 10u << 20},
        };
        int r = 0;
        for (size_t i = 0; i < ARRAY_LEN(limits) && r == 0; i++)
                r = limit(limits[i].what, limits[i].most, err);
        if (r == 0 && s->bytes)
                r = limit(RLIMIT_DATA, s->bytes, err);
        if (r == 0 && s->n)
                r = limit(RLIMIT_NPROC, s->n, err);
        return r;
}

/* What installing packages needs of root, in a user namespace of its own; docs/THREATS.md. */
static int keep_build_caps(struct err *err)
{
        int r = caps_keep(CAPS_BUILD, err);
        if (r < 0)
                return r;
        return syscall(SYS_setgroups, 0, NULL) < 0 ? err_sys(err, -errno, "groups") : 0;
}

/* Root of this user namespace, with no way to more. */
static int keep_runsc_caps(struct err *err)
{
        int r = caps_keep(CAPS_RUNSC, err);
        if (r < 0)
                return r;
        if (syscall(SYS_setgroups, 0, NULL) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return err_sys(err, -errno, "privileges of runsc");
        return 0;
}

static int drop_ids(bool rootful, struct err *err)
{
        int r = caps_lock(err);
        if (r < 0)
                return r;
        if (rootful && syscall(SYS_setgroups, 0, NULL) < 0)
                return err_sys(err, -errno, "groups");
        r = set_ids(BOX_UID);
        return r < 0 ? err_sys(err, r, "user id %d", BOX_UID) : caps_drop(err);
}

static int mask(int root, const struct plan_step *s, struct err *err)
{
        auto_close int fd = mount_copy(root, s->n ? ".paddock/empty" : "dev/null", false, err);
        int r = fd < 0 ? fd : s->n ? mount_set(fd, MOUNT_RO, err) : 0;
        return r < 0 ? r : mount_attach(fd, root, s->path, err);
}

/* One message to the parent on the socket that becomes init's. */
static int tell(const struct setup *s, uint32_t verb, const void *obj, const int *fds, uint32_t n)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 1024);
        int r = wire_encode(link_find(&init_link, verb)->req, obj, &b, NULL);
        struct link_message m = {
                .verb = verb, .flags = LINK_EVENT, .body = {b.data, b.len}, .n_fds = n};
        for (uint32_t i = 0; i < n; i++)
                m.fds[i] = fds[i];
        return r < 0 ? r : link_send(s->control, &init_link, &m);
}

static int give_listeners(const struct setup *s, struct err *err)
{
        int fds[LISTEN_PORTS];
        int r = listen_open(fds, err);
        if (r < 0)
                return r;
        r = tell(s, INIT_LISTENING, &(struct init_listening){0}, fds, LISTEN_PORTS);
        for (size_t i = 0; i < LISTEN_PORTS; i++)
                close(fds[i]);
        return r < 0 ? err_sys(err, r, "listening sockets") : 0;
}

static int give_place(const struct setup *s, int root, const struct plan_step *p, struct err *err)
{
        struct init_place place = {p->n};
        auto_close int fd = deliver_place(root, p->path, p->n, true, err);
        if (fd < 0)
                return fd;
        int r = tell(s, INIT_PLACE, &place, &fd, 1);
        return r < 0 ? err_sys(err, r, "place of a secret") : 0;
}

static int step(const struct setup *s, const struct plan_step *p, int *root, struct err *err)
{
        static const struct mount_option pts[] = {
                {"newinstance", NULL}, {"ptmxmode", "0666"}, {"mode", "0620"}, {NULL, NULL}};
        switch (p->kind) {
        case PLAN_ROOT:
                *root = make_root(p->bytes, err);
                return *root < 0 ? *root : 0;
        case PLAN_IMAGE:
                *root = attach_root(s->trees[p->tree], err);
                return *root < 0 ? *root : 0;
        case PLAN_DIR:
                return s->trees[TREE_ROOT] >= 0 ? make_place(*root, p, err)
                                                : make_dir(*root, p, err);
        case PLAN_FILE:
                return s->trees[TREE_ROOT] >= 0 ? make_file_place(*root, p->path, err)
                                                : make_file(*root, p->path, err);
        case PLAN_LINK:
                return make_link(*root, p, err);
        case PLAN_TREE:
                return mount_attach(s->trees[p->tree], *root, p->path, err);
        case PLAN_VIEW:
                return attach_copy(*root, p->text, p->path, err);
        case PLAN_PROC:
                return make_proc(*root, p, err);
        case PLAN_PTS:
                return attach_new(*root, "devpts", pts, MOUNT_NOSUID | MOUNT_NOEXEC, p->path, err);
        case PLAN_MASK:
                return mask(*root, p, err);
        case PLAN_SEAL:
                return mount_set(*root, MOUNT_RO | MOUNT_NOSUID | MOUNT_NODEV, err);
        case PLAN_PIVOT:
                return mount_pivot(*root, err);
        case PLAN_HOSTNAME:
                return sethostname(p->text, strlen(p->text)) < 0 ? err_sys(err, -errno, "hostname")
                                                                 : 0;
        case PLAN_LOOPBACK:
                return ns_loopback_up(err);
        case PLAN_PLACES:
                return deliver_mount(*root, err);
        case PLAN_PLACE:
                return give_place(s, *root, p, err);
        case PLAN_LISTEN:
                return give_listeners(s, err);
        case PLAN_LIMITS:
                return set_limits(p, err);
        case PLAN_IDS:
                if (p->n == PLAN_IDS_RUNSC)
                        return keep_runsc_caps(err);
                return p->n && s->rootful ? keep_build_caps(err)
                                          : drop_ids(s->rootful || s->ranged, err);
        case PLAN_SECCOMP:
                return seccomp_install(seccomp_find(p->text), err);
        }
        return err_set(err, -EINVAL, "unknown step");
}

NORETURN static void fail(const struct setup *s, int code, const struct err *err)
{
        struct init_failed f = {.code = code};
        snprintf(f.text, sizeof f.text, "%.255s", err_text(err));
        if (tell(s, INIT_FAILED, &f, NULL, 0) < 0)
                _exit(1); /* launch is gone: it will be swept */
        _exit(1);
}

/* An ordinary user's single id. */
static int map_self(const struct setup *s, struct err *err)
{
        struct ns_map uid = {BOX_UID, s->uid, 1}, gid = {BOX_UID, s->gid, 1};
        prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* for /proc/self to be ours */
        int r = ns_write_maps(0, &uid, &gid, true, err);
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
        return r;
}

/* Into the control groups first, so that all that follows is charged to them; then blocks until the
 * parent has mapped the ids. */
static int begin(const struct setup *s, struct err *err)
{
        char c;
        int r = cgroup_enter(s->doors, err);
        if (r < 0)
                return r;
        if (unshare(CLONE_NEWCGROUP) < 0)
                return err_sys(err, -errno, "cgroup namespace");
        if (s->ranged) { /* for the parent, who is no more than us, to write our maps */
                prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
                if (send(s->control, "", 1, MSG_NOSIGNAL) != 1)
                        _exit(1);
        }
        if (recv(s->control, &c, 1, 0) != 1)
                _exit(1); /* launch died */
        if (s->ranged)
                prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
        umask(022);
        /* In its own session from the start: no controlling terminal of the host. */
        if (setsid() < 0)
                return err_sys(err, -errno, "session");
        if (!s->rootful && !s->ranged)
                return map_self(s, err);
        r = set_ids(0);
        return r < 0 ? err_sys(err, r, "root of the namespace") : 0;
}

/* Descriptors 0-2 from the sandbox's own /dev/null, 3 the control socket, nothing else: the rest is
 * close-on-exec by birth and, for whatever was forgotten, by this. */
static int arrange_fds(const struct setup *s, int init, struct err *err)
{
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (null < 0)
                return err_sys(err, -errno, "/dev/null");
        for (int i = 0; i < 3; i++)
                if (dup2(null, i) < 0)
                        return err_sys(err, -errno, "descriptor %d", i);
        if (dup3(s->control, CONTROL, 0) < 0)
                return err_sys(err, -errno, "control socket");
        if (syscall(SYS_close_range, CONTROL + 1u, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */) < 0)
                return err_sys(err, -errno, "descriptors");
        return init;
}

NORETURN void setup_run(const struct setup *given)
{
        struct err err = {0};
        struct setup s = *given;
        int root = -1;
        /* Out of the way of the numbers 0 to 3. */
        s.control = fcntl(s.control, F_DUPFD_CLOEXEC, 10);
        s.init = fcntl(s.init, F_DUPFD_CLOEXEC, 10);
        if (s.control < 0 || s.init < 0)
                _exit(1);
        int r = begin(&s, &err);
        if (r < 0)
                fail(&s, r, &err);
        for (size_t i = 0; i < s.plan->n; i++) {
                const struct plan_step *p = &s.plan->steps[i];
                if (p->kind == PLAN_IDS) { /* the last moment at which every path may be opened */
                        r = arrange_fds(&s, s.init, &err);
                        s.control = CONTROL;
                        if (r < 0)
                                fail(&s, r, &err);
                }
                r = step(&s, p, &root, &err);
                if (r < 0) {
                        err_wrap(&err, r, "%s", plan_kind_text(p->kind));
                        fail(&s, r, &err);
                }
        }
        static char *none[] = {NULL};
        char rows[16], cols[16];
        char *argv[] = {(char *)"init", s.tty ? rows : NULL, cols, NULL};
        if (s.runsc)
                argv[1] = (char *)"runsc", argv[2] = NULL;
        snprintf(rows, sizeof rows, "%u", s.rows);
        snprintf(cols, sizeof cols, "%u", s.cols);
        syscall(SYS_execveat, s.init, "", argv, none, AT_EMPTY_PATH);
        err_sys(&err, -errno, "init");
        fail(&s, err.code, &err);
}
