/* Which element of a web page is what; html.c walks the tree. */
#include "rag/parse/html.h"
#include <string.h>
#include <strings.h>

#define NODES_LOOKED_AT 4000 /* of a table, to tell what it is for */

static bool in_list(const char *word, size_t n, const char *const *list)
{
        for (; *list; list++)
                if (strlen(*list) == n && strncasecmp(*list, word, n) == 0)
                        return true;
        return false;
}

static bool is_one(const xmlNode *n, const char *const *list)
{
        return in_list((const char *)n->name, strlen((const char *)n->name), list);
}

/* The value of an attribute that has a single piece of text, or "". */
static const char *attribute(const xmlNode *n, const char *name)
{
        for (const xmlAttr *a = n->properties; a; a = a->next)
                if (strcasecmp((const char *)a->name, name) == 0 && a->children &&
                    a->children->type == XML_TEXT_NODE && a->children->content)
                        return (const char *)a->children->content;
        return "";
}

static bool has_class(const xmlNode *n, const char *const *list)
{
        const char *p = attribute(n, "class");
        while (*p) {
                size_t k = strcspn(p, " \t\n");
                if (k && in_list(p, k, list))
                        return true;
                p += k + strspn(p + k, " \t\n");
        }
        return false;
}

static bool is_menu(const xmlNode *n)
{
        static const char *const tags[] = {"nav", "footer", "menu", NULL};
        static const char *const roles[] = {"navigation", "banner", "contentinfo", "search", NULL};
        static const char *const classes[] = {"navheader",       "navfooter",  "toc",
                                              "sphinxsidebar",   "related",    "sidebar",
                                              "navbar",          "breadcrumb", "breadcrumbs",
                                              "footer",          "headerlink", "menu",
                                              "toctree-wrapper", "navigation", "list-of-figures",
                                              "list-of-tables",  "skip-link",  NULL};
        static const char *const contents[] = {"contents", NULL};
        static const char *const topic[] = {"topic", "local", NULL};
        const char *role = attribute(n, "role");
        return is_one(n, tags) || in_list(role, strlen(role), roles) || has_class(n, classes) ||
               (has_class(n, contents) && has_class(n, topic)) ||
               strcmp(attribute(n, "aria-hidden"), "true") == 0;
}

enum html_role html_role(const xmlNode *n, bool all, unsigned *ret_level)
{
        static const char *const never[] = {"script", "style",  "noscript", "template", "svg",
                                            "object", "iframe", "canvas",   "select",   "math",
                                            "button", "audio",  "video",    "map",      NULL};
        static const char *const blocks[] = {
                "p",       "div",   "section", "article", "main",   "header",   "blockquote",
                "dl",      "dt",    "dd",      "ul",      "ol",     "figure",   "figcaption",
                "address", "aside", "center",  "details", "form",   "fieldset", "summary",
                "hr",      "body",  "html",    "tbody",   "thead",  "tfoot",    "caption",
                "legend",  "nav",   "footer",  "menu",    "hgroup", NULL};
        const char *name = (const char *)n->name;
        if ((name[0] == 'h' || name[0] == 'H') && name[1] >= '1' && name[1] <= '6' && !name[2]) {
                *ret_level = (unsigned)(name[1] - '0');
                return HTML_HEADING;
        }
        if (is_one(n, never) || (!all && is_menu(n)))
                return HTML_SKIP;
        if (is_one(n, blocks))
                return HTML_BLOCK;
        static const struct {
                const char *name;
                enum html_role role;
        } more[] = {{"li", HTML_ITEM},    {"pre", HTML_PRE},     {"table", HTML_TABLE},
                    {"tr", HTML_ROW},     {"td", HTML_CELL},     {"th", HTML_CELL},
                    {"br", HTML_BREAK},   {"title", HTML_TITLE}, {"textarea", HTML_PRE},
                    {"listing", HTML_PRE}};
        for (size_t i = 0; i < sizeof more / sizeof *more; i++)
                if (strcasecmp(name, more[i].name) == 0)
                        return more[i].role;
        return HTML_INLINE;
}

bool html_is_layout(const xmlNode *table)
{
        static const char *const big[] = {"table", "h1", "h2", "h3",  "h4",  "h5", "h6",
                                          "ul",    "ol", "dl", "pre", "div", NULL};
        const xmlNode *n = table->children;
        for (int left = NODES_LOOKED_AT; n && left > 0; left--) {
                if (n->type == XML_ELEMENT_NODE && is_one(n, big))
                        return true;
                if (n->children && n->type == XML_ELEMENT_NODE) {
                        n = n->children;
                        continue;
                }
                while (n != table && !n->next)
                        n = n->parent;
                n = n == table ? NULL : n->next;
        }
        return false;
}
