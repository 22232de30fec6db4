/* What a parse sandbox might send once a document has taken it over. */
#include "spawn.h"
#include "base/limits.h"
#include "rag/parser.h"
#include <sys/mman.h>

#define HASH "0123456789abcdef0123456789abcdef"

/* The frames of one answer, and what became of it. */
struct answer {
        struct buf frames;
        unsigned entries, blocks;
        char why[ERR_TEXT_MAX];
        struct parse_end end;
};

static void start(struct answer *a)
{
        memset(a, 0, sizeof *a);
        buf_init(&a->frames, 256u << 20);
}

static void answer_done(struct answer *a)
{
        buf_done(&a->frames);
}
#define auto_answer CLEANUP(answer_done)

static void put(struct answer *a, uint32_t verb, const void *obj)
{
        CHECK_INT(frame_put(&a->frames, &parse_frames, verb, obj, NULL), ==, 0);
}

static void put_entry(struct answer *a, const char *path)
{
        struct parse_entry e = {.size = 1};
        snprintf(e.path, sizeof e.path, "%s", path);
        put(a, PARSE_ENTRY, &e);
}

static void put_block(struct answer *a, uint32_t kind, struct slice text)
{
        struct parse_block b = {.kind = kind, .text = text};
        put(a, PARSE_BLOCK, &b);
}

static struct parse_end good_end(void)
{
        return (struct parse_end){.status = PARSE_INDEXED, .hash = HASH, .title = "T"};
}

static int on_entry(void *ctx, const struct parse_entry *e, struct err *err)
{
        (void)e;
        (void)err;
        ((struct answer *)ctx)->entries++;
        return 0;
}

static int on_block(void *ctx, const struct parse_block *b, struct err *err)
{
        (void)b;
        (void)err;
        ((struct answer *)ctx)->blocks++;
        return 0;
}

static int run(struct answer *a, bool scan, const char *unless_hash)
{
        auto_close int from = memfd_create("answer", MFD_CLOEXEC);
        auto_close int to = open("/dev/null", O_WRONLY | O_CLOEXEC);
        struct err err = {0};
        struct parser p;
        struct parse_scanned scanned;
        CHECK_INT(fd_write_all(from, buf_text(&a->frames), a->frames.len), ==, 0);
        lseek(from, 0, SEEK_SET);
        parser_init(&p, to, from);
        int r = scan ? parser_scan(&p, "", on_entry, a, &scanned, &err)
                     : parser_file(&p, "a", unless_hash, on_block, a, &a->end, &err);
        parser_done(&p);
        snprintf(a->why, sizeof a->why, "%s", r < 0 ? err_text(&err) : "");
        return r;
}

TEST(parser_takes_a_good_answer)
{
        auto_answer struct answer a;
        struct parse_scanned scanned = {.files = 2};
        struct parse_end end = good_end();
        start(&a);
        put_entry(&a, "a");
        put_entry(&a, "b/c");
        put(&a, PARSE_SCANNED, &scanned);
        CHECK_INT(run(&a, true, ""), ==, 0);
        CHECK_INT(a.entries, ==, 2);
        buf_clear(&a.frames);
        put_block(&a, PARSE_PARAGRAPH, slice_of("text\twith\nlines ü"));
        put(&a, PARSE_END, &end);
        CHECK_INT(run(&a, false, ""), ==, 0);
        CHECK_INT(a.blocks, ==, 1);
        CHECK_STR(a.end.hash, HASH);
}

TEST(parser_refuses_a_list_that_cannot_be)
{
        static const char *const bad[][2] = {{"b", "a"}, {"a", "a"},   {"a", "../b"}, {"a", "/b"},
                                             {"", "a"},  {"a", "b\n"}, {"a", "b//c"}};
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                auto_answer struct answer a;
                struct parse_scanned scanned = {.files = 2};
                start(&a);
                put_entry(&a, bad[i][0]);
                put_entry(&a, bad[i][1]);
                put(&a, PARSE_SCANNED, &scanned);
                CHECK_INT(run(&a, true, ""), ==, -EPROTO);
                CHECK(a.entries < 2);
        }
}

TEST(parser_hands_on_why_a_scan_failed)
{
        auto_answer struct answer a;
        struct parse_scanned scanned = {.error = EIO, .reason = "the disk is gone"};
        start(&a);
        put(&a, PARSE_SCANNED, &scanned);
        CHECK_INT(run(&a, true, ""), ==, -EIO);
        CHECK_STR(a.why, "the disk is gone");
        scanned.reason[0] = '\xff';
        buf_clear(&a.frames);
        put(&a, PARSE_SCANNED, &scanned);
        CHECK_INT(run(&a, true, ""), ==, -EIO);
        CHECK_STR(a.why, "the scan failed");
        scanned.reason[0] = '\x1b'; /* it is shown on terminals */
        buf_clear(&a.frames);
        put(&a, PARSE_SCANNED, &scanned);
        CHECK_INT(run(&a, true, ""), ==, -EIO);
        CHECK_STR(a.why, "the scan failed");
}

