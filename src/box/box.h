/* box.h - one sandbox of launch, from CREATE to FORGET: private to boxes.c, box.c, make.c,
 * end.c, adopt.c.
 *
 *   made: spawn; keep is given the descriptors while the child builds; init says HELLO; what the
 *         kernel says about it is checked; START is sent: from then on the command runs
 *   ends: init's EXITED waits in the socket: result written, asker told; the pidfd says that all
 *         of it is dead: control group removed
 */
#pragma once
#include "box/boxes.h"
#include "box/journal.h"
#include "box/deliver.h"
#include "box/reach.h"
#include "box/spawn.h"
#include "box/warm.h"
#include "link/init.h"
#include "link/keep.h"

struct box {
        struct boxes *all;
        struct box *next;
        struct journal j;
        struct spawned s;
        struct reach reach;
        struct deliver deliver;
        const char *filter; /* the name of its system-call filter */
        int lock;           /* of the id range; -1 rootless */
        struct loop_io *control_io, *pidfd_io;
        struct loop_timer *timer; /* making: gives up; afterwards: removes the control group */
        unsigned tries;
        /* while it is being made */
        struct peer_request *rq;
        int command;
        uint32_t keeping;  /* PUTs without an answer */
        bool spare, ready; /* made ahead, nobody's yet: pool.c; it may be handed over */
        struct pool_kind *kind;
        struct warm warm;   /* template.h */
        bool hello, failed; /* failed: has no result; also set by FORGET */
        bool tty;
        struct init_start start;
        struct launch_created created;
        uint64_t received_us;
        struct exec *execs; /* requests that are not answered yet: exec.c */
        uint64_t next_id;   /* of requests to init */
        /* what launch watches: watch.c */
        struct loop_timer *watch;
        uint64_t cpu_us, looked_ms, idle_since_ms, oom_kills;
        bool frozen, froze_idle; /* frozen by look(), not by FREEZE */
        /* of its end */
        bool exited, stop_sent;
        struct init_exited exit;
};

#define POOL_KINDS 8

struct pool_kind {
        struct launch_spec spec; /* what is made ahead */
        size_t ready, making;
        uint64_t used_ms;
        bool used, wanted;
};

struct pool {
        struct pool_kind kinds[POOL_KINDS];
        size_t making;
        uint64_t hits, misses;
        struct loop_timer *timer;
        bool closed;
        int trees[TREE_MAX]; /* volumes of the one that is being handed over */
};

struct boxes {
        struct pool pool;
        struct boxes_config c;
        struct box *first;
        struct loop_timer *disk_timer; /* the next look at disks that are only watched */
        bool measuring;
        size_t preparing;           /* CREATEs that wait for their disk: disk_create.c */
        struct loop_timer *sweeper; /* removes the files of removed volumes, some at a time */
        bool slots[SLOTS];
        bool asked_keep; /* what an earlier launch left is being taken on, or was */
        size_t adopting; /* answers of keep about networks that are still to come */
        char storage[LINK_MESSAGE_MAX];
};

/* disk_watch.c: from now on, as long as there is one whose disk is watched. */
void box_watch_disk(struct boxes *all);
void boxes_sweep(struct boxes *all); /* what was removed goes, some files at a time */
struct box *box_find(struct boxes *all, const char *id); /* NULL = unknown */
struct box *box_add(struct boxes *all, const struct journal *j);
void box_free(struct box *b); /* takes it out of the list; closes, kills nothing */
/* boxes.c. The sandbox that an asker means; another asker's does not exist for it: NULL, and rq is
 * answered. */
struct box *box_own(struct boxes *all, const char *asker, const char *id, struct peer_request *rq);
/* launch_empty, or the failure. */
void box_done(struct peer_request *rq, int r);
/* box.c */
void box_write_journal(struct box *b);
MUST_CHECK int box_send(struct box *b, uint32_t verb, const void *obj); /* an event to init */
/* How many outer ends its stdio has: 3, or the master alone. */
static inline uint32_t box_n_outer(const struct box *b)
{
        return b->tty ? 1 : 3;
}
/* A terminal's outer end came from inside: it must be one. */
MUST_CHECK int box_check_master(int fd, struct err *err);
/* A request to init; the id is what its answer will have. */
MUST_CHECK int box_ask(struct box *b, uint32_t verb, const void *obj, const int *fds, uint32_t n,
                       uint64_t *ret_id);

