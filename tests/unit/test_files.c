#include "spawn.h"
#include "base/limits.h"
#include "link/files.h"
#include <archive.h>
#include <archive_entry.h>
#include <poll.h>

/* The real program on a folder, and what it answered last. */
struct volume {
        char *dir;
        struct spawned program;
        struct frames in;
        struct files_done done;
        char names[4096]; /* "path:size path:size" of the FILE frames */
        struct buf data;
        uint64_t mtime_ms;
};

static struct volume volume_new(void)
{
        struct volume v = {.dir = temp_dir()};
        v.program = spawn_program("files", v.dir);
        frames_init(&v.in, &files_frames);
        buf_init(&v.data, 64u << 20);
        signal(SIGPIPE, SIG_IGN);
        return v;
}

static void volume_done(struct volume *v)
{
        CHECK_INT(spawned_end(&v->program), ==, 0);
        frames_done(&v->in);
        buf_done(&v->data);
        remove_temp(&v->dir);
}
#define auto_volume CLEANUP(volume_done)

static void ask(struct volume *v, uint32_t verb, const void *obj)
{
        CHECK_INT(frame_write(v->program.to, &files_frames, verb, obj, 0, NULL), ==, 0);
}

/* Reads up to DONE; its error as a negative errno. */
static int receive(struct volume *v)
{
        struct frame f;
        size_t used = 0;
        v->names[0] = '\0';
        buf_clear(&v->data);
        for (;;) {
                CHECK_INT(frames_read(&v->in, v->program.from, 0, &f, NULL), ==, 1);
                if (f.verb == FILES_DATA) {
                        CHECK_INT(buf_add(&v->data, f.body.data, f.body.len), ==, 0);
                        continue;
                }
                if (f.verb == FILES_DONE)
                        break;
                struct files_file file;
                CHECK_INT(f.verb, ==, FILES_FILE);
                CHECK_INT(frames_decode(&v->in, &f, &file, NULL), ==, 0);
                used += (size_t)snprintf(v->names + used, sizeof v->names - used, "%s%s:%llu",
                                         used ? " " : "", file.path, (unsigned long long)file.size);
                v->mtime_ms = file.mtime_ms;
        }
        CHECK_INT(frames_decode(&v->in, &f, &v->done, NULL), ==, 0);
        CHECK((v->done.error == 0) == (v->done.reason[0] == '\0'));
        return -(int)v->done.error;
}

static struct files_put put_rq(const char *path, uint64_t size, uint64_t mtime_ms)
{
        struct files_put rq = {.size = size, .mtime_ms = mtime_ms};
        snprintf(rq.path, sizeof rq.path, "%s", path);
        return rq;
}

static int put(struct volume *v, const char *path, const char *text, uint64_t size)
{
        struct files_put rq = put_rq(path, size, 1600000000123);
        struct slice data = slice_of(text);
        struct files_end end = {1};
        ask(v, FILES_PUT, &rq);
        ask(v, FILES_DATA, &data);
        ask(v, FILES_END, &end);
        return receive(v);
}

static int get(struct volume *v, uint32_t verb, const char *path, uint64_t offset)
{
        struct files_get rq = {.offset = offset};
        snprintf(rq.path, sizeof rq.path, "%s", path);
        ask(v, verb, &rq);
        return receive(v);
}

static int list(struct volume *v, const char *prefix, const char *after, uint32_t limit)
{
        struct files_list rq = {.limit = limit};
        snprintf(rq.prefix, sizeof rq.prefix, "%s", prefix);
        snprintf(rq.after, sizeof rq.after, "%s", after);
        ask(v, FILES_LIST, &rq);
        return receive(v);
}

static int rm(struct volume *v, const char *path, bool tree)
{
        struct files_remove rq = {.tree = tree};
        snprintf(rq.path, sizeof rq.path, "%s", path);
        ask(v, FILES_REMOVE, &rq);
        return receive(v);
}

static void in_dir(const struct volume *v, char dst[256], const char *path)
{
        snprintf(dst, 256, "%s/%s", v->dir, path);
}

