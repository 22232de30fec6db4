/* programs.h - the programs of ours that run inside sandboxes. */
#pragma once
#include "base/err.h"

enum program { PROGRAM_PARSE, PROGRAM_FILES, PROGRAM_UNPACK, PROGRAM_RUNSC, PROGRAMS_N };

/* Copies all of them from libexec (NULL: beside our own executable) into dir; ret: O_PATH
 * descriptors of the copies, -ENOENT for one that cannot be read. ret_files: `files`
 * once more, in a sealed memfd, for sandboxes that do not have its path; -1. */
MUST_CHECK int programs_copy(int dir, const char *libexec, int ret[PROGRAMS_N], int *ret_files,
                             struct err *err);
/* The directory `warm` below dir with libwarm.so and the loaders; without them there are no
 * templates. */
MUST_CHECK int programs_copy_warm(int dir, const char *libexec, struct err *err);
