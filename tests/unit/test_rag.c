#include "rag_host.h"
#include "rag/search.h"

struct bench {
        char *docs, *state, *database;
};

static struct bench bench_new(void)
{
        struct bench b = {temp_dir(), temp_dir(), NULL};
        b.database = xasprintf("%s/space.db", b.state);
        return b;
}

static void bench_done(struct bench *b)
{
        free(b->database);
        remove_temp(&b->docs);
        remove_temp(&b->state);
}
#define auto_bench CLEANUP(bench_done)

static struct indexed index_ok(const struct bench *b)
{
        struct indexed x = index_folder(b->docs, b->database, "", false);
        if (x.r < 0)
                test_failed(__FILE__, __LINE__, "%s", err_text(&x.err));
        CHECK_INT(x.end.state, ==, RAG_DONE);
        return x;
}

/* "path#ordinal path#ordinal" of the hits; free() it. */
static char *found(const struct bench *b, const char *query, const char *prefix)
{
        CLEANUP(manifest_closep) struct manifest *m = NULL;
        CLEANUP(hits_done) struct hits hits = {0};
        CLEANUP(buf_done) struct buf text;
        buf_init(&text, 65536);
        CHECK_INT(manifest_open_reader(b->database, &m, NULL), ==, 0);
        CHECK_INT(search_run(m, query, prefix, 10, &hits, NULL), ==, 0);
        for (size_t i = 0; i < hits.n; i++)
                CHECK_INT(
                        buf_addf(&text, "%s%s#%u", i ? " " : "", hits.h[i].path, hits.h[i].ordinal),
                        ==, 0);
        return buf_take(&text);
}

#define CHECK_FOUND(b, query, expected)                                                            \
        do {                                                                                       \
                auto_free char *found_ = found(b, query, "");                                      \
                CHECK_STR(found_, expected);                                                       \
        } while (0)

TEST(rag_finds_what_was_indexed)
{
        auto_bench struct bench b = bench_new();
        put_file(b.docs, "a/moon.md", "# Moon\n\nThe moon circles the earth.\n");
        put_file(b.docs, "sun.txt", "The sun shines.\n");
        put_file(b.docs, "page.html", "<title>Stars</title><h1>Stars</h1><p>Many stars shine.");
        struct indexed x = index_ok(&b);
        CHECK_INT(x.end.total, ==, 3);
        CHECK_INT(x.end.changed, ==, 3);
        CHECK_INT(x.end.passages, ==, 3);
        CHECK_INT(x.end.failed, ==, 0);
        CHECK_FOUND(&b, "what circles the earth?", "a/moon.md#0");
        CHECK_FOUND(&b, "stars", "page.html#0");
        CHECK_FOUND(&b, "comet", "");
}

TEST(rag_second_run_parses_nothing)
{
        auto_bench struct bench b = bench_new();
        put_file(b.docs, "a.txt", "alpha\n");
        put_file(b.docs, "b.bin", "a\0b");
        index_ok(&b);
        usleep(30000); /* out of the grain of the stamps */
        index_ok(&b);
        struct indexed x = index_ok(&b);
        CHECK_INT(x.end.total, ==, 2);
        CHECK_INT(x.end.done, ==, 2);
        CHECK_INT(x.end.changed, ==, 0);
        CHECK_INT(x.reports.files, ==, 0);
}

TEST(rag_change_and_removal_are_followed)
{
        auto_bench struct bench b = bench_new();
        put_file(b.docs, "a.txt", "alpha beta\n");
        put_file(b.docs, "b.txt", "gamma\n");
        index_ok(&b);
        put_file(b.docs, "a.txt", "delta beta\n");
        auto_free char *gone = xasprintf("%s/b.txt", b.docs);
        CHECK_INT(unlink(gone), ==, 0);
        struct indexed x = index_ok(&b);
        CHECK_INT(x.end.changed, ==, 1);
        CHECK_INT(x.end.removed, ==, 1);
        CHECK_FOUND(&b, "alpha", "");
        CHECK_FOUND(&b, "gamma", "");
        CHECK_FOUND(&b, "delta", "a.txt#0");
}