TEST(files_put_get_list_stat_remove)
{
        auto_volume struct volume v = volume_new();
        CHECK_INT(put(&v, "a/b/c.txt", "hello", 5), ==, 0);
        CHECK_INT(v.done.count, ==, 5);
        CHECK_INT(put(&v, "a.txt", "any length", FILES_SIZE_ANY), ==, 0);
        CHECK_INT(get(&v, FILES_GET, "a/b/c.txt", 0), ==, 0);
        CHECK_STR(buf_text(&v.data), "hello");
        CHECK_STR(v.names, "a/b/c.txt:5");
        CHECK_INT(v.mtime_ms, ==, 1600000000123);
        CHECK_INT(get(&v, FILES_GET, "a/b/c.txt", 3), ==, 0);
        CHECK_STR(buf_text(&v.data), "lo");
        CHECK_INT(get(&v, FILES_STAT, "a.txt", 0), ==, 0);
        CHECK_STR(v.names, "a.txt:10");
        CHECK_INT(v.data.len, ==, 0);
        CHECK_INT(list(&v, "", "", 0), ==, 0);
        CHECK_STR(v.names, "a.txt:10 a/b/c.txt:5");
        CHECK_INT(rm(&v, "a.txt", false), ==, 0);
        CHECK_INT(v.done.count, ==, 1);
        CHECK_INT(get(&v, FILES_STAT, "a.txt", 0), ==, -ENOENT);
        CHECK_INT(rm(&v, "a.txt", false), ==, -ENOENT);
}

/* Sandboxes may not take leases, but what is outside of them may. */
TEST(files_says_so_when_a_file_is_under_a_lease)
{
        auto_volume struct volume v = volume_new();
        char path[256];
        CHECK_INT(put(&v, "a", "hello", 5), ==, 0);
        in_dir(&v, path, "a");
        signal(SIGIO, SIG_IGN);
        auto_close int fd = open(path, O_RDWR | O_CLOEXEC);
        for (int i = 0; fcntl(fd, F_SETLEASE, F_WRLCK) < 0; i++) { /* the program may still end */
                CHECK_INT(i, <, 500);
                poll(NULL, 0, 10);
        }
        CHECK_INT(get(&v, FILES_GET, "a", 0), ==, -EAGAIN);
        CHECK_INT(fcntl(fd, F_SETLEASE, F_UNLCK), ==, 0);
        CHECK_INT(get(&v, FILES_GET, "a", 0), ==, 0);
}

TEST(files_list_is_in_the_order_of_paths_and_pages)
{
        auto_volume struct volume v = volume_new();
        static const char *const paths[] = {"b", "a/x", "a.b", "a-b", "a/y/z", "c/d"};
        for (size_t i = 0; i < ARRAY_LEN(paths); i++)
                CHECK_INT(put(&v, paths[i], "1", 1), ==, 0);
        CHECK_INT(list(&v, "", "", 0), ==, 0);
        CHECK_STR(v.names, "a-b:1 a.b:1 a/x:1 a/y/z:1 b:1 c/d:1");
        CHECK_INT(v.done.more, ==, 0);
        CHECK_INT(list(&v, "", "a.b", 2), ==, 0);
        CHECK_STR(v.names, "a/x:1 a/y/z:1");
        CHECK_INT(v.done.more, ==, 1);
        CHECK_INT(list(&v, "", "a/y/z", 2), ==, 0);
        CHECK_STR(v.names, "b:1 c/d:1");
        CHECK_INT(v.done.more, ==, 0);
        CHECK_INT(list(&v, "a/", "a/x", 0), ==, 0);
        CHECK_STR(v.names, "a/y/z:1");
        CHECK_INT(list(&v, "c/d/e", "", 0), ==, 0);
        CHECK_STR(v.names, "");
}

