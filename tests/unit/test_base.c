#include "base/buf.h"
#include "base/fd.h"
#include "base/id.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "test.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

TEST(err_wrap_puts_the_outer_words_first)
{
        struct err e = {0};
        CHECK_INT(err_set(&e, -EINVAL, "memory: %d B is\nbelow 1 MiB", 3), ==, -EINVAL);
        CHECK_INT(err_wrap(&e, -EINVAL, "sandbox '%s'", "a1"), ==, -EINVAL);
        CHECK_STR(e.text, "sandbox 'a1': memory: 3 B is below 1 MiB");
        struct err none = {0};
        err_wrap(&none, -ENOENT, "file");
        CHECK_STR(none.text, "file: No such file or directory");
        err_set(NULL, -EIO, "dropped");
}

TEST(err_text_is_cut_not_overrun)
{
        char big[2000];
        memset(big, 'x', sizeof big);
        big[sizeof big - 1] = '\0';
        struct err e = {0};
        err_set(&e, -EIO, "%s", big);
        err_wrap(&e, -EIO, "%s", big);
        CHECK_INT(strlen(e.text), ==, ERR_TEXT_MAX - 1);
}

TEST(buf_refuses_what_passes_its_maximum_and_stays_as_it_was)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 5);
        CHECK_STR(buf_text(&b), "");
        CHECK_INT(buf_adds(&b, "abc"), ==, 0);
        CHECK_INT(buf_adds(&b, "def"), ==, -E2BIG);
        CHECK_INT(buf_addf(&b, "%d", 123), ==, -E2BIG);
        CHECK_STR(buf_text(&b), "abc");
        CHECK_INT(buf_adds(&b, "de"), ==, 0);
        buf_consume(&b, 4);
        CHECK_STR(buf_text(&b), "e");
}

TEST(names_and_paths_of_clients)
{
        CHECK(str_is_name("a") && str_is_name("web-1"));
        CHECK(!str_is_name("") && !str_is_name("-a") && !str_is_name("a-") && !str_is_name("A") &&
              !str_is_name("a.b") && !str_is_name("a/b"));
        char long_name[66];
        memset(long_name, 'a', 65);
        long_name[65] = '\0';
        CHECK(!str_is_name(long_name));
        long_name[63] = '\0';
        CHECK(str_is_name(long_name));
        CHECK(str_is_subpath("a/b c/..d") && str_is_subpath("-x"));
        static const char *const bad[] = {"",     "/a",     "a/",       "a//b", ".",
                                          "..",   "a/../b", "a/.",      "./a",  "a\nb",
                                          "\x7f", "\xff",   "\xc0\x80", "../x"};
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                CHECK(!str_is_subpath(bad[i]));
}

TEST(numbers_with_units)
{
        uint64_t v;
        CHECK(str_to_u64("18446744073709551615", &v) == 0 && v == UINT64_MAX);
        CHECK_INT(str_to_u64("18446744073709551616", &v), ==, -ERANGE);
        CHECK_INT(str_to_u64("-1", &v), ==, -EINVAL);
        CHECK_INT(str_to_u64("", &v), ==, -EINVAL);
        CHECK(str_to_bytes("1.5G", &v) == 0 && v == 1610612736u);
        CHECK(str_to_bytes("512 MiB", &v) == 0 && v == 512u << 20);
        CHECK_INT(str_to_bytes("0x10", &v), ==, -EINVAL);
        CHECK_INT(str_to_bytes("0X10", &v), ==, -EINVAL);
        CHECK_INT(str_to_bytes("12 apples", &v), ==, -EINVAL);
        CHECK_INT(str_to_bytes("nan", &v), ==, -EINVAL);
        CHECK_INT(str_to_bytes("99999999999T", &v), ==, -ERANGE);
        CHECK(str_to_ms("250ms", &v) == 0 && v == 250);
        CHECK(str_to_ms("30", &v) == 0 && v == 30000);
        CHECK(str_to_ms("2h", &v) == 0 && v == 7200000);
        CHECK_INT(str_to_ms("-1s", &v), ==, -EINVAL);
}

