/* attach.h - the foreground of a sandbox: its stdin, stdout, stderr and signals over
 * paddock-stream/1 (net/stream.h), again and again until its result is there.
 *
 * When the connection is cut (the server restarts) it comes back by itself for ATTACH_RETRY_MS with
 * the offset it has: no output is shown twice. Bytes of stdin are kept until the server says that
 * they reached the sandbox, so none is lost or sent twice.
 */
#pragma once
#include "cli/server.h"

#define ATTACH_RETRY_MS 30000

struct attach {
        const struct invocation *inv;
        const char *id;
        const char *exec; /* a command in the sandbox `id`; NULL: its main command */
        bool tty;         /* ours becomes raw, its size is passed on */
        bool use_stdin;
        struct buf *capture[2]; /* stdout, stderr; NULL: they go to our own */
        json_t *enforcement;    /* set by attach_run, owned by the caller; NULL: not told */
        json_t *result;         /* the same */
};

/* 0: a->result is there. Else negative and the reason; the sandbox goes on. -ECANCELED: the user
 * asked three times. */
MUST_CHECK int attach_run(struct attach *a, struct err *err);
