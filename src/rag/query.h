/* query.h - what a person typed, to an expression of FTS5 that is never a syntax error.
 *
 * Words are taken apart from everything else, so no operator of FTS5 can be typed. A passage needs
 * any one of them (`any`), better all (`all`): both are ranked by bm25. Text in double quotes is a
 * phrase; a word with marks inside (apt-get, /etc/fstab, ERR_NGX_502) is a phrase of its parts.
 * Common words are left out unless nothing else is there. Neighbouring words also count as a
 * phrase, so that "package manager" ranks a passage that says so above one that has both apart.
 */
#pragma once
#include "base/buf.h"

#define QUERY_TERMS_MAX 32 /* further words of a question add nothing */

struct query {
        struct buf any, all; /* expressions, "" when there is no word at all */
        unsigned n_terms;
};

MUST_CHECK int query_make(const char *text, struct query *ret, struct err *err);
void query_done(struct query *q);
