/* progress.h - how far a long piece of work is: a bar on a terminal, a line now and then elsewhere.
 * On standard error, so that standard output stays for results. */
#pragma once
#include "base/cleanup.h"

struct progress {
        bool terminal;
        bool shown;       /* a bar is on the screen */
        uint64_t next_ms; /* not drawn again before */
};

void progress_init(struct progress *p);
/* total 0: not known yet. Draws at most every 100 ms (on a terminal) or 10 s. */
void progress_show(struct progress *p, const char *what, uint64_t done, uint64_t total);
/* Takes the bar away, so that a line can be printed. */
void progress_clear(struct progress *p);
