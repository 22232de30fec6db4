/* result.h - the end of a job: what is said about it and which exit code it becomes. */
#pragma once
#include "base/json.h"

/* The exit code of `run` and `wait` for the result of a sandbox (reason, exit_code, signal) or of
 * an index run (state). */
int result_exit_code(const json_t *result);
/* One line on stderr where the command did not simply exit: which limit, which signal, why lost. */
void result_explain(const json_t *result);
/* The enforcement record and the times on stderr. */
void result_print_enforcement(const json_t *enforcement, const json_t *result);
