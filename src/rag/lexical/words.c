#include "rag/lexical/words.h"
#include "base/mem.h"
#include "base/str.h"
#include <libstemmer.h>
#include <utf8proc.h>

#define STEMS    8192 /* a power of two */
#define STEM_KEY 24

struct words {
        struct sb_stemmer *english;
        struct stem {
                uint8_t key_len, len;
                char key[STEM_KEY], stem[STEM_KEY];
        } stems[STEMS];
};

struct words *words_new(void)
{
        struct words *w = xcalloc(1, sizeof *w);
        w->english = sb_stemmer_new("english", "UTF_8");
        if (!w->english)
                abort(); /* only without memory */
        return w;
}

void words_free(struct words *w)
{
        if (!w)
                return;
        sb_stemmer_delete(w->english);
        free(w);
}

/* ---- characters ---- */

enum glyph { OTHER, LOWER, UPPER, DIGIT, LETTER, IDEOGRAPH, JOINT, QUOTE };

static const uint8_t ascii[128] = {
        ['0'] = DIGIT, ['1'] = DIGIT, ['2'] = DIGIT, ['3'] = DIGIT, ['4'] = DIGIT,  ['5'] = DIGIT,
        ['6'] = DIGIT, ['7'] = DIGIT, ['8'] = DIGIT, ['9'] = DIGIT, ['a'] = LOWER,  ['b'] = LOWER,
        ['c'] = LOWER, ['d'] = LOWER, ['e'] = LOWER, ['f'] = LOWER, ['g'] = LOWER,  ['h'] = LOWER,
        ['i'] = LOWER, ['j'] = LOWER, ['k'] = LOWER, ['l'] = LOWER, ['m'] = LOWER,  ['n'] = LOWER,
        ['o'] = LOWER, ['p'] = LOWER, ['q'] = LOWER, ['r'] = LOWER, ['s'] = LOWER,  ['t'] = LOWER,
        ['u'] = LOWER, ['v'] = LOWER, ['w'] = LOWER, ['x'] = LOWER, ['y'] = LOWER,  ['z'] = LOWER,
        ['A'] = UPPER, ['B'] = UPPER, ['C'] = UPPER, ['D'] = UPPER, ['E'] = UPPER,  ['F'] = UPPER,
        ['G'] = UPPER, ['H'] = UPPER, ['I'] = UPPER, ['J'] = UPPER, ['K'] = UPPER,  ['L'] = UPPER,
        ['M'] = UPPER, ['N'] = UPPER, ['O'] = UPPER, ['P'] = UPPER, ['Q'] = UPPER,  ['R'] = UPPER,
        ['S'] = UPPER, ['T'] = UPPER, ['U'] = UPPER, ['V'] = UPPER, ['W'] = UPPER,  ['X'] = UPPER,
        ['Y'] = UPPER, ['Z'] = UPPER, ['_'] = JOINT, ['-'] = JOINT, ['.'] = JOINT,  ['/'] = JOINT,
        [':'] = JOINT, ['@'] = JOINT, ['#'] = JOINT, ['+'] = JOINT, ['\''] = QUOTE,
};

static bool is_ideograph(int32_t c)
{
        return (c >= 0x3040 && c <= 0x30ff) || (c >= 0x3400 && c <= 0x4dbf) ||
               (c >= 0x4e00 && c <= 0x9fff) || (c >= 0xac00 && c <= 0xd7a3) ||
               (c >= 0xf900 && c <= 0xfaff) || (c >= 0x20000 && c <= 0x3ffff);
}

