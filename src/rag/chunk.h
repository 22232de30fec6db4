/* chunk.h - blocks of a document to passages: what is found, shown and cited.
 *
 * A passage is some 200 words of one section, at most CHUNK_WORDS_MAX and PASSAGE_TEXT_MAX bytes.
 * It begins anew at every heading, so that an edit changes the passages of its own section only;
 * paragraphs are joined while they fit, a longer one is cut behind a sentence, lines of tables and
 * code behind a line. No text is dropped: a heading with nothing below it is a passage itself.
 *
 *     struct chunker c;
 *     chunk_init(&c, keep_passage, ctx);
 *     r = chunk_add(&c, &block, err);              for each block, in reading order
 *     r = chunk_end(&c, err);
 *     chunk_done(&c);
 */
#pragma once
#include "link/parse.h"

#define CHUNK_WORDS     220 /* a passage is closed rather than made longer */
#define CHUNK_WORDS_MAX 300
#define CHUNK_LEVELS    6
#define CHUNK_PATH_MAX  512 /* "A > B > C" with its NUL; as rag_hit.heading */

struct passage {
        uint32_t ordinal; /* in its document, from 0 */
        uint32_t page;    /* where it begins; 0 = the format has none */
        char heading[CHUNK_PATH_MAX];
        struct slice text;
};
typedef int (*passage_fn)(void *ctx, const struct passage *p, struct err *err);

struct chunker {
        passage_fn fn;
        void *ctx;
        struct buf text; /* of the passage being made */
        uint32_t words, page, ordinal;
        enum parse_kind last; /* kind of the last block in it */
        char level[CHUNK_LEVELS + 1][200];
        uint32_t bare; /* level of a heading that has had no text yet, else 0 */
        uint32_t bare_page;
};

void chunk_init(struct chunker *c, passage_fn fn, void *ctx);
void chunk_done(struct chunker *c);
MUST_CHECK int chunk_add(struct chunker *c, const struct parse_block *b, struct err *err);
MUST_CHECK int chunk_end(struct chunker *c, struct err *err);
/* Words of a text; one without blanks (Chinese, keys) counts by its length. */
uint32_t chunk_words(struct slice text);
