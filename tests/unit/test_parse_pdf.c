/* PDFs written by hand: poppler rebuilds the cross-reference table that they lack. */
#include "parse_host.h"

#define HEAD "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
#define FONT "9 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj\n"
#define TAIL "trailer<</Root 1 0 R/Info 8 0 R>>\n%%EOF\n"

/* One page a text: lines apart by '\n', an empty one leaves a gap. */
static char *make_pdf(const char *const *pages, size_t n, const char *title)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 1u << 20);
        CHECK_INT(buf_adds(&b, HEAD FONT "2 0 obj<</Type/Pages/Kids["), ==, 0);
        for (size_t i = 0; i < n; i++)
                CHECK_INT(buf_addf(&b, "%zu 0 R ", 20 + 2 * i), ==, 0);
        CHECK_INT(buf_addf(&b, "]/Count %zu>>endobj\n8 0 obj<</Title(%s)>>endobj\n", n, title), ==,
                  0);
        for (size_t i = 0; i < n; i++) {
                CLEANUP(buf_done) struct buf s;
                buf_init(&s, 65536);
                const char *p = pages[i];
                for (int y = 700; *p; y -= 16) {
                        int k = (int)strcspn(p, "\n");
                        CHECK_INT(buf_addf(&s, "BT /F 11 Tf 60 %d Td (%.*s) Tj ET\n", y, k, p), ==,
                                  0);
                        p += k + (p[k] == '\n');
                }
                CHECK_INT(buf_addf(&b,
                                   "%zu 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]"
                                   "/Resources<</Font<</F 9 0 R>>>>/Contents %zu 0 R>>endobj\n"
                                   "%zu 0 obj<</Length %zu>>stream\n%s\nendstream endobj\n",
                                   20 + 2 * i, 21 + 2 * i, 21 + 2 * i, s.len, buf_text(&s)),
                          ==, 0);
        }
        CHECK_INT(buf_adds(&b, TAIL), ==, 0);
        return buf_take(&b);
}

TEST(pdf_text_with_its_pages)
{
        auto_parsing struct parsing p = parsing_new();
        static const char *const pages[] = {
                "1.1 Getting started\nA paragraph on the first page & more <of> it.",
                "Text of the second page."};
        auto_free char *pdf = make_pdf(pages, 2, "A \\(short\\) & sweet book");
        CHECK_PARSED(&p, "a.pdf", pdf,
                     "[1]H2 1.1 Getting started\n"
                     "[1]P A paragraph on the first page & more <of> it.\n"
                     "[2]P Text of the second page.\n");
        CHECK_STR(p.end.title, "A (short) & sweet book");
        CHECK_STR(p.end.type, "pdf");
        CHECK_INT(p.end.pages, ==, 2);
        CHECK_STR(parse_text(&p, "by-content.txt", pdf), buf_text(&p.text));
        CHECK_STR(p.end.type, "pdf");
}

TEST(pdf_running_heads_and_contents_are_left_out)
{
        auto_parsing struct parsing p = parsing_new();
        static const char *const pages[] = {
                "The Book, Release 1\n\n"
                "1.1 Alpha . . . . . . . . . . 2\n1.2 Beta . . . . . . . . . . 3\n"
                "1.3 Gamma . . . . . . . . . . 2\n1.4 Delta . . . . . . . . . . 3\n"
                "1.5 Epsilon . . . . . . . . . 2\n1.6 Zeta . . . . . . . . . . 3\n"
                "1.7 Eta . . . . . . . . . . . 2\n1.8 Theta . . . . . . . . . 3\n\nA line without "
                "dots\n\ni",
                "The Book, Release 1\n\n1.1 Alpha\n\nWords about alpha.\n\n1.1. Alpha\n\n2",
                "The Book, Release 1\n\n1.2 Beta\n\nWords about beta.\n\n1.2. Beta\n\n3"};
        auto_free char *pdf = make_pdf(pages, 3, "The Book");
        CHECK_PARSED(&p, "a.pdf", pdf,
                     "[2]H2 1.1 Alpha\n[2]P Words about alpha.\n"
                     "[3]H2 1.2 Beta\n[3]P Words about beta.\n");
}

TEST(pdf_that_needs_a_password)
{
        auto_parsing struct parsing p = parsing_new();
        parse_text(&p, "a.pdf",
                   HEAD "2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n"
                        "3 0 obj<</Filter/Standard/V 1/R 2/P -4/Length 40"
                        "/O(12345678901234567890123456789012)"
                        "/U(12345678901234567890123456789012)>>endobj\n"
                        "trailer<</Root 1 0 R/Encrypt 3 0 R/ID[(1234567890123456)"
                        "(1234567890123456)]>>\n%%EOF\n");
        CHECK_STATUS(&p, "encrypted", "password");
}

TEST(pdf_without_text_or_pages)
{
        auto_parsing struct parsing p = parsing_new();
        static const char *const blank[] = {"", ""};
        auto_free char *pdf = make_pdf(blank, 2, "");
        parse_text(&p, "a.pdf", pdf);
        CHECK_STATUS(&p, "no-text", "2 pages without a text layer");
        auto_free char *none = make_pdf(blank, 0, "");
        parse_text(&p, "b.pdf", none);
        CHECK(p.end.status == PARSE_FAILED || p.end.status == PARSE_NO_TEXT);
        CHECK(p.end.reason[0] != '\0');
}

TEST(pdf_broken_and_cyclic)
{
        auto_parsing struct parsing p = parsing_new();
        parse_text(&p, "a.pdf", "%PDF-1.7\nno objects at all\n");
        CHECK_STATUS(&p, "failed", "pdftotext");
        parse_text(&p, "b.pdf", HEAD "2 0 obj<</Type/Pages/Kids[2 0 R]/Count 1>>endobj\n" TAIL);
        CHECK(p.end.status == PARSE_FAILED || p.end.status == PARSE_NO_TEXT);
        parse_text(&p, "c.pdf",
                   HEAD "2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1000000>>endobj\n"
                        "3 0 obj<</Type/Page/Parent 2 0 R/Contents 4 0 R>>endobj\n"
                        "4 0 obj<</Length 999999999999>>stream\nBT\n" TAIL);
        CHECK(p.end.status == PARSE_FAILED || p.end.status == PARSE_NO_TEXT);
        static const char *const pages[] = {"Still alive."};
        auto_free char *pdf = make_pdf(pages, 1, "");
        CHECK_PARSED(&p, "d.pdf", pdf, "[1]P Still alive.\n");
}
