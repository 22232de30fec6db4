/* Unigram as SentencePiece trains it and XLM-R uses it: the publisher's table gives normal forms,
 * words begin with U+2581, and each is cut into the pieces whose scores add up to the most. */
#include "rag/embed/tokenizer.h"
#include "rag/embed/unicode.h"
#include "base/mem.h"
#include <math.h>

#define LOW   "\xe2\x96\x81" /* U+2581 */
#define LOW_N 3

struct path {
        double score;
        uint32_t from; /* where the last piece begins */
        uint32_t id;
};
struct run {
        const struct tokenizer *t;
        struct embed_tokens *ret;
        struct norm word;
        struct path *best; /* best[i]: the pieces up to byte i */
        size_t cap;
        bool first; /* nothing of this run was cut yet */
};

const char *charsmap_find(const struct tokenizer *t, const char *s, size_t n, size_t *ret_len)
{
        uint32_t at = 0;
        if (!t->charsmap)
                return NULL;
        uint32_t unit = t->charsmap[0];
        at ^= (unit >> 10) << ((unit & (1u << 9)) >> 6);
        for (size_t i = 0; i < n && s[i]; i++) {
                unsigned char c = (unsigned char)s[i];
                at ^= c;
                if (at >= t->n_charsmap)
                        return NULL;
                unit = t->charsmap[at];
                if ((unit & (1u << 31 | 0xff)) != c)
                        return NULL;
                at ^= (unit >> 10) << ((unit & (1u << 9)) >> 6);
                if (at >= t->n_charsmap)
                        return NULL;
                if (unit >> 8 & 1) {
                        uint32_t form = t->charsmap[at] & 0x7fffffff;
                        if (form >= t->normal_len)
                                return NULL;
                        *ret_len = strlen(t->normal + form); /* the last byte is a NUL */
                        return t->normal + form;
                }
        }
        return NULL;
}

static void reach(struct path *p, double score, uint32_t from, uint32_t id)
{
        if (p->from == UINT32_MAX || score > p->score)
                *p = (struct path){score, from, id};
}

static size_t char_len(const char *s, size_t n)
{
        uint32_t c;
        return uni_next(s, n, &c);
}

static void find_best(struct run *w)
{
        const struct tokenizer *t = w->t;
        const struct norm *x = &w->word;
        for (size_t i = 0; i <= x->n; i++)
                w->best[i].from = UINT32_MAX;
        w->best[0] = (struct path){0, 0, 0};
        for (size_t i = 0; i < x->n;) {
                size_t one = char_len(x->text + i, x->n - i);
                double score = w->best[i].score;
                uint32_t node = TRIE_ROOT;
                bool single = false;
                for (size_t k = i;
                     k < x->n && trie_step(&t->pieces, &node, (unsigned char)x->text[k]); k++) {
                        int32_t id = trie_value(&t->pieces, node);
                        if (id < 0)
                                continue;
                        reach(&w->best[k + 1], score + t->scores[id], (uint32_t)i, (uint32_t)id);
                        single = single || k + 1 - i == one;
                }
                if (!single)
                        reach(&w->best[i + one], score + t->head.unknown_score, (uint32_t)i,
                              t->head.unknown);
                i += one;
        }
}

static int emit(struct run *w, size_t from, size_t to, uint32_t id)
{
        const struct norm *x = &w->word;
        uint32_t begin = x->begin[from], end = x->end[to - 1];
        struct embed_token *last = w->ret->n ? &w->ret->list[w->ret->n - 1] : NULL;
        bool unknown = id == w->t->head.unknown && w->t->head.flags & TOKENIZER_FUSE;
        if (unknown && from > 0 && last && last->id == id) {
                last->end = end;
                return 0;
        }
        return tokens_add(w->ret, id, begin, end);
}

static int flush(struct run *w)
{
        size_t n = w->word.n;
        if (n == 0)
                return 0;
        w->first = false;
        if (n + 1 > w->cap) {
                struct path *p = mem_retry(w->best, (n + 256) * sizeof *p);
                if (!p)
                        return -ENOMEM;
                w->best = p;
                w->cap = n + 256;
        }
        find_best(w);
        /* From the end to the begin, then the other way by turning the links round. */
        uint32_t at = (uint32_t)n, next = 0;
        while (at > 0) {
                uint32_t from = w->best[at].from < at ? w->best[at].from : at - 1;
                w->best[at].from = next;
                next = at;
                at = from;
        }
        int r = 0;
        for (uint32_t from = 0; next && r == 0; from = at) {
                at = next;
                next = w->best[at].from;
                r = emit(w, from, at, w->best[at].id);
        }
        w->word.n = w->word.chars = 0;
        return r;
}

/* A character in its normal form. */
static int put(struct run *w, const char *s, size_t n, uint32_t begin, uint32_t end)
{
        uint32_t c, flags = w->t->head.flags;
        int r = 0;
        uni_next(s, n, &c);
        bool low = false;
        if (flags & TOKENIZER_SPLIT && uni_blank(c))
                return flush(w);
        if (!(flags & TOKENIZER_SPLIT))
                low = c == ' ' || c == 0x2581;
        if (low || w->word.n > TOKENIZER_WORD_MAX)
                r = flush(w);
        if (r == 0 && w->word.n == 0 && !low && c != 0x2581 && flags & TOKENIZER_PREFIX &&
            (w->first || flags & TOKENIZER_SPLIT))
                r = norm_add(&w->word, LOW, LOW_N, begin, begin);
        if (r < 0)
                return r;
        return low ? norm_add(&w->word, LOW, LOW_N, begin, end)
                   : norm_add(&w->word, s, n, begin, end);
}

static int put_all(struct run *w, const char *s, size_t n, uint32_t begin, uint32_t end)
{
        int r = 0;
        for (size_t i = 0; i < n && r == 0;) {
                size_t one = char_len(s + i, n - i);
                r = put(w, s + i, one, begin, end);
                i += one;
        }
        return r;
}

/* A cluster of characters: its own form when it is short and has one, else that of each. */
static int cluster(struct run *w, struct slice text, size_t from, size_t to)
{
        size_t len;
        const char *form = NULL;
        if (to - from < 6)
                form = charsmap_find(w->t, text.data + from, to - from, &len);
        if (form)
                return put_all(w, form, len, (uint32_t)from, (uint32_t)to);
        int r = 0;
        while (from < to && r == 0) {
                size_t one = char_len(text.data + from, to - from);
                form = charsmap_find(w->t, text.data + from, one, &len);
                r = put_all(w, form ? form : text.data + from, form ? len : one, (uint32_t)from,
                            (uint32_t)(from + one));
                from += one;
        }
        return r;
}

int unigram_run(const struct tokenizer *t, struct slice text, size_t from, size_t to,
                struct embed_tokens *ret)
{
        struct run w = {.t = t, .ret = ret, .first = true};
        int32_t state = 0;
        uint32_t c, next;
        int r = 0;
        size_t begin = from, at = from + uni_next(text.data + from, to - from, &c);
        while (at < to && r == 0) {
                size_t n = uni_next(text.data + at, to - at, &next);
                if (uni_cluster_ends(c, next, &state)) {
                        r = cluster(&w, text, begin, at);
                        begin = at;
                }
                c = next;
                at += n;
        }
        if (r == 0)
                r = cluster(&w, text, begin, to);
        if (r == 0)
                r = flush(&w);
        norm_done(&w.word);
        free(w.best);
        return r;
}
