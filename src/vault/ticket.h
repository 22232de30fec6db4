/* ticket.h - leave to hand in one envelope (link/envelope.h): given to whoever asks, without keeping
 * anything for him; only what was used is kept, until it has expired. A vault that is started anew
 * knows the tickets of the one before no longer. One thread.
 */
#pragma once
#include "base/err.h"

#define TICKET_MS    600000 /* ten minutes: to type a value */
#define TICKET_BYTES 32
#define TICKETS_USED 4096 /* kept at once; more, and envelopes are refused until some expire */

struct tickets {
        unsigned char key[32];
        struct {
                uint64_t until_ms;
                unsigned char id[8];
        } used[TICKETS_USED];
        size_t n_used;
};

struct tickets *tickets_new(void);
void tickets_free(struct tickets *t); /* NULL is fine */
void ticket_issue(const struct tickets *t, uint64_t now_ms, unsigned char ret[TICKET_BYTES]);
/* Uses it up. -EBADMSG: none of ours; -ETIME: too old; -EEXIST: used already; -EBUSY. */
MUST_CHECK int ticket_use(struct tickets *t, uint64_t now_ms, const void *ticket, struct err *err);
