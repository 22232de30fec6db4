/* boxes.h - parse sandboxes for index jobs, asked of launch: the index_host of the role.
 *
 * The jobs' threads call the host and wait; everything with launch happens on the loop's thread. A
 * sandbox is stopped and its result forgotten when the job closes it; what launch still knows after
 * its restart is asked for again.
 */
#pragma once
#include "link/launch.h"
#include "net/peer.h"
#include "rag/index.h"

struct boxes;

/* `launch` gives the live link, or NULL while that role is away; called on the loop's thread. */
struct boxes *boxes_new(struct loop *loop, struct peer *(*launch)(void *ctx), void *ctx);
/* After the last job has ended; drops what is left without asking launch. */
void boxes_free(struct boxes *b); /* NULL is fine */
struct index_host boxes_host(struct boxes *b);
/* On the loop's thread: LAUNCH_EXITED came; the link to launch is a new one. */
void boxes_exited(struct boxes *b, const struct launch_result *r);
void boxes_launch_up(struct boxes *b);
