/* schema.h - the tables of the api role: users, tokens, jobs, volumes. One file, "api.db" in the
 * role's state directory. */
#pragma once
#include "store/db.h"

extern const struct db_schema store_schema;
