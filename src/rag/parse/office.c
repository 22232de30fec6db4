/* Office documents: zips of XML. Word (docx), slides (pptx) and OpenDocument (odt, odp, ods) are
 * paragraphs, headings, lists and tables under different names: one walk with a table of names. */
#include "rag/parse/office.h"
#include "rag/parse/archive.h"
#include "rag/parse/rows.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include <stdio.h>

/* ---- the entries ---- */

void package_done(struct package *p)
{
        for (size_t i = 0; i < p->n; i++) {
                free(p->parts[i].name);
                buf_done(&p->parts[i].text);
        }
        free(p->parts);
        *p = (struct package){0};
}

static struct part *add_part(struct package *p, const char *name)
{
        struct part *more = mem_retry(p->parts, (p->n + 1) * sizeof *more);
        if (!more)
                return NULL;
        p->parts = more;
        struct part *x = &p->parts[p->n++];
        *x = (struct part){.name = xstrdup(name)};
        buf_init(&x->text, DOC_HTML_MAX);
        return x;
}

static bool is_wanted(const char *name, const char *const *wanted)
{
        for (; *wanted; wanted++)
                if (str_starts(name, *wanted) && (str_ends(name, ".xml") || str_eq(name, *wanted)))
                        return true;
        return false;
}

int package_open(struct slice bytes, const char *const *wanted, struct package *ret,
                 struct err *err)
{
        CLEANUP(archive_freep) struct archive *a = NULL;
        int r = archive_open_zip(bytes, &a, err);
        struct inflate count = {bytes.len, 0};
        unsigned entries = 0;
        const char *name;
        while (r == 0 && (r = archive_next_file(a, &entries, &name, err)) > 0) {
                bool take = is_wanted(name, wanted) && !package_part(ret, name);
                struct part *p = take ? add_part(ret, name) : NULL;
                r = p ? archive_slurp(a, &count, &p->text, err) : take ? -ENOMEM : 0;
        }
        return r < 0 && !err->code ? err_sys(err, r, "reading the archive") : r;
}

struct slice *package_part(const struct package *p, const char *name)
{
        static struct slice s;
        for (size_t i = 0; i < p->n; i++)
                if (str_eq(p->parts[i].name, name)) {
                        s = (struct slice){p->parts[i].text.data, p->parts[i].text.len};
                        return &s;
                }
        return NULL;
}

xmlTextReader *xml_of(struct slice s)
{
        return s.len ? xmlReaderForMemory(s.data, (int)s.len, NULL, NULL,
                                          XML_PARSE_NONET | XML_PARSE_NOERROR |
                                                  XML_PARSE_NOWARNING | XML_PARSE_COMPACT)
                     : NULL;
}

const char *xml_name(xmlTextReader *x)
{
        const xmlChar *n = xmlTextReaderConstLocalName(x);
        return n ? (const char *)n : "";
}

bool xml_attribute(xmlTextReader *x, const char *local, char *dst, size_t size)
{
        bool found = false;
        *dst = '\0';
        while (!found && xmlTextReaderMoveToNextAttribute(x) == 1)
                if (str_eq(xml_name(x), local)) {
                        const xmlChar *v = xmlTextReaderConstValue(x);
                        snprintf(dst, size, "%s", v ? (const char *)v : "");
                        found = true;
                }
        xmlTextReaderMoveToElement(x);
        return found;
}

/* ---- paragraphs ---- */

enum role {
        NOTHING,
        PARAGRAPH,
        HEADING,
        TEXT,
        TAB,
        BREAK,
        SPACES,
        LIST,
        ROW,
        CELL,
        TABLE,
        STYLE,
        NUMBERING,
        PLACE,
        SKIP
};
struct named {
        const char *name;
        enum role role;
};
static const struct named word[] = {{"p", PARAGRAPH},
                                    {"t", TEXT},
                                    {"tab", TAB},
                                    {"br", BREAK},
                                    {"tbl", TABLE},
                                    {"tr", ROW},
                                    {"tc", CELL},
                                    {"pStyle", STYLE},
                                    {"numPr", NUMBERING},
                                    {"cr", BREAK},
                                    {"AlternateContent", NOTHING},
                                    {"Fallback", SKIP},
                                    {NULL, NOTHING}};
static const struct named slide[] = {{"p", PARAGRAPH}, {"t", TEXT},    {"br", BREAK},
                                     {"tbl", TABLE},   {"tr", ROW},    {"tc", CELL},
                                     {"ph", PLACE},    {NULL, NOTHING}};
static const struct named open_document[] = {
        {"p", PARAGRAPH},          {"h", HEADING},       {"tab", TAB},
        {"line-break", BREAK},     {"s", SPACES},        {"list-item", LIST},
        {"table-row", ROW},        {"table-cell", CELL}, {"table", TABLE},
        {"tracked-changes", SKIP}, {"annotation", SKIP}, {NULL, NOTHING}};

