/* pdf_page.h - the text of a PDF, pages apart by form feeds, to blocks. */
#pragma once
#include "rag/parse/text.h"
#include "base/str.h"

/* Sets end.pages. Running heads, feet and page numbers (lines at the edge of a page that come back
 * on another page, digits aside) are left out. */
MUST_CHECK int pdf_pages(struct doc *d, struct slice text, struct err *err);
