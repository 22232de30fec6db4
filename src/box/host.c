#include "box/host_ns.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/str.h"
#include "box/dev.h"
#include "box/etc.h"
#include "box/image.h"
#include "box/programs.h"
#include "box/quota.h"
#include "box/runsc.h"
#include "box/spec.h"
#include "box/volume.h"
#include "os/landlock.h"
#include "os/mount.h"
#include <fcntl.h>
#include <linux/securebits.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

extern const char _binary_init_start[], _binary_init_end[]; /* build/gen/init */

static int open_dirs(struct box_host *h, struct err *err)
{
        int r = dir_ensure_at(h->state, "volumes", 0711);
        if (r == 0)
                r = dir_ensure_at(h->state, "boxes", 0700);
        if (r == 0)
                r = dir_ensure_at(h->state, "tree", 0700);
        if (r < 0)
                return err_sys(err, r, "state directory");
        h->volumes = dir_open_at(h->state, "volumes");
        h->boxes = dir_open_at(h->state, "boxes");
        if (h->volumes < 0 || h->boxes < 0)
                return err_sys(err, -EIO, "state directory");
        return 0;
}

/* ---- the prepared trees ---- */

static int tmpfs_at(int dir, const char *path, int attrs, struct err *err)
{
        static const struct mount_option o[] = {{"mode", "0755"}, {"size", "64m"}, {NULL, NULL}};
        auto_close int fd = mount_new("tmpfs", o, attrs, err);
        if (fd < 0)
                return fd;
        int r = mount_attach(fd, dir, path, err);
        return r < 0 ? r : TAKE_FD(fd);
}

static int make_usr(struct box_host *h, struct err *err)
{
        auto_close int usr = mount_copy(AT_FDCWD, "/usr", false, err);
        if (usr < 0)
                return usr;
        int r = mount_set(usr, MOUNT_RO | MOUNT_NOSUID | MOUNT_NODEV, err);
        if (r == 0 && mkdirat(h->tree, "usr", 0755) < 0)
                r = err_sys(err, -errno, "usr");
        if (r == 0)
                r = mount_attach(usr, h->tree, "usr", err);
        if (r == 0)
                h->usr = TAKE_FD(usr);
        return r;
}

static int make_etc(struct box_host *h, struct err *err)
{
        static unsigned generation; /* a new one when the host's ld.so.cache changed */
        char name[16], old[16];
        snprintf(old, sizeof old, "etc%u", generation);
        snprintf(name, sizeof name, "etc%u", ++generation);
        if (mkdirat(h->tree, name, 0755) < 0)
                return err_sys(err, -errno, "etc");
        auto_close int etc = tmpfs_at(h->tree, name, MOUNT_NOSUID | MOUNT_NODEV, err);
        int r = etc < 0 ? etc : etc_fill(etc, &h->cache_mtime, err);
        if (r == 0)
                r = mount_set(etc, MOUNT_RO | MOUNT_NOSUID | MOUNT_NODEV | MOUNT_NOEXEC, err);
        mount_detach(h->tree, r < 0 ? name : old); /* sandboxes have copies of their own */
        if (r < 0)
                return r;
        closep(&h->etc);
        h->etc = TAKE_FD(etc);
        return 0;
}

static void note_missing(struct box_host *h, const char *what)
{
        size_t n = strlen(h->missing);
        snprintf(h->missing + n, sizeof h->missing - n, "%s%s", n ? ", " : "", what);
}

/* Where the host's files are on an overlay already, there may be no further one. */
static int try_own_inodes(struct box_host *h, struct err *err)
{
        struct err why = {0};
        if (mkdirat(h->tree, "empty", 0755) < 0 || (h->empty = dir_open_at(h->tree, "empty")) < 0)
                return err_sys(err, -errno, "empty");
        auto_close int usr = mount_own_inodes(h->usr, h->empty, 0, &why);
        if (usr >= 0)
                return 0;
        closep(&h->empty);
        h->empty = -1;
        note_missing(h, "inodes of its own");
        return 0;
}