TEST(utf8_by_rfc_3629)
{
        CHECK(utf8_valid("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 10));
        static const char *const bad[] = {"\x80",
                                          "\xc3",
                                          "\xc0\x80",
                                          "\xed\xa0\x80",
                                          "\xf4\x90\x80\x80",
                                          "\xe0\x80\x80",
                                          "\xf8\x88\x80\x80\x80"};
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                CHECK(!utf8_valid(bad[i], strlen(bad[i])));
        CHECK_INT(utf8_clip("a\xe2\x82\xac", 4, 3), ==, 1);
        CHECK_INT(utf8_clip("abc", 3, 2), ==, 2);
}

TEST(ids_are_unique_sorted_and_checked)
{
        struct id a = id_new();
        usleep(2000);
        struct id b = id_new();
        CHECK(strcmp(a.s, b.s) < 0);
        CHECK(id_valid(a.s) && !id_valid("short") && !id_valid("01J00000000000000000000000") &&
              !id_valid("01j0000000000000000000000/"));
}

TEST(json_fields_are_named_when_wrong)
{
        struct err err = {0};
        json_t *o = NULL;
        CHECK_INT(json_parse("{\"a\":1,\"a\":2}", 13, &o, &err), ==, -EINVAL);
        CHECK_INT(json_parse("{\"a\":1} x", 9, &o, &err), ==, -EINVAL);
        CHECK_INT(json_parse("{\"n\":\"x\",\"big\":70,\"z\":\"a\\u0000b\"}", 34, &o, &err), ==,
                  -EINVAL);
        const char *text = "{\"n\":5,\"big\":70}";
        CHECK_INT(json_parse(text, strlen(text), &o, &err), ==, 0);
        char s[4];
        uint64_t v = 0;
        bool b;
        CHECK_INT(json_read_str(o, "n", JSON_OPTIONAL, s, sizeof s, &err), ==, -EINVAL);
        CHECK_STR(err.text, "n: expected a string");
        CHECK_INT(json_read_u64(o, "big", JSON_OPTIONAL, 1, 64, &v, &err), ==, -EINVAL);
        CHECK_STR(err.text, "big: 70 is outside 1-64");
        CHECK_INT(json_read_u64(o, "none", JSON_OPTIONAL, 1, 64, &v, &err), ==, 0);
        CHECK_INT(json_read_bool(o, "none", JSON_REQUIRED, &b, &err), ==, -EINVAL);
        json_decref(o);
        auto_json json_t *l = json_str_lossy("a\xff"
                                             "b\xe2\x82",
                                             5);
        CHECK_STR(json_string_value(l), "a\xef\xbf\xbd"
                                        "b\xef\xbf\xbd\xef\xbf\xbd");
}

TEST(a_value_cannot_forge_a_log_line)
{
        int p[2];
        CHECK(pipe(p) == 0);
        dup2(p[1], 2);
        log_setup("test", LOG_INFO, LOG_LOGFMT);
        log_debug("not.shown", kv("a", 1));
        log_info("x.y", kv("evil", "a\nts=1 level=error \"q\" \\"), kv("n", -3), kv("plain", "ok"));
        close(p[1]);
        close(2);
        char line[1000] = "";
        CHECK(read(p[0], line, sizeof line - 1) > 0);
        CHECK_CONTAINS(
                line, "event=x.y evil=\"a\\u000ats=1 level=error \\\"q\\\" \\\\\" n=-3 plain=ok\n");
        CHECK(strchr(line, '\n') == line + strlen(line) - 1);
}

static const char *logged(const char *value, enum log_format format)
{
        static char line[70000];
        int p[2], saved = dup(2);
        CHECK(pipe(p) == 0);
        CHECK(fcntl(p[1], F_SETPIPE_SZ, 1 << 17) > 0);
        dup2(p[1], 2);
        close(p[1]);
        log_setup("test", LOG_INFO, format);
        log_info("x", kv("a", value), kv("b", value), kv("c", value), kv("d", value),
                 kv("e", value), kv("f", value));
        dup2(saved, 2);
        close(saved);
        memset(line, 0, sizeof line);
        CHECK(fd_read_all(p[0], line, sizeof line - 1) == -EPIPE);
        close(p[0]);
        return line;
}

TEST(a_log_line_is_utf8_without_control_characters)
{
        const char *line = logged("\xff\xc3\xa9\xc2\x9b"
                                  "31m",
                                  LOG_JSON); /* 0xc29b is CSI, the start of an escape */
        CHECK_CONTAINS(line, "\"a\":\"\\u00ff\xc3\xa9\\u009b31m\"");
        json_t *o = NULL;
        CHECK_INT(json_parse(line, strlen(line), &o, NULL), ==, 0);
        json_decref(o);
        char cut[LOG_VALUE_MAX + 2];
        memset(cut, 'x', sizeof cut);
        memcpy(cut + LOG_VALUE_MAX - 1, "\xc3\xa9", 3);
        line = logged(cut, LOG_LOGFMT);
        CHECK(utf8_valid(line, strlen(line)));
}

TEST(hostile_values_do_not_make_a_log_line_vanish)
{
        char evil[LOG_VALUE_MAX + 1];
        memset(evil, 1, sizeof evil);
        evil[LOG_VALUE_MAX] = '\0';
        const char *line = logged(evil, LOG_LOGFMT);
        CHECK_CONTAINS(line, "event=x ");
        CHECK_CONTAINS(line, "\n");
}

TEST(a_reason_shown_to_a_person_cannot_steer_a_terminal)
{
        struct err e = {0};
        err_set(&e, -EINVAL, "no file '%s'", "a\x1b[2J\tb\x7f");
        CHECK_STR(e.text, "no file 'a [2J b '");
}

TEST(a_tree_deeper_than_descriptors_and_stack_is_removed)
{
        char dir[] = "/tmp/paddock-test-XXXXXX";
        CHECK(mkdtemp(dir) != NULL);
        int top = dir_open_at(AT_FDCWD, dir);
        CHECK_INT(dir_ensure_at(top, "t", 0700), ==, 0);
        int fd = dir_open_at(top, "t");
        for (int i = 0; i < 3000; i++) {
                CHECK_INT(dir_ensure_at(fd, "d", 0700), ==, 0);
                CHECK_INT(dir_ensure_at(fd, "e", 0700), ==, 0);
                int next = dir_open_at(fd, "d");
                CHECK(next >= 0);
                close(fd);
                fd = next;
        }
        close(fd);
        CHECK(setrlimit(RLIMIT_NOFILE, &(struct rlimit){200, 200}) == 0);
        CHECK_INT(tree_remove_at(top, "t"), ==, 0);
        CHECK(rmdir(dir) == 0);
}

TEST(file_replace_is_whole_and_leaves_nothing_behind)
{
        char dir[] = "/tmp/paddock-test-XXXXXX";
        CHECK(mkdtemp(dir) != NULL);
        int fd = dir_open_at(AT_FDCWD, dir);
        CHECK(fd >= 0);
        CHECK_INT(dir_ensure_at(fd, "sub", 0700), ==, 0);
        CHECK_INT(dir_ensure_at(fd, "sub", 0700), ==, 0);
        CHECK_INT(file_replace_at(fd, "sub/f", "one", 3, 0600), ==, 0);
        CHECK_INT(file_replace_at(fd, "sub/f", "two!", 4, 0640), ==, 0);
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 10);
        CHECK_INT(file_read_at(fd, "sub/f", &b), ==, 0);
        CHECK_STR(b.data, "two!");
        struct stat st;
        CHECK(fstatat(fd, "sub/f", &st, 0) == 0 && (st.st_mode & 0777) == 0640);
        CHECK_INT(file_replace_at(fd, "none/f", "x", 1, 0600), ==, -ENOENT);
        CHECK(symlinkat("/etc", fd, "sub/link") == 0);
        CHECK_INT(tree_remove_at(fd, "sub"), ==, 0);
        CHECK_INT(tree_remove_at(fd, "sub"), ==, 0);
        CHECK(access("/etc/passwd", F_OK) == 0);
        CHECK(rmdir(dir) == 0);
}

TEST(sealed_memory_cannot_change)
{
        int fd = memfd_sealed("t", "abc", 3);
        CHECK(fd >= 0);
        CHECK_INT(memfd_sealed_size(fd), ==, 3);
        CHECK(write(fd, "x", 1) < 0);
        CHECK(ftruncate(fd, 0) < 0);
        int open_fd = memfd_create("u", 0);
        CHECK_INT(memfd_sealed_size(open_fd), ==, -EINVAL);
        CHECK_INT(memfd_sealed_size(0), ==, -EINVAL);
}
