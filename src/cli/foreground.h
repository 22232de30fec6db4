/* foreground.h - a command of ours in a sandbox, until its end: `run` and `sandbox exec`. */
#pragma once
#include "base/json.h"
#include "cli/command.h"

/* job: what POST answered. box: for an exec the sandbox, else NULL. Returns the exit status; with
 * --json the job is printed with the result and what it wrote. */
int foreground(const struct invocation *inv, json_t *job, const char *box, bool use_stdin);
