/* inverted.h - an index of words in the making, and as it lies in a segment.
 *
 * A passage has three fields, its document's title, its headings and its text. How much of a term
 * it has is counted over all of them, with a weight for each (BM25F with one length), in half
 * words.
 *
 * In a segment: TERM, the terms in ascending order of their bytes; STRS, their bytes; POST, their
 * lists (postings.h); LENS, the length of every passage, two bytes each; STAT.
 */
#pragma once
#include "rag/lexical/postings.h"
#include "rag/lexical/words.h"
#include "store/sfile.h"

enum { FIELD_TITLE, FIELD_HEADING, FIELD_TEXT, FIELDS };
/* A title is the whole document's; a heading says what the passage is about. */
#define FIELD_WEIGHTS                                                                              \
        {                                                                                          \
                1, 6, 2                                                                            \
        }
#define LENGTH_MAX UINT16_MAX

struct inverted;
struct inverted *inverted_new(void);    /* never NULL */
void inverted_free(struct inverted *v); /* NULL is fine */
/* The next passage, counted from 0. -ENOMEM: v can only be freed. */
MUST_CHECK int inverted_add(struct inverted *v, struct words *words,
                            const struct slice fields[FIELDS]);
size_t inverted_bytes(const struct inverted *v); /* of memory, about */
/* Adds the sections; v can only be freed afterwards. */
MUST_CHECK int inverted_write(struct inverted *v, struct sfile_out *o);

struct lexicon {
        const struct term_row *terms;
        uint32_t n_terms;
        uint32_t n; /* passages */
        struct slice strings, postings;
        const uint16_t *lengths;
        uint64_t total_length;
};
/* Of an open segment. -EBADMSG. */
MUST_CHECK int lexicon_open(const struct sfile *f, struct lexicon *ret, struct err *err);
/* The list of a term: true when there is one. */
bool lexicon_find(const struct lexicon *l, const char *term, size_t n, struct post_list *ret);
