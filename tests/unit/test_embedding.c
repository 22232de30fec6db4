/* The vectors of a space made by a small model, kept through changes, joins and restarts, and found.
 */
#include "embed_fixture.h"
#include "base/fd.h"
#include "rag/embedding.h"
#include "rag/search.h"
#include "spawn.h"
#include <math.h>
#include <stdio.h>

struct filled {
        char *dir;
        struct spaces *all;
        struct space *s;
        struct words *w;
        struct embed_model *m;
        struct embedder *e;
        struct gathered g;
};

static void open_again(struct filled *f)
{
        struct err err = {0};
        space_release(f->s);
        spaces_free(f->all);
        f->all = spaces_new(dir_open_at(AT_FDCWD, f->dir));
        f->s = NULL;
        if (space_get(f->all, "s", true, &f->s, &err) < 0)
                test_failed(__FILE__, __LINE__, "%s", err_text(&err));
}

static struct filled filled_new(void)
{
        struct filled f = {.dir = temp_dir(), .w = words_new(), .e = embedder_new()};
        struct fx x;
        fx_make(&x, false, "mean");
        f.m = fx_open(&x, EMBED_FP32); /* in eight bits its 40 numbers tell too little apart */
        fx_done(&x);
        gathered_init(&f.g);
        open_again(&f);
        return f;
}

static void filled_done(struct filled *f)
{
        space_release(f->s);
        spaces_free(f->all);
        words_free(f->w);
        embedder_free(f->e);
        embed_close(f->m);
        gathered_done(&f->g);
        remove_temp(&f->dir);
}
#define auto_filled CLEANUP(filled_done)

/* Numbers in letters that the model knows: "a b e". */
static const char *letters(int n)
{
        static char text[16];
        snprintf(text, sizeof text, "%c %c %c %c", 'a' + n / 125 % 5, 'a' + n / 25 % 5,
                 'a' + n / 5 % 5, 'a' + n % 5);
        return text;
}

/* Passages of those words, each with its number. */
static void put(struct filled *f, const char *path, const char *text, int passages)
{
        struct parse_end end = {.status = PARSE_INDEXED};
        gathered_clear(&f->g);
        for (int i = 0; i < passages; i++) {
                char line[4000];
                snprintf(line, sizeof line, "%s %s", text, letters(i));
                struct passage p = {.text = slice_of(line), .ordinal = (uint32_t)i};
                CHECK_INT(gathered_add(&f->g, &p, NULL), ==, 0);
        }
        CHECK_INT(space_begin(f->s, NULL), ==, 0);
        CHECK_INT(space_put(f->s, path, &end, &f->g, NULL), ==, 0);
        CHECK_INT(space_commit(f->s, NULL), ==, 0);
}

static struct embedded embed(struct filled *f)
{
        struct embedding e = {.space = f->s, .model = f->m, .embedder = f->e};
        struct embedded done;
        struct err err = {0};
        if (embed_space(&e, &done, &err) < 0)
                test_failed(__FILE__, __LINE__, "%s", err_text(&err));
        return done;
}

/* The nearest passage to a text that is one, "path#ordinal", and its cosine. */
static double nearest(struct filled *f, const char *text, char at[64])
{
        float v[VECTOR_DIMS_MAX] = {0};
        struct slice t = slice_of(text);
        CHECK_INT(embedder_run(f->e, f->m, EMBED_PASSAGE, &t, 1, v, NULL), ==, 0);
        struct search q = {"", "", 1, v, vector_model_of(f->m).dims};
        CLEANUP(hits_done) struct hits h = {0};
        CHECK_INT(search_run(f->s, f->w, &q, &h, NULL), ==, 0);
        snprintf(at, 64, "%s#%u", h.n ? h.h[0].path : "", h.n ? h.h[0].ordinal : 0);
        return h.n ? h.h[0].cosine : 0;
}

#define CHECK_NEAREST(f, text, expected)                                                           \
        do {                                                                                       \
                char at_[64];                                                                      \
                CHECK(nearest(f, text, at_) > 0.99);                                               \
                CHECK_STR(at_, expected);                                                          \
        } while (0)

