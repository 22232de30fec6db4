#include "test.h"
#include "base/clock.h"
#include "base/mem.h"
#include "link/files.h"
#include <fcntl.h>
#include <stdio.h>

static struct files_list list_of(const char *prefix)
{
        struct files_list l = {.limit = 7};
        snprintf(l.prefix, sizeof l.prefix, "%s", prefix);
        return l;
}

static void put(struct buf *b, const char *prefix)
{
        struct files_list l = list_of(prefix);
        CHECK_INT(frame_put(b, &files_frames, FILES_LIST, &l, NULL), ==, 0);
}

TEST(frames_come_out_whole_however_they_arrive)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 1u << 20);
        struct slice data = slice_of("raw bytes");
        put(&b, "one");
        CHECK_INT(frame_put(&b, &files_frames, FILES_DATA, &data, NULL), ==, 0);
        put(&b, "two");
        for (size_t step = 1; step < b.len + 2; step += 3) {
                CLEANUP(frames_done) struct frames in;
                char seen[64] = "";
                frames_init(&in, &files_frames);
                for (size_t at = 0; at < b.len; at += step) {
                        struct frame f;
                        int r;
                        size_t n = at + step > b.len ? b.len - at : step;
                        CHECK_INT(frames_feed(&in, b.data + at, n), ==, 0);
                        while ((r = frames_next(&in, &f, NULL)) > 0) {
                                struct files_list l;
                                size_t k = strlen(seen);
                                if (f.verb == FILES_DATA) {
                                        snprintf(seen + k, sizeof seen - k, "[%.*s]",
                                                 (int)f.body.len, f.body.data);
                                        continue;
                                }
                                CHECK_INT(frames_decode(&in, &f, &l, NULL), ==, 0);
                                CHECK_INT(l.limit, ==, 7);
                                snprintf(seen + k, sizeof seen - k, "%s ", l.prefix);
                        }
                        CHECK_INT(r, ==, 0);
                }
                CHECK_STR(seen, "one [raw bytes]two ");
                CHECK_INT(frames_room(&in), ==, FRAMES_BUFFER_MAX);
        }
}

TEST(frames_refuse_what_cannot_be)
{
        static const struct {
                char head[FRAME_HEAD];
        } bad[] = {{{99, 0, 0, 0, 0, 0, 0, 0}},          /* no such verb */
                   {{FILES_DATA, 0, 0, 0, 1, 0, 1, 0}},  /* FRAME_MAX + 1 */
                   {{FILES_DATA, 0, 0, 0, 0, 0, 0, -1}}, /* 4 GiB */
                   {{FILES_DATA, 0, 0, 1, 0, 0, 0, 0}}};
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                CLEANUP(frames_done) struct frames in;
                struct frame f;
                struct err err = {0};
                frames_init(&in, &files_frames);
                CHECK_INT(frames_feed(&in, bad[i].head, FRAME_HEAD), ==, 0);
                CHECK_INT(frames_next(&in, &f, &err), ==, -EPROTO);
                CHECK_CONTAINS(err_text(&err), "files");
        }
        CLEANUP(frames_done) struct frames in;
        struct frame f = {FILES_DATA, {"x", 1}};
        struct files_list l;
        frames_init(&in, &files_frames);
        CHECK_INT(frames_decode(&in, &f, &l, NULL), ==, -EPROTO); /* has no fields */
        f.verb = FILES_LIST;
        CHECK_INT(frames_decode(&in, &f, &l, NULL), ==, -EPROTO); /* too short */
}

TEST(frames_hold_no_more_than_their_maximum)
{
        CLEANUP(frames_done) struct frames in;
        auto_free char *bytes = xcalloc(1, FRAMES_BUFFER_MAX);
        frames_init(&in, &files_frames);
        CHECK_INT(frames_feed(&in, bytes, FRAMES_BUFFER_MAX), ==, 0);
        CHECK_INT(frames_room(&in), ==, 0);
        CHECK_INT(frames_feed(&in, bytes, 1), ==, -E2BIG);
}

TEST(frames_of_ours_that_break_the_table_are_not_sent)
{
        CLEANUP(buf_done) struct buf b;
        auto_free char *bytes = xcalloc(1, FRAME_MAX + 1);
        struct slice data = {bytes, FRAME_MAX + 1};
        struct files_list l;
        buf_init(&b, 1u << 20);
        put(&b, "x");
        size_t before = b.len;
        CHECK_INT(frame_put(&b, &files_frames, FILES_DATA, &data, NULL), ==, -E2BIG);
        memset(&l, 'a', sizeof l);
        CHECK_INT(frame_put(&b, &files_frames, FILES_LIST, &l, NULL), ==, -EINVAL);
        CHECK_INT(frame_put(&b, &files_frames, 1000, &l, NULL), ==, -EINVAL);
        CHECK_INT(b.len, ==, before);
        data.len = FRAME_MAX;
        CHECK_INT(frame_put(&b, &files_frames, FILES_DATA, &data, NULL), ==, 0);
}

TEST(frames_read_until_one_the_end_or_the_deadline)
{
        int p[2];
        CHECK(pipe2(p, O_CLOEXEC | O_NONBLOCK) == 0);
        CLEANUP(frames_done) struct frames in;
        struct frame f;
        struct files_list l = list_of("x");
        frames_init(&in, &files_frames);
        CHECK_INT(frames_read(&in, p[0], clock_boot_ms() + 20, &f, NULL), ==, -ETIMEDOUT);
        CHECK_INT(frame_write(p[1], &files_frames, FILES_LIST, &l, 0, NULL), ==, 0);
        CHECK_INT(frames_read(&in, p[0], clock_boot_ms() + 10000, &f, NULL), ==, 1);
        CHECK_INT(f.verb, ==, FILES_LIST);
        CHECK_INT(write(p[1], "\x03\0\0", 3), ==, 3);
        CHECK_INT(frames_read(&in, p[0], clock_boot_ms() + 20, &f, NULL), ==, -ETIMEDOUT);
        close(p[1]);
        CHECK_INT(frames_read(&in, p[0], 0, &f, NULL), ==, -EPIPE); /* in the middle of one */
        CHECK(pipe2(p, O_CLOEXEC) == 0);
        close(p[1]);
        frames_done(&in);
        frames_init(&in, &files_frames);
        CHECK_INT(frames_read(&in, p[0], 0, &f, NULL), ==, 0);
}
