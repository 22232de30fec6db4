/* terminal.h - the caller's terminal while a command in a sandbox has it: raw, so that every key goes
 * there, and as it was at every way out. */
#pragma once
#include "base/buf.h"
#include <termios.h>

struct terminal {
        bool raw;
        struct termios was;
};

void terminal_raw(struct terminal *t); /* nothing when standard input is none */
void terminal_restore(struct terminal *t);
/* Its size as a frame of net/stream.h; nothing when there is none. */
MUST_CHECK int terminal_put_size(struct buf *b);
