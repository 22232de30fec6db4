/* root.h - which generation of a space counts: the one commit point of a checkpoint.
 *
 * A file of two slots of 4 KiB, written in turn; the sound one with the higher generation counts. A
 * torn write spoils the older one only.
 */
#pragma once
#include "base/err.h"

struct root {
        uint64_t generation; /* of catalog-GENERATION and log-GENERATION */
        uint64_t unused[4];
};
/* -ENOENT: there is none; -EBADMSG: both slots are damaged. */
MUST_CHECK int root_read(int dir, struct root *ret, struct err *err);
/* The first one: a file that is there with a sound slot, or not at all. */
MUST_CHECK int root_create(int dir, const struct root *r, struct err *err);
MUST_CHECK int root_write(int dir, const struct root *r, struct err *err);
