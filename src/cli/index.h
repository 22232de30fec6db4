/* index.h - between the two halves of `paddock index`. */
#pragma once
#include "cli/command.h"
#include "cli/progress.h"

/* One line on stderr about a file that is not, or not wholly, in the index. */
void index_problem(struct progress *p, const char *path, const char *reason);
/* Shows the job's progress until it has ended, across restarts of the server; the exit status. */
int index_watch(const struct invocation *inv, const char *id);
