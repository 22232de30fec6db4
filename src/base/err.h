/* err.h - the one error idiom of Paddock.
 *
 * A function that can fail returns int: 0 or positive on success, a negative errno on failure, and
 * is marked MUST_CHECK. Where a person will read the reason, its last parameter is `struct err
 * *err` (NULL is allowed: the reason is then dropped). Out-parameters are named ret_x and are not
 * written on failure.
 *
 *     r = spec_check(spec, err);
 *     if (r < 0)
 *             return err_wrap(err, r, "sandbox '%s'", name);
 *     -> sandbox 'a1': memory: 3 B is below 1 MiB
 *
 * The struct lives on the caller's stack: nothing is allocated on the way out. No secret is ever
 * formatted into one; it may be shown to a client as it is.
 */
#pragma once
#include "base/cleanup.h"

#define ERR_TEXT_MAX 512

struct err {
        int code;                /* negative errno, 0 while nothing failed */
        char text[ERR_TEXT_MAX]; /* one sentence, no control character; cut when too long */
};

/* Sets the reason and returns `code`, which must be negative. */
PRINTF_LIKE(3, 4) int err_set(struct err *e, int code, const char *fmt, ...);
/* As err_set, and adds ": " and the name of the errno in words. */
PRINTF_LIKE(3, 4) int err_sys(struct err *e, int code, const char *fmt, ...);
/* Puts "fmt: " before the reason that is there already; returns `code`. */
PRINTF_LIKE(3, 4) int err_wrap(struct err *e, int code, const char *fmt, ...);
/* The reason as text; falls back to the errno in words. Never NULL. */
const char *err_text(const struct err *e);
/* The errno in words; `code` negative or positive. */
const char *errno_text(int code);
