/* dev.h - the /dev of sandboxes: a read-only tmpfs with a few devices of the host, each checked to
 * be the one that is meant. */
#pragma once
#include "box/gpu.h"

/* Makes it at `name` below the directory `tree`; gpus: further nodes, NULL: none. */
MUST_CHECK int dev_make(int tree, const char *name, const struct gpu_set *gpus, struct err *err);
/* A detached copy of one that is made for this and gone again. */
MUST_CHECK int dev_with_gpus(int tree, const struct gpu_set *gpus, struct err *err);
