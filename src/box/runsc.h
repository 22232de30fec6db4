/* runsc.h - the driver "runsc": the same sandbox, in which gVisor's kernel runs the command.
 *
 * Namespaces, id range, control groups, limits of disk and time, volumes and streams are those of
 * the driver ns. Inside, init starts `runsc` of the host (runsc_main.c writes its bundle from the
 * command) on a directory that is the root of the guest. What the command asks of a kernel, gVisor's
 * answers; who gets out of that is root of the sandbox's user namespace, in its empty network and
 * its mounts, with the capabilities that runsc needs there, and without our filter and Landlock:
 * runsc puts on filters of its own.
 */
#pragma once
#include "box/host.h"

#define RUNSC_MEMORY_MIN (96ull << 20) /* its own kernel takes half of that */
#define RUNSC_PIDS       128u          /* threads of its own, beside those of the command */
#define RUNSC_NAMESPACES 64            /* user namespaces that it makes for its parts */
#define RUNSC_GUEST      ".paddock/guest"

bool runsc_asked(const struct launch_spec *spec);
/* The program, where a host has it: below /usr. NULL: not installed. */
const char *runsc_program(void);
/* What it cannot do is refused: -ENOTSUP with a sentence. */
MUST_CHECK int runsc_check(const struct box_host *h, const struct launch_spec *spec,
                           struct err *err);
