/* accepted.h - a sandbox or exec that a client has asked for, until he is told.
 *
 * The job is being put on the disk (flush.h) while launch makes it. The client hears of it after both:
 * what he was told about is found again when the machine has failed. Where it has ended before the
 * disk answered, nothing is left to be promised, and he gets the result at once.
 */
#pragma once
#include "api/box.h"
#include "api/call.h"

struct accepted;
struct accepted_calls {
        /* launch has made it; may be NULL. */
        void (*made)(struct call *c, const char *id);
        /* The one answer: 0, or why it was refused. The client may have gone. */
        void (*tell)(struct call *c, const char *id, int status, const struct err *err);
};
/* For b, whose job jobs_accept_soon has stored. The next call is box_create or box_exec with
 * accepted_made and what is returned. */
struct accepted *accepted_new(struct call *c, struct box *b, const struct accepted_calls *calls);
void accepted_made(void *accepted, int status, const struct err *err);
/* The usual answer: 201 and the job. */
void accepted_answer(struct call *c, const char *id, const char *flag);
