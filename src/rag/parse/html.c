/* HTML and XHTML through libxml2's HTML parser: it forgives, knows no entities of a document's own
 * and opens nothing. The tree is walked without recursion. */
#include "rag/parse/html.h"
#include "rag/parse/charset.h"
#include "rag/parse/doc.h"
#include "base/str.h"
#include <libxml/HTMLparser.h>

struct walk {
        struct doc *d;
        struct buf text; /* of the block being read */
        enum parse_kind kind;
        uint32_t level;
        unsigned pre, table, heading; /* open elements of that kind */
        bool all;                     /* menus too */
        struct err *err;
};

static int close_block(struct walk *w)
{
        int r = 0;
        if (w->text.len)
                r = doc_block(w->d, w->kind, w->level, (struct slice){w->text.data, w->text.len},
                              w->err);
        buf_clear(&w->text);
        w->kind = w->pre ? PARSE_CODE : PARSE_PARAGRAPH;
        w->level = 0;
        return r;
}

static int open_as(struct walk *w, enum parse_kind kind, uint32_t level)
{
        int r = close_block(w);
        w->kind = kind;
        w->level = level;
        return r;
}

static int add(struct walk *w, const char *s, size_t n)
{
        int r = buf_add(&w->text, s, n);
        return r < 0 ? err_sys(w->err, r, "text of a page") : 0;
}

/* One blank, unless there is white space already. */
static int add_blank(struct walk *w)
{
        if (!w->text.len || strchr(" \n", w->text.data[w->text.len - 1]))
                return 0;
        return add(w, " ", 1);
}

/* What stands between cells or rows, without the blanks before it. */
static int add_joint(struct walk *w, const char *joint)
{
        while (w->text.len && w->text.data[w->text.len - 1] == ' ')
                w->text.len--;
        return add(w, joint, strlen(joint));
}

/* Outside <pre> white space of the source is one blank: above all no new row of a table. */
static int add_text(struct walk *w, const char *s)
{
        int r = 0;
        if (w->pre)
                return add(w, s, strlen(s));
        while (*s && r == 0) {
                size_t n = strcspn(s, " \n\r\t");
                r = n ? add(w, s, n) : add_blank(w);
                s += n ? n : strspn(s, " \n\r\t");
        }
        return r;
}

static bool begins_row(const struct walk *w)
{
        size_t n = w->text.len;
        while (n && w->text.data[n - 1] == ' ')
                n--;
        return n == 0 || w->text.data[n - 1] == '\n';
}

static int take_title(struct walk *w, const xmlNode *n)
{
        xmlChar *s = xmlNodeGetContent(n);
        if (s)
                doc_title(w->d, slice_of((const char *)s));
        xmlFree(s);
        return 0;
}

static int enter(struct walk *w, const xmlNode *n, enum html_role role, unsigned level)
{
        switch (role) {
        case HTML_HEADING:
                w->heading++;
                return open_as(w, PARSE_HEADING, level);
        case HTML_ITEM:
                return w->table ? add_blank(w) : open_as(w, PARSE_LIST, 0);
        case HTML_PRE:
                w->pre++;
                return open_as(w, PARSE_CODE, 0);
        case HTML_TABLE:
                if (html_is_layout(n))
                        return close_block(w);
                w->table++;
                return open_as(w, PARSE_TABLE, 0);
        case HTML_ROW:
                return w->table ? add_joint(w, "\n") : close_block(w);
        case HTML_CELL:
                if (!w->table)
                        return close_block(w);
                return begins_row(w) ? 0 : add_joint(w, " | ");
        case HTML_BREAK:
                return w->pre ? add(w, "\n", 1) : add_blank(w);
        case HTML_TITLE:
                return take_title(w, n);
        case HTML_BLOCK:
                /* <li><p> and <h1><div> stay what they are; a cell stays one line */
                if (w->table || w->heading)
                        return add_blank(w);
                return w->text.len ? close_block(w) : 0;
        case HTML_INLINE:
        case HTML_SKIP:
                break;
        }
        return 0;
}