/* A sandbox's own view of a prepared directory: neither by locks nor by watching it can two
 * sandboxes talk, or see what the host does in its /usr. */
static int own_view(const struct box_host *h, int fd, int attrs, struct err *err)
{
        return h->empty < 0 ? mount_copy(fd, "", false, err)
                            : mount_own_inodes(fd, h->empty, attrs, err);
}

static int make_trees(struct box_host *h, struct err *err)
{
        mode_t mask = umask(022); /* what is made here is read by the guests' ids */
        h->tree = tmpfs_at(h->state, "tree", MOUNT_NOSUID, err);
        int r = h->tree < 0 ? h->tree : make_usr(h, err);
        if (r == 0)
                r = dev_make(h->tree, "dev", NULL, err);
        if (r == 0)
                r = make_etc(h, err);
        if (r == 0)
                r = try_own_inodes(h, err);
        umask(mask);
        return r < 0 ? err_wrap(err, r, "preparing the image 'host'") : 0;
}

/* ---- facts ---- */

/* "/lib" -> "usr/lib" and the like: on a host where they are directories of their own the image
 * would lack the loader. */
static int find_links(struct plan_facts *f, struct err *err)
{
        static const char *const names[] = {"bin", "lib", "lib32", "lib64", "libx32", "sbin"};
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                char path[16];
                struct plan_link *l = &f->links[f->n_links];
                snprintf(path, sizeof path, "/%s", names[i]);
                ssize_t n = readlink(path, l->target, sizeof l->target - 1);
                if (n < 0 && errno == ENOENT)
                        continue;
                if (n < 0 || strncmp(l->target[0] == '/' ? l->target + 1 : l->target, "usr/", 4))
                        return err_set(err, -ENOTSUP,
                                       "%s is not a link into /usr: this host's layout is not "
                                       "supported",
                                       path);
                l->target[n] = 0;
                snprintf(l->name, sizeof l->name, "%s", names[i]);
                f->n_links++;
        }
        return 0;
}

/* What of /proc says more about the host than a guest should know; /proc itself is read-only. */
static void find_masks(struct plan_facts *f)
{
        static const char *const paths[] = {
                "acpi",         "asound",      "bus",           "driver",     "fs",
                "irq",          "scsi",        "kcore",         "keys",       "key-users",
                "kmsg",         "kallsyms",    "interrupts",    "softirqs",   "modules",
                "config.gz",    "sched_debug", "latency_stats", "timer_list", "timer_stats",
                "sysrq-trigger"};
        for (size_t i = 0; i < ARRAY_LEN(paths) && f->n_masks < ARRAY_LEN(f->masks); i++) {
                char path[48];
                struct stat st;
                snprintf(path, sizeof path, "/proc/%s", paths[i]);
                if (lstat(path, &st) < 0)
                        continue;
                struct plan_mask *m = &f->masks[f->n_masks++];
                snprintf(m->path, sizeof m->path, "proc/%s", paths[i]);
                m->dir = S_ISDIR(st.st_mode);
        }
}

static void find_cgroups(struct box_host *h, bool none)
{
        h->cgroups = none ? cgroup_host_none() : cgroup_host_new(NULL);
        for (int c = 0; c < CGROUP_CONTROLLERS; c++)
                if (c != CGROUP_IO && c != CGROUP_FREEZER &&
                    !cgroup_has(h->cgroups, (enum cgroup_controller)c)) {
                        char text[32];
                        snprintf(text, sizeof text, "%s limit",
                                 cgroup_controller_text((enum cgroup_controller)c));
                        note_missing(h, text);
                }
        h->facts.limits_in_cgroup =
                cgroup_has(h->cgroups, CGROUP_MEMORY) && cgroup_has(h->cgroups, CGROUP_PIDS);
}

static int make_init(struct box_host *h, struct err *err)
{
        h->init = memfd_sealed("init", _binary_init_start,
                               (uintptr_t)_binary_init_end - (uintptr_t)_binary_init_start);
        if (h->init < 0)
                return err_sys(err, h->init, "init");
        /* Not readable: a process that runs it is never dumpable, not even before its first
         * instruction. */
        return fchmod(h->init, 0111) < 0 ? err_sys(err, -errno, "init") : 0;
}

