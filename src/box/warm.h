/* warm.h - what a struct box has of a template's zygote, or of the process that was forked for it. */
#pragma once
#include "base/err.h"
#include <sys/types.h>

struct box;
struct loop_io;

/* Of struct box: of a template, and of a sandbox that is forked from one. */
struct warm {
        int socket; /* to the zygote, or to the child; -1 */
        struct loop_io *io;
        int inner;            /* the other end, until init or the zygote has it */
        struct box *forking;  /* template: the one that FORK is for; NULL: it has gone */
        bool ready, wanted;   /* template: the imports are done; it fills its pool */
        bool asked;           /* template: a FORK is not answered */
        bool queued, waiting; /* child: the template is busy; its main process waits for GO */
        pid_t inner_pid;      /* child: its main process, as the sandbox counts */
        int main_pidfd;
};

void warm_init(struct warm *w);
void warm_done(struct warm *w);
/* A socket for the zygote or the child: w->socket, w->inner. */
MUST_CHECK int warm_open(struct warm *w, uint32_t owner, bool rootful, struct err *err);
