/* image.h - the root of a sandbox that is more than the plain image "host": its layers under a layer
 * that takes the changes, and what is mounted into it.
 *
 *   bottom   our frame: the directories that have to be there (image "host": its links as well)
 *   layers   of the image, the lowest first
 *   top      our frame: /.paddock, whatever an image has there; for an image with an /etc of its
 *            own hosts and resolv.conf
 *   upper    what the sandbox writes: `up` of its scratch
 *
 * The scratch holds up, overlay's work, tmp, run and shm, so one limit is for all of them: a tmpfs,
 * a file system in a file, or a directory of the state's file system that is watched (watch.h).
 */
#pragma once
#include "box/host.h"

/* True: the sandbox has such a root. */
bool image_rooted(const struct launch_spec *spec);
/* Frames, directories, what the kernel can; once, from host_new. */
MUST_CHECK int images_open(struct box_host *h, struct err *err);
/* Fills TREE_ROOT, TREE_TMP, TREE_RUN, TREE_SHM, TREE_CA, and TREE_UPPER with an O_PATH descriptor
 * of `up` that is not for mounting. */
MUST_CHECK int image_trees(struct box_host *h, const struct launch_spec *spec, uint32_t slot,
                           int trees[TREE_MAX], struct err *err);
/* Which scratch the specification gets on this host. */
enum image_disk { IMAGE_DISK_TMPFS, IMAGE_DISK_LOOP, IMAGE_DISK_WATCHED };
enum image_disk image_disk(const struct box_host *h, const struct launch_spec *spec);
const char *image_disk_text(enum image_disk d);
/* The scratch of a sandbox that has ended goes; 0 also when it had none on disk. */
void image_discard(struct box_host *h, const char *id);
/* The scratches of which `has` knows no sandbox go. */
MUST_CHECK int images_sweep(struct box_host *h, bool (*has)(void *ctx, const char *id), void *ctx);
/* The directory `id` below uppers, as layer_take wants its parent: -ENOENT when it is not on disk. */
MUST_CHECK int image_scratch_open(const struct box_host *h, const char *id);
