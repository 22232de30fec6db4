/* files_ops.h - the operations of the program `files`, one at a time; link/files.h says what each
 * answers. Every path is resolved below `root` by base/walk.h. */
#pragma once
#include "link/files.h"

struct files {
        int root; /* the volume; or, in_place, the root of a user's sandbox */
        /* A file is written beside its name: elsewhere there may be another mount, or no right. */
        bool in_place;
        struct frames in;
        struct buf out; /* frames that wait to be written */
};

/* Appends a frame; writes when there is much. -EPIPE and the like end the program. */
MUST_CHECK int files_send(struct files *s, uint32_t verb, const void *obj, struct err *err);
/* DONE and everything that waits. `code` 0 or a negative errno with its reason in why. */
MUST_CHECK int files_done(struct files *s, int code, const struct err *why, struct files_done *d,
                          struct err *err);
/* The folder that holds path, open; *ret_name points to the last part of path. `make`: parents
 * that are not there are made. */
MUST_CHECK int files_parent(int root, const char *path, bool make, const char **ret_name,
                            struct err *err);
MUST_CHECK int files_put(struct files *s, const struct files_put *rq, struct err *err);
/* files_tree.c */
MUST_CHECK int files_unpack(struct files *s, const struct files_get *rq, struct err *err);
MUST_CHECK int files_pack(struct files *s, const struct files_get *rq, struct err *err);
/* files_main.c: what FILE says of it. */
struct stat;
struct files_file files_file_of(const char *path, const struct stat *st);
/* A path that a request may name: below the root, none of ours; to make something: no dash. */
MUST_CHECK int files_checked_path(const char *path, bool make, struct err *why);
