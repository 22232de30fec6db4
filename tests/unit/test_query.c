#include "rag_host.h"
#include "base/fd.h"
#include "rag/query.h"
#include "rag/search.h"
#include "rag/shingle.h"
#include <fcntl.h>

/* "term term" of the words in their order, "-" between two that are neighbours, "|" behind the last
 * one before what is joined; [] around what is quoted. */
static char *query_text(const char *text)
{
        CLEANUP(words_freep) struct words *w = words_new();
        CLEANUP(buf_done) struct buf b;
        struct query q;
        buf_init(&b, 65536);
        CHECK_INT(query_make(w, text, &q, NULL), ==, 0);
        for (unsigned i = 0; i < q.n_words; i++) {
                const struct query_word *x = &q.words[i];
                const struct bm25_term *t = &q.terms[x->term];
                CHECK_INT(buf_addf(&b, "%s%s%.*s%s",
                                   x->next ? "-"
                                   : i     ? " "
                                           : "",
                                   x->quoted ? "[" : "", (int)t->len, t->term,
                                   x->quoted ? "]" : ""),
                          ==, 0);
        }
        for (unsigned i = 0; i < q.n_terms; i++)
                if (!(q.plain >> i & 1))
                        CHECK_INT(buf_addf(&b, "|%.*s", (int)q.terms[i].len, q.terms[i].term), ==,
                                  0);
        return buf_take(&b);
}
#define CHECK_QUERY(text, expected)                                                                \
        do {                                                                                       \
                auto_free char *query_ = query_text(text);                                         \
                CHECK_STR(query_, expected);                                                       \
        } while (0)

TEST(query_words_without_the_common_ones)
{
        CHECK_QUERY("how do I find a package", "find packag");
        CHECK_QUERY("package manager", "packag-manag");
        CHECK_QUERY("What is it?", "what is it");
        CHECK_QUERY("", "");
        CHECK_QUERY("?!* \t", "");
}

TEST(query_phrases_and_identifiers)
{
        CHECK_QUERY("\"exact phrase\"", "[exact]-[phrase]");
        CHECK_QUERY("\xe2\x80\x9c"
                    "so it is\xe2\x80\x9d",
                    "[so]-[it]-[is]");
        CHECK_QUERY("/etc/fstab", "etc-fstab|etc/fstab");
        CHECK_QUERY("ERR_NGX_502!", "err-ngx-502|err_ngx_502");
        CHECK_QUERY("parseFile", "pars-file|parsefil");
        CHECK_QUERY("\"never closed", "never-close");
        CHECK_QUERY("\"\" x", "x");
        CHECK_QUERY("word word", "word-word");
}

TEST(query_other_scripts)
{
        CHECK_QUERY("STRASSE straße", "strass-strass"); /* one term: folded alike */
        CHECK_QUERY("Café", "cafe");
        CHECK_QUERY("東京都", "東京-京都");
        CHECK_QUERY("火", "火");
        CHECK_QUERY("don't users' user's", "user-user");
}

TEST(query_of_anything_that_was_typed)
{
        CHECK_QUERY("a:b NEAR(c) ^d* -e", "b-near-c-d-e|a:b");
        CHECK_QUERY("AND OR NOT", "and or not");
        CLEANUP(words_freep) struct words *w = words_new();
        CHECK_INT(query_make(w, "\xff", &(struct query){0}, NULL), ==, -EINVAL);
}

TEST(query_a_long_question_is_cut_not_refused)
{
        auto_free char *text = xmalloc(QUERY_TEXT_MAX + 1);
        CLEANUP(words_freep) struct words *w = words_new();
        for (size_t i = 0; i < QUERY_TEXT_MAX; i++)
                text[i] = i % 5 == 4 ? ' ' : (char)('b' + (i / 5 * 7 + i % 5 * (i / 60)) % 20);
        text[QUERY_TEXT_MAX] = '\0';
        struct query q;
        CHECK_INT(query_make(w, text, &q, NULL), ==, 0);
        CHECK_INT(q.n_words, ==, QUERY_TERMS_MAX);
}

TEST(query_coverage_of_a_heading)
{
        CLEANUP(words_freep) struct words *w = words_new();
        struct query q;
        CHECK_INT(query_make(w, "removing packages", &q, NULL), ==, 0);
        CHECK(query_coverage(w, &q, slice_of("How to remove a package")) == 1);
        CHECK(query_coverage(w, &q, slice_of("Packages")) == 0.5);
        CHECK(query_coverage(w, &q, slice_of("")) == 0);
}

