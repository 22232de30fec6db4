/* admission.h - whether a sandbox may start now, has to wait, or is refused: the limits of the host
 * and of each owner (limits.* of the configuration).
 *
 * What does not fit waits. Of those that wait, the next is the oldest of the owner who has the
 * fewest sandboxes running and is below his own limits: one at his limit delays nobody. It waits
 * for the host's room before anyone else is let past, so that a large one is not starved. After
 * limits.queue_time it is refused with -EAGAIN, and what runs is counted anew from the sandboxes
 * themselves: there is nothing to go wrong over a restart.
 */
#pragma once
#include "api/api.h"

struct want {
        int64_t owner;
        uint64_t memory_bytes, disk_bytes, cpu_milli;
        bool again; /* it was asked for before: not one more in this second */
};

struct admission;
struct ticket;
struct admission *admission_new(struct api *a); /* never NULL */
void admission_free(struct admission *q);

/* 0: go ahead, now; or a refusal. fn is called once, perhaps before this returns: then NULL. */
typedef void (*admitted_fn)(void *ctx, int status, const struct err *err);
struct ticket *admission_ask(struct api *a, const struct want *w, admitted_fn fn, void *ctx);
/* Nobody waits for it any more. */
void admission_cancel(struct ticket *t);
/* A sandbox has ended: there may be room. */
void admission_turn(struct api *a);
/* This server is being stopped: all that wait are refused with -ECANCELED. */
void admission_drain(struct api *a);
/* How many wait, and the place of the owner's first; 0: none of his. */
size_t admission_waiting(const struct api *a, int64_t owner, size_t *ret_place);
