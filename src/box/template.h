/* template.h - launch's side of warm processes: a template's zygote, the forks asked of it, and the
 * children that wait for their command. The messages are those of warm/messages.h. */
#pragma once
#include "box/box.h"
#include "box/nest.h"

/* Watches the template's socket; READY answers its CREATE. */
void template_started(struct box *t);
/* The template of a sandbox, which the asker (NULL: any) must have made: -ENOENT, -EAGAIN while it is not ready. */
MUST_CHECK int template_find(struct boxes *all, const char *id, const char *asker, struct box **ret,
                             struct err *err);
/* The namespaces and the first id for a child in that slot. Closes with template_nest_close. */
MUST_CHECK int template_nest(const struct box *t, uint32_t slot, struct nest *ret, struct err *err);
void template_nest_close(struct nest *n);
/* How many sandboxes of it run, those of the pool not counted. */
size_t template_children(const struct box *t);
/* The sandbox has said HELLO: its main process is to be forked into it. box_made or box_fail. */
void template_fork(struct box *b);
/* Sends GO; the answer ends in box_gone or box_fail. */
MUST_CHECK int template_go(struct box *b, struct err *err);
/* A process that template `t`'s init reaped. */
void template_orphan(struct box *t, uint32_t pid, uint32_t status);
/* The template is over; what waits for it fails. */
void template_ended(struct box *t);
/* A fork to be is freed: the template answers for nobody. */
void template_forget(struct box *b);