struct walk {
        struct doc *d;
        const struct named *names;
        bool all_text; /* every text within a paragraph, not that of <t> alone */
        struct buf text;
        struct rows rows;
        uint32_t level; /* of the paragraph in hand, 0 none */
        bool list, in_text;
        unsigned paragraphs, lists, tables;
        uint32_t place; /* slides: the heading level of the shape */
};

static enum role role_of(const struct walk *w, const char *name)
{
        for (const struct named *n = w->names; n->name; n++)
                if (str_eq(n->name, name))
                        return n->role;
        return NOTHING;
}

/* "Heading1", "heading 2", "Überschrift3" are what Word calls them; its ids are mostly English. */
static uint32_t heading_style(const char *style)
{
        size_t n = strlen(style);
        if (strcasecmp(style, "Title") == 0)
                return 1;
        if (n && style[n - 1] >= '1' && style[n - 1] <= '6' &&
            (strncasecmp(style, "Heading", 7) == 0 || strncasecmp(style, "berschrift", 10) == 0 ||
             strncasecmp(style, "Titre", 5) == 0))
                return (uint32_t)(style[n - 1] - '0');
        return 0;
}

static int end_paragraph(struct walk *w, struct err *err)
{
        struct slice s = {w->text.data, w->text.len};
        enum parse_kind kind = w->level              ? PARSE_HEADING
                               : w->list || w->lists ? PARSE_LIST
                                                     : PARSE_PARAGRAPH;
        int r = 0;
        if (w->tables)
                return buf_adds(&w->text, " "); /* the cell goes on */
        if (s.len)
                r = doc_block(w->d, kind, w->level, s, err);
        buf_clear(&w->text);
        return r;
}

static int begin(struct walk *w, xmlTextReader *x, enum role role)
{
        char value[64];
        uint64_t n = 1;
        switch (role) {
        case PARAGRAPH:
        case HEADING:
                w->paragraphs++;
                w->level = role == HEADING ? 1 : w->place;
                w->list = false;
                if (role == HEADING && xml_attribute(x, "outline-level", value, sizeof value) &&
                    value[0] >= '1' && value[0] <= '6')
                        w->level = (uint32_t)(value[0] - '0');
                return 0;
        case STYLE:
                if (xml_attribute(x, "val", value, sizeof value))
                        w->level = heading_style(value);
                return 0;
        case PLACE:
                xml_attribute(x, "type", value, sizeof value);
                w->place = str_eq(value, "title") || str_eq(value, "ctrTitle");
                return 0;
        case NUMBERING:
                w->list = true;
                return 0;
        case TAB:
        case SPACES:
                return buf_adds(&w->text, " ");
        case BREAK:
                return buf_adds(&w->text, "\n");
        case TEXT:
                w->in_text = true;
                return 0;
        case LIST:
                w->lists++;
                return 0;
        case TABLE:
                w->tables++;
                return 0;
        case CELL: /* OpenDocument writes equal cells once, and a sheet's empty rest */
                if (xml_attribute(x, "number-columns-repeated", value, sizeof value) &&
                    str_to_u64(value, &n) == 0 && n > 1 && n < 64)
                        for (uint64_t i = 1; i < n; i++)
                                if (rows_cell(&w->rows, (struct slice){NULL, 0}) < 0)
                                        return -ENOMEM;
                return 0;
        default:
                return 0;
        }
}

static int end(struct walk *w, enum role role, struct err *err)
{
        int r = 0;
        switch (role) {
        case PARAGRAPH:
        case HEADING:
                w->paragraphs -= w->paragraphs > 0;
                return end_paragraph(w, err);
        case TEXT:
                w->in_text = false;
                return 0;
        case LIST:
                w->lists -= w->lists > 0;
                return 0;
        case CELL:
                if (w->tables == 1) {
                        r = rows_cell(&w->rows, (struct slice){w->text.data, w->text.len});
                        buf_clear(&w->text);
                }
                return r;
        case ROW:
                return w->tables == 1 ? rows_end_row(&w->rows, err) : 0;
        case TABLE:
                w->tables -= w->tables > 0;
                return w->tables ? 0 : rows_end(&w->rows, err);
        default:
                return 0;
        }
}

static int take_text(struct walk *w, xmlTextReader *x)
{
        const xmlChar *v = xmlTextReaderConstValue(x);
        if (!v || !(w->all_text ? w->paragraphs > 0 : w->in_text))
                return 0;
        int r = buf_adds(&w->text, (const char *)v);
        if (r == -E2BIG)
                doc_status(w->d, PARSE_PARTIAL, "a paragraph is too long: cut");
        return r == -E2BIG ? 0 : r;
}

