#include "rag/search.h"
#include "rag/listing.h"
#include "rag/query.h"
#include "rag/shingle.h"
#include "base/mem.h"
#include "base/str.h"
#include <ctype.h>

#define COVER         1.0 /* added for a passage that has all that was asked, by weight */
#define PAIR          0.4 /* of the weight of two words that stand together as they were typed */
#define HEADING_BONUS 1.5 /* for a heading that says all that was asked; less by the square */
#define SPARE         4   /* candidates for each hit wanted: some are duplicates of others */
#define SHARE_SAME    70  /* percent of the words in common: the same text */
#define SHARE_SECTION 25  /* the same, of two files, below the same heading */
#define SPARE_LEAST   200
#define RRF           60   /* Cormack et al., "Reciprocal Rank Fusion" (2009) */
#define READ_MOST     64   /* candidates whose text is looked at for what stands side by side */
#define READ_QUOTED   2000 /* the same, when something was quoted: it must be there */

void hits_done(struct hits *h)
{
        for (size_t i = 0; i < h->n; i++) {
                free(h->h[i].path);
                free(h->h[i].title);
                free(h->h[i].heading);
                free(h->h[i].text);
        }
        free(h->h);
        *h = (struct hits){0};
}

/* ---- candidates ---- */

struct scope { /* the passages that may be found */
        const struct space *space;
        const struct segment *segments;
        const char *prefix;
};

/* The row of a passage that is live and in scope, else NULL. */
static const struct doc *doc_of(const struct scope *s, uint32_t segment, uint32_t passage)
{
        const struct segment *g = &s->segments[segment];
        const struct doc *d = catalog_id(space_catalog(s->space), g->passages[passage].doc);
        if (!d || d->segment != g->id || passage - d->first >= d->passages)
                return NULL;
        return path_below(d->path, s->prefix) ? d : NULL;
}

static bool accept(void *ctx, uint32_t segment, uint32_t passage)
{
        return doc_of(ctx, segment, passage) != NULL;
}

static int find(const struct scope *s, struct bm25 *b, size_t n_segments, uint32_t many,
                struct bm25_hit **ret, struct err *err)
{
        auto_free const struct lexicon **l = mem_try((n_segments + 1) * sizeof *l);
        auto_free struct bm25_hit *h = mem_try(many * sizeof *h);
        if (!l || !h)
                return err_set(err, -ENOMEM, "no memory for a search");
        for (size_t i = 0; i < n_segments; i++)
                l[i] = &s->segments[i].words;
        int64_t n = bm25_run(b, l, n_segments, many, accept, (void *)(uintptr_t)s, h);
        if (n < 0)
                return err_sys(err, (int)n, "search");
        *ret = TAKE_PTR(h);
        return (int)n;
}

/* ---- their order ---- */

static double cover_factor(const struct bm25 *b, const struct query *q, uint32_t terms)
{
        double all = 0, had = 0;
        for (unsigned t = 0; t < q->n_terms; t++)
                if (q->plain >> t & 1) {
                        all += b->idf[t];
                        had += terms >> t & 1 ? b->idf[t] : 0;
                }
        double cover = all > 0 ? had / all : 0;
        return 1 + COVER * cover * cover;
}

/* What the order of the words adds: read from the text. False: what was quoted is not there. */
static bool look(struct words *w, const struct bm25 *b, const struct query *q,
                 const struct segment *g, struct bm25_hit *h)
{
        struct segment_text t;
        struct query_found in_text, in_heading;
        if (segment_read(g, h->passage, &t) < 0)
                return true; /* said when it is read for the answer */
        query_look(w, q, t.text, &in_text);
        query_look(w, q, t.heading, &in_heading);
        for (unsigned i = 1; i < q->n_words; i++)
                if ((in_text.pairs | in_heading.pairs) >> i & 1)
                        h->score += PAIR *
                                    (b->idf[q->words[i - 1].term] + b->idf[q->words[i].term]) / 2;
        return in_text.all_quoted || in_heading.all_quoted;
}

static int by_score(const void *x, const void *y)
{
        const struct bm25_hit *a = x, *b = y;
        if (a->score != b->score)
                return a->score > b->score ? -1 : 1;
        if (a->segment != b->segment)
                return a->segment < b->segment ? -1 : 1;
        return a->passage < b->passage ? -1 : a->passage > b->passage;
}

static struct slice innermost(struct slice heading)
{
        for (size_t i = 0; i + 3 <= heading.len; i++)
                if (memcmp(heading.data + i, " > ", 3) == 0)
                        return innermost((struct slice){heading.data + i + 3, heading.len - i - 3});
        return heading;
}

