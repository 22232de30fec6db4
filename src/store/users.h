/* users.h - the one identity of a person or program. */
#pragma once
#include "base/limits.h"
#include "store/db.h"

struct user {
        int64_t id;
        char name[NAME_TEXT_MAX + 1];
};

/* The user of a uid; on first contact a new one, named "u<uid>". */
MUST_CHECK int users_of_uid(struct db *db, uint32_t uid, struct user *ret, struct err *err);
/* 0, or -ENOENT. */
MUST_CHECK int users_of_id(struct db *db, int64_t id, struct user *ret, struct err *err);
/* The user of that name; a new one when there is none. */
MUST_CHECK int users_of_name(struct db *db, const char *name, struct user *ret, struct err *err);
