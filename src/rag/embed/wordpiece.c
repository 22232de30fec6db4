/* WordPiece with BERT's normalisation: words end at blanks, marks and ideographs are words of their
 * own, and each word is cut into the longest pieces from the left. */
#include "rag/embed/tokenizer.h"
#include "rag/embed/unicode.h"
#include "base/mem.h"

struct run {
        const struct tokenizer *t;
        struct embed_tokens *ret;
        struct norm word;
        bool long_word; /* word.n is then no longer kept up, only where the word ends */
        uint32_t begin, end;
};

/* What a byte of ASCII is, so that most text needs no look into a Unicode table. */
enum { A_LETTER, A_BLANK, A_MARK, A_DROP };
static unsigned char ascii_class(unsigned char c)
{
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
                return A_BLANK;
        if (c < 32 || c == 127)
                return A_DROP;
        return uni_punct(c) ? A_MARK : A_LETTER;
}

static int flush(struct run *w)
{
        const struct tokenizer *t = w->t;
        size_t n = w->word.n, at = 0, keep = w->ret->n;
        if (n == 0)
                return 0;
        w->word.n = w->word.chars = 0;
        bool unknown = w->long_word;
        w->long_word = false;
        int r = 0;
        while (!unknown && at < n && r == 0) {
                uint32_t node = at == 0 ? TRIE_ROOT : t->inner_root;
                size_t i = at, best = 0;
                int32_t id = -1;
                while (node && i < n &&
                       trie_step(&t->pieces, &node, (unsigned char)w->word.text[i])) {
                        i++;
                        if (trie_value(&t->pieces, node) >= 0) {
                                id = trie_value(&t->pieces, node);
                                best = i;
                        }
                }
                if (best == 0) {
                        unknown = true;
                        break;
                }
                r = tokens_add(w->ret, (uint32_t)id, w->word.begin[at], w->word.end[best - 1]);
                at = best;
        }
        if (r == 0 && unknown) {
                w->ret->n = keep;
                r = tokens_add(w->ret, t->head.unknown, w->begin, w->end);
        }
        return r;
}

static int letter(struct run *w, const char *s, size_t n, uint32_t begin, uint32_t end)
{
        if (w->word.n == 0)
                w->begin = begin;
        w->end = end;
        if (w->word.chars >= w->t->head.word_chars) {
                w->long_word = true;
                return 0;
        }
        return norm_add(&w->word, s, n, begin, end);
}

static int mark(struct run *w, const char *s, size_t n, uint32_t begin, uint32_t end)
{
        int r = flush(w);
        if (r == 0)
                r = letter(w, s, n, begin, end);
        return r == 0 ? flush(w) : r;
}

/* One character after decomposition. */
static int normal(struct run *w, uint32_t c, uint32_t begin, uint32_t end)
{
        char s[4];
        uint32_t flags = w->t->head.flags;
        if (flags & TOKENIZER_STRIP && uni_mark(c))
                return 0;
        if (flags & TOKENIZER_LOWER) {
                if (c == 0x130) { /* the one capital whose small form is two characters */
                        int r = letter(w, "i", 1, begin, end);
                        return r < 0 ? r : letter(w, "\xcc\x87", 2, begin, end);
                }
                c = uni_lower(c);
        }
        if (uni_blank(c))
                return flush(w);
        size_t n = uni_put(s, c);
        return uni_punct(c) ? mark(w, s, n, begin, end) : letter(w, s, n, begin, end);
}

static int wide(struct run *w, uint32_t c, uint32_t begin, uint32_t end)
{
        uint32_t flags = w->t->head.flags, parts[UNI_DECOMPOSED] = {c};
        size_t n = 1;
        int r = 0;
        if (flags & TOKENIZER_CLEAN) {
                if (c == 0xfffd || uni_control(c))
                        return 0;
                if (uni_blank(c))
                        return flush(w);
        }
        bool alone = flags & TOKENIZER_CJK && uni_cjk(c);
        if (alone)
                r = flush(w);
        if (flags & TOKENIZER_STRIP)
                n = uni_decompose(c, parts);
        for (size_t i = 0; i < n && r == 0; i++)
                r = normal(w, parts[i], begin, end);
        return r == 0 && alone ? flush(w) : r;
}

static int ascii(struct run *w, unsigned char class, char c, uint32_t at)
{
        if (w->t->head.flags & TOKENIZER_LOWER && c >= 'A' && c <= 'Z')
                c = (char)(c + 32);
        switch (class) {
        case A_LETTER:
                return letter(w, &c, 1, at, at + 1);
        case A_BLANK:
                return flush(w);
        case A_MARK:
                return mark(w, &c, 1, at, at + 1);
        default:
                if (w->t->head.flags & TOKENIZER_CLEAN)
                        return 0;
                return uni_blank((unsigned char)c) ? flush(w) : letter(w, &c, 1, at, at + 1);
        }
}

int wordpiece_run(const struct tokenizer *t, struct slice text, size_t from, size_t to,
                  struct embed_tokens *ret)
{
        struct run w = {.t = t, .ret = ret};
        unsigned char class[128];
        int r = 0;
        for (unsigned i = 0; i < 128; i++)
                class[i] = ascii_class((unsigned char)i);
        for (size_t i = from; i < to && r == 0;) {
                unsigned char c = (unsigned char)text.data[i];
                if (c < 0x80) {
                        r = ascii(&w, class[c], text.data[i], (uint32_t)i);
                        i++;
                        continue;
                }
                uint32_t wide_char;
                size_t n = uni_next(text.data + i, to - i, &wide_char);
                r = wide(&w, wide_char, (uint32_t)i, (uint32_t)(i + n));
                i += n;
        }
        if (r == 0)
                r = flush(&w);
        norm_done(&w.word);
        return r;
}