TEST(shingles_know_the_same_text_again)
{
        struct shingles a, b, c, d;
        shingles_of("The quick brown fox jumps over the lazy dog, today.", &a);
        shingles_of("the Quick\nbrown fox - jumps over the lazy dog today", &b);
        shingles_of("Something else entirely is written in this place here", &c);
        shingles_of("", &d);
        CHECK_INT(shingles_share(&a, &b), ==, 100);
        CHECK_INT(shingles_share(&a, &c), ==, 0);
        CHECK_INT(shingles_share(&a, &d), ==, 0);
        CHECK_INT(shingles_share(&d, &d), ==, 100);
}

/* A space with the passages of some files. */
struct filled {
        char *dir;
        struct spaces *all;
        struct space *s;
        struct words *w;
        struct gathered g;
};

static void put(struct filled *s, const char *path, const char *title, const char *heading,
                const char *text)
{
        struct parse_end end = {.status = PARSE_INDEXED};
        struct passage p = {.text = slice_of(text)};
        snprintf(p.heading, sizeof p.heading, "%s", heading);
        snprintf(end.title, sizeof end.title, "%s", title);
        gathered_clear(&s->g);
        CHECK_INT(gathered_add(&s->g, &p, NULL), ==, 0);
        CHECK_INT(space_begin(s->s, NULL), ==, 0);
        CHECK_INT(space_put(s->s, path, &end, &s->g, NULL), ==, 0);
        CHECK_INT(space_commit(s->s, NULL), ==, 0);
}

static struct filled filled_new(void)
{
        struct filled s = {.dir = temp_dir(), .w = words_new()};
        s.all = spaces_new(dir_open_at(AT_FDCWD, s.dir));
        struct err err = {0};
        if (space_get(s.all, "s", true, &s.s, &err) < 0)
                test_failed(__FILE__, __LINE__, "%s", err_text(&err));
        gathered_init(&s.g);
        return s;
}

static void filled_done(struct filled *s)
{
        space_release(s->s);
        spaces_free(s->all);
        words_free(s->w);
        gathered_done(&s->g);
        remove_temp(&s->dir);
}
#define auto_filled CLEANUP(filled_done)

static char *hits_of(struct filled *s, const char *text, const char *prefix, uint32_t limit)
{
        CLEANUP(hits_done) struct hits h = {0};
        CLEANUP(buf_done) struct buf b;
        struct err err = {0};
        buf_init(&b, 65536);
        if (search_run(s->s, s->w, &(struct search){text, prefix, limit, NULL, 0}, &h, &err) < 0)
                test_failed(__FILE__, __LINE__, "%s: %s", text, err_text(&err));
        for (size_t i = 0; i < h.n; i++) {
                CHECK_INT(buf_addf(&b, "%s%s", i ? " " : "", h.h[i].path), ==, 0);
                CHECK(i == 0 || h.h[i].score <= h.h[i - 1].score);
        }
        return buf_take(&b);
}

#define CHECK_HITS(s, text, prefix, limit, expected)                                               \
        do {                                                                                       \
                auto_free char *hits_ = hits_of(s, text, prefix, limit);                           \
                CHECK_STR(hits_, expected);                                                        \
        } while (0)

TEST(search_prefers_more_words_headings_and_phrases)
{
        auto_filled struct filled s = filled_new();
        put(&s, "one", "", "", "A package is here, with many other words around it.");
        put(&s, "both", "", "", "To remove it, take the package and drop what is left of it all.");
        put(&s, "head", "", "Removing a package", "This is how it goes, step by step, in order.");
        put(&s, "none", "", "", "Nothing to see.");
        CHECK_HITS(&s, "remove package", "", 10, "head both one");
        put(&s, "phrase", "", "", "Here words stand around: the package manager is one.");
        put(&s, "apart", "", "", "A manager said this of the package, and went on with words.");
        CHECK_HITS(&s, "package manager", "", 2, "phrase apart");
        CHECK_HITS(&s, "\"manager said\"", "", 10, "apart");
        CHECK_HITS(&s, "comet", "", 10, "");
        CHECK_HITS(&s, "***", "", 10, "");
}

TEST(search_a_heading_that_is_the_question_wins)
{
        auto_filled struct filled s = filled_new();
        put(&s, "often", "", "Misc", "find file, find file, find file, find file, find file");
        put(&s, "asked", "", "How to find a file", "Type its name behind the command and wait.");
        put(&s, "x", "", "", "Other words.");
        CHECK_HITS(&s, "how do I find a file", "", 10, "asked often");
}

TEST(search_words_that_every_passage_has_still_rank)
{
        auto_filled struct filled s = filled_new();
        put(&s, "a", "", "", "package package package list");
        put(&s, "b", "", "", "package and so on and on with words");
        put(&s, "c", "", "", "package of many things that are told at great length here");
        CHECK_HITS(&s, "package", "", 10, "a b c");
}

