/* tokenizer.h - cuts text into the pieces of a model's vocabulary, as the model's publisher does.
 *
 * Two kinds behind one interface: WordPiece (BERT, MPNet) and Unigram (XLM-R, multilingual-e5). The
 * tables are made once from the publisher's tokenizer.json or vocab.txt (tokenizer_build.h) and are
 * a part of the packed file; a view of them is checked when it is taken, so that tables from a
 * damaged file give wrong pieces at worst.
 */
#pragma once
#include "rag/embed/embed.h"
#include "rag/embed/trie.h"

#define TOKENIZER_AROUND_MAX 4     /* special tokens before a text, and behind it */
#define TOKENIZER_WORD_MAX   65536 /* bytes; Unigram cuts a longer word there */

enum tokenizer_kind { TOKENIZER_WORDPIECE = 1, TOKENIZER_UNIGRAM };
enum {
        TOKENIZER_CLEAN = 1u << 0,  /* drop control characters */
        TOKENIZER_CJK = 1u << 1,    /* each ideograph is a word */
        TOKENIZER_STRIP = 1u << 2,  /* accents go */
        TOKENIZER_LOWER = 1u << 3,  /* capitals go */
        TOKENIZER_SPLIT = 1u << 4,  /* blanks part words and are gone (Unigram) */
        TOKENIZER_PREFIX = 1u << 5, /* each word begins with U+2581, also the first (Unigram) */
        TOKENIZER_FUSE = 1u << 6,   /* unknown characters in a row are one token (Unigram) */
};
enum { ADDED_LEFT = 1, ADDED_RIGHT = 2, ADDED_ANY_CASE = 4, ADDED_WORD = 8 };

/* A piece that is looked for in the text as it stands, before anything else is done. */
struct added_token {
        uint32_t id, flags;
        uint32_t at, len; /* in the added text */
};
/* As in the packed file: this, then the tables in the order of their counts, each at 8 bytes. */
struct tokenizer_head {
        uint32_t kind, flags;
        uint32_t unknown;      /* id */
        uint32_t word_chars;   /* WordPiece: a longer word is unknown */
        uint32_t vocabulary;   /* ids are below it */
        uint32_t n_slots;      /* struct trie_slot */
        uint32_t n_scores;     /* double; the vocabulary (Unigram) or 0 */
        uint32_t n_added;      /* struct added_token */
        uint32_t added_len;    /* bytes */
        uint32_t charsmap_len; /* bytes of the publisher's table of normal forms, or 0 */
        uint32_t n_before, n_after;
        uint32_t before[TOKENIZER_AROUND_MAX], after[TOKENIZER_AROUND_MAX];
        double unknown_score;
        char inner[8]; /* before a piece that is not the first of its word: "##" */
};

struct tokenizer {
        struct tokenizer_head head;
        struct trie pieces;
        uint32_t inner_root; /* slot after head.inner; 0: no piece begins so */
        const double *scores;
        const struct added_token *added;
        const char *added_text;
        const uint32_t *charsmap; /* double array of normal forms */
        uint32_t n_charsmap;      /* units */
        const char *normal;       /* the forms, each with a NUL */
        uint32_t normal_len;
        uint64_t added_first[4]; /* bit b: an added token begins with byte b */
};

/* A view of tables that must stay where they are, 8-aligned. -EBADMSG: sizes or ids that do not
 * fit. *ret_used: bytes that they take. */
MUST_CHECK int tokenizer_view(const void *tables, size_t n, struct tokenizer *ret, struct err *err);
/* As embed_tokenize. */
MUST_CHECK int tokenizer_run(const struct tokenizer *t, struct slice text, struct embed_tokens *ret,
                             struct err *err);

/* --- between the kinds and what they share */

/* Normalised bytes of one word, each with the place in the text that it came from. */
struct norm {
        char *text;
        uint32_t *begin, *end;
        size_t n, cap;
        uint32_t chars;
};
void norm_done(struct norm *w);
MUST_CHECK int norm_add(struct norm *w, const char *s, size_t n, uint32_t begin, uint32_t end);
MUST_CHECK int tokens_add(struct embed_tokens *t, uint32_t id, uint32_t begin, uint32_t end);
/* The pieces of text[from..to), which is valid UTF-8, behind what *ret holds. */
MUST_CHECK int wordpiece_run(const struct tokenizer *t, struct slice text, size_t from, size_t to,
                             struct embed_tokens *ret);
MUST_CHECK int unigram_run(const struct tokenizer *t, struct slice text, size_t from, size_t to,
                           struct embed_tokens *ret);
/* Normal form of the n bytes at s by the publisher's table; NULL: as they are. */
const char *charsmap_find(const struct tokenizer *t, const char *s, size_t n, size_t *ret_len);