TEST(files_replaces_a_file_only_when_it_is_whole)
{
        auto_volume struct volume v = volume_new();
        CHECK_INT(put(&v, "a", "old", 3), ==, 0);
        CHECK_INT(put(&v, "a", "new", 4), ==, -EINVAL);
        CHECK_INT(put(&v, "a", "longer", 4), ==, -EFBIG);
        struct files_put rq = put_rq("a", FILES_SIZE_ANY, 0);
        struct files_end give_up = {0};
        struct slice data = slice_of("half");
        ask(&v, FILES_PUT, &rq);
        ask(&v, FILES_DATA, &data);
        ask(&v, FILES_END, &give_up);
        CHECK_INT(receive(&v), ==, -ECANCELED);
        CHECK_INT(get(&v, FILES_GET, "a", 0), ==, 0);
        CHECK_STR(buf_text(&v.data), "old");
        CHECK_INT(put(&v, "a", "new", 3), ==, 0);
        CHECK_INT(get(&v, FILES_GET, "a", 0), ==, 0);
        CHECK_STR(buf_text(&v.data), "new");
        CHECK_INT(list(&v, "", "", 0), ==, 0);
        CHECK_STR(v.names, "a:3");
}

/* An archive of one file, as the asker of UNPACK sends it. */
static size_t archive_of(char dst[4096], const char *name, const char *content, mode_t mode)
{
        size_t n = 0;
        struct archive *a = archive_write_new();
        struct archive_entry *e = archive_entry_new();
        archive_write_set_format_pax(a);
        archive_write_set_bytes_in_last_block(a, 1);
        CHECK_INT(archive_write_open_memory(a, dst, 4096, &n), ==, ARCHIVE_OK);
        archive_entry_set_pathname(e, name);
        archive_entry_set_mode(e, S_IFREG | mode);
        archive_entry_set_size(e, (la_int64_t)strlen(content));
        CHECK_INT(archive_write_header(a, e), ==, ARCHIVE_OK);
        CHECK_INT(archive_write_data(a, content, strlen(content)), ==, strlen(content));
        archive_entry_free(e);
        archive_write_close(a);
        archive_write_free(a);
        return n;
}

static void ask_unpack(struct volume *v, const char *path, const char *p, size_t n, bool keep)
{
        struct files_get rq = {.offset = 0};
        struct files_end end = {keep};
        snprintf(rq.path, sizeof rq.path, "%s", path);
        ask(v, FILES_UNPACK, &rq);
        for (size_t at = 0; at < n; at += 100) { /* as it comes */
                struct slice data = {p + at, n - at < 100 ? n - at : 100};
                ask(v, FILES_DATA, &data);
        }
        ask(v, FILES_END, &end);
}

TEST(files_unpack_and_pack_a_folder)
{
        auto_volume struct volume v = volume_new();
        char tar[4096], path[256];
        size_t n = archive_of(tar, "x/tool", "#!/bin/sh\n", 0751);
        struct stat st;
        ask_unpack(&v, "deep/folder", tar, n, true);
        CHECK_INT(receive(&v), ==, 0);
        CHECK_INT(v.done.count, ==, 1);
        in_dir(&v, path, "deep/folder/x/tool");
        CHECK_INT(stat(path, &st), ==, 0);
        CHECK_INT(st.st_mode & 07777, ==, 0751);
        CHECK_INT(get(&v, FILES_GET, "deep/folder/x/tool", 0), ==, 0);
        CHECK_STR(buf_text(&v.data), "#!/bin/sh\n");
        CHECK_INT(get(&v, FILES_PACK, "deep", 0), ==, 0);
        CHECK(v.data.len > 512 && v.data.len % 512 == 0);
        struct archive *a = archive_read_new();
        struct archive_entry *e;
        archive_read_support_format_tar(a);
        CHECK_INT(archive_read_open_memory(a, v.data.data, v.data.len), ==, ARCHIVE_OK);
        static const char *const names[] = {"folder/", "folder/x/", "folder/x/tool"};
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                CHECK_INT(archive_read_next_header(a, &e), ==, ARCHIVE_OK);
                CHECK_STR(archive_entry_pathname(e), names[i]);
        }
        CHECK_INT(archive_entry_perm(e), ==, 0751);
        CHECK_INT(archive_read_next_header(a, &e), ==, ARCHIVE_EOF);
        archive_read_free(a);
        CHECK_INT(get(&v, FILES_PACK, "deep/folder/x/tool", 0), ==, -ENOTDIR);
        CHECK_INT(get(&v, FILES_PACK, "nothing", 0), ==, -ENOENT);
        CHECK_INT(get(&v, FILES_PACK, "", 0), ==, 0); /* the root */
}

