#include "test.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "rag/chunk.h"
#include <stdio.h>

struct seen {
        struct chunker c;
        struct buf all; /* "heading|page|text\n" */
        uint32_t n, longest;
};

static int on_passage(void *ctx, const struct passage *p, struct err *err)
{
        struct seen *s = ctx;
        (void)err;
        CHECK_INT(p->ordinal, ==, s->n);
        CHECK_INT(p->text.len, >, 0);
        CHECK_INT(p->text.len, <=, PASSAGE_TEXT_MAX);
        CHECK(utf8_valid(p->text.data, p->text.len));
        uint32_t words = chunk_words(p->text);
        s->longest = words > s->longest ? words : s->longest;
        s->n++;
        CHECK_INT(buf_addf(&s->all, "%s|%u|%.*s\n", p->heading, p->page, (int)p->text.len,
                           p->text.data),
                  ==, 0);
        return 0;
}

static void start(struct seen *s)
{
        memset(s, 0, sizeof *s);
        buf_init(&s->all, 64u << 20);
        chunk_init(&s->c, on_passage, s);
}

static void seen_done(struct seen *s)
{
        chunk_done(&s->c);
        buf_done(&s->all);
}
#define auto_seen CLEANUP(seen_done)

static void add_n(struct seen *s, enum parse_kind kind, uint32_t level, uint32_t page,
                  const char *text, size_t n)
{
        struct parse_block b = {kind, level, page, {text, n}};
        CHECK_INT(chunk_add(&s->c, &b, NULL), ==, 0);
}

static void add(struct seen *s, enum parse_kind kind, uint32_t level, uint32_t page,
                const char *text)
{
        add_n(s, kind, level, page, text, strlen(text));
}

static const char *finish(struct seen *s)
{
        CHECK_INT(chunk_end(&s->c, NULL), ==, 0);
        return buf_text(&s->all);
}

/* "word1 word2 … wordN." */
static char *sentence(unsigned n)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 1u << 20);
        for (unsigned i = 1; i <= n; i++)
                CHECK_INT(buf_addf(&b, "%sw%u", i > 1 ? " " : "", i), ==, 0);
        CHECK_INT(buf_adds(&b, "."), ==, 0);
        return buf_take(&b);
}

TEST(chunk_joins_blocks_below_a_heading_path)
{
        auto_seen struct seen s;
        start(&s);
        add(&s, PARSE_HEADING, 1, 3, "A");
        add(&s, PARSE_PARAGRAPH, 0, 3, "one");
        add(&s, PARSE_HEADING, 2, 4, "B");
        add(&s, PARSE_PARAGRAPH, 0, 4, "two");
        add(&s, PARSE_LIST, 0, 4, "first");
        add(&s, PARSE_LIST, 0, 5, "- second");
        add(&s, PARSE_CODE, 0, 5, "x\n y");
        add(&s, PARSE_HEADING, 2, 6, "C");
        add(&s, PARSE_PARAGRAPH, 0, 6, "three");
        add(&s, PARSE_HEADING, 1, 7, "D");
        add(&s, PARSE_PARAGRAPH, 0, 7, "four");
        CHECK_STR(finish(&s), "A|3|one\nA > B|4|two\n\n- first\n- second\n\nx\n y\n"
                              "A > C|6|three\nD|7|four\n");
}

TEST(chunk_a_heading_alone_is_a_passage)
{
        auto_seen struct seen s;
        start(&s);
        add(&s, PARSE_HEADING, 1, 0, "A");
        add(&s, PARSE_HEADING, 2, 0, "B");
        add(&s, PARSE_HEADING, 2, 0, "C");
        add(&s, PARSE_PARAGRAPH, 0, 0, "text");
        add(&s, PARSE_HEADING, 1, 0, "D");
        CHECK_STR(finish(&s), "A > B|0|B\nA > C|0|text\nD|0|D\n");
}

TEST(chunk_closes_at_the_target_and_between_paragraphs)
{
        auto_seen struct seen s;
        auto_free char *hundred = sentence(100);
        start(&s);
        for (int i = 0; i < 5; i++)
                add(&s, PARSE_PARAGRAPH, 0, 0, hundred);
        finish(&s);
        CHECK_INT(s.n, ==, 3); /* 200 200 100 */
        CHECK_INT(s.longest, ==, 200);
}