int host_new(const struct host_options *o, struct box_host **ret, struct err *err)
{
        CLEANUP(host_freep) struct box_host *h = xcalloc(1, sizeof *h);
        h->state = h->volumes = h->boxes = h->tree = h->etc = h->init = -1;
        h->usr = h->empty = h->files = h->own_mnt = h->own_uts = -1;
        h->layers = h->uppers = h->frames = h->stage = h->ca = h->quotas = -1;
        for (size_t i = 0; i < PROGRAMS_N; i++)
                h->programs[i] = -1;
        for (size_t i = 0; i < SLOTS; i++)
                h->idmaps[i] = -1;
        h->facts.gpus = &h->gpus;
        h->uid = geteuid();
        h->gid = getegid();
        h->facts.rootful = o->rootful;
        /* Where launch takes a sandbox's root for the owner of what it makes, it stays what it is. */
        if (o->rootful && prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) < 0)
                return err_sys(err, -errno, "securebits");
        find_cgroups(h, o->no_cgroups); /* before we leave the host's namespaces */
        h->landlock_abi = landlock_abi();
        if (!h->landlock_abi)
                note_missing(h, "landlock");
        int r = find_links(&h->facts, err);
        if (r == 0)
                r = host_namespaces(h, o, err);
        if (r == 0)
                r = open_dirs(h, err);
        if (r == 0)
                r = make_trees(h, err);
        if (r == 0)
                r = images_open(h, err);
        if (r == 0)
                r = quotas_open(h, err);
        if (r == 0)
                volume_copy_drop(h, NULL);
        h->facts.ca = h->ca >= 0;
        if (r == 0)
                r = programs_copy(h->tree, o->libexec, h->programs, &h->files, err);
        if (r == 0)
                r = programs_copy_warm(h->tree, o->libexec, err);
        h->facts.unpack = h->programs[PROGRAM_UNPACK] >= 0;
        if (r == 0)
                r = make_init(h, err);
        if (r < 0)
                return r;
        find_masks(&h->facts);
        *ret = TAKE_PTR(h);
        return 0;
}

void host_free(struct box_host *h)
{
        if (!h)
                return;
        if (h->tree >= 0)
                mount_detach(h->state, "tree");
        int *fds[] = {&h->state,  &h->volumes, &h->boxes,  &h->tree,    &h->etc,    &h->usr,
                      &h->empty,  &h->init,    &h->layers, &h->uppers,  &h->frames, &h->stage,
                      &h->quotas, &h->files,   &h->ca,     &h->own_mnt, &h->own_uts};
        for (size_t i = 0; i < ARRAY_LEN(fds); i++)
                closep(fds[i]);
        for (size_t i = 0; i < PROGRAMS_N; i++)
                closep(&h->programs[i]);
        for (size_t i = 0; i < SLOTS; i++)
                closep(&h->idmaps[i]);
        cgroup_host_free(h->cgroups);
        gpu_done(&h->gpus);
        free(h);
}

/* ---- copies for one sandbox ---- */

static int copy_program(struct box_host *h, const struct launch_spec *spec, struct err *err)
{
        uint32_t profile = spec->profile;
        if (profile == BOX_TEMPLATE) {
                auto_close int warm = mount_copy(h->tree, "warm", false, err);
                int w = warm < 0 ? warm
                                 : mount_set(warm, MOUNT_RO | MOUNT_NOSUID | MOUNT_NODEV, err);
                return w < 0 ? w : TAKE_FD(warm);
        }
        enum program which = runsc_asked(spec)      ? PROGRAM_RUNSC
                             : profile == BOX_PARSE ? PROGRAM_PARSE
                             : profile == BOX_FILES ? PROGRAM_FILES
                                                    : PROGRAM_UNPACK;
        int program = h->programs[which];
        if (program < 0)
                return err_set(err, -ENOENT, "the program of this profile is not installed");
        auto_close int fd = mount_copy(program, "", false, err);
        int r = fd < 0 ? fd : mount_set(fd, MOUNT_RO | MOUNT_NOSUID | MOUNT_NODEV, err);
        return r < 0 ? r : TAKE_FD(fd);
}

