#include "rag_host.h"
#include "rag/query.h"
#include "rag/search.h"
#include "rag/shingle.h"

#define CHECK_QUERY(text, expected)                                                                \
        do {                                                                                       \
                CLEANUP(query_done) struct query query_ = {0};                                     \
                CHECK_INT(query_make(text, &query_, NULL), ==, 0);                                 \
                CHECK_STR(buf_text(&query_.any), expected);                                        \
        } while (0)

TEST(query_words_without_the_common_ones)
{
        CHECK_QUERY("how do I find a package", "\"find\" OR \"package\"");
        CHECK_QUERY("package manager", "\"package\" OR \"package manager\" OR \"manager\"");
        CHECK_QUERY("What is it?", "\"What\" OR \"is\" OR \"it\"");
        CHECK_QUERY("", "");
        CHECK_QUERY("?!* \t", "");
}

TEST(query_phrases_and_identifiers)
{
        CHECK_QUERY("\"exact phrase\"", "\"exact phrase\"");
        CHECK_QUERY("\xe2\x80\x9c"
                    "so it is\xe2\x80\x9d",
                    "\"so it is\"");
        CHECK_QUERY("/etc/fstab", "\"etc fstab\"");
        CHECK_QUERY("ERR_NGX_502!", "\"ERR NGX 502\"");
        CHECK_QUERY("\"never closed", "\"never\" OR \"never closed\" OR \"closed\"");
        CHECK_QUERY("\"\" x", "\"x\"");
}

TEST(query_no_operator_gets_through)
{
        CHECK_QUERY("a:b NEAR(c) ^d* -e", "\"a b\" OR \"a b NEAR c\" OR \"NEAR c\" OR "
                                          "\"NEAR c d\" OR \"d\" OR \"d e\" OR \"e\"");
        CHECK_QUERY("AND OR NOT", "\"AND\" OR \"OR\" OR \"NOT\"");
        CHECK_INT(query_make("\xff", &(struct query){0}, NULL), ==, -EINVAL);
}

TEST(query_a_long_question_is_cut_not_refused)
{
        auto_free char *text = xmalloc(QUERY_TEXT_MAX + 1);
        for (size_t i = 0; i < QUERY_TEXT_MAX; i++)
                text[i] = i % 5 == 4 ? ' ' : (char)('b' + i / 5 % 20);
        text[QUERY_TEXT_MAX] = '\0';
        CLEANUP(query_done) struct query q = {0};
        CHECK_INT(query_make(text, &q, NULL), ==, 0);
        CHECK_INT(q.n_terms, ==, QUERY_TERMS_MAX);
}

