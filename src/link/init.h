/* init.h - verbs between launch and init, the first process of a sandbox.
 *
 * launch holds one end, and so does keep: a launch that was started again goes on with it, and what
 * init reports while nobody reads waits in the socket. Accepts versions n and n-1: launch speaks the
 * version of the init it has before it, which HELLO tells.
 *
 * Before init runs, the same socket carries the reports of the process that becomes init: FAILED
 * with the step that did not work, or HELLO when it is about to start the program `init`.
 */
#pragma once
#include "base/limits.h"
#include "link/link.h"

#define INIT_WRITABLE_MAX (BOX_VOLUMES_MAX + 8)

enum init_verb {
        INIT_HELLO = 1, /* event, init -> launch: everything is locked down; waiting for START;
                           + [master] of the command's terminal, if init was started with one */
        INIT_FAILED,    /* event, init -> launch: could not be made; the end */
        INIT_START,     /* launch -> init, once: + [command memfd, stdin, stdout, stderr]; with a
                           terminal the memfd alone */
        INIT_SIGNAL,    /* event, launch -> init: to the main process */
        INIT_STOP,      /* event, launch -> init: TERM, then everything is killed */
        INIT_EXITED,    /* event, init -> launch: the end, and all processes with it */
        /* since version 2 */
        INIT_EXEC,           /* launch -> init: + [command or program memfd, then as START] */
        INIT_EXEC_SIGNAL,    /* event, launch -> init */
        INIT_EXEC_EXITED,    /* event, init -> launch */
        INIT_EXEC_FIND,      /* launch -> init: -ENOENT, the text is its id: it is not running */
        INIT_LISTENING = 32, /* event, before HELLO: [listening sockets of its network namespace] */
        INIT_PLACE = 33,     /* event, before HELLO: init_place + [where a secret is written] */
        INIT_MAIN_ENDED = 34, /* event, launch -> init: the main command was another's child */
        INIT_ORPHAN = 35,     /* event, init of a template -> launch: it reaped a process */
};
#define INIT_EXECS_SINCE 2 /* the version that knows EXEC and a START without a main command */

enum init_reason { INIT_BY_ITSELF = 1, INIT_BY_SIGNAL, INIT_BY_DEADLINE, INIT_BY_REQUEST };

struct init_hello {
        char build_id[65];
};
struct init_place {
        uint32_t index; /* of the specification's secrets */
};
struct init_listening {
        uint32_t unused;
};
struct init_failed {
        int64_t code; /* negative errno */
        char text[256];
};
struct init_main_ended {
        uint32_t status; /* of waitpid */
};
struct init_orphan {
        uint32_t pid; /* as the template counts */
        uint32_t status;
};
struct init_path {
        char path[128]; /* absolute, inside */
};
struct init_start {
        uint64_t wall_ms; /* 0 = no limit */
        char workdir[PATH_TEXT_MAX + 1];
        uint32_t main;    /* a pid: the main command is there already, forked from a template; START
                             has no descriptors then */
        uint32_t orphans; /* 1: a template, whose init says whom it reaped */
        /* Landlock, applied before the command is started: read and execute everywhere, write only
         * below these. */
        uint32_t n_writable;
        struct init_path writable[INIT_WRITABLE_MAX];
};
struct init_started {
        uint32_t pid; /* of the command, in the sandbox; of an exec: of its supervisor */
};
struct init_exec {
        char exec[ID_TEXT_LEN + 1];
        uint32_t program; /* 1: the memfd is a program, run with the one argument "/" */
        uint32_t tty, rows, cols;
        uint64_t wall_ms; /* 0 = no limit */
        char workdir[PATH_TEXT_MAX + 1];
};
struct init_exec_id {
        char exec[ID_TEXT_LEN + 1];
};
struct init_exec_signal {
        char exec[ID_TEXT_LEN + 1];
        uint32_t signal;
};
struct init_exec_exited {
        char exec[ID_TEXT_LEN + 1];
        uint32_t reason; /* enum init_reason */
        uint32_t exit_code, signal;
        uint64_t run_ms;
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