/* The character at p and its length; OTHER of one byte for what is none. */
static enum glyph classify(const char *p, size_t n, size_t *ret_len)
{
        int32_t c;
        *ret_len = 1;
        if ((unsigned char)*p < 0x80)
                return ascii[(unsigned char)*p];
        utf8proc_ssize_t k = utf8proc_iterate((const utf8proc_uint8_t *)p, (utf8proc_ssize_t)n, &c);
        if (k <= 0)
                return OTHER;
        *ret_len = (size_t)k;
        if (c == 0x2019) /* the typographic apostrophe */
                return QUOTE;
        if (is_ideograph(c))
                return IDEOGRAPH;
        switch (utf8proc_category(c)) {
        case UTF8PROC_CATEGORY_LU:
        case UTF8PROC_CATEGORY_LT:
                return UPPER;
        case UTF8PROC_CATEGORY_LL:
                return LOWER;
        case UTF8PROC_CATEGORY_LM:
        case UTF8PROC_CATEGORY_LO:
        case UTF8PROC_CATEGORY_MN:
        case UTF8PROC_CATEGORY_MC:
        case UTF8PROC_CATEGORY_ME:
                return LETTER;
        case UTF8PROC_CATEGORY_ND:
        case UTF8PROC_CATEGORY_NL:
        case UTF8PROC_CATEGORY_NO:
                return DIGIT;
        default:
                return OTHER;
        }
}

/* ---- one word ---- */

/* Folds p[0..n) into dst; its length, at most TERM_MAX, cut at a character. */
static size_t fold(const char *p, size_t n, char dst[TERM_MAX])
{
        size_t i = 0;
        for (; i < n && i < TERM_MAX && (unsigned char)p[i] < 0x80; i++)
                dst[i] = (char)(p[i] | (p[i] >= 'A' && p[i] <= 'Z' ? 0x20 : 0));
        if (i == n || i == TERM_MAX)
                return i;
        n = utf8_clip(p, n, 4 * TERM_MAX); /* a run without end costs no more than a word */
        utf8proc_uint8_t *folded = NULL;
        utf8proc_ssize_t k = utf8proc_map((const utf8proc_uint8_t *)p, (utf8proc_ssize_t)n, &folded,
                                          UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_STRIPMARK |
                                                  UTF8PROC_COMPOSE | UTF8PROC_IGNORE);
        size_t len = k < 0 ? 0 : utf8_clip((char *)folded, (size_t)k, TERM_MAX);
        memcpy(dst, folded ? (char *)folded : "", len);
        free(folded);
        return len;
}

/* In place; the new length. */
static size_t stem(struct words *w, char *word, size_t n)
{
        if (n < 3)
                return n;
        uint32_t h = 2166136261u;
        for (size_t i = 0; i < n; i++) {
                if (word[i] < 'a' || word[i] > 'z')
                        return n; /* numbers, identifiers, other scripts */
                h = (h ^ (unsigned char)word[i]) * 16777619u;
        }
        struct stem *s = &w->stems[(h ^ h >> 15) & (STEMS - 1)];
        if (n <= STEM_KEY && s->key_len == n && memcmp(s->key, word, n) == 0) {
                memcpy(word, s->stem, s->len);
                return s->len;
        }
        const sb_symbol *t = sb_stemmer_stem(w->english, (const sb_symbol *)word, (int)n);
        int k = sb_stemmer_length(w->english);
        if (!t || k <= 0 || (size_t)k > n)
                return n;
        if (n <= STEM_KEY) {
                s->key_len = (uint8_t)n;
                s->len = (uint8_t)k;
                memcpy(s->key, word, n);
                memcpy(s->stem, t, (size_t)k);
        }
        memcpy(word, t, (size_t)k);
        return (size_t)k;
}

/* ---- a text ---- */

struct reading {
        struct words *w;
        struct slice text;
        term_fn fn;
        void *ctx;
        uint32_t position;
        /* the chain of joined words that is being read */
        size_t chain, chain_end;
        unsigned links;
        uint32_t chain_position;
};

static int tell(struct reading *r, const char *term, size_t n, uint32_t position, bool joined,
                size_t begin, size_t end)
{
        struct term_word t = {term, (uint32_t)n, position, joined, (uint32_t)begin, (uint32_t)end};
        return n ? r->fn(r->ctx, &t) : 0;
}

static int one(struct reading *r, size_t begin, size_t end)
{
        char term[TERM_MAX];
        size_t n = fold(r->text.data + begin, end - begin, term);
        n = stem(r->w, term, n);
        return tell(r, term, n, r->position++, false, begin, end);
}