/* Each refusal is one DONE, and the next request is answered as ever. */
TEST(files_unpack_refuses_and_goes_on)
{
        static const struct {
                const char *name, *into, *why;
        } bad[] = {{"../x", "f", "'..'"},       {"/x", "f", "absolute"},
                   {"-rf", "f", "begins with"}, {"x", "../f", "not a path"},
                   {"x", "-f", "begins with"},  {"x", ".paddock-put", "not a path"},
                   {"x", "link", "link"},       {"link/paddock-test-out", "", "behind a link"}};
        auto_volume struct volume v = volume_new();
        char tar[4096], path[256];
        in_dir(&v, path, "link");
        CHECK_INT(symlink("/tmp", path), ==, 0);
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                size_t n = archive_of(tar, bad[i].name, "1", 0644);
                ask_unpack(&v, bad[i].into, tar, n, true);
                CHECK_INT(receive(&v), <, 0);
                CHECK_CONTAINS(v.done.reason, bad[i].why);
                CHECK_INT(put(&v, "after", "1", 1), ==, 0);
        }
        size_t n = archive_of(tar, "x", "1", 0644);
        ask_unpack(&v, "f", tar, n - 1000, true); /* cut */
        CHECK_INT(receive(&v), <, 0);
        ask_unpack(&v, "f", "no archive at all", 17, true);
        CHECK_INT(receive(&v), <, 0);
        ask_unpack(&v, "f", tar, n, false);
        CHECK_INT(receive(&v), ==, -ECANCELED);
        CHECK_INT(put(&v, "after", "1", 1), ==, 0);
        CHECK_INT(access("/tmp/paddock-test-out", F_OK), ==, -1);
        CHECK_INT(put(&v, "-dash", "1", 1), ==, -EINVAL);
        CHECK_INT(put(&v, "d/-dash", "1", 1), ==, -EINVAL);
}

TEST(files_early_failure_does_not_wait_for_the_body)
{
        auto_volume struct volume v = volume_new();
        struct files_put rq = put_rq("../x", 10, 0);
        struct slice data = slice_of("0123456789");
        struct files_end end = {1};
        ask(&v, FILES_PUT, &rq);
        CHECK_INT(receive(&v), ==, -EINVAL);
        ask(&v, FILES_DATA, &data);
        ask(&v, FILES_END, &end);
        CHECK_INT(put(&v, "x", "1", 1), ==, 0); /* and there was no second DONE */
}

TEST(files_bad_paths_are_refused)
{
        auto_volume struct volume v = volume_new();
        static const char *const bad[] = {"",     "/etc/passwd", "../a",           "a/../../b",
                                          "a//b", "a/",          ".paddock-put/x", "a/.paddock-x",
                                          "a\nb", "\xff"};
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                CHECK_INT(get(&v, FILES_GET, bad[i], 0), ==, -EINVAL);
                CHECK_INT(rm(&v, bad[i], true), ==, -EINVAL);
        }
}

