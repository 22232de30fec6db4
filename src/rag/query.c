#include "rag/query.h"
#include "base/limits.h"
#include "base/str.h"
#include <ctype.h>

/* English words that say nothing about a passage. */
static bool is_common(const char *p, size_t n)
{
        static const char list[] =
                " a about an and any are as at be been but by can could did do does doing for from"
                " had has have how i if in into is it its just may me might mine my no not of on or"
                " our own shall she he should so some such than that the their them then there"
                " these they this those to too very was we were what when where which while who"
                " whom whose why will with would you your am being here us tell explain please"
                " someone something anything mean means s t don doesn ";
        char word[16];
        if (n + 2 >= sizeof word)
                return false;
        word[0] = ' ';
        for (size_t i = 0; i < n; i++)
                word[i + 1] = (char)tolower((unsigned char)p[i]);
        word[n + 1] = ' ';
        word[n + 2] = '\0';
        return strstr(list, word) != NULL;
}

/* ---- taking apart ---- */

struct typed {
        struct bm25_term term;
        bool joined, quoted, common, next;
};
struct typing {
        struct typed t[QUERY_TERMS_MAX];
        size_t n;
        const char *text; /* of the part in hand */
        bool quoted;
        bool first; /* the next word begins a part: it has no neighbour */
        bool gap;   /* a common word was left out before it */
};

static int on_typed(void *ctx, const struct term_word *w)
{
        struct typing *t = ctx;
        if (t->n == QUERY_TERMS_MAX)
                return 1;
        bool common = !t->quoted && is_common(t->text + w->begin, w->end - w->begin);
        struct typed *d = &t->t[t->n++];
        *d = (struct typed){.joined = w->joined, .quoted = t->quoted, .common = common};
        memcpy(d->term.term, w->term, w->len);
        d->term.len = w->len;
        if (w->joined)
                return 0;
        d->next = !common && !t->first && !t->gap;
        t->first = false;
        t->gap = common;
        return 0;
}

/* Curly quotes are what people paste. */
static size_t quote_at(const char *p)
{
        if (*p == '"')
                return 1;
        return strncmp(p, "\xe2\x80\x9c", 3) == 0 || strncmp(p, "\xe2\x80\x9d", 3) == 0 ? 3 : 0;
}

static void part(struct words *w, struct typing *t, const char *p, size_t n, bool quoted)
{
        t->text = p;
        t->quoted = quoted;
        t->first = true;
        t->gap = false;
        words_of(w, (struct slice){p, n}, on_typed, t);
}

/* A quote that is never closed is none. */
static void split(struct words *w, const char *p, struct typing *t)
{
        while (*p) {
                size_t n = 0, q = quote_at(p), m = q;
                while (q && p[m] && !quote_at(p + m))
                        m++;
                if (q && p[m]) {
                        part(w, t, p + q, m - q, true);
                        p += m + quote_at(p + m);
                        continue;
                }
                p += q;
                while (p[n] && !quote_at(p + n))
                        n++;
                part(w, t, p, n, false);
                p += n;
        }
}

static unsigned term_index(struct query *q, const struct bm25_term *t)
{
        unsigned i = 0;
        while (i < q->n_terms &&
               (q->terms[i].len != t->len || memcmp(q->terms[i].term, t->term, t->len) != 0))
                i++;
        if (i == q->n_terms)
                q->terms[q->n_terms++] = *t;
        return i;
}

int query_make(struct words *w, const char *text, struct query *ret, struct err *err)
{
        struct typing t = {.n = 0};
        bool all_common = true;
        if (!utf8_valid(text, strlen(text)))
                return err_set(err, -EINVAL, "the query is not UTF-8");
        split(w, text, &t);
        for (size_t i = 0; i < t.n; i++)
                all_common &= t.t[i].common || t.t[i].joined;
        memset(ret, 0, sizeof *ret);
        for (size_t i = 0; i < t.n; i++) {
                const struct typed *d = &t.t[i];
                if (d->common && !all_common)
                        continue;
                unsigned k = term_index(ret, &d->term);
                if (d->joined)
                        continue;
                ret->plain |= 1u << k;
                ret->quoted |= d->quoted;
                bool next = d->next && ret->n_words;
                ret->words[ret->n_words++] = (struct query_word){(uint8_t)k, d->quoted, next};
        }
        return 0;
}

/* ---- looking at a text ---- */

static int find_term(const struct query *q, const struct term_word *w)
{
        for (unsigned i = 0; i < q->n_terms; i++)
                if (q->terms[i].len == w->len && memcmp(q->terms[i].term, w->term, w->len) == 0)
                        return (int)i;
        return -1;
}

struct covering {
        const struct query *q;
        uint32_t seen;
};

static int on_heading(void *ctx, const struct term_word *w)
{
        struct covering *c = ctx;
        int i = find_term(c->q, w);
        if (i >= 0)
                c->seen |= 1u << i;
        return 0;
}

double query_coverage(struct words *w, const struct query *q, struct slice heading)
{
        struct covering c = {q, 0};
        words_of(w, heading, on_heading, &c);
        int all = __builtin_popcount(q->plain);
        return all ? (double)__builtin_popcount(c.seen & q->plain) / all : 0;
}

struct looking {
        const struct query *q;
        struct query_found *found;
        uint32_t position; /* of the word before */
        /* Bit i: the word before ends a run of the query's words that began somewhere and is at
         * word i now; whole: that run began at the first word of its phrase. */
        uint32_t at, whole, said;
};

static bool starts_phrase(const struct query *q, unsigned i)
{
        return q->words[i].quoted && !q->words[i].next;
}

static bool ends_phrase(const struct query *q, unsigned i)
{
        return q->words[i].quoted && (i + 1 == q->n_words || !q->words[i + 1].next);
}

static int on_word(void *ctx, const struct term_word *w)
{
        struct looking *l = ctx;
        int term = w->joined ? -1 : find_term(l->q, w);
        uint32_t at = 0, whole = 0;
        if (w->joined)
                return 0;
        for (unsigned i = 0; i < l->q->n_words && term >= 0; i++) {
                if (l->q->words[i].term != term)
                        continue;
                bool follows = i && l->q->words[i].next && (l->at >> (i - 1) & 1);
                at |= 1u << i;
                if (follows)
                        l->found->pairs |= 1u << i;
                if (starts_phrase(l->q, i) || (follows && (l->whole >> (i - 1) & 1)))
                        whole |= 1u << i;
                if ((whole >> i & 1) && ends_phrase(l->q, i))
                        l->said |= 1u << i;
        }
        l->at = at;
        l->whole = whole;
        return 0;
}

void query_look(struct words *w, const struct query *q, struct slice text, struct query_found *ret)
{
        struct looking l = {.q = q, .found = ret};
        *ret = (struct query_found){.all_quoted = true};
        words_of(w, text, on_word, &l);
        for (unsigned i = 0; i < q->n_words; i++)
                if (ends_phrase(q, i) && !(l.said >> i & 1))
                        ret->all_quoted = false;
}