static int on_node(struct walk *w, xmlTextReader *x, struct err *err)
{
        int type = xmlTextReaderNodeType(x), r = 0;
        enum role role = role_of(w, xml_name(x));
        switch (type) {
        case XML_READER_TYPE_ELEMENT: {
                bool empty = xmlTextReaderIsEmptyElement(x);
                if (str_eq(xml_name(x), "sp"))
                        w->place = 0;
                r = begin(w, x, role);
                return r == 0 && empty ? end(w, role, err) : r;
        }
        case XML_READER_TYPE_END_ELEMENT:
                return end(w, role, err);
        case XML_READER_TYPE_TEXT:
        case XML_READER_TYPE_CDATA:
        case XML_READER_TYPE_SIGNIFICANT_WHITESPACE:
                return take_text(w, x);
        default:
                return 0;
        }
}

/* A document that is damaged gives what stands before that place, and says so. */
static int walk_xml(struct walk *w, struct slice s, struct err *err)
{
        xmlTextReader *x = xml_of(s);
        int r = 0, more = x ? xmlTextReaderRead(x) : -1;
        while (r == 0 && more == 1) {
                bool skip = xmlTextReaderNodeType(x) == XML_READER_TYPE_ELEMENT &&
                            role_of(w, xml_name(x)) == SKIP;
                if (!skip)
                        r = on_node(w, x, err);
                more = skip ? xmlTextReaderNext(x) : xmlTextReaderRead(x);
        }
        xmlFreeTextReader(x);
        if (r == 0 && more < 0)
                doc_status(w->d, PARSE_PARTIAL, "the document is damaged inside");
        return r < 0 && !err->code ? err_sys(err, r, "the document") : r;
}

void office_title(struct doc *d, const struct package *p, const char *part)
{
        struct slice *s = package_part(p, part);
        xmlTextReader *x = s ? xml_of(*s) : NULL;
        bool title = false;
        while (x && xmlTextReaderRead(x) == 1) {
                const xmlChar *v = xmlTextReaderConstValue(x);
                if (xmlTextReaderNodeType(x) == XML_READER_TYPE_ELEMENT)
                        title = str_eq(xml_name(x), "title");
                else if (title && v && xmlTextReaderNodeType(x) == XML_READER_TYPE_TEXT)
                        doc_title(d, slice_of((const char *)v));
        }
        xmlFreeTextReader(x);
}

static int walk_part(struct doc *d, const struct named *names, bool all_text, struct slice s,
                     struct err *err)
{
        struct walk w = {.d = d, .names = names, .all_text = all_text};
        buf_init(&w.text, DOC_HTML_MAX);
        rows_init(&w.rows, d);
        int r = walk_xml(&w, s, err);
        if (r == 0)
                r = rows_end(&w.rows, err);
        buf_done(&w.text);
        rows_done(&w.rows);
        return r;
}

static int missing(struct doc *d, const char *what)
{
        doc_status(d, PARSE_FAILED, "there is no %s in it", what);
        return 0;
}

int docx_parse(struct doc *d, struct slice bytes, struct err *err)
{
        static const char *const wanted[] = {"word/document.xml", "word/footnotes.xml",
                                             "word/endnotes.xml", "docProps/core.xml", NULL};
        CLEANUP(package_done) struct package p = {0};
        int r = package_open(bytes, wanted, &p, err);
        if (r < 0)
                return r;
        if (!package_part(&p, wanted[0]))
                return missing(d, "word/document.xml");
        office_title(d, &p, "docProps/core.xml");
        for (int i = 0; i < 3 && r == 0; i++)
                if (package_part(&p, wanted[i]))
                        r = walk_part(d, word, false, *package_part(&p, wanted[i]), err);
        return r;
}

int pptx_parse(struct doc *d, struct slice bytes, struct err *err)
{
        static const char *const wanted[] = {"ppt/slides/slide", "docProps/core.xml", NULL};
        CLEANUP(package_done) struct package p = {0};
        int r = package_open(bytes, wanted, &p, err);
        if (r < 0)
                return r;
        office_title(d, &p, "docProps/core.xml");
        for (unsigned i = 1; i <= p.n && r == 0; i++) {
                char name[48];
                snprintf(name, sizeof name, "ppt/slides/slide%u.xml", i);
                struct slice *s = package_part(&p, name);
                d->page = i;
                if (s)
                        d->end.pages = i;
                if (s)
                        r = walk_part(d, slide, false, *s, err);
        }
        return r;
}

int odf_parse(struct doc *d, struct slice bytes, struct err *err)
{
        static const char *const wanted[] = {"content.xml", "meta.xml", NULL};
        CLEANUP(package_done) struct package p = {0};
        int r = package_open(bytes, wanted, &p, err);
        if (r < 0)
                return r;
        struct slice *s = package_part(&p, "content.xml");
        if (!s)
                return missing(d, "content.xml");
        office_title(d, &p, "meta.xml");
        s = package_part(&p, "content.xml");
        return walk_part(d, open_document, true, *s, err);
}
