#include "test.h"
#include "base/mem.h"
#include "rag/embed/tokenizer.h"
#include "rag/embed/tokenizer_build.h"

/* Expected pieces are what the publishers' own library gives; tests/peers/tokenizers.py compares
 * with it on a megabyte. */

struct tok {
        struct buf tables;
        struct tokenizer t;
        struct embed_tokens out;
};

static void tok_json(struct tok *k, const char *json)
{
        struct err err = {0};
        memset(k, 0, sizeof *k);
        buf_init(&k->tables, TOKENIZER_TABLES_MAX);
        if (tokenizer_build_json(slice_of(json), &k->tables, &err) < 0 ||
            tokenizer_view(k->tables.data, k->tables.len, &k->t, &err) < 0)
                test_failed(__FILE__, __LINE__, "%s", err_text(&err));
}

static void tok_vocab(struct tok *k, const char *vocab, bool lower)
{
        struct err err = {0};
        memset(k, 0, sizeof *k);
        buf_init(&k->tables, TOKENIZER_TABLES_MAX);
        if (tokenizer_build_vocab(slice_of(vocab), lower, &k->tables, &err) < 0 ||
            tokenizer_view(k->tables.data, k->tables.len, &k->t, &err) < 0)
                test_failed(__FILE__, __LINE__, "%s", err_text(&err));
}

static void tok_done(struct tok *k)
{
        buf_done(&k->tables);
        embed_tokens_done(&k->out);
}

/* "id@begin-end id@begin-end" */
static void expect(struct tok *k, const char *text, const char *pieces)
{
        CLEANUP(buf_done) struct buf b;
        struct err err = {0};
        buf_init(&b, 1u << 16);
        CHECK_INT(tokenizer_run(&k->t, slice_of(text), &k->out, &err), ==, 0);
        for (size_t i = 0; i < k->out.n; i++)
                CHECK_INT(buf_addf(&b, "%s%u@%u-%u", i ? " " : "", k->out.list[i].id,
                                   k->out.list[i].begin, k->out.list[i].end),
                          ==, 0);
        CHECK_STR(buf_text(&b), pieces);
}

static const char words[] =
        "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nun\n##aff\n##able\nrun\n##ning\n,\n"
        "\xe6\x9d\xb1\n\xe4\xba\xac\nstrasse\nuber\n=\n\xe1\x84\x92\xe1\x85\xa1"
        "\xe1\x86\xab\n";

TEST(words_become_their_longest_pieces)
{
        struct tok k;
        tok_vocab(&k, words, true);
        CHECK_INT(k.t.head.before[0], ==, 2);
        CHECK_INT(k.t.head.after[0], ==, 3);
        expect(&k, "", "");
        expect(&k, " \t\n", "");
        expect(&k, "unaffable running", "5@0-2 6@2-5 7@5-9 8@10-13 9@13-17");
        expect(&k, "UNAFFABLE", "5@0-2 6@2-5 7@5-9");
        expect(&k, "unaffordable", "1@0-12"); /* no way through: the whole word is unknown */
        expect(&k, "run,run", "8@0-3 10@3-4 8@4-7");
        expect(&k,
               "\xc3\x9c"
               "BER u\xcc\x88"
               "ber",
               "14@0-5 14@6-12"); /* composed and apart */
        expect(&k, "\xe6\x9d\xb1\xe4\xba\xac", "11@0-3 12@3-6");
        expect(&k, "\xe2\x89\xa0", "15@0-3");   /* decomposes into a sign and a stroke */
        expect(&k, "\xed\x95\x9c", "16@0-3");   /* a syllable is its letters */
        expect(&k, "ru\xc2\xadn\x01", "8@0-5"); /* what is not shown is dropped */
        expect(&k, "run\xe2\x80\xa8run", "8@0-3 8@6-9");
        tok_done(&k);
}

TEST(special_tokens_are_found_in_the_text)
{
        struct tok k;
        tok_vocab(&k, words, true);
        expect(&k, "run[SEP]run", "8@0-3 3@3-8 8@8-11");
        expect(&k, "[sep]", "1@0-1 1@1-4 1@4-5");
        tok_done(&k);
}

TEST(a_very_long_word_is_unknown)
{
        struct tok k;
        char text[201];
        tok_vocab(&k, "[UNK]\n[CLS]\n[SEP]\na\n##a\n", true);
        memset(text, 'a', 200);
        text[200] = '\0';
        expect(&k, text, "0@0-200");
        text[100] = ' ';
        CHECK_INT(tokenizer_run(&k.t, slice_of(text), &k.out, NULL), ==, 0);
        CHECK_INT(k.out.n, ==, 199); /* of 100 and of 99 letters */
        tok_done(&k);
}

TEST(capitals_stay_where_the_model_has_them)
{
        struct tok k;
        tok_vocab(&k, "[UNK]\n[CLS]\n[SEP]\nRun\nrun\n\xc3\xbc\n", false);
        expect(&k, "Run run \xc3\xbc", "3@0-3 4@4-7 5@8-10");
        tok_done(&k);
}