TEST(chunk_cuts_a_long_paragraph_behind_a_sentence)
{
        auto_seen struct seen s;
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 1u << 20);
        auto_free char *fifty = sentence(50);
        for (int i = 0; i < 20; i++)
                CHECK_INT(buf_addf(&b, "%s%s", i ? " " : "", fifty), ==, 0);
        start(&s);
        add(&s, PARSE_PARAGRAPH, 0, 0, buf_text(&b));
        finish(&s);
        CHECK_INT(s.n, ==, 5); /* 200 words each: the last end within the target */
        CHECK_INT(s.longest, ==, 200);
        const char *p = buf_text(&s.all);
        unsigned cuts = 0;
        for (; (p = strchr(p, '\n')); p++, cuts++)
                CHECK(p[-1] == '.');
        CHECK_INT(cuts, ==, s.n);
}

TEST(chunk_abbreviations_end_no_sentence)
{
        auto_seen struct seen s;
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 1u << 20);
        for (int i = 0; i < 230; i++)
                CHECK_INT(buf_addf(&b, "word%s ", i == 100 ? "." : ""), ==, 0);
        for (int i = 0; i < 100; i++)
                CHECK_INT(buf_adds(&b, "e.g. "), ==, 0);
        start(&s);
        add(&s, PARSE_PARAGRAPH, 0, 0, buf_text(&b));
        finish(&s);
        CHECK_INT(chunk_words(slice_of(buf_text(&s.all))), ==, 330);
        CHECK(strstr(buf_text(&s.all), "word.\n") != NULL); /* the only real end was taken */
}

TEST(chunk_loses_no_word_of_anything)
{
        static const char *const pieces[] = {"x", "日本語の文章。", "a b\tc\n", "e.g. ", "...",
                                             " "};
        for (unsigned seed = 1; seed < 40; seed++) {
                auto_seen struct seen s;
                CLEANUP(buf_done) struct buf in;
                buf_init(&in, 1u << 20);
                unsigned r = seed * 2654435761u;
                for (int i = 0; i < 4000; i++, r = r * 1664525u + 1013904223u)
                        CHECK_INT(buf_adds(&in, pieces[(r >> 20) % ARRAY_LEN(pieces)]), ==, 0);
                start(&s);
                add_n(&s, seed & 1 ? PARSE_PARAGRAPH : PARSE_CODE, 0, 0, in.data, in.len);
                const char *out = finish(&s);
                const char *p = in.data;
                for (; *out; out++) {
                        if (*out == '|' || *out == '0' || strchr(" \t\n", *out))
                                continue;
                        p += strspn(p, " \t\n");
                        CHECK_INT(*p, ==, *out);
                        p++;
                }
                CHECK_INT(p[strspn(p, " \t\n")], ==, '\0');
        }
}

TEST(chunk_one_endless_word)
{
        auto_seen struct seen s;
        enum { SIZE = 100000 };
        auto_free char *word = xmalloc(SIZE);
        memset(word, 'x', SIZE);
        start(&s);
        add_n(&s, PARSE_PARAGRAPH, 0, 0, word, SIZE);
        finish(&s);
        CHECK_INT(s.all.len - 4 * s.n, ==, SIZE); /* "|0|" and a line end each */
        CHECK_INT(s.longest, <=, CHUNK_WORDS_MAX);
}

TEST(chunk_an_edit_changes_its_own_section_only)
{
        auto_seen struct seen a;
        auto_seen struct seen b;
        auto_free char *text = sentence(150);
        start(&a);
        start(&b);
        for (int i = 0; i < 6; i++) {
                char name[8];
                snprintf(name, sizeof name, "S%d", i);
                add(&a, PARSE_HEADING, 1, 0, name);
                add(&b, PARSE_HEADING, 1, 0, name);
                if (i == 2)
                        add(&b, PARSE_PARAGRAPH, 0, 0, "An inserted sentence.");
                for (int k = 0; k < 3; k++) {
                        add(&a, PARSE_PARAGRAPH, 0, 0, text);
                        add(&b, PARSE_PARAGRAPH, 0, 0, text);
                }
        }
        const char *x = finish(&a), *y = finish(&b);
        size_t same = 0;
        while (x[same] == y[same])
                same++;
        CHECK(strstr(x, "S2|") - x <= (long)same); /* all before it */
        CHECK_STR(strstr(x, "S3|"), strstr(y, "S3|"));
}

TEST(chunk_deep_and_long_headings)
{
        auto_seen struct seen s;
        char long_one[600];
        memset(long_one, 'h', sizeof long_one - 1);
        long_one[sizeof long_one - 1] = '\0';
        start(&s);
        for (uint32_t i = 0; i < 10; i++)
                add(&s, PARSE_HEADING, i, 0, long_one);
        add(&s, PARSE_PARAGRAPH, 0, 0, "text");
        finish(&s);
        CHECK_CONTAINS(buf_text(&s.all), "hhh > hhh");
        CHECK_CONTAINS(buf_text(&s.all), "h|0|text\n");
}
