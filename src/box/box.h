/* box.h - one sandbox of launch, from CREATE to FORGET: private to boxes.c, box.c, make.c,
 * end.c, adopt.c.
 *
 *   made: spawn; keep is given the descriptors while the child builds; init says HELLO; what the
 *         kernel says about it is checked; START is sent: from then on the command runs
 *   ends: init's EXITED waits in the socket; the pidfd says that all of it is dead; result
 *         written, asker told, control group removed
 */
#pragma once
#include "box/boxes.h"
#include "box/journal.h"
#include "box/spawn.h"
#include "link/init.h"
#include "link/keep.h"

struct box {
        struct boxes *all;
        struct box *next;
        struct journal j;
        struct spawned s;
        int lock; /* of the id range; -1 rootless */
        struct loop_io *control_io, *pidfd_io;
        struct loop_timer *timer; /* making: gives up; afterwards: removes the control group */
        unsigned tries;
        /* while it is being made */
        struct peer_request *rq;
        int command;
        uint32_t keeping;   /* PUTs without an answer */
        bool hello, failed; /* failed: has no result; also set by FORGET */
        struct init_start start;
        struct launch_created created;
        uint64_t received_us;
        /* of its end */
        bool exited, stop_sent;
        struct init_exited exit;
};

struct boxes {
        struct boxes_config c;
        struct box *first;
        struct loop_timer *sweeper; /* removes the files of removed volumes, some at a time */
        bool slots[SLOTS];
        char storage[LINK_MESSAGE_MAX];
};

struct box *box_find(struct boxes *all, const char *id); /* NULL = unknown */
struct box *box_add(struct boxes *all, const struct journal *j);
void box_free(struct box *b); /* takes it out of the list; closes, kills nothing */
/* box.c */
void box_write_journal(struct box *b);
MUST_CHECK int box_send(struct box *b, uint32_t verb, uint32_t flags, const void *obj,
                        const int *fds, uint32_t n);
/* make.c, in the order of a life. */
/* Owns command; answers rq now or later. */
void box_create(struct boxes *all, const char *asker, const struct launch_spec *spec, int command,
                struct peer_request *rq);
void box_hello(struct box *b);
void box_started(struct box *b, const struct link_message *m);
/* Answers the asker with the error and kills what there is; the rest happens when it is dead. */
void box_fail(struct box *b, const struct err *err);
/* end.c: everything of it is dead. */
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
void box_keep_put(struct box *b, const char *name, const int *fds, uint32_t n, peer_answer_fn fn);

/* adopt.c: the journals and groups that an earlier launch left. */
MUST_CHECK int boxes_recover(struct boxes *all, struct err *err);
