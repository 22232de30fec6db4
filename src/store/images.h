/* images.h - images: a name of an owner, and what it is made of; and the recipes of builds that have
 * not ended. The layers themselves are with launch, by key. */
#pragma once
#include "base/limits.h"
#include "store/db.h"

struct image_row {
        const char *name, *owner_name; /* owner_name is not read by images_put */
        int64_t owner;
        uint64_t created_ms;
        const char
                *manifest; /* JSON: {layers:[{key,size_bytes}], env, workdir, entrypoint, from} */
};
typedef void (*image_fn)(void *ctx, const struct image_row *row);

/* Makes it, or puts another under the name. */
MUST_CHECK int images_put(struct db *db, const struct image_row *row, struct err *err);
/* 1 found (fn was called), 0 none. */
MUST_CHECK int images_find(struct db *db, int64_t owner, const char *name, image_fn fn, void *ctx,
                           struct err *err);
/* By name; owner < 0: everybody's. */
MUST_CHECK int images_list(struct db *db, int64_t owner, image_fn fn, void *ctx, struct err *err);
/* -ENOENT. */
MUST_CHECK int images_delete(struct db *db, int64_t owner, const char *name, struct err *err);

/* The recipe of a build, kept until its job has ended. */
MUST_CHECK int recipes_put(struct db *db, const char *job, const char *recipe, struct err *err);
/* A text to free, or NULL. */
char *recipes_get(struct db *db, const char *job);
MUST_CHECK int recipes_delete(struct db *db, const char *job, struct err *err);
