/* words.h - a text to the terms it is found by; the same for documents and questions.
 *
 * A word is a run of letters, marks and digits (Unicode's categories, by utf8proc), folded: lower
 * case, compatibility forms made one, marks of Latin letters taken off. An English word is also cut
 * to its stem (Porter 2, by libstemmer). A run of Han, Kana or Hangul becomes its pairs of
 * neighbours, a lone one itself. Words that are joined without a blank by one of _ - . / : @ # + '
 * are found one by one, and together: ERR_NGX_502 is "err", "ngx", "502" and "err_ngx_502". A
 * change from lower to upper case within a word is such a joint too: parseFile is "pars", "file"
 * and "parsefil".
 */
#pragma once
#include "link/wire.h"

#define TERM_MAX 64 /* bytes of a term; what is longer is cut at a character */

struct term_word {
        const char *term; /* lives until fn returns; not NUL-terminated */
        uint32_t len;
        uint32_t position;   /* counts the words of the text from 0; of a joined one: its first */
        bool joined;         /* stands for several that come by themselves too */
        uint32_t begin, end; /* bytes of the text */
};
typedef int (*term_fn)(void *ctx, const struct term_word *w);

struct words; /* memory between texts: stems that were asked for already; one thread */
struct words *words_new(void); /* never NULL */
void words_free(struct words *w);
DEFINE_CLEANUP(struct words *, words_free);
/* Calls fn for every term of valid UTF-8, in order; ends early when it returns something else than
 * 0, and returns that. */
int words_of(struct words *w, struct slice text, term_fn fn, void *ctx);
