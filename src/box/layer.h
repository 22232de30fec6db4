/* layer.h - read-only layers of images in launch's state: layers/KEY/fs and layers/KEY/size.
 *
 * A layer appears under its key by one rename, after all of it is on disk: what a power failure
 * leaves is called `.new-…` and swept at the next start. On disk its ids are those of slot 0, as for
 * volumes; a sandbox sees it through an idmapped mount, so a layer is there once for everybody.
 */
#pragma once
#include "box/host.h"
#include "box/tree.h"

bool layer_key_valid(const char *key); /* 64 hexadecimal digits, lower case */
/* The directories, and the end of what was half made; once, from host_new. */
MUST_CHECK int layers_open(struct box_host *h, struct err *err);
MUST_CHECK int layer_have(const struct box_host *h, const char *key, uint64_t *ret_bytes,
                          struct err *err); /* -ENOENT */
/* A detached, read-only mount of it for that slot. */
MUST_CHECK int layer_mount(struct box_host *h, const char *key, uint32_t slot, struct err *err);
/* Gone at once; its files go with those of removed volumes. The caller knows that it is not in
 * use. */
MUST_CHECK int layer_remove(struct box_host *h, const char *key, struct err *err);
MUST_CHECK int layers_each(const struct box_host *h,
                           void (*fn)(void *ctx, const char *key, uint64_t bytes), void *ctx);

/* ---- making one: slow, for a process of its own (helper.h) ---- */

/* Takes the directory `name` below `dir`, which must be on the state's file system, away and makes
 * it the layer. 0 also when there is one already. */
MUST_CHECK int layer_take(const struct box_host *h, const char *key, int dir, const char *name,
                          struct err *err);
/* A copy of `dir`, as for tree_copy, `below` a path inside the layer ("" its root). */
MUST_CHECK int layer_copy(const struct box_host *h, const char *key, int dir, const char *below,
                          const struct tree_ids *ids, struct err *err);
