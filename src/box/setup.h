/* setup.h - the child's side of making a sandbox: from clone3 to the start of init. */
#pragma once
#include "box/plan.h"
#include "os/cgroup.h"

struct setup {
        const struct plan *plan;
        int trees[TREE_MAX]; /* detached mounts, -1 where there is none */
        int control;         /* our end of the init link; init finds it as descriptor 3 */
        int init;            /* sealed memfd with init's program */
        bool tty;            /* init makes a terminal of that size for the command */
        uint32_t rows, cols;
        bool runsc;        /* init starts runsc, which starts the command */
        bool ranged;       /* rootless, and the parent maps further ids */
        bool rootful;      /* 0 of the new user namespace is mapped: take it while mounting */
        uint32_t uid, gid; /* rootless: ours, in the parent's user namespace */
        int doors[CGROUP_CONTROLLERS]; /* of its control groups */
        int door_v2;                   /* where it was not born in the v2 group; -1 */
};

/* Waits for one byte on `control` (the maps are written), executes the plan and
 * becomes init. What fails is reported as INIT_FAILED with the step. */
NORETURN void setup_run(const struct setup *s);
