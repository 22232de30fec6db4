/* html.h - which parts of a web page are its text. */
#pragma once
#include <libxml/tree.h>
#include <stdbool.h>

enum html_role {
        HTML_INLINE, /* its text belongs to what is around it */
        HTML_BLOCK,  /* begins and ends a paragraph */
        HTML_HEADING,
        HTML_ITEM,
        HTML_PRE,
        HTML_TABLE,
        HTML_ROW,
        HTML_CELL,
        HTML_BREAK,
        HTML_TITLE,
        HTML_SKIP, /* scripts, menus, tables of contents: nothing in it is read */
};
/* `all`: skip only what never is text (scripts, styles). */
enum html_role html_role(const xmlNode *n, bool all, unsigned *ret_level);
/* A table used to place things rather than to tell rows: it holds headings, lists or tables. */
bool html_is_layout(const xmlNode *table);
