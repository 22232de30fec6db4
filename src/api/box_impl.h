/* box_impl.h - what box.c (the life of a sandbox or an exec) and box_exec.c share. Nobody else
 * includes it. */
#pragma once
#include "api/box.h"
#include "api/files_pool.h"

/* box.c */
void box_has_ended(struct box *b, const struct launch_result *r);
void box_is_lost(struct box *b, const char *cause);
void box_runs(struct box *b); /* it was not known whether it does */
/* box_exec.c */
void box_end_execs(struct box *sandbox);
void box_list_execs(struct api *a);
