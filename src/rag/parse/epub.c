/* EPUB: a zip of XHTML pages. The package file says in which order they are read (its spine);
 * without a readable one it is the order of their names. */
#include "rag/parse/archive.h"
#include "rag/parse/doc.h"
#include "base/mem.h"
#include "base/str.h"
#include <libxml/parser.h>
#include <libxml/tree.h>

struct page {
        char *name;
        struct buf text;
        bool done;
};
struct book {
        struct page *pages;
        size_t n, cap;
        struct buf package; /* the .opf file */
        char *folder;       /* of the package, with its '/' */
};

static void book_done(struct book *b)
{
        for (size_t i = 0; i < b->n; i++) {
                free(b->pages[i].name);
                buf_done(&b->pages[i].text);
        }
        free(b->pages);
        free(b->folder);
        buf_done(&b->package);
}

static struct page *add_page(struct book *b, const char *name)
{
        if (b->n == b->cap) {
                size_t cap = b->cap ? 2 * b->cap : 32;
                struct page *p = mem_retry(b->pages, cap * sizeof *p);
                if (!p)
                        return NULL;
                b->pages = p;
                b->cap = cap;
        }
        struct page *p = &b->pages[b->n++];
        *p = (struct page){.name = xstrdup(name)};
        buf_init(&p->text, DOC_HTML_MAX);
        return p;
}

static bool is_page(const char *name)
{
        return str_ends(name, ".xhtml") || str_ends(name, ".html") || str_ends(name, ".htm");
}

/* Where the bytes of an entry go, or NULL when nobody reads it; -ENOMEM in *ret_r. */
static struct buf *place(struct book *b, const char *name, int *ret_r)
{
        if (is_page(name)) {
                struct page *p = add_page(b, name);
                *ret_r = p ? 0 : -ENOMEM;
                return p ? &p->text : NULL;
        }
        if (!str_ends(name, ".opf") || b->package.len)
                return NULL;
        const char *slash = strrchr(name, '/');
        b->folder = xstrndup(name, slash ? (size_t)(slash - name + 1) : 0);
        return &b->package;
}

static int unpack(struct slice bytes, struct book *b, struct err *err)
{
        CLEANUP(archive_freep) struct archive *a = NULL;
        int r = archive_open_zip(bytes, &a, err);
        struct inflate count = {bytes.len, 0};
        unsigned entries = 0;
        const char *name;
        while (r == 0 && (r = archive_next_file(a, &entries, &name, err)) > 0) {
                r = 0;
                struct buf *to = place(b, name, &r);
                if (to)
                        r = archive_slurp(a, &count, to, err);
        }
        return r < 0 && !err->code ? err_sys(err, r, "reading the archive") : r;
}

static int by_name(const void *x, const void *y)
{
        return strcmp(((const struct page *)x)->name, ((const struct page *)y)->name);
}

static struct page *find_page(struct book *b, const char *folder, const char *href)
{
        size_t n = strlen(folder), k = strcspn(href, "#");
        for (size_t i = 0; i < b->n; i++) {
                const char *name = b->pages[i].name;
                if (strncmp(name, folder, n) == 0 && strlen(name + n) == k &&
                    strncmp(name + n, href, k) == 0)
                        return &b->pages[i];
        }
        return NULL;
}

static int read_page(struct doc *d, struct page *p, struct err *err)
{
        if (!p || p->done || !p->text.len)
                return 0;
        p->done = true;
        return html_parse(d, (struct slice){p->text.data, p->text.len}, err);
}

static xmlNode *child_named(xmlNode *n, const char *name)
{
        for (xmlNode *c = n ? n->children : NULL; c; c = c->next)
                if (c->type == XML_ELEMENT_NODE && str_eq((const char *)c->name, name))
                        return c;
        return NULL;
}

static void take_title(struct doc *d, xmlNode *metadata)
{
        xmlNode *t = child_named(metadata, "title");
        xmlChar *s = t ? xmlNodeGetContent(t) : NULL;
        if (s)
                doc_title(d, slice_of((const char *)s));
        xmlFree(s);
}

/* The page that a spine's itemref names by way of the manifest. */
static struct page *spine_page(struct book *b, xmlNode *manifest, xmlNode *ref)
{
        struct page *found = NULL;
        xmlChar *id = xmlGetProp(ref, (const xmlChar *)"idref");
        for (xmlNode *i = manifest ? manifest->children : NULL; i && id && !found; i = i->next) {
                if (i->type != XML_ELEMENT_NODE)
                        continue;
                xmlChar *item = xmlGetProp(i, (const xmlChar *)"id");
                xmlChar *href = xmlGetProp(i, (const xmlChar *)"href");
                xmlChar *what = xmlGetProp(i, (const xmlChar *)"properties");
                bool nav = what && str_eq((const char *)what, "nav");
                if (item && href && !nav && xmlStrEqual(item, id))
                        found = find_page(b, b->folder, (const char *)href);
                xmlFree(item);
                xmlFree(href);
                xmlFree(what);
        }
        xmlFree(id);
        return found;
}

static int read_spine(struct doc *d, struct book *b, struct err *err)
{
        if (!b->package.len)
                return 0;
        xmlDoc *x = xmlReadMemory(b->package.data, (int)b->package.len, NULL, NULL,
                                  XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
        xmlNode *root = x ? xmlDocGetRootElement(x) : NULL;
        xmlNode *manifest = child_named(root, "manifest"), *spine = child_named(root, "spine");
        int r = 0;
        take_title(d, child_named(root, "metadata"));
        for (xmlNode *ref = spine ? spine->children : NULL; ref && r == 0; ref = ref->next)
                if (ref->type == XML_ELEMENT_NODE)
                        r = read_page(d, spine_page(b, manifest, ref), err);
        if (x)
                xmlFreeDoc(x);
        return r;
}

int epub_parse(struct doc *d, struct slice bytes, struct err *err)
{
        CLEANUP(book_done) struct book b = {0};
        struct err why = {0};
        buf_init(&b.package, DOC_HTML_MAX);
        int damage = unpack(bytes, &b, &why);
        if (damage == -EACCES)
                doc_status(d, PARSE_ENCRYPTED, "the book is encrypted");
        if (damage < 0 && (damage != -EBADMSG || !b.n))
                return damage == -EACCES ? 0 : err_set(err, damage, "%s", err_text(&why));
        if (b.n)
                qsort(b.pages, b.n, sizeof *b.pages, by_name);
        int r = read_spine(d, &b, err);
        for (size_t i = 0; i < b.n && r == 0; i++)
                if (!str_ends(b.pages[i].name, "nav.xhtml"))
                        r = read_page(d, &b.pages[i], err);
        if (r == 0 && damage < 0)
                doc_status(d, PARSE_PARTIAL, "%s", err_text(&why));
        return r;
}
