/* doc.h - where a parser puts what it finds in one file, and how it says what the file was.
 *
 * A parser is `int NAME_parse(struct doc *d, struct slice bytes, struct err *err)`: it calls
 * doc_block for each piece of text in reading order. doc_block cleans (valid UTF-8, no control or
 * invisible characters), cuts what is too long into several blocks and keeps the limits; a negative
 * result is handed up at once. What a parser knows about the file it says by doc_status; a file
 * without any text becomes PARSE_NO_TEXT by itself, a negative result PARSE_FAILED.
 */
#pragma once
#include "link/parse.h"

struct doc {
        int fd;           /* frames go here */
        struct buf out;   /* frames not written yet */
        struct buf clean; /* one block */
        struct parse_end end;
        uint32_t page;       /* of the blocks that follow; 0 = the format has none */
        uint64_t text_bytes; /* sent so far */
        uint32_t blocks;
        const char *path;
        char first_heading[sizeof(((struct parse_end *)0)->title)];
};

void doc_init(struct doc *d, int fd);
void doc_done(struct doc *d);
/* Forgets the last file. path is borrowed until the next one. */
void doc_begin(struct doc *d, const char *path);
/* -EFBIG when a limit cut the document: it is then PARSE_PARTIAL and the parser ends. -EPIPE and
 * other errors of writing. */
MUST_CHECK int doc_block(struct doc *d, enum parse_kind kind, uint32_t level, struct slice text,
                         struct err *err);
/* Sets the title if there is none yet and this one has a letter or digit. */
void doc_title(struct doc *d, struct slice text);
PRINTF_LIKE(3, 4)
void doc_status(struct doc *d, enum parse_status status, const char *fmt, ...);
/* Sends END and everything that waits. */
MUST_CHECK int doc_end(struct doc *d, struct err *err);
/* Sends what waits when there is much of it. */
MUST_CHECK int doc_flush(struct doc *d, size_t least, struct err *err);

/* By content first, then by the name; sets end.type and the status, calls the right parser. */
MUST_CHECK int sniff_parse(struct doc *d, struct slice bytes, struct err *err);

enum text_flavour { TEXT_PLAIN, TEXT_MARKDOWN, TEXT_PDF };
MUST_CHECK int text_parse(struct doc *d, struct slice bytes, enum text_flavour flavour,
                          struct err *err);
MUST_CHECK int html_parse(struct doc *d, struct slice bytes, struct err *err);
MUST_CHECK int pdf_parse(struct doc *d, struct slice bytes, struct err *err);
MUST_CHECK int gzip_parse(struct doc *d, struct slice bytes, struct err *err);
MUST_CHECK int epub_parse(struct doc *d, struct slice bytes, struct err *err);
MUST_CHECK int docx_parse(struct doc *d, struct slice bytes, struct err *err);
MUST_CHECK int pptx_parse(struct doc *d, struct slice bytes, struct err *err);
MUST_CHECK int xlsx_parse(struct doc *d, struct slice bytes, struct err *err);
MUST_CHECK int odf_parse(struct doc *d, struct slice bytes, struct err *err);
MUST_CHECK int csv_parse(struct doc *d, struct slice bytes, struct err *err);
/* The mark between the cells of a table as text, 0 when it has one column. */
char csv_mark(struct slice text);
