/* The files below a space: the log, the root and files of sections, torn and damaged. */
#include "spawn.h"
#include "base/fd.h"
#include "rag/segment/log.h"
#include "rag/segment/root.h"
#include "store/sfile.h"
#include <fcntl.h>
#include <stdio.h>

static int add_text(void *ctx, struct slice b, struct err *err)
{
        char *text = ctx;
        (void)err;
        snprintf(text + strlen(text), 64, "%.*s ", (int)b.len, b.data);
        return 0;
}

/* A log of "one", "two", "three"; then its file is changed. */
static int open_changed(void (*change)(int fd, off_t size), char text[256])
{
        auto_dir char *dir = temp_dir();
        auto_close int d = dir_open_at(AT_FDCWD, dir);
        struct log l;
        CHECK_INT(log_create(d, 7, &l, NULL), ==, 0);
        CHECK_INT(log_append(&l, "one", 3, NULL), ==, 0);
        CHECK_INT(log_append(&l, "two", 3, NULL), ==, 0);
        CHECK_INT(log_append(&l, "three", 5, NULL), ==, 0);
        change(l.fd, (off_t)l.size);
        log_close(&l);
        *text = '\0';
        int r = log_open(d, 7, add_text, text, &l, NULL);
        if (r < 0)
                return r;
        CHECK_INT(log_append(&l, "more", 4, NULL), ==, 0);
        log_close(&l);
        *text = '\0';
        r = log_open(d, 7, add_text, text, &l, NULL);
        log_close(&l);
        return r;
}

static void nothing(int fd, off_t size)
{
        (void)fd;
        (void)size;
}
static void cut_one(int fd, off_t size)
{
        CHECK(ftruncate(fd, size - 1) == 0);
}
static void cut_head(int fd, off_t size)
{
        CHECK(ftruncate(fd, size - 20) == 0);
}
static void spoil_last(int fd, off_t size)
{
        CHECK(pwrite(fd, "x", 1, size - 2) == 1);
}
static void spoil_middle(int fd, off_t size)
{
        (void)size;
        CHECK(pwrite(fd, "x", 1, 24 + 3 + 24) == 1);
}
static void zeros_behind(int fd, off_t size)
{
        CHECK(ftruncate(fd, size + 100) == 0);
}

TEST(log_gives_back_what_was_confirmed)
{
        char text[256];
        CHECK_INT(open_changed(nothing, text), ==, 0);
        CHECK_STR(text, "one two three more ");
        CHECK_INT(open_changed(cut_one, text), ==, 0);
        CHECK_STR(text, "one two more ");
        CHECK_INT(open_changed(cut_head, text), ==, 0);
        CHECK_STR(text, "one two more ");
        CHECK_INT(open_changed(spoil_last, text), ==, 0);
        CHECK_STR(text, "one two more ");
        CHECK_INT(open_changed(zeros_behind, text), ==, 0);
        CHECK_STR(text, "one two three more ");
}

TEST(log_damaged_in_the_middle_is_told)
{
        char text[256];
        CHECK_INT(open_changed(spoil_middle, text), ==, -EBADMSG);
}

TEST(root_survives_a_torn_slot)
{
        auto_dir char *dir = temp_dir();
        auto_close int d = dir_open_at(AT_FDCWD, dir);
        struct root r = {.generation = 1}, got = {0};
        CHECK_INT(root_read(d, &got, NULL), ==, -ENOENT);
        CHECK_INT(root_create(d, &r, NULL), ==, 0);
        r.generation = 2;
        CHECK_INT(root_write(d, &r, NULL), ==, 0);
        CHECK_INT(root_read(d, &got, NULL), ==, 0);
        CHECK_INT(got.generation, ==, 2);
        auto_close int fd = openat(d, "root", O_RDWR | O_CLOEXEC);
        CHECK(pwrite(fd, "x", 1, 10) == 1); /* of generation 2, in slot 0 */
        CHECK_INT(root_read(d, &got, NULL), ==, 0);
        CHECK_INT(got.generation, ==, 1);
        CHECK(pwrite(fd, "x", 1, 4096 + 10) == 1);
        CHECK_INT(root_read(d, &got, NULL), ==, -EBADMSG);
}

#define AAAA SFILE_TAG('A', 'A', 'A', 'A')
#define BBBB SFILE_TAG('B', 'B', 'B', 'B')

TEST(sfile_is_there_as_a_whole_and_knows_damage)
{
        auto_dir char *dir = temp_dir();
        auto_close int d = dir_open_at(AT_FDCWD, dir);
        struct sfile_out *o;
        struct sfile f;
        CHECK_INT(sfile_create(d, "x", &o, NULL), ==, 0);
        sfile_section(o, AAAA);
        sfile_add(o, "some", 4);
        sfile_add(o, " bytes", 6);
        sfile_section(o, BBBB);
        CHECK_INT(sfile_open(d, "x", &f, NULL), ==, -ENOENT);
        CHECK_INT(sfile_commit(o, NULL), ==, 0);
        CHECK_INT(sfile_open(d, "x", &f, NULL), ==, 0);
        struct slice s = sfile_get(&f, AAAA);
        CHECK_INT(s.len, ==, 10);
        CHECK(memcmp(s.data, "some bytes", 10) == 0);
        CHECK_INT(sfile_get(&f, BBBB).len, ==, 0);
        CHECK_INT(sfile_get(&f, 1).len, ==, 0);
        CHECK_INT(sfile_verify(&f, AAAA, NULL), ==, 0);
        size_t at = (size_t)(s.data - f.map), size = f.size;
        sfile_close(&f);
        auto_close int fd = openat(d, "x", O_RDWR | O_CLOEXEC);
        CHECK(pwrite(fd, "S", 1, (off_t)at) == 1);
        CHECK_INT(sfile_open(d, "x", &f, NULL), ==, 0);
        CHECK_INT(sfile_verify(&f, AAAA, NULL), ==, -EBADMSG);
        sfile_close(&f);
        for (size_t i = 8; i < 64; i += 4) { /* the head: size, number, the first section */
                char was, other;
                CHECK(pread(fd, &was, 1, (off_t)i) == 1);
                other = (char)(was ^ 0x40);
                CHECK(pwrite(fd, &other, 1, (off_t)i) == 1);
                CHECK_INT(sfile_open(d, "x", &f, NULL), ==, -EBADMSG);
                CHECK(pwrite(fd, &was, 1, (off_t)i) == 1);
        }
        CHECK(ftruncate(fd, (off_t)size - 64) == 0);
        CHECK_INT(sfile_open(d, "x", &f, NULL), ==, -EBADMSG);
        CHECK(ftruncate(fd, 10) == 0);
        CHECK_INT(sfile_open(d, "x", &f, NULL), ==, -EBADMSG);
        CHECK_INT(sfile_create(d, "y", &o, NULL), ==, 0);
        sfile_abandon(o);
        CHECK(faccessat(d, "y.tmp", F_OK, 0) != 0);
}