TEST(search_prefix_limit_and_ties)
{
        auto_filled struct filled s = filled_new();
        put(&s, "z/1", "", "", "alpha one two three four");
        put(&s, "a/2", "", "", "alpha five six seven eight");
        put(&s, "a", "", "", "alpha nine ten eleven twelve");
        put(&s, "ab/3", "", "", "alpha thirteen fourteen fifteen sixteen");
        CHECK_HITS(&s, "alpha", "", 10, "a a/2 ab/3 z/1"); /* equal: by path */
        CHECK_HITS(&s, "alpha", "", 2, "a a/2");
        CHECK_HITS(&s, "alpha", "a", 10, "a a/2");
        CHECK_HITS(&s, "alpha", "a/", 10, "a/2");
        CHECK_HITS(&s, "alpha", "a/2", 10, "a/2");
        CHECK_HITS(&s, "alpha", "q", 10, "");
}

TEST(search_the_same_text_once)
{
        auto_filled struct filled s = filled_new();
        put(&s, "page.html", "", "", "The moon circles the earth in about a month, all year long.");
        put(&s, "page.txt", "", "", "The moon circles the\nearth in about a month - all year long");
        put(&s, "sun.txt", "", "", "The earth circles the sun in about a year, as is well known.");
        CHECK_HITS(&s, "what circles the earth", "", 10, "page.html sun.txt");
}

TEST(search_the_same_section_of_two_formats_once)
{
        auto_filled struct filled s = filled_new();
        static const char first[] = "one two three four five six seven eight nine ten eleven";
        static const char second[] = "six seven eight nine ten eleven twelve thirteen fourteen";
        put(&s, "a.html", "", "Book > 1.2. Numbers", first);
        put(&s, "a.pdf", "", "1.2 NUMBERS", second);
        CHECK_HITS(&s, "seven eight", "", 10, "a.pdf");
        put(&s, "b.txt", "", "Other", first);
        put(&s, "c.txt", "", "Another", second);
        /* a.pdf is c.txt word for word, a.html is b.txt; those two are different sections */
        CHECK_HITS(&s, "one twelve", "", 10, "c.txt b.txt");
}

TEST(search_stems_and_folds)
{
        auto_filled struct filled s = filled_new();
        put(&s, "a", "", "", "Installing the CAFÉ software");
        CHECK_HITS(&s, "installed", "", 10, "a");
        CHECK_HITS(&s, "cafe", "", 10, "a");
}

static bool accept_all(void *ctx, uint32_t segment, uint32_t passage)
{
        (void)ctx;
        (void)segment;
        (void)passage;
        return true;
}

/* The k best scores of all passages with the words, "s s s"; all = nothing is left out early,
 * because every passage is wanted. */
static char *best_scores(struct filled *s, unsigned k, bool all)
{
        CLEANUP(buf_done) struct buf b;
        static const struct bm25_term terms[] = {{"alpha", 5}, {"zeta", 4}, {"epsilon", 7}};
        struct bm25 q = {.terms = terms, .n_terms = 3};
        size_t n;
        space_read(s->s);
        const struct segment *g = space_segments(s->s, &n);
        auto_free const struct lexicon **l = xcalloc(n, sizeof *l);
        auto_free struct bm25_hit *h = xcalloc(1000, sizeof *h);
        for (size_t i = 0; i < n; i++)
                l[i] = &g[i].words;
        buf_init(&b, 65536);
        CHECK_INT(bm25_run(&q, l, n, all ? 1000 : k, accept_all, NULL, h), >=, k);
        for (unsigned i = 0; i < k; i++)
                CHECK_INT(buf_addf(&b, "%u:%u:%.12g ", h[i].segment, h[i].passage, h[i].score), ==,
                          0);
        space_read_end(s->s);
        return buf_take(&b);
}

TEST(search_leaves_out_only_what_cannot_be_among_the_best)
{
        auto_filled struct filled s = filled_new();
        static const char *const words[] = {"alpha", "beta", "gamma", "delta", "epsilon", "zeta"};
        unsigned r = 1;
        struct err err = {0};
        for (int i = 0; i < 700; i++) {
                if (i % 100 == 0)
                        while (space_tidy(s.s, &err) > 0)
                                continue;
                char path[16], text[1200];
                size_t n = 0;
                r = r * 1664525u + 1013904223u;
                for (unsigned k = 0; k < 3 + (r >> 26); k++) {
                        r = r * 1664525u + 1013904223u;
                        unsigned w = (r >> 24) * (r >> 24) / 9000; /* the first ones are common */
                        n += (size_t)snprintf(text + n, sizeof text - n, "%s x%u ",
                                              words[w % ARRAY_LEN(words)], r >> 20);
                }
                snprintf(path, sizeof path, "%03d", i);
                put(&s, path, "", r >> 31 ? "Alpha" : "", text);
        }
        for (unsigned k = 1; k < 60; k += 7) {
                auto_free char *quick = best_scores(&s, k, false);
                auto_free char *all = best_scores(&s, k, true);
                CHECK_STR(quick, all);
        }
}
