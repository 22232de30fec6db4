/* messages.h - between launch and a warm process ("zygote") of a template, and between launch and each
 * child that waits. Messages on SEQPACKET sockets, in the layout of this header: both sides are of
 * one build. What comes from inside is hostile to launch: sizes and numbers are checked, and what a
 * child is allowed is read from the kernel, never from its words.
 *
 * The zygote's standard input is its socket. One FORK at a time:
 *
 *   zygote -> launch: READY once the imports are done
 *   launch -> zygote: FORK + [WARM_NS namespaces of a sandbox made ahead, stdin, stdout, stderr,
 *                     the child's own socket, 0..4 files through which it enters control groups],
 *                     with the filter that the child must put on
 *   zygote -> launch: FORKED + [pidfd], or error
 *   child -> launch:  WAITING on its own socket, when it has nothing left to give up
 *   launch -> child:  GO + [command memfd of link/launch.h]: Landlock, working directory
 *   child -> launch:  GONE, error 0: the next thing it does is the user's
 *
 * How a fork gets into other namespaces: the zygote vforks a helper that shares its memory and has
 * no rights at all. In the user namespace of the child to be it is the owner, so setns(2) gives it
 * every capability there, and there only. It enters the other namespaces and control groups, forks
 * once, and ends; the fork is born inside, gives up all of it, puts on the filter and returns into
 * the interpreter as if the call had returned. Its parent is gone: the template's init reaps it and
 * launch tells the init of the sandbox.
 */
#pragma once
#include "base/limits.h"
#include <linux/filter.h>
#include <stdint.h>

#define WARM_NS         7 /* user, mount, pid, net, ipc, uts, cgroup: in that order */
#define WARM_FIXED_FDS  (WARM_NS + 4)
#define WARM_DOORS_MAX  6 /* of every v1 controller and of v2 */
#define WARM_FDS_MAX    (WARM_FIXED_FDS + WARM_DOORS_MAX)
#define WARM_FILTER_MAX 2048
#define WARM_WRITABLE   24

enum warm_kind { WARM_READY = 1, WARM_FORK, WARM_FORKED, WARM_WAITING, WARM_GO, WARM_GONE };

struct warm_fork {
        uint32_t kind, uid; /* the id that the child shall have inside */
        uint32_t n_filter;
        struct sock_filter filter[WARM_FILTER_MAX];
};
struct warm_answer {
        uint32_t kind;
        int32_t error; /* negative errno */
        int32_t pid;   /* FORKED: as the template's processes see it */
        char step[32]; /* what did not work */
};
struct warm_go {
        uint32_t kind, n_writable;
        char workdir[PATH_TEXT_MAX + 1];
        char writable[WARM_WRITABLE][128];
};
