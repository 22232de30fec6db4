/* Office documents and tables as text. */
#include "parse_host.h"
#include "zip_fixture.h"

#define W(body) "<w:document xmlns:w='w'><w:body>" body "</w:body></w:document>"
#define P(text) "<w:p><w:r><w:t>" text "</w:t></w:r></w:p>"

static const char *parse_zip_of(struct parsing *p, const char *name, const struct entry *e,
                                size_t n)
{
        static char zip[65536];
        size_t size = make_zip(zip, sizeof zip, e, n);
        return parse_bytes(p, name, zip, size);
}

TEST(office_word)
{
        auto_parsing struct parsing p = parsing_new();
        static const struct entry e[] = {
                {"docProps/core.xml", "<c xmlns:dc='d'><dc:title>The plan</dc:title></c>"},
                {"word/document.xml",
                 W("<w:p><w:pPr><w:pStyle "
                   "w:val='Heading2'/></w:pPr><w:r><w:t>Barley</w:t></w:r></w:p>"
                   "<w:p><w:r><w:t>One &amp; </w:t></w:r><w:r><w:tab/><w:t>two</w:t></w:r>"
                   "<w:del><w:r><w:delText>gone</w:delText></w:r></w:del></w:p>"
                   "<w:p><w:pPr><w:numPr><w:ilvl/></w:numPr></w:pPr><w:r><w:t>item</w:t></w:r></"
                   "w:p>"
                   "<w:tbl><w:tr><w:tc>" P("Field") "</w:tc><w:tc>" P(
                           "Tons") "</w:tc></w:tr>"
                                   "<w:tr><w:tc>" P("North") P("side") "</w:tc><w:tc>" P(
                                           "12") "</w:tc></w:tr>"
                                                 "<w:tr><w:tc><w:p/></w:tc><w:tc>" P(
                                                         "7") "</w:tc></w:tr></w:tbl>" P("After"))},
                {"word/footnotes.xml", "<w:footnotes xmlns:w='w'>" P("A note") "</w:footnotes>"},
        };
        CHECK_STR(parse_zip_of(&p, "a.docx", e, ARRAY_LEN(e)),
                  "H2 Barley\nP One & two\nL item\nT Field | Tons\nNorth side | 12\n | 7\n"
                  "P After\nP A note\n");
        CHECK_STR(p.end.title, "The plan");
        CHECK_STR(p.end.type, "docx");
}

TEST(office_slides)
{
        auto_parsing struct parsing p = parsing_new();
        static const struct entry e[] = {
                {"ppt/slides/slide2.xml", "<s><sp><p><t>second</t></p></sp></s>"},
                {"ppt/slides/slide1.xml", "<s><sp><ph type='title'/><p><t>First</t></p></sp>"
                                          "<sp><ph idx='1'/><p><t>text</t></p></sp></s>"},
        };
        CHECK_STR(parse_zip_of(&p, "a.pptx", e, ARRAY_LEN(e)),
                  "[1]H1 First\n[1]P text\n[2]P second\n");
        CHECK_INT(p.end.pages, ==, 2);
}

TEST(office_open_document)
{
        auto_parsing struct parsing p = parsing_new();
        static const struct entry e[] = {
                {"meta.xml", "<m xmlns:dc='d'><dc:title>Open</dc:title></m>"},
                {"content.xml",
                 "<o xmlns:t='t' xmlns:b='b'><t:tracked-changes><t:p>gone</t:p></t:tracked-changes>"
                 "<t:h t:outline-level='3'>Head</t:h><t:p>a <t:span>b</t:span><t:s/>c</t:p>"
                 "<t:list><t:list-item><t:p>item</t:p></t:list-item></t:list>"
                 "<b:table><b:table-row><b:table-cell><t:p>x</t:p></b:table-cell>"
                 "<b:table-cell b:number-columns-repeated='16000'/></b:table-row>"
                 "<b:table-row><b:table-cell><t:p>1</t:p></b:table-cell></b:table-row></b:table></"
                 "o>"},
        };
        CHECK_STR(parse_zip_of(&p, "a.odt", e, ARRAY_LEN(e)), "H3 Head\nP a b c\nL item\nT x\n1\n");
        CHECK_STR(p.end.title, "Open");
}

