/* volumes.h - names of volumes. Two users may have one of the same name; the files live under the
 * id, with launch. */
#pragma once
#include "base/limits.h"
#include "store/db.h"

struct volume {
        char id[ID_TEXT_LEN + 1];
        int64_t owner;
        char owner_name[NAME_TEXT_MAX + 1];
        char name[NAME_TEXT_MAX + 1];
        uint64_t created_ms;
        uint64_t quota_bytes; /* 0: none */
        char quota[16];       /* what holds it: link/launch.h, launch_volume_made; "" none */
};
typedef void (*volume_fn)(void *ctx, const struct volume *v);

/* -EEXIST: the owner has one of that name. */
MUST_CHECK int volumes_create(struct db *db, int64_t owner, const char *name, struct volume *ret,
                              struct err *err);
/* Of one that was just made. */
MUST_CHECK int volumes_set_quota(struct db *db, struct volume *v, uint64_t bytes, const char *quota,
                                 struct err *err);
/* -ENOENT. */
MUST_CHECK int volumes_find(struct db *db, int64_t owner, const char *name, struct volume *ret,
                            struct err *err);
MUST_CHECK int volumes_list(struct db *db, int64_t owner, volume_fn fn, void *ctx, struct err *err);
/* Its index is then to go: the id stays until volumes_unindexed. */
MUST_CHECK int volumes_delete(struct db *db, const char *id, struct err *err);
/* The ids of removed volumes whose index may still be there; fn calls no other function of this
 * file. */
MUST_CHECK int volumes_to_unindex(struct db *db, void (*fn)(void *ctx, const char *id), void *ctx,
                                  struct err *err);
MUST_CHECK int volumes_unindexed(struct db *db, const char *id, struct err *err);
