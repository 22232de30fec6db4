#include "parse_host.h"
#include "base/limits.h"
#include "zip_fixture.h"

TEST(html_headings_paragraphs_lists_and_code)
{
        auto_parsing struct parsing p = parsing_new();
        CHECK_PARSED(&p, "a.html",
                     "<!DOCTYPE html><html><head><title> The \n title</title><style>p{}</style>"
                     "<script>var x;</script></head><body><h1>One <em>and</em>\n half</h1>"
                     "<p>A <b>bold</b>\nword.<p>Next<br>line<ul><li>a<li><p>b</p><p>c</p></ul>"
                     "<pre>x\n  <b>y</b>\n</pre><h3>Deep</h3>tail</body></html>",
                     "H1 One and half\nP A bold word.\nP Next line\nL a\nL b\nP c\nC x\n  y\n"
                     "H3 Deep\nP tail\n");
        CHECK_STR(p.end.title, "The title");
        CHECK_STR(p.end.type, "html");
}

TEST(html_tables_and_layout)
{
        auto_parsing struct parsing p = parsing_new();
        CHECK_PARSED(&p, "a.html",
                     "<html><body><table>\n<tr> <th>Name</th>\n<th>Size</th></tr>\n"
                     "<tr><td>a\nb</td><td>3</td></tr></table>"
                     "<table><tr><td><h2>Head</h2><p>para</p></td></tr></table>",
                     "T Name | Size\na b | 3\nH2 Head\nP para\n");
}

TEST(html_menus_are_left_out)
{
        auto_parsing struct parsing p = parsing_new();
        CHECK_PARSED(&p, "a.html",
                     "<html><body><nav>menu</nav><div class=\"x navheader\">prev next</div>"
                     "<div class='toc'><a>1</a></div><div role=navigation>n</div>"
                     "<h1>T<a class=headerlink>#</a></h1><p>text</p><footer>f</footer>",
                     "H1 T\nP text\n");
        CHECK_PARSED(&p, "menu.html", "<html><body><nav>only a menu</nav>", "P only a menu\n");
}

TEST(html_encodings)
{
        auto_parsing struct parsing p = parsing_new();
        CHECK_PARSED(&p, "a.html", "<html><p>gr\xc3\xbc\xc3\x9f &amp; &eacute; &#8217;",
                     "P grüß & é ’\n");
        CHECK_PARSED(&p, "b.html", "<html><meta charset=iso-8859-1><p>gr\xfc\xdf", "P grüß\n");
        CHECK_PARSED(&p, "c.html", "<html><p>gr\xfc\xdf \x93q\x94", "P grüß “q”\n");
        CHECK_STR(parse_bytes(&p, "d.html", "\xff\xfe<\0h\0t\0m\0l\0>\0x\0", 16), "P x\n");
}

TEST(html_broken_and_hostile)
{
        auto_parsing struct parsing p = parsing_new();
        parse_text(&p, "a.html", "<html><body><p>open <b>never <i>closed <table><tr>");
        CHECK_CONTAINS(buf_text(&p.text), "open never closed");
        parse_text(&p, "b.html", "<html></html>");
        CHECK_STATUS(&p, "no-text", "no text");
        CHECK_STR(parse_text(&p, "c.html",
                             "<!DOCTYPE html [<!ENTITY x SYSTEM \"/etc/passwd\">"
                             "<!ENTITY y \"yyyy\">]><html><p>&x; &y; z"),
                  buf_text(&p.text));
        CHECK(!strstr(buf_text(&p.text), "root:"));
        enum { DEEP = 100000 };
        auto_free char *deep = xmalloc(5 * DEEP + 16);
        for (size_t i = 0; i < DEEP; i++)
                memcpy(deep + 5 * i, "<div>", 5);
        memcpy(deep + 5 * (size_t)DEEP, "x", 2);
        parse_text(&p, "d.html", deep);
        CHECK(p.end.status != 0);
        CHECK_STR(parse_text(&p, "e.html", "<html><p>still here"), "P still here\n");
}

/* One entry of an archive that a test makes. */
static const struct entry book[] = {
        {"mimetype", "application/epub+zip"},
        {"o/z.xhtml", "<html><body><h1>First</h1><p>one</p></body></html>"},
        {"o/a.xhtml", "<html><body><p>second</p></body></html>"},
        {"o/nav.xhtml", "<html><body><p>contents</p></body></html>"},
        {"../../etc/x.xhtml", "<html><body><p>outside</p></body></html>"},
        {"o/p.opf", "<?xml version='1.0'?><package><metadata><dc:title "
                    "xmlns:dc='d'>A book</dc:title></metadata><manifest>"
                    "<item id='1' href='z.xhtml'/><item id='2' href='a.xhtml'/>"
                    "<item id='3' href='nav.xhtml' properties='nav'/></manifest>"
                    "<spine><itemref idref='3'/><itemref idref='1'/><itemref idref='2'/>"
                    "</spine></package>"},
};