TEST(parser_refuses_blocks_that_cannot_be)
{
        static const struct {
                uint32_t kind;
                const char *text;
        } bad[] = {{0, "x"},
                   {99, "x"},
                   {PARSE_PARAGRAPH, "\xff"},
                   {PARSE_PARAGRAPH, "a\x01"},
                   {PARSE_CODE, "a\r"}};
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                auto_answer struct answer a;
                struct parse_end end = good_end();
                start(&a);
                put_block(&a, bad[i].kind, slice_of(bad[i].text));
                put(&a, PARSE_END, &end);
                CHECK_INT(run(&a, false, ""), ==, -EPROTO);
                CHECK_INT(a.blocks, ==, 0);
        }
        auto_answer struct answer nul;
        start(&nul);
        put_block(&nul, PARSE_PARAGRAPH, (struct slice){"a\0b", 3});
        CHECK_INT(run(&nul, false, ""), ==, -EPROTO);
}

TEST(parser_refuses_endless_text)
{
        auto_answer struct answer a;
        auto_free char *text = xmalloc(PARSE_TEXT_MAX);
        memset(text, 'x', PARSE_TEXT_MAX);
        start(&a);
        for (size_t n = 0; n <= DOC_TEXT_MAX; n += PARSE_TEXT_MAX)
                put_block(&a, PARSE_PARAGRAPH, (struct slice){text, PARSE_TEXT_MAX});
        CHECK_INT(run(&a, false, ""), ==, -EPROTO);
        CHECK_INT(a.blocks, ==, DOC_TEXT_MAX / PARSE_TEXT_MAX);
}

TEST(parser_refuses_an_end_that_cannot_be)
{
        struct parse_end bad[7];
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                bad[i] = good_end();
        bad[0].status = 0;
        bad[1].status = PARSE_SAME; /* nobody asked */
        bad[2].status = PARSE_SAME + 1;
        bad[3].hash[31] = 'g';
        bad[4].hash[31] = '\0';
        bad[5].title[0] = '\xff';
        bad[6].reason[0] = '\x1b';
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                auto_answer struct answer a;
                start(&a);
                put(&a, PARSE_END, &bad[i]);
                CHECK_INT(run(&a, false, ""), ==, -EPROTO);
        }
        auto_answer struct answer same;
        start(&same);
        bad[1].status = PARSE_SAME;
        put(&same, PARSE_END, &bad[1]);
        CHECK_INT(run(&same, false, HASH), ==, 0);
        CHECK_INT(run(&same, false, "f" HASH), <, 0); /* longer than a hash is */
}

TEST(parser_refuses_the_wrong_answer_and_half_of_one)
{
        auto_answer struct answer a;
        struct parse_scanned scanned = {0};
        start(&a);
        put(&a, PARSE_SCANNED, &scanned);
        CHECK_INT(run(&a, false, ""), ==, -EPROTO);
        a.frames.len -= 3;
        CHECK_INT(run(&a, true, ""), ==, -EPIPE);
        buf_clear(&a.frames);
        put_entry(&a, "a");
        CHECK_INT(run(&a, true, ""), ==, -EPIPE);
        CHECK_INT(run(&a, false, ""), ==, -EPROTO);
}

/* Answers without reading the questions: they fill the pipe. */
TEST(parser_gives_up_a_program_that_does_not_read)
{
        auto_answer struct answer a;
        struct parse_end end = good_end();
        struct err err = {0};
        struct parser p;
        int to[2], r = 0;
        start(&a);
        for (int i = 0; i < 10000; i++)
                put(&a, PARSE_END, &end);
        auto_close int from = memfd_create("answer", MFD_CLOEXEC);
        CHECK_INT(fd_write_all(from, buf_text(&a.frames), a.frames.len), ==, 0);
        lseek(from, 0, SEEK_SET);
        CHECK_INT(pipe2(to, O_CLOEXEC | O_NONBLOCK), ==, 0);
        parser_init(&p, to[1], from);
        p.file_ms = 50;
        for (int i = 0; i < 10000 && r == 0; i++)
                r = parser_file(&p, "a", "", on_block, &a, &end, &err);
        CHECK_INT(r, ==, -ETIMEDOUT);
        parser_done(&p);
        close(to[0]);
        close(to[1]);
}
