/* verbs.h - what may be asked about a sandbox that runs: signals, execs, figures,
 * freezing. Handlers of link/launch.h
 * for the tables in boxes.c; fds stays the caller's but for what is taken out of it. */
#pragma once
#include "box/box.h"

/* False when it cannot be asked anything now; rq is answered. */
bool box_ready(struct box *b, struct peer_request *rq);

#define BOX_VERB(verb)                                                                             \
        void on_##verb(struct boxes *all, const char *asker, struct peer_request *rq,              \
                       const void *req, int *fds, uint32_t n_fds)
BOX_VERB(signal);
BOX_VERB(touch);
BOX_VERB(stats);
BOX_VERB(freeze);
BOX_VERB(thaw);
BOX_VERB(policy);
BOX_VERB(exec);
BOX_VERB(exec_signal);
BOX_VERB(exec_forget);
BOX_VERB(exec_list);
BOX_VERB(volume_quota); /* volume_quota.c */
BOX_VERB(volume_copy);  /* volume_copy.c */