/* exec.c: more commands in a running sandbox. */
void box_exec(struct box *b, const struct launch_exec *rq, int command, struct peer_request *peer);
struct launch_exec_result *box_exec_find(struct box *b, const char *exec); /* NULL = unknown */
MUST_CHECK int box_exec_signal(struct box *b, const char *exec, uint32_t signal);
MUST_CHECK int box_exec_forget(struct box *b, const char *exec); /* -EBUSY while it runs */
void box_exec_answer(struct box *b, struct link_message *m);
void box_exec_exited(struct box *b, const struct init_exec_exited *x);
/* After a restart of launch: those that init does not know are lost. */
void box_execs_check(struct box *b);
/* The sandbox has ended, and with it all that still run. */
void box_execs_ended(struct box *b);
void box_execs_drop(struct box *b); /* keep's copies of their descriptors */
void box_execs_free(struct box *b);

/* watch.c: idleness, processor time, freezing. */
void box_watch_limits(struct box *b, bool adopted); /* from now on, as the journal says */
void box_unwatch_limits(struct box *b);
void box_touch(struct box *b); /* it is used: not idle, and thawed if it was frozen for that */
void box_wake(struct box *b);  /* and thawed whoever froze it */
MUST_CHECK int box_freeze(struct box *b, bool on);
bool box_had_oom(struct box *b); /* since it was asked last */
void box_stats(struct box *b, struct launch_stats *ret);

/* make.c, in the order of a life. */
/* Owns command; answers rq now or later. */
void box_create(struct boxes *all, const char *asker, const struct launch_spec *spec, int command,
                struct peer_request *rq);
/* Begins to make one that is nobody's. */
MUST_CHECK int box_make_ahead(struct boxes *all, struct pool_kind *kind, struct err *err);
void box_hello(struct box *b, struct link_message *m);
/* Init, or the process that was forked for it, waits for its command; the fork was told to go. */
void box_made(struct box *b);
void box_gone(struct box *b);
void box_started(struct box *b, const struct link_message *m);
/* Answers the asker with the error and kills what there is; the rest happens when it is dead. */
void box_fail(struct box *b, const struct err *err);
/* end.c: init says that nothing but itself is alive: the result is known and told. */
void box_report(struct box *b);
/* Everything of it is dead. */
void box_ended(struct box *b);
/* Takes on the descriptors that keep had: b->s.control, b->s.pidfd and b->lock are set. */
void box_watch(struct box *b);
/* Ends as BOX_LOST; nothing of it may be alive any more, or it is killed through its groups. */
void box_lost(struct box *b, const char *cause);
/* Removes its control group, at once or a little later; then, if it failed or was forgotten, the
 * record and the box. No record goes before its group: so nothing is ever left unnamed. */
void box_remove_group(struct box *b);
MUST_CHECK int box_signal(struct box *b, uint32_t signal);
/* TERM, then all killed after the grace. reason: BOX_KILLED, or one that the result shall have. */
MUST_CHECK int box_stop(struct box *b, uint64_t grace_ms, uint32_t reason);
/* Gives keep what a restarted launch needs: control socket, pidfd, lock. */
void box_keep_init(struct box *b, peer_answer_fn fn);
void box_keep_drop(struct box *b, const char *name); /* "": everything of it */
void box_keep_put_id(struct box *b, const char *id, const char *name, const int *fds, uint32_t n,
                     peer_answer_fn fn, void *ctx);
void box_keep_drop_id(struct box *b, const char *id, const char *name);
void box_keep_put(struct box *b, const char *name, const int *fds, uint32_t n, peer_answer_fn fn);

/* adopt.c: the journals and groups that an earlier launch left. */
MUST_CHECK int boxes_recover(struct boxes *all, struct err *err);
/* Whether a sandbox that has not ended sees the volume. */
bool boxes_use_volume(const struct boxes *all, const char *id);
