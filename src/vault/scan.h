/* scan.h - JSON read as it passes: a tokenizer that holds no more than its stack and one short token.
 *
 * It says what it comes upon by one callback; it changes and keeps nothing. Names and strings are
 * unescaped; of a long one only the beginning is kept, and `cut` says so.
 *
 *     scan_init(&s, on_token, ctx);
 *     r = scan_feed(&s, p, n);           0; -EPROTO: no JSON; what the callback returned, negative
 */
#pragma once
#include "base/err.h"

#define SCAN_DEPTH 64
#define SCAN_TEXT  96

enum scan_kind { SCAN_NAME, SCAN_STRING, SCAN_NUMBER, SCAN_WORD, SCAN_OPEN, SCAN_CLOSE };

struct scan;
/* text: NUL-terminated; of OPEN and CLOSE "{", "[". Negative ends the scan. */
typedef int (*scan_fn)(void *ctx, const struct scan *s, enum scan_kind kind, const char *text,
                       bool cut);

struct scan {
        scan_fn fn;
        void *ctx;
        struct scan_level {
                char kind;     /* '{' or '[' */
                char name[32]; /* of the member that is being read; "?" when longer */
        } levels[SCAN_DEPTH];
        size_t depth; /* open containers */
        char text[SCAN_TEXT];
        size_t n;
        unsigned state, expect, hex_left, hex;
        bool cut, escaped; /* of the current string: an escape was in it */
        int failed;
};

void scan_init(struct scan *s, scan_fn fn, void *ctx);
MUST_CHECK int scan_feed(struct scan *s, const char *p, size_t n);
/* The name under which the container `up` levels above the current one lies: "" in a list. */
const char *scan_name(const struct scan *s, size_t up);
