#include "rag/query.h"
#include "base/limits.h"
#include "base/str.h"
#include <ctype.h>
#include <stdio.h>

/* One word or phrase: the bytes between its ends, still with whatever marks were typed. */
struct term {
        const char *p;
        size_t n;
        bool quoted, common;
        bool next; /* the word before it was typed next to it */
};
struct terms {
        struct term t[QUERY_TERMS_MAX];
        size_t n;
};

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

/* Bytes that FTS5's unicode61 may take into a word; which of the others are letters it decides. */
static bool word_byte(char c)
{
        return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

static bool has_word(const char *p, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (word_byte(p[i]))
                        return true;
        return false;
}

static void add(struct terms *t, const char *p, size_t n, bool quoted)
{
        while (n && !word_byte(*p)) {
                p++;
                n--;
        }
        while (n && !word_byte(p[n - 1]))
                n--;
        if (n == 0 || t->n == QUERY_TERMS_MAX)
                return;
        bool common = !quoted && is_common(p, n);
        bool next = t->n && !common && !t->t[t->n - 1].common;
        t->t[t->n++] = (struct term){p, n, quoted, common, next};
}

/* Curly quotes are what people paste. */
static size_t quote_at(const char *p)
{
        if (*p == '"')
                return 1;
        return strncmp(p, "\xe2\x80\x9c", 3) == 0 || strncmp(p, "\xe2\x80\x9d", 3) == 0 ? 3 : 0;
}

static void split(const char *p, struct terms *t)
{
        while (*p) {
                size_t q = quote_at(p);
                const char *end = p + q;
                while (q && *end && !quote_at(end))
                        end++;
                if (q && *end && has_word(p + q, (size_t)(end - p) - q)) {
                        add(t, p + q, (size_t)(end - p) - q, true);
                        p = end + quote_at(end);
                        continue;
                }
                if (isspace((unsigned char)*p) || q) {
                        p += q ? q : 1;
                        continue;
                }
                size_t n = 0;
                while (p[n] && !isspace((unsigned char)p[n]) && !quote_at(p + n))
                        n++;
                add(t, p, n, false);
                p += n;
        }
}

/* As a string of FTS5: in double quotes; bytes that are in no word become blanks. */
static int put_words(struct buf *b, const char *p, size_t n)
{
        int r = 0;
        for (size_t i = 0; i < n && r == 0; i++)
                r = buf_add(b, word_byte(p[i]) ? p + i : " ", 1);
        return r;
}

static int put_term(struct buf *b, const struct term *a, const struct term *next)
{
        int r = b->len ? buf_adds(b, " OR ") : 0;
        if (r == 0)
                r = buf_adds(b, "\"");
        if (r == 0)
                r = put_words(b, a->p, a->n);
        if (r == 0 && next)
                r = buf_adds(b, " ");
        if (r == 0 && next)
                r = put_words(b, next->p, next->n);
        return r < 0 ? r : buf_adds(b, "\"");
}

static void drop_common(struct terms *t)
{
        size_t n = 0;
        for (size_t i = 0; i < t->n; i++)
                n += !t->t[i].common;
        if (n == 0)
                return;
        n = 0;
        for (size_t i = 0; i < t->n; i++)
                if (!t->t[i].common)
                        t->t[n++] = t->t[i];
        t->n = n;
}

/* Where the endings of English begin, more or less: "packages", "packaged" and "packaging" are the
 * same word to a heading. The index itself stems properly. */
static void stem(const char *p, size_t n, char dst[24])
{
        static const char *const endings[] = {"ations", "ation", "ings", "ing", "ies", "ied", "ers",
                                              "er",     "ed",    "es",   "s",   "e",   "y"};
        size_t k = n < 23 ? n : 23;
        for (size_t i = 0; i < k; i++)
                dst[i] = (char)tolower((unsigned char)p[i]);
        dst[k] = '\0';
        for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
                size_t e = strlen(endings[i]);
                if (k >= e + 3 && str_ends(dst, endings[i])) {
                        dst[k - e] = '\0';
                        return;
                }
        }
}

static size_t word_length(const char *p)
{
        size_t n = 0;
        while (p[n] && word_byte(p[n]))
                n++;
        return n;
}

static void take_words(struct query *q, const struct term *t)
{
        for (const char *p = t->p; p < t->p + t->n && q->n_words < QUERY_TERMS_MAX;) {
                size_t n = word_length(p);
                if (n && p + n <= t->p + t->n)
                        stem(p, n, q->words[q->n_words++].stem);
                p += n ? n : 1;
        }
}

double query_coverage(const struct query *q, const char *heading)
{
        uint32_t seen = 0;
        for (const char *p = heading; *p;) {
                char s[24];
                size_t n = word_length(p);
                if (n) {
                        stem(p, n, s);
                        for (unsigned i = 0; i < q->n_words; i++)
                                if (str_eq(s, q->words[i].stem))
                                        seen |= 1u << i;
                }
                p += n ? n : 1;
        }
        return q->n_words ? (double)__builtin_popcount(seen) / q->n_words : 0;
}

int query_make(const char *text, struct query *ret, struct err *err)
{
        struct terms t = {.n = 0};
        struct query q = {.n_terms = 0};
        if (!utf8_valid(text, strlen(text)))
                return err_set(err, -EINVAL, "the query is not UTF-8");
        buf_init(&q.any, 16 * QUERY_TEXT_MAX);
        split(text, &t);
        drop_common(&t);
        int r = 0;
        for (size_t i = 0; i < t.n && r == 0; i++) {
                r = put_term(&q.any, &t.t[i], NULL);
                if (r == 0 && i + 1 < t.n && t.t[i + 1].next)
                        r = put_term(&q.any, &t.t[i], &t.t[i + 1]);
                take_words(&q, &t.t[i]);
        }
        q.n_terms = (unsigned)t.n;
        if (r < 0) {
                query_done(&q);
                return err_sys(err, r, "the query");
        }
        *ret = q;
        return 0;
}

void query_done(struct query *q)
{
        buf_done(&q->any);
}
