/* init_exec.h - the supervisor of one exec: a process between init and the command, so that a time
 * limit ends the command with everything it started. Orphans of the tree come to it, not to init,
 * whatever session they are in; it kills its children until it has none. It can be killed from
 * inside the sandbox, as everything but init can: then the exec counts as ended by SIGKILL.
 * What outlives a command that ended by itself goes on, under init.
 */
#pragma once
#include "box/init_run.h"

enum exec_report_kind { EXEC_RUNS = 1, EXEC_ENDED, EXEC_TIMED_OUT };
struct exec_report {
        uint32_t kind;
        int32_t value; /* RUNS: the command's pid; else its wait status */
};

/* In a fresh process; writes reports to the pipe and ends. wall_ms 0 = no limit. */
NORETURN void exec_supervise(const struct run *run, uint64_t wall_ms, int report);
