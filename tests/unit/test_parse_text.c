#include "parse_host.h"
#include "base/limits.h"

TEST(text_paragraphs_lists_and_code)
{
        auto_parsing struct parsing p = parsing_new();
        CHECK_PARSED(&p, "a.txt",
                     "A long line of a paragraph that goes on and on until it is wide enough\n"
                     "to be one.\n\n* one\n  more\n* two\n\n  x = 1\n  y = 2\n",
                     "P A long line of a paragraph that goes on and on until it is wide enough to "
                     "be one.\nL * one more\nL * two\nC   x = 1\n  y = 2\n");
        CHECK_STR(p.end.type, "text");
        CHECK_INT(p.end.pages, ==, 0);
}

TEST(text_headings_by_underline_number_and_capitals)
{
        auto_parsing struct parsing p = parsing_new();
        CHECK_PARSED(&p, "a.txt",
                     "Title\n=====\n\nPart\n----\n\nwords\n\n====\nOver\n====\n\n"
                     "2.6. Can I do that on a machine that is not connected to any\nsite?\n\n"
                     "SEE ALSO\n\n.. _target:\n\nChapter 3. Third\n",
                     "H1 Title\nH2 Part\nP words\nH1 Over\n"
                     "H2 2.6. Can I do that on a machine that is not connected to any site?\n"
                     "H1 SEE ALSO\nH1 Chapter 3. Third\n");
        CHECK_STR(p.end.title, "Title");
}

TEST(text_numbers_in_a_sentence_are_no_heading)
{
        auto_parsing struct parsing p = parsing_new();
        CHECK_PARSED(&p, "a.txt", "3.5 metres long, it is.\n\n1. First thing\n\n10.20 2020\n",
                     "P 3.5 metres long, it is.\nL 1. First thing\nP 10.20 2020\n");
}

TEST(text_contents_are_left_out)
{
        auto_parsing struct parsing p = parsing_new();
        CHECK_PARSED(&p, "a.txt",
                     "* 6.1.2. Helper scripts\n\n1.1 One\n1.2 Two\n1.3 Three\n"
                     "1.4 Four\n\nText.\n",
                     "P Text.\n");
}

TEST(text_markdown)
{
        auto_parsing struct parsing p = parsing_new();
        CHECK_PARSED(&p, "a.md",
                     "# One #\ntext\n\n## Two\n\n```\n# no heading\n\n```\n\nSet\n===\n\n"
                     "| a | b |\n| - | - |\n\n#no\n",
                     "H1 One\nP text\nH2 Two\nC # no heading\nH1 Set\nT | a | b |\n| - | - |\n"
                     "P #no\n");
        CHECK_STR(p.end.type, "markdown");
}

TEST(text_in_any_encoding)
{
        auto_parsing struct parsing p = parsing_new();
        CHECK_STR(parse_text(&p, "a.txt", "\xef\xbb\xbfgr\xc3\xbc\xc3\x9f"), "P grüß\n");
        CHECK_STR(parse_bytes(&p, "a.txt", "\xff\xfeg\0\xfc\0\r\0\n\0", 10), "P gü\n");
        CHECK_STR(parse_bytes(&p, "a.txt", "\xfe\xff\0g\0\xfc", 6), "P gü\n");
        CHECK_STR(parse_bytes(&p, "a.txt", "\xff\xfe\x3d\xd8\0\xde.\0x\0", 10), "P 😀.x\n");
        CHECK_STR(parse_bytes(&p, "a.txt", "\xff\xfe\0\xd8x\0", 6), "P \xef\xbf\xbdx\n");
        CHECK_STR(parse_bytes(&p, "a.txt", "\xff\xfe\0\0g\0\0\0", 8), "P g\n");
        CHECK_STR(parse_bytes(&p, "a.txt", "w\0i\0d\0e\0 \0t\0e\0x\0t\0", 18), "P wide text\n");
        CHECK_STR(parse_text(&p, "a.txt", "na\xefve \x93quote\x94 \x80 5"),
                  "P naïve “quote” € 5\n");
        CHECK_STR(parse_text(&p, "a.txt", "日本語"), "P 日本語\n");
}

TEST(text_invisible_characters_are_dropped)
{
        auto_parsing struct parsing p = parsing_new();
        CHECK_STR(parse_text(&p, "a.txt",
                             "a\u200bb\u202ec\u00add\x01"
                             "e\x7f \ufb01ne\u00a0x\u2028y"),
                  "P abcde fine x y\n");
        CHECK_STR(parse_text(&p, "a.txt", "one\rtwo\r\n\r\nthree\fx"),
                  "C one\ntwo\nP three\nP x\n");
}

TEST(text_that_is_none)
{
        auto_parsing struct parsing p = parsing_new();
        parse_text(&p, "empty.txt", "");
        CHECK_STATUS(&p, "no-text", "empty");
        parse_text(&p, "blank.txt", " \n\n\t\n");
        CHECK_STATUS(&p, "no-text", "no text");
        parse_text(&p, "marks.txt", "--- *** !!!\n");
        CHECK_STATUS(&p, "no-text", "no text");
        parse_bytes(&p, "binary.txt", "ab\0cd", 5);
        CHECK_STATUS(&p, "unsupported", "no known format");
        CHECK_STR(p.end.type, "binary");
        parse_bytes(&p, "image.txt", "\x89PNG\r\n\x1a\n\0", 9);
        CHECK_STATUS(&p, "unsupported", "image");
        parse_text(&p, "app.js", "var a = 1;");
        CHECK_STATUS(&p, "unsupported", "javascript");
        parse_text(&p, "data.xml", "<?xml version='1.0'?><a/>");
        CHECK_STATUS(&p, "unsupported", "XML");
        CHECK_STR(parse_text(&p, "bus.txt", "BM is a bus, MZ a river"),
                  "P BM is a bus, MZ a river\n");
}

