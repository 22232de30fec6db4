/* member.h - one role under supervision: its process, its control link, its restarts.
 *
 *     down -> starting -> ready -> (ended) -> down, after a pause -> starting ...
 *     ten ends within a minute: failed, tried again once a minute.
 *
 * supervise.c owns the members and decides; this file knows how one is started and watched.
 */
#pragma once
#include "link/serve.h"
#include "net/peer.h"
#include "role/table.h"

enum member_state { MEMBER_DOWN, MEMBER_STARTING, MEMBER_READY, MEMBER_DRAINING, MEMBER_FAILED };
const char *member_state_text(enum member_state s);

#define MEMBER_ENDS_MAX 10 /* ends within MEMBER_ENDS_MS after which a role counts as failed */
#define MEMBER_ENDS_MS  60000

struct serve;
struct member {
        struct serve *serve;
        const struct role_row *row;
        enum member_state state;
        pid_t pid;                /* 0: none, or adopted (keep) and not our child */
        struct peer *control;     /* alive while the process is */
        struct loop_timer *again; /* the next start; or, while it runs unheard, its end */
        uint32_t restarts;
        uint64_t since_ms;                 /* wall clock of the last start */
        uint64_t ends_ms[MEMBER_ENDS_MAX]; /* boot clock of the last ends, a ring */
        uint32_t n_ends;
        char reason[256]; /* why it last ended */
};

/* Remembers one more end; the pause before the next start in milliseconds. Sets MEMBER_FAILED when
 * there were too many. Pure but for the clock given in. */
uint64_t member_ended(struct member *m, uint64_t now_ms, const char *reason);
