/* init.h - verbs between launch and init, the first process of a sandbox.
 *
 * launch holds one end, and so does keep: a launch that was started again goes on with it, and what
 * init reports while nobody reads waits in the socket. Accepts versions n and n-1.
 *
 * Before init runs, the same socket carries the reports of the process that becomes init: FAILED
 * with the step that did not work, or HELLO when it is about to start the program `init`.
 */
#pragma once
#include "base/limits.h"
#include "link/link.h"

#define INIT_WRITABLE_MAX (BOX_VOLUMES_MAX + 8)

enum init_verb {
        INIT_HELLO = 1, /* event, init -> launch: everything is locked down; waiting for START */
        INIT_FAILED,    /* event, init -> launch: could not be made; the end */
        INIT_START,     /* launch -> init, once: + [command memfd, stdin, stdout, stderr] */
        INIT_SIGNAL,    /* event, launch -> init: to the main process */
        INIT_STOP,      /* event, launch -> init: TERM, then everything is killed */
        INIT_EXITED,    /* event, init -> launch: the end, and all processes with it */
};

enum init_reason { INIT_BY_ITSELF = 1, INIT_BY_SIGNAL, INIT_BY_DEADLINE, INIT_BY_REQUEST };

struct init_hello {
        char build_id[65];
};
struct init_failed {
        int64_t code; /* negative errno */
        char text[256];
};
struct init_path {
        char path[128]; /* absolute, inside */
};
struct init_start {
        uint64_t wall_ms; /* 0 = no limit */
        char workdir[PATH_TEXT_MAX + 1];
        /* Landlock, applied before the command is started: read and execute everywhere, write only
         * below these. */
        uint32_t n_writable;
        struct init_path writable[INIT_WRITABLE_MAX];
};
struct init_started {
        uint32_t pid; /* of the command, in the sandbox */
};
struct init_signal {
        uint32_t signal;
};
struct init_stop {
        uint64_t grace_ms; /* 0 = killed at once */
};
struct init_exited {
        uint32_t reason; /* enum init_reason */
        uint32_t exit_code, signal;
        uint64_t run_ms; /* started to ended, CLOCK_BOOTTIME */
};

extern const struct link_spec init_link;