TEST(query_coverage_of_a_heading)
{
        CLEANUP(query_done) struct query q = {0};
        CHECK_INT(query_make("removing packages", &q, NULL), ==, 0);
        CHECK(query_coverage(&q, "How to remove a package") == 1);
        CHECK(query_coverage(&q, "Packages") == 0.5);
        CHECK(query_coverage(&q, "") == 0);
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
struct space {
        struct manifest *m;
        struct gathered g;
};

static void put(struct space *s, const char *path, const char *title, const char *heading,
                const char *text)
{
        struct parse_end end = {.status = PARSE_INDEXED};
        struct passage p = {.text = slice_of(text)};
        snprintf(p.heading, sizeof p.heading, "%s", heading);
        snprintf(end.title, sizeof end.title, "%s", title);
        gathered_clear(&s->g);
        CHECK_INT(gathered_add(&s->g, &p, NULL), ==, 0);
        CHECK_INT(manifest_begin(s->m, NULL), ==, 0);
        CHECK_INT(manifest_put(s->m, path, &end, &s->g, NULL), ==, 0);
        CHECK_INT(manifest_commit(s->m, NULL), ==, 0);
}

static struct space space_new(void)
{
        struct space s;
        struct err err = {0};
        if (manifest_open(":memory:", &s.m, &err) < 0)
                test_failed(__FILE__, __LINE__, "%s", err_text(&err));
        gathered_init(&s.g);
        return s;
}

static void space_done(struct space *s)
{
        manifest_close(s->m);
        gathered_done(&s->g);
}
#define auto_space CLEANUP(space_done)

static char *hits_of(struct space *s, const char *text, const char *prefix, uint32_t limit)
{
        CLEANUP(hits_done) struct hits h = {0};
        CLEANUP(buf_done) struct buf b;
        struct err err = {0};
        buf_init(&b, 65536);
        if (search_run(s->m, text, prefix, limit, &h, &err) < 0)
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
        auto_space struct space s = space_new();
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
        auto_space struct space s = space_new();
        put(&s, "often", "", "Misc", "find file, find file, find file, find file, find file");
        put(&s, "asked", "", "How to find a file", "Type its name behind the command and wait.");
        put(&s, "x", "", "", "Other words.");
        CHECK_HITS(&s, "how do I find a file", "", 10, "asked often");
}

TEST(search_words_that_every_passage_has_still_rank)
{
        auto_space struct space s = space_new();
        put(&s, "a", "", "", "package package package list");
        put(&s, "b", "", "", "package and so on and on with words");
        put(&s, "c", "", "", "package of many things that are told at great length here");
        CHECK_HITS(&s, "package", "", 10, "a b c");
}

TEST(search_prefix_limit_and_ties)
{
        auto_space struct space s = space_new();
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
        auto_space struct space s = space_new();
        put(&s, "page.html", "", "", "The moon circles the earth in about a month, all year long.");
        put(&s, "page.txt", "", "", "The moon circles the\nearth in about a month - all year long");
        put(&s, "sun.txt", "", "", "The earth circles the sun in about a year, as is well known.");
        CHECK_HITS(&s, "what circles the earth", "", 10, "page.html sun.txt");
}

TEST(search_the_same_section_of_two_formats_once)
{
        auto_space struct space s = space_new();
        static const char first[] = "one two three four five six seven eight nine ten eleven";
        static const char second[] = "six seven eight nine ten eleven twelve thirteen fourteen";
        put(&s, "a.html", "", "Book > 1.2. Numbers", first);
        put(&s, "a.pdf", "", "1.2 NUMBERS", second);
        CHECK_HITS(&s, "seven eight", "", 10, "a.pdf");
        put(&s, "b.txt", "", "Other", first);
        put(&s, "c.txt", "", "Another", second);
        /* a.html is a.pdf again, c.txt word for word; b.txt is another section */
        CHECK_HITS(&s, "one twelve", "", 10, "a.pdf b.txt");
}

TEST(search_stems_and_folds)
{
        auto_space struct space s = space_new();
        put(&s, "a", "", "", "Installing the CAFÉ software");
        CHECK_HITS(&s, "installed", "", 10, "a");
        CHECK_HITS(&s, "cafe", "", 10, "a");
}

/* The k best scores of all passages with the words, "s s s"; all = nothing is left out early. */
static char *best_scores(struct space *s, unsigned k, bool all)
{
        CLEANUP(buf_done) struct buf b;
        auto_query struct sqlite3_stmt *q = NULL;
        buf_init(&b, 65536);
        CHECK_INT(
                db_query(manifest_db(s->m), &q, NULL,
                         "SELECT CAST(1e6 * passage_rank(words, ?) AS INTEGER) AS score FROM words"
                         " WHERE words MATCH 'alpha OR zeta OR epsilon' ORDER BY score DESC",
                         "i", (int64_t)(all ? 0 : k)),
                ==, 0);
        for (unsigned i = 0; i < k; i++) {
                CHECK_INT(db_next(manifest_db(s->m), q, NULL), ==, 1);
                CHECK(!db_is_null(q, 0));
                CHECK_INT(buf_addf(&b, "%lld ", (long long)db_i64(q, 0)), ==, 0);
        }
        return buf_take(&b);
}

TEST(search_leaves_out_only_what_cannot_be_among_the_best)
{
        auto_space struct space s = space_new();
        static const char *const words[] = {"alpha", "beta", "gamma", "delta", "epsilon", "zeta"};
        unsigned r = 1;
        for (int i = 0; i < 700; i++) {
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
