#include "rag_host.h"
#include "base/fd.h"
#include "rag/listing.h"
#include "rag/search.h"
#include <fcntl.h>

struct bench {
        char *docs, *state;
        struct spaces *spaces;
};

static struct bench bench_new(void)
{
        struct bench b = {temp_dir(), temp_dir(), NULL};
        b.spaces = spaces_new(dir_open_at(AT_FDCWD, b.state));
        return b;
}

static void bench_done(struct bench *b)
{
        spaces_free(b->spaces);
        remove_temp(&b->docs);
        remove_temp(&b->state);
}
#define auto_bench CLEANUP(bench_done)

static struct indexed index_ok(const struct bench *b)
{
        struct indexed x = index_folder(b->docs, b->spaces, "", false);
        if (x.r < 0)
                test_failed(__FILE__, __LINE__, "%s", err_text(&x.err));
        CHECK_INT(x.end.state, ==, RAG_DONE);
        return x;
}

/* "path#ordinal path#ordinal" of the hits; free() it. */
static char *found(const struct bench *b, const char *query, const char *prefix)
{
        CLEANUP(space_releasep) struct space *s = NULL;
        CLEANUP(words_freep) struct words *w = words_new();
        CLEANUP(hits_done) struct hits hits = {0};
        CLEANUP(buf_done) struct buf text;
        buf_init(&text, 65536);
        CHECK_INT(space_get(b->spaces, "s", false, &s, NULL), ==, 0);
        CHECK_INT(search_run(s, w, &(struct search){query, prefix, 10, NULL, 0}, &hits, NULL), ==,
                  0);
        for (size_t i = 0; i < hits.n; i++)
                CHECK_INT(
                        buf_addf(&text, "%s%s#%u", i ? " " : "", hits.h[i].path, hits.h[i].ordinal),
                        ==, 0);
        return buf_take(&text);
}