/* The chain as a whole, if it has more than one link. */
static int end_chain(struct reading *r)
{
        char term[TERM_MAX];
        unsigned links = r->links;
        r->links = 0;
        if (links < 2 || r->chain_end - r->chain > TERM_MAX)
                return 0;
        size_t n = fold(r->text.data + r->chain, r->chain_end - r->chain, term);
        n = stem(r->w, term, n); /* parseFile: letters alone */
        return tell(r, term, n, r->chain_position, true, r->chain, r->chain_end);
}

/* A run of letters and digits: cut where a small letter meets a capital. */
static int run(struct reading *r, size_t begin, size_t end, size_t *cuts, size_t n_cuts)
{
        int e = 0;
        if (!r->links) {
                r->chain = begin;
                r->chain_position = r->position;
        }
        r->chain_end = end;
        for (size_t i = 0; i <= n_cuts && e == 0; i++) {
                size_t to = i < n_cuts ? cuts[i] : end;
                e = one(r, begin, to);
                begin = to;
                r->links++;
        }
        return e;
}

static int ideographs(struct reading *r, size_t *at)
{
        const char *p = r->text.data;
        size_t i = *at, len, before = i;
        classify(p + i, r->text.len - i, &len);
        size_t second = i + len, e = 0;
        int count = 0, k = 0;
        for (i = second; i < r->text.len && k == 0; i += e) {
                if (classify(p + i, r->text.len - i, &e) != IDEOGRAPH)
                        break;
                k = tell(r, p + before, i + e - before, r->position++, false, before, i + e);
                before = i;
                count++;
        }
        *at = i;
        if (count == 0)
                k = tell(r, p + before, second - before, r->position++, false, before, second);
        return k;
}

#define CUTS_MAX 8

/* From a letter or digit to behind the last of its run. */
static int letters(struct reading *r, size_t *at)
{
        size_t begin = *at, i = begin, len, cuts[CUTS_MAX], n_cuts = 0;
        enum glyph last = OTHER;
        for (; i < r->text.len; i += len) {
                enum glyph c = classify(r->text.data + i, r->text.len - i, &len);
                if (c != LOWER && c != UPPER && c != DIGIT && c != LETTER)
                        break;
                if (last == LOWER && c == UPPER && n_cuts < CUTS_MAX)
                        cuts[n_cuts++] = i;
                last = c;
        }
        *at = i;
        return run(r, begin, i, cuts, n_cuts);
}

static bool starts_run(const struct reading *r, size_t i)
{
        size_t len;
        if (i >= r->text.len)
                return false;
        enum glyph c = classify(r->text.data + i, r->text.len - i, &len);
        return c == LOWER || c == UPPER || c == DIGIT || c == LETTER;
}

/* An apostrophe and what follows it ("user's", "don't") says nothing: skipped when it is short. */
static size_t skip_quote(const struct reading *r, size_t i, size_t len)
{
        size_t j = i + len, k = 0, l;
        while (j < r->text.len && k < 3 && starts_run(r, j)) {
                classify(r->text.data + j, r->text.len - j, &l);
                j += l;
                k++;
        }
        return k <= 2 ? j : i + len;
}

int words_of(struct words *w, struct slice text, term_fn fn, void *ctx)
{
        struct reading r = {.w = w, .text = text, .fn = fn, .ctx = ctx};
        int e = 0;
        for (size_t i = 0, len; i < text.len && e == 0;) {
                enum glyph c = classify(text.data + i, text.len - i, &len);
                switch (c) {
                case LOWER:
                case UPPER:
                case DIGIT:
                case LETTER:
                        e = letters(&r, &i);
                        break;
                case IDEOGRAPH:
                        e = end_chain(&r);
                        e = e ? e : ideographs(&r, &i);
                        break;
                case JOINT:
                        if (!r.links || !starts_run(&r, i + len))
                                e = end_chain(&r);
                        i += len;
                        break;
                case QUOTE:
                        i = r.links ? skip_quote(&r, i, len) : i + len;
                        break;
                default:
                        e = end_chain(&r);
                        i += len;
                }
        }
        return e ? e : end_chain(&r);
}