TEST(office_sheets)
{
        auto_parsing struct parsing p = parsing_new();
        static const struct entry e[] = {
                {"xl/workbook.xml", "<w><sheets><sheet name='Q1'/><sheet name='Gone'/><sheet "
                                    "name='Flags'/></sheets></w>"},
                {"xl/sharedStrings.xml", "<sst><si><t>name</t></si><si><r><t>Ada </t></r><r><t>L"
                                         "</t></r><rPh><t>no</t></rPh></si><si/></sst>"},
                {"xl/worksheets/sheet1.xml",
                 "<s><dimension ref='A1:XFD1048576'/><sheetData>"
                 "<row><c r='A1' t='s'><v>0</v></c><c r='C1' "
                 "t='inlineStr'><is><t>when</t></is></c></row>"
                 "<row><c r='A2' t='s'><v>1</v></c><c r='C2'><f>1+1</f><v>2</v></c></row>"
                 "<row><c r='A3' t='s'><v>99</v></c></row><row/></sheetData></s>"},
                {"xl/worksheets/sheet3.xml", "<s><row><c r='A1' t='b'><v>1</v></c><c r='XFD1' "
                                             "t='str'><v>far</v></c></row></s>"},
        };
        CHECK_CONTAINS(parse_zip_of(&p, "a.xlsx", e, ARRAY_LEN(e)),
                       "H1 Q1\nT name |  | when\nAda L |  | 2\nH1 Flags\nT TRUE | ");
}

TEST(office_tables_as_text)
{
        auto_parsing struct parsing p = parsing_new();
        CHECK_PARSED(&p, "a.csv",
                     "name;note\n\"Ada; L\";\"said \"\"hi\"\"\nthere\"\r\nBob;plain\n;\n",
                     "T name | note\nAda; L | said \"hi\" there\nBob | plain\n");
        CHECK_STR(p.end.type, "csv");
        CHECK_PARSED(&p, "a.tsv", "a\tb\n1,5\t2\n", "T a | b\n1,5 | 2\n");
        CHECK_PARSED(&p, "one.csv", "word\nother\n", "T word\nother\n");
        CHECK_PARSED(&p, "names.csv", "only,names\n", "T only | names\n");
        CHECK_PARSED(&p, "open.csv", "a,\"b\nc,d\n", "T a | \"b\nc | d\n");
        CHECK_PARSED(&p, "w.csv", "gr\xfc\xdf,x\n1,2\n", "T grüß | x\n1 | 2\n");
        parse_text(&p, "empty.csv", "\n\n,,,\n");
        CHECK_STATUS(&p, "no-text", "no text");
}

TEST(office_every_group_has_the_names)
{
        auto_parsing struct parsing p = parsing_new();
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 1 << 20);
        CHECK_INT(buf_adds(&b, "town,people\n"), ==, 0);
        for (int i = 0; i < 200; i++)
                CHECK_INT(buf_addf(&b, "Town number %d of the list,%d\n", i, i * 7), ==, 0);
        const char *out = parse_text(&p, "t.csv", buf_text(&b));
        size_t groups = 0;
        for (const char *at = out; (at = strstr(at, "T town | people\nTown number ")); at++)
                groups++;
        CHECK_INT(groups, >=, 5);
        CHECK_CONTAINS(out, "Town number 199 of the list | 1393\n");
}

TEST(office_what_does_not_fit_is_told)
{
        auto_parsing struct parsing p = parsing_new();
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 1 << 20);
        for (int i = 0; i < 400; i++)
                CHECK_INT(buf_addf(&b, "%scolumn%d", i ? "," : "", i), ==, 0);
        CHECK_INT(buf_adds(&b, "\n1,2\n"), ==, 0);
        const char *out = parse_text(&p, "wide.csv", buf_text(&b));
        CHECK_CONTAINS(out, "| column399\n"); /* the names as a whole, once */
        CHECK_INT(p.end.status, ==, PARSE_INDEXED);
        buf_clear(&b);
        for (int i = 0; i < 40000; i++)
                CHECK_INT(buf_adds(&b, "x"), ==, 0);
        CHECK_INT(buf_adds(&b, ",y\nafter,z\n"), ==, 0);
        out = parse_text(&p, "long.csv", buf_text(&b));
        CHECK_STATUS(&p, "partial", "longer than");
        CHECK_CONTAINS(out, "after | z\n");
}

TEST(office_broken_and_hostile)
{
        auto_parsing struct parsing p = parsing_new();
        static const struct entry cut[] = {
                {"word/document.xml", "<w:d xmlns:w='w'>" P("before") "<w:p><w:r><w:t>un"}};
        CHECK_STR(parse_zip_of(&p, "a.docx", cut, 1), "P before\n");
        CHECK_STATUS(&p, "partial", "damaged");
        static const struct entry none[] = {{"other.xml", "<x/>"}};
        parse_zip_of(&p, "a.docx", none, 1);
        CHECK_STATUS(&p, "failed", "word/document.xml");
        static const struct entry laughs[] = {
                {"content.xml",
                 "<!DOCTYPE o [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'>"
                 "<!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;'>"
                 "<!ENTITY f SYSTEM 'file:///etc/passwd'>]>"
                 "<o xmlns:t='t'><t:p>x &f;&c; y</t:p></o>"}};
        const char *out = parse_zip_of(&p, "a.odt", laughs, 1);
        CHECK(!strstr(out, "root:") && !strstr(out, "hahaha"));
}
