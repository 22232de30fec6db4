/* query.h - what a person typed, taken apart: terms, which of them stood side by side, phrases.
 *
 * Terms are made as those of the documents are (lexical/words.h). Common words are left out unless
 * nothing else is there. Text in double quotes is a phrase: only passages that say it are
 * found. Words typed next to each other count more in a passage that has them next to each other.
 */
#pragma once
#include "rag/lexical/bm25.h"

#define QUERY_TERMS_MAX BM25_TERMS /* further words of a question add nothing */

struct query {
        struct bm25_term terms[QUERY_TERMS_MAX];
        unsigned n_terms;
        /* The words in their order, without those of joined ones. */
        struct query_word {
                uint8_t term;
                bool quoted;
                bool next; /* the word before it was typed next to it, or in the same phrase */
        } words[QUERY_TERMS_MAX];
        unsigned n_words;
        bool quoted;    /* something was, and must be there */
        uint32_t plain; /* bit i: term i is a word of its own, not a joined one */
};

MUST_CHECK int query_make(struct words *w, const char *text, struct query *ret, struct err *err);
/* Which part of the query's words, 0 to 1, a heading holds. */
double query_coverage(struct words *w, const struct query *q, struct slice heading);
struct query_found {
        uint32_t pairs;  /* bit i: word i stands behind word i - 1, as it was typed */
        bool all_quoted; /* every quoted phrase is there; true when there is none */
};
void query_look(struct words *w, const struct query *q, struct slice text, struct query_found *ret);