TEST(embedding_makes_what_is_missing_and_no_more)
{
        auto_filled struct filled f = filled_new();
        put(&f, "a", "cat sat on mat", 100);
        struct embedded e = embed(&f);
        CHECK_INT(e.passages, ==, 100);
        CHECK_INT(e.made, ==, 100);
        CHECK_NEAREST(&f, "cat sat on mat a b d c", "a#42");
        e = embed(&f);
        CHECK_INT(e.made, ==, 0);
        put(&f, "b", "the dog", 3);
        put(&f, "copy", "cat sat on mat", 50); /* the same texts again */
        e = embed(&f);
        CHECK_INT(e.made, ==, 3);
        CHECK_INT(e.reused, ==, 50);
        CHECK_NEAREST(&f, "the dog a a a c", "b#2");
}

TEST(embedding_survives_joins_and_restarts)
{
        auto_filled struct filled f = filled_new();
        for (int i = 0; i < 9; i++) {
                char path[8], text[32];
                snprintf(path, sizeof path, "f%d", i);
                snprintf(text, sizeof text, "dog %s run", letters(i));
                put(&f, path, text, 70);
        }
        CHECK_INT(embed(&f).made, ==, 630);
        while (space_tidy(f.s, NULL) > 0)
                continue;
        size_t n;
        space_segments(f.s, &n);
        CHECK_INT(n, <, 9);
        CHECK_NEAREST(&f, "dog a a a d run a c d e", "f3#69");
        struct embedded e = embed(&f);
        CHECK_INT(e.made, ==, 0);
        open_again(&f);
        CHECK_INT(embed(&f).made, ==, 0);
        CHECK_NEAREST(&f, "dog a a b d run a a a b", "f8#1");
        uint64_t done, all;
        embedded_count(f.s, &done, &all);
        CHECK_INT(done, ==, 630);
        CHECK_INT(all, ==, 630);
}

TEST(embedding_reads_all_of_a_long_passage)
{
        auto_filled struct filled f = filled_new();
        char text[3000] = "";
        for (size_t i = 0; i < 400; i++)
                memcpy(text + 4 * i, i < 200 ? "cat " : "dog ", 5);
        put(&f, "long", text, 1);
        put(&f, "half", "cat cat cat cat", 1);
        CHECK_INT(embed(&f).made, ==, 2);
        /* more than the model reads at once, in one vector that is not that of its begin */
        struct slice all = slice_of(text), begin = {text, 0};
        begin.len = embedding_fits(f.m, all);
        CHECK_INT(begin.len, <, all.len);
        float v[VECTOR_DIMS_MAX] = {0};
        CHECK_INT(embedder_run(f.e, f.m, EMBED_PASSAGE, &begin, 1, v, NULL), ==, 0);
        struct search q = {"", "long", 1, v, vector_model_of(f.m).dims};
        CLEANUP(hits_done) struct hits h = {0};
        CHECK_INT(search_run(f.s, f.w, &q, &h, NULL), ==, 0);
        CHECK_INT(h.n, ==, 1);
        CHECK(h.h[0].cosine < 0.9999);
}

TEST(embedding_that_is_stopped_goes_on_later)
{
        auto_filled struct filled f = filled_new();
        bool stop = true;
        put(&f, "a", "cat sat on mat", 300);
        struct embedding e = {.space = f.s, .model = f.m, .embedder = f.e, .stop = &stop};
        struct embedded done;
        CHECK_INT(embed_space(&e, &done, NULL), ==, -ECANCELED);
        CHECK_INT(embed(&f).made, ==, 300);
}

TEST(search_by_word_and_meaning_says_where_each_came_from)
{
        auto_filled struct filled f = filled_new();
        put(&f, "a", "cat sat on mat", 20);
        put(&f, "b", "run , the dog . the dog run , the dog sat . the b run", 1);
        embed(&f);
        float v[VECTOR_DIMS_MAX] = {0};
        struct slice t = slice_of("cat sat on mat a");
        CHECK_INT(embedder_run(f.e, f.m, EMBED_QUERY, &t, 1, v, NULL), ==, 0);
        struct search q = {"cat", "", 100, v, vector_model_of(f.m).dims};
        CLEANUP(hits_done) struct hits h = {0};
        CHECK_INT(search_run(f.s, f.w, &q, &h, NULL), ==, 0);
        bool words_only = false, both = false;
        for (size_t i = 0; i < h.n; i++) {
                both |= h.h[i].word_rank && h.h[i].meaning_rank;
                words_only |= !h.h[i].word_rank && h.h[i].meaning_rank;
                CHECK(h.h[i].word_rank || h.h[i].meaning_rank);
        }
        CHECK(both && words_only);
}
