/* init_run.h - the parts of `init` that become a command: its text, its terminal, its execve.
 *
 *     r = run_read(&run, fd, err);             the memfd of link/launch.h
 *     master = run_terminal(&run, 24, 80);     or run.stdio filled by the caller
 *     if (fork() == 0) run_become(&run);
 */
#pragma once
#include "base/limits.h"
#include "box/command.h"

#define RUN_NOT_FOUND    127 /* exit codes of what cannot be started, as shells have them */
#define RUN_NOT_RUNNABLE 126

struct run {
        struct command command;
        char *text;   /* what the command's strings point into */
        int program;  /* a program in a memfd instead of a command; -1 */
        int stdio[3]; /* borrowed; of a terminal: all three its slave */
        bool tty;
        const char *workdir;
        bool runsc; /* the command is started by the driver runsc: runsc_main.c */
};

/* It comes from the asker: everything is checked. -EINVAL, -EIO. */
MUST_CHECK int run_read(struct run *r, int fd, struct err *err);
void run_done(struct run *r);
/* A terminal of the sandbox's own devpts; 0 rows or columns: 24 x 80. Returns the master and
 * puts the slave, which is the caller's, into r->stdio. */
MUST_CHECK int run_terminal(struct run *r, uint32_t rows, uint32_t cols, struct err *err);
/* In a fresh process: a session of its own, descriptors 0-2 and nothing else, then the command. */
NORETURN void run_become(const struct run *r);