static struct space_counts counts(const struct bench *b)
{
        CLEANUP(space_releasep) struct space *s = NULL;
        struct space_counts c;
        CHECK_INT(space_get(b->spaces, "s", false, &s, NULL), ==, 0);
        count_space(s, &c);
        return c;
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

TEST(rag_rename_moves_the_passages)
{
        auto_bench struct bench b = bench_new();
        put_file(b.docs, "old/a.md", "# Alpha\n\nBeta gamma.\n");
        put_file(b.docs, "other.md", "Delta\n");
        index_ok(&b);
        usleep(30000);
        index_ok(&b);
        auto_free char *from = xasprintf("%s/old/a.md", b.docs);
        auto_free char *to = xasprintf("%s/b.md", b.docs);
        CHECK_INT(rename(from, to), ==, 0);
        struct indexed x = index_ok(&b);
        CHECK_INT(x.end.changed, ==, 1);
        CHECK_INT(x.end.removed, ==, 0);
        CHECK_INT(x.end.passages, ==, 0); /* nothing was parsed again */
        CHECK_FOUND(&b, "gamma", "b.md#0");
}

TEST(rag_two_files_for_one_that_is_gone)
{
        auto_bench struct bench b = bench_new();
        put_file(b.docs, "a.txt", "same words\n");
        index_ok(&b);
        auto_free char *from = xasprintf("%s/a.txt", b.docs);
        CHECK_INT(unlink(from), ==, 0);
        put_file(b.docs, "b.txt", "same words\n");
        put_file(b.docs, "c.txt", "same words\n");
        struct indexed x = index_ok(&b);
        CHECK_INT(x.end.changed, ==, 2);
        CHECK_INT(x.end.removed, ==, 0);
        CHECK_INT(x.end.total, ==, 2);
        auto_free char *hits = found(&b, "same", "");
        CHECK_INT(strlen(hits), ==, strlen("b.txt#0")); /* one stands for both */
        struct space_counts c = counts(&b);
        CHECK_INT(c.docs, ==, 2);
}

TEST(rag_touched_file_keeps_its_passages)
{
        auto_bench struct bench b = bench_new();
        put_file(b.docs, "a.txt", "alpha\n");
        index_ok(&b);
        put_file(b.docs, "a.txt", "alpha\n");
        struct indexed x = index_ok(&b);
        CHECK_INT(x.end.changed, ==, 0);
        CHECK_FOUND(&b, "alpha", "a.txt#0");
        x = index_folder(b.docs, b.spaces, "", true);
        CHECK_INT(x.end.changed, ==, 1);
        CHECK_FOUND(&b, "alpha", "a.txt#0");
}

TEST(rag_change_under_an_old_time_is_seen)
{
        auto_bench struct bench b = bench_new();
        put_file(b.docs, "a.txt", "alpha\n");
        auto_free char *path = xasprintf("%s/a.txt", b.docs);
        struct stat st;
        usleep(30000);
        index_ok(&b);
        CHECK(stat(path, &st) == 0);
        put_file(b.docs, "a.txt", "gamma\n"); /* same inode, same size */
        struct timespec old[2] = {st.st_atim, st.st_mtim};
        CHECK(utimensat(AT_FDCWD, path, old, 0) == 0);
        struct indexed x = index_ok(&b);
        CHECK_INT(x.end.changed, ==, 1);
        CHECK_FOUND(&b, "gamma", "a.txt#0");
        CHECK_FOUND(&b, "alpha", "");
}

TEST(rag_vanished_volume_deletes_nothing)
{
        auto_bench struct bench b = bench_new();
        auto_dir char *empty = temp_dir();
        char name[32];
        for (int i = 0; i < INDEX_GONE_MANY; i++) {
                snprintf(name, sizeof name, "f%d.txt", i);
                put_file(b.docs, name, "alpha\n");
        }
        index_ok(&b);
        struct indexed x = index_folder(empty, b.spaces, "", false);
        CHECK_INT(x.r, ==, -ENOENT);
        CHECK_INT(x.end.state, ==, RAG_FAILED);
        CHECK_CONTAINS(x.end.reason, "nothing was removed");
        auto_free char *hits = found(&b, "alpha", "");
        CHECK(hits[0] != '\0');
}

TEST(rag_prefix_touches_only_what_is_below)
{
        auto_bench struct bench b = bench_new();
        put_file(b.docs, "a/x.txt", "alpha\n");
        put_file(b.docs, "ab/y.txt", "alpha beta\n");
        index_ok(&b);
        auto_free char *gone = xasprintf("%s/ab/y.txt", b.docs);
        CHECK_INT(unlink(gone), ==, 0);
        put_file(b.docs, "a/x.txt", "gamma\n");
        struct indexed x = index_folder(b.docs, b.spaces, "a", false);
        CHECK_INT(x.end.total, ==, 1);
        CHECK_INT(x.end.changed, ==, 1);
        CHECK_INT(x.end.removed, ==, 0);
        CHECK_FOUND(&b, "beta", "ab/y.txt#0");
        auto_free char *only = found(&b, "alpha gamma", "a");
        CHECK_STR(only, "a/x.txt#0");
}

TEST(rag_bad_files_are_told_and_block_nothing)
{
        auto_bench struct bench b = bench_new();
        put_file(b.docs, "a.pdf", "%PDF-1.7\nnot really\n");
        put_bytes(b.docs, "b.bin", "\0\1\2\3", 4);
        put_file(b.docs, "c.txt", "");
        put_bytes(b.docs, "d.gz", "\x1f\x8b\x08garbage", 10);
        put_file(b.docs, "e.txt", "fine\n");
        put_file(b.docs, "f.docx", "PK\3\4 nothing");
        auto_free char *link = xasprintf("%s/link.txt", b.docs);
        CHECK(symlink("/etc/passwd", link) == 0);
        struct indexed x = index_ok(&b);
        CHECK_INT(x.end.total, ==, 6);
        CHECK_INT(x.end.done, ==, 6);
        CHECK_INT(x.end.failed, ==, 5);
        CHECK_INT(x.reports.files, ==, 5);
        CHECK_INT(x.boxes, ==, 1); /* none of them needed another sandbox */
        CHECK_FOUND(&b, "fine root", "e.txt#0");
        CHECK(x.reports.last_reason[0] != '\0');
}

/* A host whose parser dies of every request with "poison" in it and never answers one with "stuck".
 */
static int bad_open(void *ctx, const char *volume, struct index_box *ret, struct err *err)
{
        int to[2], from[2];
        if (host_open(ctx, volume, ret, err) < 0)
                return -EIO;
        struct spawned *s = ret->handle;
        CHECK(pipe2(to, O_CLOEXEC) == 0 && pipe2(from, O_CLOEXEC) == 0);
        pid_t relay = fork();
        if (relay == 0) {
                char piece[4096];
                ssize_t n;
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                close(to[1]);
                while ((n = read(to[0], piece, sizeof piece)) > 0) {
                        if (memmem(piece, (size_t)n, "poison", 6))
                                kill(s->pid, SIGTERM);
                        else if (memmem(piece, (size_t)n, "stuck", 5))
                                continue;
                        else if (fd_write_all(s->to, piece, (size_t)n) < 0)
                                break;
                }
                _exit(0);
        }
        close(to[0]);
        close(s->to);
        close(from[0]);
        close(from[1]);
        s->to = ret->in = to[1];
        return 0;
}

TEST(rag_dead_parser_costs_one_file)
{
        auto_bench struct bench b = bench_new();
        put_file(b.docs, "a.txt", "alpha\n");
        put_file(b.docs, "poison.txt", "beta\n");
        put_file(b.docs, "z.txt", "gamma\n");
        struct indexed x = {0};
        struct rag_index rq = {.volume = "v", .space = "s"};
        struct test_host h = {.docs = b.docs};
        struct index_host host = {&h, bad_open, host_close};
        struct index_job job = {.rq = &rq,
                                .spaces = b.spaces,
                                .host = &host,
                                .progress = on_progress,
                                .ctx = &x.reports};
        signal(SIGPIPE, SIG_IGN);
        CHECK_INT(index_run(&job, &x.end, &x.err), ==, 0);
        CHECK_INT(h.opened, ==, 3); /* the first, the second try, the rest */
        CHECK_INT(x.end.failed, ==, 1);
        CHECK_STR(x.reports.last_path, "poison.txt");
        CHECK_CONTAINS(x.reports.last_reason, "signal 15");
        CHECK_FOUND(&b, "gamma", "z.txt#0");
        x = index_ok(&b); /* it is not tried again while it stays as it is */
        CHECK_INT(x.end.changed, ==, 0);
        CHECK_INT(x.end.failed, ==, 1);
}

TEST(rag_stuck_parser_costs_one_file_and_its_time)
{
        auto_bench struct bench b = bench_new();
        put_file(b.docs, "a.txt", "alpha\n");
        put_file(b.docs, "stuck.txt", "beta\n");
        put_file(b.docs, "z.txt", "gamma\n");
        struct indexed x = {0};
        struct rag_index rq = {.volume = "v", .space = "s"};
        struct test_host h = {.docs = b.docs};
        struct index_host host = {&h, bad_open, host_close};
        struct index_job job = {.rq = &rq,
                                .spaces = b.spaces,
                                .host = &host,
                                .progress = on_progress,
                                .ctx = &x.reports,
                                .file_ms = 300};
        signal(SIGPIPE, SIG_IGN);
        CHECK_INT(index_run(&job, &x.end, &x.err), ==, 0);
        CHECK_INT(x.end.failed, ==, 1);
        CHECK_STR(x.reports.last_path, "stuck.txt");
        CHECK_CONTAINS(x.reports.last_reason, "in time");
        CHECK_FOUND(&b, "alpha gamma", "a.txt#0 z.txt#0");
}

TEST(rag_killed_job_goes_on_where_it_was)
{
        auto_bench struct bench b = bench_new();
        char name[32], text[4000];
        memset(text, 'x', sizeof text - 1);
        text[sizeof text - 1] = '\0';
        for (size_t i = 50; i < sizeof text; i += 8)
                text[i] = ' ';
        for (int i = 0; i < 1500; i++) {
                snprintf(name, sizeof name, "%04d.txt", i);
                put_file(b.docs, name, text);
        }
        spaces_free(b.spaces); /* one process at a time has them */
        pid_t pid = fork();
        if (pid == 0) {
                b.spaces = spaces_new(dir_open_at(AT_FDCWD, b.state));
                index_folder(b.docs, b.spaces, "", false);
                _exit(0);
        }
        auto_free char *first = xasprintf("%s/s/seg-1", b.state);
        while (access(first, F_OK) != 0) { /* written, and soon committed by the child */
                CHECK(waitpid(pid, NULL, WNOHANG) == 0);
                usleep(1000);
        }
        usleep(20000);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        b.spaces = spaces_new(dir_open_at(AT_FDCWD, b.state));
        struct space_counts c = counts(&b);
        struct indexed x = index_ok(&b);
        CHECK_INT(x.end.total, ==, 1500);
        CHECK_INT(x.end.changed, <=, 1500 - c.docs);
        c = counts(&b);
        CHECK_INT(c.docs, ==, 1500);
        CHECK_INT(c.passages, >=, 1500);
}