/* The innermost heading is what the passage is about. */
static double heading_factor(struct words *w, const struct query *q, struct slice heading)
{
        double part = query_coverage(w, q, innermost(heading));
        return 1 + HEADING_BONUS * part * part;
}

/* Whether two words that were typed side by side are both there: else the text need not be read. */
static bool has_pair(const struct query *q, uint32_t terms)
{
        for (unsigned i = 1; i < q->n_words; i++)
                if (q->words[i].next && (terms >> q->words[i].term & 1) &&
                    (terms >> q->words[i - 1].term & 1))
                        return true;
        return false;
}

static void look_at_headings(struct words *w, const struct scope *s, const struct query *q,
                             struct bm25_hit *h, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                struct segment_text t;
                if (segment_read(&s->segments[h[i].segment], h[i].passage, &t) == 0)
                        h[i].score *= heading_factor(w, q, t.heading);
        }
}

/* From what BM25 says to the order by word; what was quoted and is not there goes. */
static size_t order(struct words *w, const struct scope *s, const struct bm25 *b,
                    const struct query *q, struct bm25_hit *h, size_t n)
{
        for (size_t i = 0; i < n; i++)
                h[i].score *= cover_factor(b, q, h[i].terms);
        qsort(h, n, sizeof *h, by_score);
        size_t most = q->quoted || n < READ_MOST ? n : READ_MOST, kept = 0;
        for (size_t i = 0; i < n; i++)
                if (!(q->quoted || has_pair(q, h[i].terms)) || i >= most ||
                    look(w, b, q, &s->segments[h[i].segment], &h[i]))
                        h[kept++] = h[i];
        look_at_headings(w, s, q, h, kept);
        qsort(h, kept, sizeof *h, by_score);
        return kept;
}

/* ---- by word and by meaning ---- */

/* The one that was found by word already, or a new one. */
static struct hit *hit_of(struct hits *h, size_t by_words, uint64_t segment, uint32_t passage)
{
        for (size_t i = 0; i < by_words; i++)
                if (h->h[i].segment == segment && h->h[i].passage == passage)
                        return &h->h[i];
        h->h[h->n] = (struct hit){.segment = segment, .passage = passage};
        return &h->h[h->n++];
}

static int by_word(const struct scope *s, struct words *w, const struct query *q, size_t n_segments,
                   uint32_t many, struct hits *h, struct err *err)
{
        struct bm25 b = {.terms = q->terms, .n_terms = q->n_terms};
        auto_free struct bm25_hit *found = NULL;
        int n = find(s, &b, n_segments, many, &found, err);
        if (n < 0)
                return n;
        n = (int)order(w, s, &b, q, found, (size_t)n);
        for (int i = 0; i < n; i++) {
                struct hit *x = hit_of(h, 0, s->segments[found[i].segment].id, found[i].passage);
                x->word_rank = (uint32_t)i + 1;
                x->score = x->word_score = found[i].score;
        }
        return 0;
}

/* Both orders become one by reciprocal ranks: scores of words and angles between vectors are not on
 * one scale. Without vectors the order by word stays as it is. */
static int by_meaning(const struct scope *s, const struct search *q, size_t n_segments,
                      uint32_t many, struct hits *h, struct err *err)
{
        auto_free const struct vectors **list = mem_try((n_segments + 1) * sizeof *list);
        auto_free struct vector_hit *found = mem_try(many * sizeof *found);
        if (!list || !found)
                return err_set(err, -ENOMEM, "no memory for a search");
        for (size_t i = 0; i < n_segments; i++)
                list[i] = s->segments[i].vectors;
        int64_t n = vectors_search(list, n_segments, q->meaning, q->dims, many, accept,
                                   (void *)(uintptr_t)s, found);
        if (n <= 0)
                return n < 0 ? err_sys(err, (int)n, "search") : 0;
        size_t by_words = h->n;
        for (int64_t i = 0; i < n; i++) {
                struct hit *x =
                        hit_of(h, by_words, s->segments[found[i].segment].id, found[i].passage);
                x->meaning_rank = (uint32_t)i + 1;
                x->cosine = (double)found[i].score;
        }
        for (size_t i = 0; i < h->n; i++) {
                struct hit *x = &h->h[i];
                x->score = (x->word_rank ? 1.0 / (RRF + x->word_rank) : 0) +
                           (x->meaning_rank ? 1.0 / (RRF + x->meaning_rank) : 0);
        }
        return 0;
}

