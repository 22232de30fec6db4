#include "test.h"
#include "net/stream.h"

static void build(struct buf *b)
{
        char bytes[300];
        memset(bytes, 0, sizeof bytes);
        CHECK_INT(stream_put(b, STREAM_HELLO, "{}", 2), ==, 0);
        CHECK_INT(stream_put_output(b, STREAM_STDOUT, 0x1122334455667788u, "hi", 2), ==, 0);
        CHECK_INT(stream_put(b, STREAM_STDIN, bytes, sizeof bytes), ==, 0);
        CHECK_INT(stream_put(b, STREAM_STDIN_END, NULL, 0), ==, 0);
        CHECK_INT(stream_put(b, STREAM_RESULT, "x", 1), ==, 0);
}

/* Takes what is there; returns the number of frames seen so far. */
static int take(struct buf *b, int seen)
{
        static const enum stream_type types[] = {STREAM_HELLO, STREAM_STDOUT, STREAM_STDIN,
                                                 STREAM_STDIN_END, STREAM_RESULT};
        static const size_t lengths[] = {2, 10, 300, 0, 1};
        struct stream_frame f;
        while (stream_next(b, &f) == 1) {
                CHECK_INT(seen, <, 5);
                CHECK_INT(f.type, ==, types[seen]);
                CHECK_INT(f.len, ==, lengths[seen]);
                if (f.type == STREAM_STDOUT) {
                        CHECK(stream_u64(f.data) == 0x1122334455667788u);
                        CHECK(memcmp(f.data + 8, "hi", 2) == 0);
                }
                buf_consume(b, STREAM_HEAD + f.len);
                seen++;
        }
        return seen;
}

TEST(stream_frames_are_read_whole)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 1 << 20);
        build(&b);
        CHECK_INT(take(&b, 0), ==, 5);
        CHECK_INT(b.len, ==, 0);
}

TEST(stream_frames_are_read_byte_by_byte)
{
        CLEANUP(buf_done) struct buf b, in;
        buf_init(&b, 1 << 20);
        buf_init(&in, 1 << 20);
        build(&b);
        int seen = 0;
        for (size_t i = 0; i < b.len; i++) {
                CHECK_INT(buf_add(&in, b.data + i, 1), ==, 0);
                seen = take(&in, seen);
        }
        CHECK_INT(seen, ==, 5);
        CHECK_INT(in.len, ==, 0);
}

TEST(stream_longest_frame_passes_and_one_more_byte_does_not)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 1 << 20);
        char *p = calloc(1, STREAM_FRAME_MAX + 1);
        struct stream_frame f;
        CHECK_INT(stream_put(&b, STREAM_STDIN, p, STREAM_FRAME_MAX + 1), ==, -E2BIG);
        CHECK_INT(b.len, ==, 0);
        CHECK_INT(stream_put_output(&b, STREAM_STDOUT, 1, p, STREAM_FRAME_MAX - 7), ==, -E2BIG);
        CHECK_INT(stream_put_output(&b, STREAM_STDERR, 1, p, STREAM_FRAME_MAX - 8), ==, 0);
        CHECK_INT(stream_next(&b, &f), ==, 1);
        CHECK_INT(f.len, ==, STREAM_FRAME_MAX);
        b.data[4]++; /* the length in the head: one over */
        CHECK_INT(stream_next(&b, &f), ==, -EPROTO);
        free(p);
}

TEST(stream_refuses_what_is_no_frame_as_soon_as_it_can)
{
        static const struct {
                const char *p;
                size_t n;
        } bad[] = {{"\0", 1},
                   {"\x05", 1},
                   {"\x0f", 1},
                   {"\x16", 1},
                   {"\xff", 1},
                   {"\x01\x01", 2},
                   {"\x01\0\0\x01", 4},
                   {"\x01\0\0\0\x01\0\x01\0", 8},
                   {"\x01\0\0\0\xff\xff\xff\xff", 8}};
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                CLEANUP(buf_done) struct buf b;
                struct stream_frame f;
                buf_init(&b, 64);
                CHECK_INT(buf_add(&b, bad[i].p, bad[i].n), ==, 0);
                CHECK_INT(stream_next(&b, &f), ==, -EPROTO);
        }
}