void host_close_trees(int trees[TREE_MAX])
{
        for (size_t i = 0; i < TREE_MAX; i++) {
                closep(&trees[i]);
                trees[i] = -1;
        }
}

static int fill_volumes(struct box_host *h, const struct launch_spec *spec, uint32_t slot,
                        int trees[TREE_MAX], struct err *err)
{
        for (uint32_t i = 0; i < spec->n_mounts; i++) {
                int fd = volume_mount(h, &spec->mounts[i], slot, err);
                if (fd < 0)
                        return err_wrap(err, fd, "volume %s", spec->mounts[i].volume);
                trees[TREE_VOLUME + i] = fd;
        }
        return 0;
}

/* Their files; the /dev with their nodes is returned. */
static int fill_gpus(struct box_host *h, const struct launch_spec *spec, int trees[TREE_MAX],
                     struct err *err)
{
        struct gpu_set set;
        int r = gpu_set(&h->gpus, spec, &set, err);
        for (size_t i = 0; i < set.n_files && r == 0; i++) {
                auto_close int file = gpu_open_file(set.files[i], err);
                auto_close int fd = file < 0 ? file : mount_copy(file, "", false, err);
                r = fd < 0 ? fd : mount_set(fd, MOUNT_RO | MOUNT_NOSUID | MOUNT_NODEV, err);
                if (r == 0)
                        trees[TREE_GPU + i] = TAKE_FD(fd);
        }
        return r < 0 ? r : dev_with_gpus(h->tree, &set, err);
}

static int fill_trees(struct box_host *h, const struct launch_spec *spec, uint32_t slot,
                      int trees[TREE_MAX], struct err *err)
{
        if (etc_changed(h->cache_mtime)) {
                mode_t mask = umask(022);
                int r = make_etc(h, err);
                umask(mask);
                if (r < 0)
                        return r;
        }
        if ((trees[TREE_USR] = own_view(h, h->usr, MOUNT_NOSUID | MOUNT_NODEV, err)) < 0)
                return trees[TREE_USR];
        int dev = spec->n_gpus ? fill_gpus(h, spec, trees, err)
                               : mount_copy(h->tree, "dev", true, err);
        if ((trees[TREE_DEV] = dev) < 0)
                return dev;
        trees[TREE_ETC] = own_view(h, h->etc, MOUNT_NOSUID | MOUNT_NODEV | MOUNT_NOEXEC, err);
        if (trees[TREE_ETC] < 0)
                return trees[TREE_ETC];
        bool ours = spec->profile != BOX_RUN && (spec->profile != BOX_BUILD || h->facts.unpack);
        if (ours || runsc_asked(spec)) {
                trees[TREE_PROGRAM] = copy_program(h, spec, err);
                if (trees[TREE_PROGRAM] < 0)
                        return trees[TREE_PROGRAM];
        }
        if (image_rooted(spec)) {
                int r = image_trees(h, spec, slot, trees, err);
                if (r < 0)
                        return r;
        }
        return fill_volumes(h, spec, slot, trees, err);
}

int host_volumes(struct box_host *h, const struct launch_spec *spec, uint32_t slot,
                 int trees[TREE_MAX], struct err *err)
{
        for (size_t i = 0; i < TREE_MAX; i++)
                trees[i] = -1;
        int r = fill_volumes(h, spec, slot, trees, err);
        if (r < 0)
                host_close_trees(trees);
        return r;
}

int host_trees(struct box_host *h, const struct launch_spec *spec, uint32_t slot,
               int trees[TREE_MAX], struct err *err)
{
        for (size_t i = 0; i < TREE_MAX; i++)
                trees[i] = -1;
        int r = fill_trees(h, spec, slot, trees, err);
        if (r < 0) {
                host_close_trees(trees);
                image_discard(h, spec->id);
        }
        return r;
}
