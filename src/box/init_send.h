/* init_send.h - what `init` says over its link. */
#pragma once
#include "box/init_run.h"
#include "link/init.h"

#define INIT_CONTROL 3 /* the descriptor it is started with */

MUST_CHECK int init_send(uint32_t verb, uint32_t flags, uint64_t id, const struct wire_type *t,
                         const void *obj, int fd); /* fd: goes along; -1 none */
MUST_CHECK int init_event(uint32_t verb, const void *obj);
/* The answers to START and EXEC; without launch's end of the link init ends. */
void init_answer(const struct link_message *rq, pid_t pid, int master);
void init_refuse(const struct link_message *rq, const struct err *err);
/* The descriptors that came with START or EXEC: the command, and its stdio unless it has a
 * terminal. */
MUST_CHECK int init_take_fds(struct run *run, const struct link_message *m, struct err *err);
