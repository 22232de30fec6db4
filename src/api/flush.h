/* flush.h - what was written under db_sync(false) is on the disk: a thread of its own waits for that,
 * the loop does not. All that came while it waited for one goes with the next: one sync a batch.
 */
#pragma once
#include "net/loop.h"

struct flush;
/* The database at db_path is open, in WAL mode, and stays so until flush_free. */
MUST_CHECK int flush_new(struct loop *l, const char *db_path, struct flush **ret, struct err *err);
/* What waits is told -ECANCELED before it returns. NULL is fine. */
void flush_free(struct flush *f);

/* status: 0, or the negative errno with which the disk refused. */
typedef void (*flush_fn)(void *ctx, int status);
/* Calls fn, from the loop, when every change that was committed before this call is on the disk. */
void flush_then(struct flush *f, flush_fn fn, void *ctx);
