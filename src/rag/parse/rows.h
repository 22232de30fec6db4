/* rows.h - rows of a table (CSV, a sheet) to blocks: cells apart by " | ", a line a row, the row of
 * names again on top of every group, so that a passage of the middle says what its columns are. */
#pragma once
#include "rag/parse/doc.h"

#define ROW_COLUMNS_MAX 16384
#define ROW_BYTES_MAX   30000 /* of one row as a line; the rest is cut, and the document partial */

struct rows {
        struct doc *d;
        struct buf names; /* the first row */
        struct buf group, row;
        unsigned cells; /* in the row */
        unsigned empty; /* cells at its end so far */
        bool cut;       /* something of it did not fit */
        uint64_t n;     /* rows */
};
void rows_init(struct rows *r, struct doc *d);
void rows_done(struct rows *r);
/* The next cell of the row; white space in it becomes blanks. */
MUST_CHECK int rows_cell(struct rows *r, struct slice text);
/* Ends the row. One without any text is none. */
MUST_CHECK int rows_end_row(struct rows *r, struct err *err);
/* Sends what waits. The next row is one of names again. */
MUST_CHECK int rows_end(struct rows *r, struct err *err);
