#include "conf/option.h"
#include "base/mem.h"
#include "test.h"

static const char *const words[] = {"red", "green", NULL};

static int parse(const struct option *o, const char *text, char *ret, struct err *err)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 256);
        int r = option_parse(o, text, &b, err);
        snprintf(ret, 256, "%s", buf_text(&b));
        return r;
}

TEST(option_canonical_forms)
{
        static const struct {
                enum option_type type;
                const char *text, *canonical, *shown;
        } rows[] = {
                {OPTION_BYTES, "512M", "536870912", "512MiB"},
                {OPTION_BYTES, "1000", "1000", "1000"},
                {OPTION_BYTES, "1.5K", "1536", "1536"},
                {OPTION_MS, "90s", "90000", "90s"},
                {OPTION_MS, "2h", "7200000", "2h"},
                {OPTION_MS, "250ms", "250", "250ms"},
                {OPTION_MS, "0", "0", "0"},
                {OPTION_CORES, "1.5", "1500", "1.5"},
                {OPTION_CORES, "2", "2000", "2"},
                {OPTION_CORES, "0.125", "125", "0.125"},
                {OPTION_U64, "17", "17", "17"},
                {OPTION_BOOL, "true", "true", "true"},
                {OPTION_ENUM, "green", "green", "green"},
                {OPTION_NAME, "a-1", "a-1", "a-1"},
                {OPTION_PATH, "/a b", "/a b", "/a b"},
                {OPTION_LIST, "x y", "x y", "x y"},
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct option o = {.name = "x", .type = rows[i].type, .choices = words};
                char text[256];
                CHECK_INT(parse(&o, rows[i].text, text, NULL), ==, 0);
                CHECK_STR(text, rows[i].canonical);
                CLEANUP(buf_done) struct buf b;
                buf_init(&b, 256);
                CHECK_INT(option_show(&o, text, &b), ==, 0);
                CHECK_STR(buf_text(&b), rows[i].shown);
        }
}

TEST(option_refuses_what_is_not_of_its_type)
{
        static const struct {
                enum option_type type;
                const char *text;
        } rows[] = {
                {OPTION_BYTES, "12Q"},
                {OPTION_BYTES, "-1"},
                {OPTION_BYTES, ""},
                {OPTION_MS, "5 weeks"},
                {OPTION_MS, "0x10"},
                {OPTION_CORES, "1.2345"},
                {OPTION_CORES, "."},
                {OPTION_CORES, "1."},
                {OPTION_CORES, "9999999999999999999999"},
                {OPTION_U64, "1.0"},
                {OPTION_U64, " 1"},
                {OPTION_U64, "18446744073709551616"},
                {OPTION_BOOL, "yes"},
                {OPTION_BOOL, ""},
                {OPTION_ENUM, "blue"},
                {OPTION_NAME, "A"},
                {OPTION_NAME, "-a"},
                {OPTION_PATH, "a/b"},
                {OPTION_LIST, "a,b"},
                {OPTION_LIST, ""},
                {OPTION_STR, "two\nlines"},
                {OPTION_STR, "\xff"},
                {OPTION_NAME, "a b"},
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct option o = {.name = "x", .type = rows[i].type, .choices = words};
                struct err err;
                char text[256];
                CHECK_INT(parse(&o, rows[i].text, text, &err), ==, -EINVAL);
                CHECK_CONTAINS(err.text, "expected");
                CHECK_STR(text, "");
        }
}

TEST(option_bounds_and_the_meaning_of_zero)
{
        struct option o = {.name = "x", .type = OPTION_BYTES, .min = 1 << 20, .max = 1 << 30};
        struct err err;
        char text[256];
        CHECK_INT(parse(&o, "1M", text, &err), ==, 0);
        CHECK_INT(parse(&o, "1G", text, &err), ==, 0);
        CHECK_INT(parse(&o, "1048575", text, &err), ==, -EINVAL);
        CHECK_CONTAINS(err.text, "from 1MiB to 1GiB");
        CHECK_INT(parse(&o, "0", text, &err), ==, -EINVAL);
        o.zero = "no limit";
        CHECK_INT(parse(&o, "0", text, &err), ==, 0);
        CHECK_INT(parse(&o, "2G", text, &err), ==, -EINVAL);
        CHECK_CONTAINS(err.text, "0: no limit");
}

TEST(option_empty_text_only_where_nothing_is_the_default)
{
        struct option o = {.name = "x", .type = OPTION_PATH, .def = ""};
        char text[256];
        CHECK_INT(parse(&o, "", text, NULL), ==, 0);
        o.def = "/x";
        CHECK_INT(parse(&o, "", text, NULL), ==, -EINVAL);
}

TEST(option_suggests_a_near_word_and_no_far_one)
{
        static const struct {
                const char *name;
                int other;
        } list[] = {{"memory", 0}, {"timeout", 0}, {"volume", 0}, {"cpu", 0}};
        CHECK_STR(option_suggest("memroy", list, 4, sizeof list[0]), "memory");
        CHECK_STR(option_suggest("timout", list, 4, sizeof list[0]), "timeout");
        CHECK_STR(option_suggest("cpus", list, 4, sizeof list[0]), "cpu");
        CHECK(!option_suggest("elephant", list, 4, sizeof list[0]));
        CHECK(!option_suggest("", list, 4, sizeof list[0]));
        char word[300];
        memset(word, 'm', sizeof word - 1);
        word[sizeof word - 1] = '\0';
        CHECK(!option_suggest(word, list, 4, sizeof list[0]));
}