static int read_passage(const struct space *space, struct hit *h, struct err *err)
{
        const struct segment *g = space_segment(space, h->segment);
        const struct segment_passage *p = &g->passages[h->passage];
        const struct doc *d = catalog_id(space_catalog(space), p->doc);
        struct segment_text t;
        if (segment_read(g, h->passage, &t) < 0)
                return err_set(err, -EBADMSG, "the index is damaged: build it again");
        h->path = xstrdup(d->path);
        h->title = xstrdup(d->title);
        h->heading = xstrndup(t.heading.data, t.heading.len);
        h->text = xstrndup(t.text.data, t.text.len);
        h->page = p->page;
        h->ordinal = p->ordinal;
        return 0;
}

static int candidates(struct space *space, struct words *w, const struct search *rq,
                      const struct query *q, uint32_t many, struct hits *h, struct err *err)
{
        struct scope s = {.space = space, .prefix = rq->prefix};
        size_t n;
        int r = 0;
        s.segments = space_segments(space, &n);
        h->h = mem_try(2 * many * sizeof *h->h);
        if (!h->h)
                return err_set(err, -ENOMEM, "no memory for a search");
        if (q->n_terms)
                r = by_word(&s, w, q, n, many, h, err);
        if (r == 0 && rq->meaning && !q->quoted)
                r = by_meaning(&s, rq, n, many, h, err);
        for (size_t i = 0; i < h->n && r == 0; i++)
                r = read_passage(space, &h->h[i], err);
        return r;
}

static int better(const void *x, const void *y)
{
        const struct hit *a = x, *b = y;
        if (a->score != b->score)
                return a->score > b->score ? -1 : 1;
        int c = strcmp(a->path, b->path);
        return c ? c : a->ordinal < b->ordinal ? -1 : a->ordinal > b->ordinal;
}

/* The letters are the same: numbers and marks differ from format to format. */
static bool same_heading(const char *a, const char *b)
{
        a = innermost(slice_of(a)).data;
        b = innermost(slice_of(b)).data;
        for (;;) {
                while (*a && !isalpha((unsigned char)*a) && (unsigned char)*a < 0x80)
                        a++;
                while (*b && !isalpha((unsigned char)*b) && (unsigned char)*b < 0x80)
                        b++;
                if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
                        return false;
                if (!*a)
                        return true;
                a++;
                b++;
        }
}

/* Says b what a said? Two formats of one section are not cut at the same words, so that much less
 * in common is enough below the same heading. */
static bool repeats(const struct hit *a, const struct shingles *in_a, const struct hit *b,
                    const struct shingles *in_b)
{
        unsigned share = shingles_share(in_a, in_b);
        return share >= SHARE_SAME || (share >= SHARE_SECTION && strcmp(a->path, b->path) != 0 &&
                                       same_heading(a->heading, b->heading));
}

/* Keeps the first `limit` that do not repeat one before them. */
static int keep_different(struct hits *h, uint32_t limit)
{
        auto_free struct shingles *seen = mem_try((limit + 1) * sizeof *seen);
        if (!seen)
                return -ENOMEM;
        size_t kept = 0;
        for (size_t i = 0; i < h->n && kept < limit; i++) {
                shingles_of(h->h[i].text, &seen[kept]);
                size_t k = 0;
                while (k < kept && !repeats(&h->h[k], &seen[k], &h->h[i], &seen[kept]))
                        k++;
                if (k < kept)
                        continue;
                struct hit t = h->h[kept];
                h->h[kept++] = h->h[i];
                h->h[i] = t;
        }
        struct hits rest = {h->h + kept, h->n - kept};
        for (size_t i = 0; i < rest.n; i++) {
                free(rest.h[i].path);
                free(rest.h[i].title);
                free(rest.h[i].heading);
                free(rest.h[i].text);
        }
        h->n = kept;
        return 0;
}

int search_run(struct space *space, struct words *words, const struct search *rq, struct hits *ret,
               struct err *err)
{
        struct query q;
        CLEANUP(hits_done) struct hits h = {0};
        uint32_t limit = rq->limit < 1                 ? 1
                         : rq->limit > SEARCH_HITS_MAX ? SEARCH_HITS_MAX
                                                       : rq->limit;
        uint32_t many = limit * SPARE > SPARE_LEAST ? limit * SPARE : SPARE_LEAST;
        int r = query_make(words, rq->text, &q, err);
        if (r < 0)
                return r;
        space_read(space);
        r = candidates(space, words, rq, &q, q.quoted ? READ_QUOTED : many, &h, err);
        space_read_end(space);
        if (r == 0 && h.n) {
                qsort(h.h, h.n, sizeof *h.h, better);
                if ((r = keep_different(&h, limit)) < 0)
                        err_sys(err, r, "search");
        }
        if (r < 0)
                return r;
        *ret = h;
        h = (struct hits){0};
        return 0;
}
