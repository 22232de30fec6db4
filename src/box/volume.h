/* volume.h - volumes: directories of launch's state, one an id, owned on disk by the command's user
 * of slot 0. A sandbox sees one through an idmapped mount, so that no file is ever chowned; without
 * privileges the ids are our own and no map is needed. */
#pragma once
#include "box/host.h"

#define VOLUME_REMOVED "removed" /* directory of what still has files to go */
#define VOLUME_COPIES  "copies"  /* directory of what is no volume yet */

MUST_CHECK int volume_create(struct box_host *h, const char *id, struct err *err);
/* Gone at once; what was in it goes by volume_sweep. 0 also when there is none. */
MUST_CHECK int volume_remove(struct box_host *h, const char *id, struct err *err);
/* A copy of the directory `from` for the volume `to`, under `name`: in a directory below
 * VOLUME_COPIES, or a file system of its own; on disk when it returns. Slow, for a process of its own
 * (helper.h). */
MUST_CHECK int volume_copy_make(const struct box_host *h, int from, const char *to,
                                const char *name, struct err *err);
/* The copy and the volume change places; what was in the volume goes by volume_sweep. */
MUST_CHECK int volume_copy_take(struct box_host *h, const char *name, const char *to,
                                struct err *err);
/* A copy that nobody will take goes; name NULL: all of them, what a crash has left. */
void volume_copy_drop(const struct box_host *h, const char *name);
/* Some files of removed volumes; -EAGAIN: there are more. */
MUST_CHECK int volume_sweep(struct box_host *h);
/* The volume's directory, for reading. */
MUST_CHECK int volume_open(const struct box_host *h, const char *id, struct err *err);
/* A detached mount of the volume's directory for the sandbox in that slot. */
MUST_CHECK int volume_mount(struct box_host *h, const struct launch_mount *m, uint32_t slot,
                            struct err *err);
/* A detached mount of a directory of ours for the sandbox in that slot: what slot 0 owns on disk, it
 * owns inside. */
MUST_CHECK int slot_mount(struct box_host *h, int dir, uint32_t slot, int attrs, struct err *err);
