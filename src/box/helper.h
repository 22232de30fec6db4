/* helper.h - work that takes long and blocks (copying a tree, writing a layer), in a process of its
 * own that is a copy of launch with nothing open but what it needs.
 *
 *     helper_start(loop, fds, n, work, ctx, done, ctx);
 *
 * When launch ends meanwhile, the helper goes on to its end or is killed with it; either leaves what
 * the next start sweeps.
 */
#pragma once
#include "net/loop.h"

#define HELPER_FDS_MAX 8

/* In the copy: 0 or a negative errno with its reason. ctx is the copy's. */
typedef int (*helper_work_fn)(void *ctx, struct err *err);
/* In launch, from the loop; once. */
typedef void (*helper_done_fn)(void *ctx, int status, const struct err *err);

/* fds: what stays open in the copy, besides 0 to 2. -EAGAIN, -ENOMEM: done is not called. */
MUST_CHECK int helper_start(struct loop *loop, const int *fds, size_t n, helper_work_fn work,
                            helper_done_fn done, void *ctx, struct err *err);
size_t helpers_running(void);
/* All are killed and their `done` gets -ECANCELED, from here: for the end of launch. */
void helpers_cancel(void);