TEST(text_one_huge_word_is_kept_in_pieces)
{
        auto_parsing struct parsing p = parsing_new();
        enum { SIZE = 20 << 20 };
        auto_free char *word = xmalloc(SIZE);
        memset(word, 'x', SIZE);
        parse_bytes(&p, "a.txt", word, SIZE);
        CHECK_STR(parse_status_text(p.end.status), "indexed");
        CHECK_INT(p.blocks, ==, SIZE / PARSE_TEXT_MAX);
        CHECK_INT(p.end.size, ==, SIZE);
        CHECK_INT(program_peak(&p), <, 300u << 20);
}

TEST(text_over_the_limit_is_partial)
{
        auto_parsing struct parsing p = parsing_new();
        size_t n = DOC_TEXT_MAX + (1u << 20);
        auto_free char *word = xmalloc(n);
        memset(word, 'x', n);
        parse_bytes(&p, "a.txt", word, n);
        CHECK_STATUS(&p, "partial", "64 MiB");
        CHECK_INT(p.blocks, ==, DOC_TEXT_MAX / PARSE_TEXT_MAX);
        CHECK_STR(parse_text(&p, "b.txt", "next"), "P next\n");
}

TEST(text_larger_than_is_read_is_told)
{
        auto_parsing struct parsing p = parsing_new();
        put_file(p.docs, "sparse.txt", "x");
        auto_free char *path = xasprintf("%s/sparse.txt", p.docs);
        CHECK(truncate(path, (off_t)DOC_BYTES_MAX + 1) == 0);
        parse_path(&p, "sparse.txt");
        CHECK_STATUS(&p, "failed", "256 MiB");
        CHECK_STR(p.end.hash, "");
        CHECK_INT(program_peak(&p), <, 64u << 20);
}

TEST(text_hash_and_stamps_are_those_of_the_file)
{
        auto_parsing struct parsing p = parsing_new();
        parse_text(&p, "a.txt", "abc");
        CHECK_STR(p.end.hash, "ba7816bf8f01cfea414140de5dae2223"); /* of FIPS 180-2 */
        CHECK_INT(p.end.size, ==, 3);
        CHECK_INT(p.end.racy, ==, 1);
        auto_free char *path = xasprintf("%s/a.txt", p.docs);
        struct stat st;
        CHECK(stat(path, &st) == 0);
        CHECK_INT(p.end.inode, ==, st.st_ino);
        CHECK_INT(p.end.mtime_ns, ==, st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec);
        usleep(50000);
        parse_path(&p, "a.txt");
        CHECK_INT(p.end.racy, ==, 0);
        CHECK_INT(parser_file(&p.parser, "a.txt", p.end.hash, note_block, &p, &p.end, NULL), ==, 0);
        CHECK_INT(p.end.status, ==, PARSE_SAME);
}

TEST(text_gzip_is_read_by_what_is_in_it)
{
        auto_parsing struct parsing p = parsing_new();
        static const char gz[] =
                "\x1f\x8b\x08\0\0\0\0\0\x02\xffSV0\xe4\xe2J,N\xe1\x02\0\x85\xd9\x1d"
                "g\x0a\0\0"; /* damaged on purpose at its end */
        parse_bytes(&p, "a.md.gz", gz, sizeof gz - 1);
        CHECK(p.end.status == PARSE_PARTIAL || p.end.status == PARSE_FAILED);
        parse_bytes(&p, "b.gz", "\x1f\x8b\x08garbage", 10);
        CHECK_STATUS(&p, "failed", "gzip");
}

TEST(text_reads_nothing_that_is_no_file_of_the_volume)
{
        auto_parsing struct parsing p = parsing_new();
        auto_free char *link = xasprintf("%s/link.txt", p.docs);
        auto_free char *loop = xasprintf("%s/loop", p.docs);
        auto_free char *fifo = xasprintf("%s/fifo", p.docs);
        put_file(p.docs, "dir/file.txt", "x");
        put_file(p.docs, ".hidden/file.txt", "x");
        put_file(p.docs, ".git.txt", "x");
        put_file(p.docs, "dir.txt", "x");
        put_file(p.docs, "bad\xff.txt", "x");
        CHECK(symlink("/etc/passwd", link) == 0 && symlink("loop", loop) == 0);
        CHECK(mkfifo(fifo, 0600) == 0);
        CHECK_STR(scan_paths(&p, ""), "dir.txt dir/file.txt");
        CHECK_INT(p.scanned.files, ==, 2);
        CHECK_INT(p.scanned.skipped, ==, 6);
        CHECK_STR(scan_paths(&p, "dir"), "dir/file.txt");
        CHECK_STR(scan_paths(&p, "dir/file.txt"), "dir/file.txt");
        CHECK_STR(scan_paths(&p, "nothing"), "");
        static const char *const bad[] = {"link.txt", "loop",        "fifo", "gone",
                                          "dir",      "/etc/passwd", "../x"};
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                parse_path(&p, bad[i]);
                CHECK_STATUS(&p, "failed", "");
                CHECK_INT(p.blocks, ==, 0);
        }
}
