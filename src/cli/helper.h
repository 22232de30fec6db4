/* helper.h - a program of libexec/paddock that a command starts: bytes go through a socket that is its
 * standard input and output; what it says on standard error is kept. */
#pragma once
#include "base/err.h"
#include <sys/types.h>

struct helper {
        pid_t pid;
        int fd;   /* our end */
        int said; /* a memfd: its standard error */
};

enum helper_how {
        HELPER_WITH_US = 0,
        HELPER_APART = 1, /* in a session of its own: what a terminal sends to us is not for it */
};
/* argv[0] is the program's name; ends with NULL. */
MUST_CHECK int helper_start(struct helper *h, const char *const *argv, enum helper_how how,
                            struct err *err);
/* Closes our end, waits for its own; an error is its first line. */
MUST_CHECK int helper_end(struct helper *h, struct err *err);
/* Our end, without waiting for it. */
MUST_CHECK int helper_leave(struct helper *h);
