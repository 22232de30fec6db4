/* query.h - what a person typed, to an expression of FTS5 that is never a syntax error.
 *
 * Words are taken apart from everything else, so no operator of FTS5 can be typed. A passage needs
 * any one of them; rank.h prefers those that have more. Text in double quotes is a
 * phrase; a word with marks inside (apt-get, /etc/fstab, ERR_NGX_502) is a phrase of its parts.
 * Common words are left out unless nothing else is there. Words typed next to each other also count
 * as a phrase, so that "package manager" ranks a passage that says so above one that has both
 * apart.
 */
#pragma once
#include "base/buf.h"

#define QUERY_TERMS_MAX 32 /* further words of a question add nothing */

struct query {
        struct buf any; /* the expression, "" when there is no word at all */
        unsigned n_terms;
        struct query_word {
                char stem[24]; /* lower case, cut where endings begin */
        } words[QUERY_TERMS_MAX];
        unsigned n_words;
};

MUST_CHECK int query_make(const char *text, struct query *ret, struct err *err);
void query_done(struct query *q);
/* Which part of the query's words, 0 to 1, a heading holds. */
double query_coverage(const struct query *q, const char *heading);