TEST(files_links_and_devices_are_as_if_not_there)
{
        auto_volume struct volume v = volume_new();
        char path[256];
        CHECK_INT(put(&v, "real/file", "1", 1), ==, 0);
        in_dir(&v, path, "link");
        CHECK(symlink("/etc/passwd", path) == 0);
        in_dir(&v, path, "dir");
        CHECK(symlink("/etc", path) == 0);
        in_dir(&v, path, "inner");
        CHECK(symlink("real", path) == 0);
        in_dir(&v, path, "fifo");
        CHECK(mkfifo(path, 0600) == 0);
        CHECK_INT(get(&v, FILES_GET, "link", 0), ==, -ENOENT);
        CHECK_INT(get(&v, FILES_GET, "fifo", 0), ==, -ENOENT);
        CHECK(get(&v, FILES_GET, "dir/passwd", 0) < 0);
        CHECK(get(&v, FILES_GET, "inner/file", 0) < 0);
        CHECK_INT(get(&v, FILES_GET, "real", 0), ==, -EISDIR);
        CHECK_INT(put(&v, "dir/paddock-test", "1", 1), ==, -ENOTDIR);
        CHECK(access("/etc/paddock-test", F_OK) != 0);
        CHECK_INT(list(&v, "", "", 0), ==, 0);
        CHECK_STR(v.names, "real/file:1");
        CHECK_INT(v.done.skipped, ==, 4);
        CHECK_INT(put(&v, "link", "22", 2), ==, 0); /* replaces the link, not what it names */
        CHECK_INT(get(&v, FILES_GET, "link", 0), ==, 0);
        CHECK_STR(buf_text(&v.data), "22");
}

TEST(files_tree_removal_stays_inside)
{
        auto_volume struct volume v = volume_new();
        auto_dir char *outside = temp_dir();
        char path[256];
        put_file(outside, "keep", "1");
        CHECK_INT(put(&v, "t/a", "1", 1), ==, 0);
        CHECK_INT(put(&v, "t/b/c", "1", 1), ==, 0);
        CHECK_INT(put(&v, "ta", "1", 1), ==, 0);
        in_dir(&v, path, "t/out");
        CHECK(symlink(outside, path) == 0);
        CHECK_INT(rm(&v, "t", false), ==, -EISDIR);
        CHECK_INT(rm(&v, "t", true), ==, 0);
        CHECK_INT(v.done.count, ==, 2);
        CHECK_INT(list(&v, "", "", 0), ==, 0);
        CHECK_STR(v.names, "ta:1");
        snprintf(path, sizeof path, "%s/keep", outside);
        CHECK(access(path, F_OK) == 0);
}

TEST(files_large_file_comes_back_as_it_went)
{
        auto_volume struct volume v = volume_new();
        enum { SIZE = 5 << 20, PIECE = 60000 };
        auto_free char *bytes = xmalloc(SIZE);
        for (size_t i = 0; i < SIZE; i++)
                bytes[i] = (char)(i * 2654435761u >> 13);
        struct files_put rq = put_rq("big", SIZE, 0);
        struct files_end end = {1};
        ask(&v, FILES_PUT, &rq);
        for (size_t at = 0; at < SIZE; at += PIECE) {
                struct slice piece = {bytes + at, at + PIECE > SIZE ? SIZE - at : PIECE};
                ask(&v, FILES_DATA, &piece);
        }
        ask(&v, FILES_END, &end);
        CHECK_INT(receive(&v), ==, 0);
        CHECK_INT(get(&v, FILES_GET, "big", 0), ==, 0);
        CHECK(v.data.len == SIZE && memcmp(v.data.data, bytes, SIZE) == 0);
}

TEST(files_killed_in_the_middle_leaves_the_old_file)
{
        auto_volume struct volume v = volume_new();
        CHECK_INT(put(&v, "a", "old", 3), ==, 0);
        struct files_put rq = put_rq("a", 100, 0);
        struct slice data = slice_of("half of it");
        ask(&v, FILES_PUT, &rq);
        ask(&v, FILES_DATA, &data);
        usleep(20000);
        kill(v.program.pid, SIGKILL);
        spawned_end(&v.program);
        v.program = spawn_program("files", v.dir);
        frames_done(&v.in);
        frames_init(&v.in, &files_frames);
        CHECK_INT(get(&v, FILES_GET, "a", 0), ==, 0);
        CHECK_STR(buf_text(&v.data), "old");
        CHECK_INT(list(&v, "", "", 0), ==, 0);
        CHECK_STR(v.names, "a:3");
}