static int leave(struct walk *w, const xmlNode *n, enum html_role role)
{
        switch (role) {
        case HTML_HEADING:
                w->heading -= w->heading > 0;
                return close_block(w);
        case HTML_PRE: {
                int r = close_block(w);
                w->pre -= w->pre > 0;
                w->kind = PARSE_PARAGRAPH;
                return r;
        }
        case HTML_TABLE:
                if (html_is_layout(n))
                        return close_block(w);
                w->table -= w->table > 0;
                return w->table ? 0 : close_block(w);
        case HTML_ITEM:
        case HTML_BLOCK:
                return w->table || w->heading ? add_blank(w) : close_block(w);
        default:
                return 0;
        }
}

static int visit(struct walk *w, const xmlNode *n, bool *descend)
{
        *descend = false;
        if (n->type == XML_TEXT_NODE || n->type == XML_CDATA_SECTION_NODE)
                return n->content ? add_text(w, (const char *)n->content) : 0;
        if (n->type != XML_ELEMENT_NODE)
                return 0;
        unsigned level = 0;
        enum html_role role = html_role(n, w->all, &level);
        *descend = n->children && role != HTML_SKIP && role != HTML_TITLE;
        int r = enter(w, n, role, level);
        return r < 0 || *descend ? r : leave(w, n, role);
}

static int leave_node(struct walk *w, const xmlNode *n)
{
        unsigned level = 0;
        return leave(w, n, html_role(n, w->all, &level));
}

static int walk_tree(struct walk *w, const xmlNode *root)
{
        const xmlNode *n = root;
        while (n) {
                bool descend;
                int r = visit(w, n, &descend);
                if (r < 0)
                        return r;
                if (descend) {
                        n = n->children;
                        continue;
                }
                while (n != root && !n->next) {
                        n = n->parent;
                        r = leave_node(w, n);
                        if (r < 0)
                                return r;
                }
                n = n == root ? NULL : n->next;
        }
        return close_block(w);
}

/* NULL: libxml2 finds the encoding itself (a mark, <meta charset>, an XML declaration). */
static const char *encoding(struct slice in)
{
        size_t n = in.len < 2048 ? in.len : 2048;
        if (n >= 2 && (memcmp(in.data, "\xff\xfe", 2) == 0 || memcmp(in.data, "\xfe\xff", 2) == 0))
                return NULL;
        if (utf8_valid(in.data, in.len))
                return "UTF-8";
        for (size_t i = 0; i + 8 < n; i++)
                if (strncasecmp(in.data + i, "charset", 7) == 0 ||
                    strncasecmp(in.data + i, "encoding", 8) == 0)
                        return NULL;
        return "windows-1252";
}

static void walk_done(struct walk *w)
{
        buf_done(&w->text);
}

static void free_tree(htmlDocPtr *t)
{
        if (*t)
                xmlFreeDoc(*t);
}

/* What is wrong with a page is no news: nothing is printed. */
static void say_nothing(void *ctx, const char *fmt, ...)
{
        (void)ctx;
        (void)fmt;
}

int html_parse(struct doc *d, struct slice bytes, struct err *err)
{
        if (bytes.len > DOC_HTML_MAX)
                return err_set(err, -EFBIG, "a page of more than %u MiB", DOC_HTML_MAX >> 20);
        xmlSetGenericErrorFunc(NULL, say_nothing);
        int options = HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING |
                      HTML_PARSE_NONET | HTML_PARSE_COMPACT;
        CLEANUP(free_tree)
        htmlDocPtr tree =
                htmlReadMemory(bytes.data, (int)bytes.len, NULL, encoding(bytes), options);
        const xmlNode *root = tree ? xmlDocGetRootElement(tree) : NULL;
        if (!root)
                return 0;
        uint32_t before = d->blocks;
        CLEANUP(walk_done) struct walk w = {.d = d, .kind = PARSE_PARAGRAPH, .err = err};
        buf_init(&w.text, 4 * (size_t)DOC_HTML_MAX);
        int r = walk_tree(&w, root);
        if (r == 0 && d->blocks == before) {
                /* nothing but menus: better those than nothing */
                w.all = true;
                r = walk_tree(&w, root);
        }
        return r;
}
