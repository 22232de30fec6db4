/* templates.h - templates: a name of an owner and what its warm process is made from; and the
 * processes that were started and have not ended, so that a later life of the role knows them. */
#pragma once
#include "base/limits.h"
#include "store/db.h"

struct template_row {
        const char *name, *owner_name; /* owner_name is not read by templates_add */
        int64_t owner;
        uint64_t created_ms;
        const char *spec;  /* JSON: {image, runtime, imports, memory_bytes} */
        const char *error; /* why it last could not be started; "" none */
};
typedef void (*template_fn)(void *ctx, const struct template_row *row);

/* -EEXIST: the owner has one of that name. */
MUST_CHECK int templates_add(struct db *db, const struct template_row *row, struct err *err);
/* 1 found (fn was called), 0 none. */
MUST_CHECK int templates_find(struct db *db, int64_t owner, const char *name, template_fn fn,
                              void *ctx, struct err *err);
/* By name. */
MUST_CHECK int templates_list(struct db *db, int64_t owner, template_fn fn, void *ctx,
                              struct err *err);
MUST_CHECK int templates_count(struct db *db, int64_t owner, uint64_t *ret, struct err *err);
/* -ENOENT. */
MUST_CHECK int templates_delete(struct db *db, int64_t owner, const char *name, struct err *err);
MUST_CHECK int templates_set_error(struct db *db, int64_t owner, const char *name,
                                   const char *error, struct err *err);

struct warm_row {
        const char *id, *template, *digest;
        int64_t owner;
        uint64_t memory_bytes;
};
typedef void (*warm_row_fn)(void *ctx, const struct warm_row *row);
MUST_CHECK int warm_rows_add(struct db *db, const struct warm_row *row, struct err *err);
MUST_CHECK int warm_rows_list(struct db *db, warm_row_fn fn, void *ctx, struct err *err);
MUST_CHECK int warm_rows_delete(struct db *db, const char *id, struct err *err);