TEST(epub_is_read_in_the_order_of_its_spine)
{
        auto_parsing struct parsing p = parsing_new();
        char zip[8192];
        size_t n = make_zip(zip, sizeof zip, book, ARRAY_LEN(book));
        CHECK_STR(parse_bytes(&p, "a.epub", zip, n), "H1 First\nP one\nP second\nP outside\n");
        CHECK_STR(p.end.title, "A book");
        CHECK_STR(p.end.type, "epub");
        parse_bytes(&p, "cut.epub", zip, n - 30); /* no directory at its end */
        CHECK(p.end.status == PARSE_FAILED || p.end.status == PARSE_PARTIAL);
        parse_bytes(&p, "a.docx", zip + 70, n - 70);
        CHECK(p.end.status == PARSE_UNSUPPORTED || p.end.status == PARSE_FAILED);
}

TEST(epub_entities_do_not_grow)
{
        auto_parsing struct parsing p = parsing_new();
        static const struct entry bomb[] = {
                {"mimetype", "application/epub+zip"},
                {"p.opf", "<!DOCTYPE p [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;'>"
                          "<!ENTITY c '&b;&b;&b;&b;&b;&b;'><!ENTITY d '&c;&c;&c;&c;&c;&c;'>"
                          "<!ENTITY e SYSTEM '/etc/passwd'>]>"
                          "<package><metadata><title>&e;&d;&d;&d;</title></metadata></package>"},
                {"a.xhtml", "<html><body><p>text</p></body></html>"}};
        char zip[4096];
        size_t n = make_zip(zip, sizeof zip, bomb, ARRAY_LEN(bomb));
        CHECK_STR(parse_bytes(&p, "a.epub", zip, n), "P text\n");
        CHECK(!strstr(p.end.title, "root:"));
        CHECK_INT(program_peak(&p), <, 64u << 20);
}

/* Gzip of so many MiB of zeros with a word before them. */
static size_t make_gzip(char *dst, size_t size, unsigned mib)
{
        static char zeros[1u << 20];
        size_t used = 0;
        struct archive *a = archive_write_new();
        struct archive_entry *x = archive_entry_new();
        archive_write_add_filter_gzip(a);
        archive_write_set_format_raw(a);
        CHECK(archive_write_open_memory(a, dst, size, &used) == ARCHIVE_OK);
        archive_entry_set_pathname(x, "x");
        archive_entry_set_filetype(x, AE_IFREG);
        CHECK(archive_write_header(a, x) == ARCHIVE_OK);
        memset(zeros, 'a', sizeof zeros);
        for (unsigned i = 0; i < mib; i++)
                CHECK(archive_write_data(a, zeros, sizeof zeros) == sizeof zeros);
        CHECK(archive_write_close(a) == ARCHIVE_OK);
        archive_entry_free(x);
        archive_write_free(a);
        return used;
}

TEST(gzip_bomb_is_refused_by_what_comes_out)
{
        auto_parsing struct parsing p = parsing_new();
        enum { ROOM = 1 << 20 };
        auto_free char *gz = xmalloc(ROOM);
        size_t n = make_gzip(gz, ROOM, 200);
        parse_bytes(&p, "bomb.txt.gz", gz, n);
        CHECK_STATUS(&p, "failed", "refused");
        CHECK_INT(p.blocks, ==, 0);
        CHECK_INT(program_peak(&p), <, 256u << 20);
        n = make_gzip(gz, ROOM, 2); /* as dense, but small */
        parse_bytes(&p, "small.txt.gz", gz, n);
        CHECK_STR(parse_status_text(p.end.status), "indexed");
        parse_bytes(&p, "cut.txt.gz", gz, n / 2);
        CHECK_STATUS(&p, "partial", "gzip");
}

TEST(gzip_in_gzip_is_opened)
{
        auto_parsing struct parsing p = parsing_new();
        char one[8192], two[8192];
        size_t n = make_gzip(one, sizeof one, 1);
        for (int i = 0; i < 4; i++) {
                size_t used = 0;
                struct archive *a = archive_write_new();
                struct archive_entry *x = archive_entry_new();
                archive_write_add_filter_gzip(a);
                archive_write_set_format_raw(a);
                CHECK(archive_write_open_memory(a, two, sizeof two, &used) == ARCHIVE_OK);
                archive_entry_set_pathname(x, "x");
                archive_entry_set_filetype(x, AE_IFREG);
                CHECK(archive_write_header(a, x) == ARCHIVE_OK);
                CHECK(archive_write_data(a, one, n) == (la_ssize_t)n);
                CHECK(archive_write_close(a) == ARCHIVE_OK);
                archive_entry_free(x);
                archive_write_free(a);
                memcpy(one, two, used);
                n = used;
        }
        parse_bytes(&p, "a.gz", one, n);
        CHECK_STR(parse_status_text(p.end.status), "indexed");
        CHECK_INT(p.blocks, ==, (1u << 20) / PARSE_TEXT_MAX);
}
