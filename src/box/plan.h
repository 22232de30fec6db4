/* plan.h - what has to be done, in order, to turn a fresh process into a sandbox: made from the
 * specification and a few facts about the host, without touching either. `setup` executes it inside
 * the new namespaces; plan_print shows it.
 *
 *     CLEANUP(plan_freep) struct plan *p = plan_new(&spec, &facts);
 */
#pragma once
#include "base/buf.h"
#include "box/gpu.h"
#include "link/init.h"
#include "link/launch.h"

#define NESTED_MAX 1024 /* user namespaces in a template: ended ones linger for a moment */

/* Detached mount trees that the parent opens and the child attaches. */
enum plan_tree {
        TREE_USR,
        TREE_ETC,
        TREE_DEV,
        TREE_PROGRAM, /* /.paddock/parse, files or unpack */
        TREE_ROOT,    /* of an image with layers: the whole root, see image.h */
        TREE_TMP,
        TREE_RUN,
        TREE_SHM,
        TREE_CA,     /* /.paddock/ca.crt */
        TREE_UPPER,  /* not attached: where what the sandbox writes can be copied from */
        TREE_VOLUME, /* the first of the volumes */
        TREE_GPU = TREE_VOLUME + BOX_VOLUMES_MAX, /* the first of the devices' files */
        TREE_MAX = TREE_GPU + GPU_FILES_MAX
};

enum plan_kind {
        PLAN_ROOT,  /* new tmpfs of `bytes`, everything below is relative to it */
        PLAN_IMAGE, /* tree number `tree` as the root */
        PLAN_DIR,   /* directory `path`, `mode`; owned by the command if `own`; in an image it
                          may be there */
        PLAN_FILE,  /* empty file, a place to mount on */
        PLAN_LINK,  /* symbolic link `path` -> `text` */
        PLAN_TREE,  /* attach tree number `tree` at `path` */
        PLAN_VIEW,  /* attach a writable view of the root's directory `text` at `path` */
        PLAN_PROC, /* n: user namespaces that may be made inside; mode 1: writable. New /proc of the pid namespace, read-only, others' processes hidden */
        PLAN_PTS,  /* new devpts */
        PLAN_MASK, /* hide the file or directory `path` */
        PLAN_SEAL, /* the root becomes read-only */
        PLAN_PIVOT,    /* it becomes "/", the old one goes */
        PLAN_HOSTNAME, /* `text` */
        PLAN_LOOPBACK,
        PLAN_PLACES,  /* a ramfs for file secrets */
        PLAN_PLACE,   /* one of them: the target leads to it; sent to the parent as number `n` */
        PLAN_LISTEN,  /* the sockets of network mode proxy: opened and sent to the parent */
        PLAN_LIMITS,  /* rlimits; `bytes` and `n`: memory and processes, where no cgroup has them */
        PLAN_IDS,     /* capabilities locked and dropped, uid and gid of the command; `n`
                         PLAN_IDS_BUILD: root with the capabilities of a build, where the ids
                         allow it; PLAN_IDS_RUNSC: with those that runsc needs */
        PLAN_SECCOMP, /* filter `text` */
};

enum plan_ids { PLAN_IDS_COMMAND, PLAN_IDS_BUILD, PLAN_IDS_RUNSC };

struct plan_step {
        enum plan_kind kind;
        const char *path, *text;
        uint64_t bytes;
        uint32_t mode, n;
        bool own;
        enum plan_tree tree;
};

/* What differs from host to host, found once at start. */
struct plan_facts {
        bool rootful;
        bool limits_in_cgroup; /* memory and pids are the kernel's */
        bool ca, unpack;       /* the host has a CA bundle; our program `unpack` is installed */
        struct plan_link {
                char name[8], target[24];
        } links[6]; /* "lib" -> "usr/lib" as the host has them */
        size_t n_links;
        struct plan_mask {
                char path[32];
                bool dir;
        } masks[24]; /* of /proc, those that the host has */
        size_t n_masks;
        const struct gpu_table *gpus; /* NULL: none */
};

/* The image's own steps, for each volume a directory for every other byte of its target, and for
 * each of a device's files and links its directories, its place and itself. */
#define PLAN_GPU_MAX   ((GPU_FILES_MAX + GPU_LINKS_MAX) * (GPU_DEPTH_MAX + 2))
#define PLAN_STEPS_MAX (96 + BOX_SECRETS_MAX + 1 + BOX_VOLUMES_MAX * 66 + PLAN_GPU_MAX)
/* Each of those directories is kept as a path of its own. */
#define PLAN_TEXT_MAX                                                                              \
        (4096 + BOX_SECRETS_MAX * 128 + BOX_VOLUMES_MAX * 66 * 130 + PLAN_GPU_MAX * GPU_PATH_MAX)

struct plan {
        struct plan_step steps[PLAN_STEPS_MAX];
        size_t n;
        size_t used;
        char text[PLAN_TEXT_MAX]; /* the strings that steps point to */
};

/* The specification must have passed spec_check. Never NULL. */
struct plan *plan_new(const struct launch_spec *spec, const struct plan_facts *facts);
/* The name of the system-call filter that it gets. */
const char *plan_filter(const struct launch_spec *spec);
void plan_free(struct plan *p); /* NULL is fine */
DEFINE_CLEANUP(struct plan *, plan_free);
/* The directories that the command may write, for init's Landlock; how many. */
uint32_t plan_writable(const struct launch_spec *spec, struct init_path ret[INIT_WRITABLE_MAX]);
/* One line a step. */
MUST_CHECK int plan_print(const struct plan *p, struct buf *out);
const char *plan_kind_text(enum plan_kind kind);
