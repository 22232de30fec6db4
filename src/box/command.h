/* command.h - the command of a sandbox as it travels: u32 argc, u32 envc (little-endian), then
 * argc + envc NUL-terminated strings and nothing else. Read by init, inside the sandbox. argc 0: no
 * command, which is for the reader to allow. */
#pragma once
#include "base/err.h"

struct command {
        char **argv, **env; /* NULL-terminated, allocated; the strings point into the text */
};

/* Checks and splits n bytes. -EINVAL with the reason. */
MUST_CHECK int command_parse(const char *text, size_t n, struct command *ret, struct err *err);
void command_done(struct command *c);
