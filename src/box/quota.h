/* quota.h - the quota of a volume, by the first that this host has:
 *
 *   project   the file system counts what belongs to the volume (ext4, xfs mounted with prjquota)
 *   loop      the volume is a file system of its own in a file: quotas/ID.img, mounted on first use
 *   watched   measured each second while a sandbox writes it (disk_watch.c): best effort
 *
 * quotas/ID below the state says which and how much; a volume without that file has none. With a
 * quota of `loop` the volume's files are the directory "v" of that file system, else volumes/ID.
 */
#pragma once
#include "box/host.h"

enum quota_kind { QUOTA_NONE, QUOTA_PROJECT, QUOTA_LOOP, QUOTA_WATCHED };

struct quota {
        uint32_t kind;
        uint32_t project; /* its number in the file system */
        uint64_t bytes;
};

MUST_CHECK int quotas_open(struct box_host *h, struct err *err); /* once, from host_new */
const char *quota_text(uint32_t kind);                           /* "project" "loop" "watched" */
/* What this host has, for a new one. */
enum quota_kind quota_kind_of(const struct box_host *h);
/* Slow, for a helper: the file of a `loop`. */
MUST_CHECK int quota_make_disk(const struct box_host *h, const char *id, uint64_t bytes,
                               struct err *err);
/* The volume, new and empty, gets it. */
MUST_CHECK int quota_set(struct box_host *h, const char *id, const struct quota *q,
                         struct err *err);
/* QUOTA_NONE when there is none. */
MUST_CHECK int quota_get(const struct box_host *h, const char *id, struct quota *ret,
                         struct err *err);
/* The directory that the volume is an entry of, and the entry's name; a descriptor of the caller's. */
MUST_CHECK int quota_parent(const struct box_host *h, const char *id, const char **ret_name,
                            struct err *err);
/* The volume's file system is replaced by that of the image `name` (quota_make_disk); nobody may
 * have it mounted. */
MUST_CHECK int quota_replace_disk(struct box_host *h, const char *name, const char *id,
                                  struct err *err);
/* The file system of an image that is no volume yet, with its empty content; a detached mount. */
MUST_CHECK int quota_open_disk(const struct box_host *h, const char *name, struct err *err);
#define QUOTA_CONTENT "v"
/* An image that nobody will take goes; name NULL: all that are no volume's. */
void quota_drop_disk(const struct box_host *h, const char *name);
/* What is written below that empty directory from now on counts to the quota. */
MUST_CHECK int quota_take_in(const struct quota *q, int dir, struct err *err);
/* The volume is gone: its file as well. Nobody may have it mounted. */
void quota_drop(struct box_host *h, const char *id);
