/* host.h - what launch prepares once, before the first sandbox: its own mount namespace (rootless:
 * its own user namespace too, so that there it may mount), the mount trees that every sandbox gets
 * a copy of, init's program in a sealed memfd, the parent control groups, the state directories.
 *
 * After host_new the calling process is in that namespace; it must have one thread.
 */
#pragma once
#include "box/gpu.h"
#include "box/plan.h"
#include "box/programs.h"
#include "os/cgroup.h"

#define SLOT_BASE      0x70000000u /* the first host id of the pool of id ranges */
#define SLOT_SIZE      65536u
#define TEMPLATE_SLOTS 16u  /* in a row, of a template: its own and one for each child at a time */
#define SLOTS          4096 /* slot 0: what volumes have on disk; 1...: running sandboxes */

struct host_options {
        bool rootful;
        int state_fd;        /* borrowed; launch's own directory */
        const char *libexec; /* where parse and files are; NULL: beside our own executable */
        bool no_cgroups;     /* tests: as on a host without */
};

struct box_host {
        struct plan_facts facts;
        uint32_t uid, gid;    /* our own, before any namespace */
        uint32_t first_id;    /* rootless: of the further ids that serve gave us (serve/subid.h) */
        uint32_t n_ranges;    /* how many sandboxes have 65536 of them each: the first slots; 0 */
        int state;            /* the state directory as seen from our namespace */
        int volumes, boxes;   /* below it */
        int quotas;           /* below it: quota.h */
        int layers, uppers;   /* below it: image layers; upper layers on disk */
        int frames;           /* below it: the lowest and the topmost layer of every image */
        int stage;            /* see os/overlay.h; -1: this kernel needs none */
        int ca;               /* the host's CA bundle, O_PATH; -1: it has none */
        int tree, etc, usr;   /* the prepared mounts; etc, the newest of its kind */
        int empty;            /* directory; -1: no overlay on this host, sandboxes share inodes */
        int own_mnt, own_uts; /* the namespaces to come back to, enter.c */
        int init;             /* sealed memfd, not readable by the sandbox */
        int programs[PROGRAMS_N]; /* O_PATH; -1: not installed */
        int files;                /* the same `files` as a sealed memfd, for execs; -1 */
        int64_t cache_mtime;      /* of the host's ld.so.cache, of which etc holds a copy */
        struct gpu_table gpus;    /* what serve said that sandboxes may be given */
        struct cgroup_host *cgroups;
        int landlock_abi;
        int idmaps[SLOTS]; /* user namespaces for idmapped mounts, made on first use; else -1 */
        char missing[256]; /* layers that this host cannot give to any sandbox */
};

/* Rootless: the first of the further ids of the sandbox of that slot; 0 = it has the user's id only. */
static inline uint32_t host_range(const struct box_host *h, uint32_t slot)
{
        return slot >= 1 && slot <= h->n_ranges ? h->first_id + (slot - 1) * SLOT_SIZE : 0;
}
/* Fails when a layer that is required is not to be had. */
MUST_CHECK int host_new(const struct host_options *o, struct box_host **ret, struct err *err);
void host_free(struct box_host *h); /* NULL is fine */
DEFINE_CLEANUP(struct box_host *, host_free);
/* Fresh copies of the trees that the specification needs, in trees[TREE_MAX] (-1: none). On failure
 * nothing is left open. */
MUST_CHECK int host_trees(struct box_host *h, const struct launch_spec *spec, uint32_t slot,
                          int trees[TREE_MAX], struct err *err);
/* Only the volumes of it. */
MUST_CHECK int host_volumes(struct box_host *h, const struct launch_spec *spec, uint32_t slot,
                            int trees[TREE_MAX], struct err *err);
void host_close_trees(int trees[TREE_MAX]);