#define UNIGRAM(vocab)                                                                             \
        "{\"model\":{\"type\":\"Unigram\",\"unk_id\":2,\"vocab\":" vocab "},"                      \
        "\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":"                   \
        "\"WhitespaceSplit\"},"                                                                    \
        "{\"type\":\"Metaspace\",\"replacement\":\"\xe2\x96\x81\",\"prepend_scheme\":\"always\"}]" \
        "},"                                                                                       \
        "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":["                         \
        "{\"SpecialToken\":{\"id\":\"<s>\"}},{\"Sequence\":{\"id\":\"A\"}},"                       \
        "{\"SpecialToken\":{\"id\":\"</s>\"}}],\"special_tokens\":{\"<s>\":{\"ids\":[0]},"         \
        "\"</s>\":{\"ids\":[1]}}},\"added_tokens\":[{\"id\":0,\"content\":\"<s>\"},"               \
        "{\"id\":1,\"content\":\"</s>\"}]}"

TEST(the_best_sum_of_scores_wins)
{
        struct tok k;
        tok_json(&k, UNIGRAM("[[\"<s>\",0],[\"</s>\",0],[\"<unk>\",0],[\"\xe2\x96\x81\",-3],"
                             "[\"\xe2\x96\x81"
                             "ab\",-4],[\"c\",-2],[\"bc\",-2.5],[\"\xe2\x96\x81"
                             "a\",-3],[\"a\",-5]]"));
        CHECK_INT(k.t.head.n_before, ==, 1);
        CHECK_INT(k.t.head.after[0], ==, 1);
        expect(&k, "abc", "7@0-1 6@1-3"); /* -5.5, against -6 of "ab" and "c" */
        expect(&k, "ab c", "4@0-2 3@3-3 5@3-4");
        expect(&k, "  a\n a ", "7@2-3 7@5-6");
        expect(&k, "axyc", "7@0-1 2@1-3 5@3-4"); /* unknown letters in a row are one token */
        expect(&k, "<s>a", "0@0-3 7@3-4");
        tok_done(&k);
}

TEST(what_is_not_text_is_refused)
{
        struct tok k;
        struct err err = {0};
        tok_vocab(&k, words, true);
        CHECK_INT(tokenizer_run(&k.t, (struct slice){"a\xc0\x80", 3}, &k.out, &err), ==, -EILSEQ);
        CHECK_INT(tokenizer_run(&k.t, (struct slice){"\xed\xa0\x80", 3}, &k.out, &err), ==,
                  -EILSEQ);
        tok_done(&k);
}

static void no_json(const char *json, const char *why)
{
        CLEANUP(buf_done) struct buf b;
        struct err err = {0};
        buf_init(&b, TOKENIZER_TABLES_MAX);
        CHECK_INT(tokenizer_build_json(slice_of(json), &b, &err), <, 0);
        CHECK_CONTAINS(err_text(&err), why);
}

TEST(a_tokenizer_of_another_kind_is_refused_by_name)
{
        no_json("{\"model\":{\"type\":\"BPE\"}}", "model 'BPE'");
        no_json("{\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"[UNK]\":0},\"unk_token\":\"[UNK]"
                "\"},"
                "\"normalizer\":{\"type\":\"NFKC\"}}",
                "normalizer 'NFKC'");
        no_json("{\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"a\":0},\"unk_token\":\"[UNK]\"}}",
                "unk_token");
        no_json("{\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"[UNK]\":-1},\"unk_token\":\"x\"}}",
                "number of piece");
        no_json("{\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\",0]],\"unk_id\":1}}", "unk_id");
        no_json("{", "tokenizer.json");
}

/* Damaged tables may give wrong pieces, never a walk out of them. */
TEST(damaged_tables_are_refused_or_harmless)
{
        struct tok k;
        tok_vocab(&k, words, true);
        size_t n = k.tables.len, taken = 0;
        auto_free char *copy = xmalloc(n);
        for (size_t i = 0; i < n; i++) {
                struct tokenizer t;
                memcpy(copy, k.tables.data, n);
                copy[i] = (char)(copy[i] ^ 0x81);
                if (tokenizer_view(copy, n, &t, NULL) < 0)
                        continue;
                taken++;
                CHECK_INT(tokenizer_run(&t, slice_of("unaffable [SEP] \xe6\x9d\xb1 run"), &k.out,
                                        NULL),
                          ==, 0);
                for (size_t p = 0; p < k.out.n; p++)
                        CHECK_INT(k.out.list[p].id, <, t.head.vocabulary);
        }
        CHECK_INT(taken, >, 0);
        CHECK_INT(tokenizer_view(k.tables.data, n - 8, &k.t, NULL), ==, -EBADMSG);
        tok_done(&k);
}
