/* child.h - a helper program fed with bytes, its output kept up to a maximum. */
#pragma once
#include "base/buf.h"

struct child_end {
        int exit_code;   /* -1: by a signal */
        int signal;      /* 0: by itself */
        bool timed_out;  /* killed by us: took too long */
        bool overflowed; /* killed by us: said more than out may hold; out has what fits */
};
/* Runs argv[0] (a path) with an empty environment, its stdin a memfd holding `in`; out and errors
 * get what it writes (errors is cut silently). Returns when it has ended. */
MUST_CHECK int child_run(const char *const *argv, const char *in, size_t n, uint64_t max_ms,
                         struct buf *out, struct buf *errors, struct child_end *ret,
                         struct err *err);
