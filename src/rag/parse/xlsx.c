/* Sheets of Excel: texts are in a list of their own, cells say their column by a letter. What a
 * sheet claims about its size is never believed: cells are taken as they come. */
#include "rag/parse/office.h"
#include "rag/parse/rows.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include <stdio.h>

#define GAP_MAX 64 /* empty columns between two cells that are told */

struct strings {
        struct buf text; /* one behind the other, each with a NUL */
        size_t *at;
        size_t n, cap;
};

static void strings_done(struct strings *t)
{
        buf_done(&t->text);
        free(t->at);
}

static int end_string(struct strings *t, size_t at)
{
        if (t->n == t->cap) {
                size_t cap = t->cap ? 2 * t->cap : 1024;
                size_t *more = mem_retry(t->at, cap * sizeof *more);
                if (!more)
                        return -ENOMEM;
                t->at = more;
                t->cap = cap;
        }
        t->at[t->n++] = at;
        return buf_add(&t->text, "", 1);
}

/* <si> holds one text, in pieces when it is formatted; <rPh> is how it is pronounced. */
static int read_strings(struct strings *t, struct slice s)
{
        xmlTextReader *x = xml_of(s);
        size_t at = 0;
        bool in = false;
        int r = 0, more = x ? xmlTextReaderRead(x) : -1;
        while (r == 0 && more == 1) {
                int type = xmlTextReaderNodeType(x);
                const char *name = xml_name(x);
                const xmlChar *v = xmlTextReaderConstValue(x);
                bool begins = type == XML_READER_TYPE_ELEMENT;
                bool ends = type == XML_READER_TYPE_END_ELEMENT ||
                            (begins && xmlTextReaderIsEmptyElement(x));
                if (begins)
                        in = str_eq(name, "t");
                if (begins && str_eq(name, "si"))
                        at = t->text.len;
                if (in && v && !begins && !ends)
                        r = buf_adds(&t->text, (const char *)v);
                if (ends && str_eq(name, "si"))
                        r = end_string(t, at);
                if (ends)
                        in = false;
                bool skip = begins && str_eq(name, "rPh");
                more = skip ? xmlTextReaderNext(x) : xmlTextReaderRead(x);
        }
        xmlFreeTextReader(x);
        return r;
}

/* "AB12" is column 27; 0 is A. */
static unsigned column_of(const char *ref)
{
        unsigned n = 0;
        for (; *ref >= 'A' && *ref <= 'Z' && n < 100000; ref++)
                n = 26 * n + (unsigned)(*ref - 'A') + 1;
        return n ? n - 1 : 0;
}

struct sheet {
        const struct strings *strings;
        struct rows rows;
        struct buf value;
        char type[16];
        bool in_value;
        unsigned column; /* the next one */
};

static int end_cell(struct sheet *h)
{
        struct slice s = {h->value.data, h->value.len};
        uint64_t i;
        if (str_eq(h->type, "s"))
                s = str_to_u64(buf_text(&h->value), &i) == 0 && i < h->strings->n
                            ? slice_of(h->strings->text.data + h->strings->at[i])
                            : (struct slice){NULL, 0};
        else if (str_eq(h->type, "b"))
                s = slice_of(str_eq(buf_text(&h->value), "1") ? "TRUE" : "FALSE");
        h->column++;
        return rows_cell(&h->rows, s);
}

static int begin_cell(struct sheet *h, xmlTextReader *x)
{
        char ref[16];
        int r = 0;
        buf_clear(&h->value);
        if (xml_attribute(x, "r", ref, sizeof ref))
                for (unsigned c = column_of(ref), k = 0; h->column < c && k < GAP_MAX && r == 0;
                     k++, h->column++)
                        r = rows_cell(&h->rows, (struct slice){NULL, 0});
        xml_attribute(x, "t", h->type, sizeof h->type);
        return r;
}

static int on_node(struct sheet *h, xmlTextReader *x, struct err *err)
{
        int type = xmlTextReaderNodeType(x);
        const char *name = xml_name(x);
        const xmlChar *v = xmlTextReaderConstValue(x);
        bool empty = type == XML_READER_TYPE_ELEMENT && xmlTextReaderIsEmptyElement(x);
        int r = 0;
        if (type == XML_READER_TYPE_ELEMENT) {
                h->in_value = (str_eq(name, "v") || str_eq(name, "t")) && !empty;
                if (str_eq(name, "c"))
                        r = begin_cell(h, x);
        } else if (v && h->in_value && type != XML_READER_TYPE_END_ELEMENT) {
                r = buf_adds(&h->value, (const char *)v);
                r = r == -E2BIG ? 0 : r;
        }
        if (r < 0 || !(empty || type == XML_READER_TYPE_END_ELEMENT))
                return r;
        name = xml_name(x);
        h->in_value = false;
        if (str_eq(name, "c"))
                return end_cell(h);
        if (!str_eq(name, "row"))
                return 0;
        h->column = 0;
        return rows_end_row(&h->rows, err);
}

static int read_sheet(struct doc *d, const struct strings *t, struct slice s, struct err *err)
{
        struct sheet h = {.strings = t};
        xmlTextReader *x = xml_of(s);
        int r = 0, more = -1;
        buf_init(&h.value, 64u << 10);
        rows_init(&h.rows, d);
        while (r == 0 && x && (more = xmlTextReaderRead(x)) == 1)
                r = on_node(&h, x, err);
        if (r == 0)
                r = rows_end(&h.rows, err);
        if (r == 0 && more < 0)
                doc_status(d, PARSE_PARTIAL, "a sheet is damaged");
        xmlFreeTextReader(x);
        buf_done(&h.value);
        rows_done(&h.rows);
        return r;
}

/* The sheets in their order, by name; their files are numbered as Excel and its like write them. */
static int read_sheets(struct doc *d, const struct package *p, const struct strings *t,
                       struct err *err)
{
        struct slice *book = package_part(p, "xl/workbook.xml");
        xmlTextReader *x = book ? xml_of(*book) : NULL;
        int r = 0;
        for (unsigned n = 0; r == 0 && x && xmlTextReaderRead(x) == 1;) {
                char title[128], part[64];
                if (xmlTextReaderNodeType(x) != XML_READER_TYPE_ELEMENT ||
                    !str_eq(xml_name(x), "sheet"))
                        continue;
                xml_attribute(x, "name", title, sizeof title);
                snprintf(part, sizeof part, "xl/worksheets/sheet%u.xml", ++n);
                struct slice *s = package_part(p, part);
                if (!s)
                        continue;
                struct slice sheet = *s;
                r = doc_block(d, PARSE_HEADING, 1, slice_of(title), err);
                if (r == 0)
                        r = read_sheet(d, t, sheet, err);
        }
        xmlFreeTextReader(x);
        return r;
}

int xlsx_parse(struct doc *d, struct slice bytes, struct err *err)
{
        static const char *const wanted[] = {"xl/workbook.xml", "xl/sharedStrings.xml",
                                             "xl/worksheets/sheet", "docProps/core.xml", NULL};
        CLEANUP(package_done) struct package p = {0};
        CLEANUP(strings_done) struct strings t = {0};
        int r = package_open(bytes, wanted, &p, err);
        buf_init(&t.text, 4 * (size_t)DOC_HTML_MAX);
        struct slice *s = r == 0 ? package_part(&p, "xl/sharedStrings.xml") : NULL;
        if (s && (r = read_strings(&t, *s)) < 0)
                return err_sys(err, r, "the texts of the sheets");
        if (r < 0)
                return r;
        office_title(d, &p, "docProps/core.xml");
        return read_sheets(d, &p, &t, err);
}
