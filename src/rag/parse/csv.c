/* Tables as text: RFC 4180, with comma, semicolon, tab or bar between the cells, whichever cuts the
 * first lines most evenly. A quote that is never closed ends with its line's number of cells lost,
 * not with the rest of the file: after some lines it is taken for text. */
#include "rag/parse/charset.h"
#include "rag/parse/rows.h"
#include "base/limits.h"

#define LOOK_LINES  20
#define QUOTE_LINES 200 /* a cell with more line ends is no cell */

static size_t line_length(struct slice s)
{
        const char *end = memchr(s.data, '\n', s.len);
        return end ? (size_t)(end - s.data) : s.len;
}

/* How many of the first lines have as many of the marks as the first one, 0 when that has none. */
static unsigned evenness(struct slice s, char mark)
{
        unsigned even = 0, first = 0;
        for (unsigned i = 0; i < LOOK_LINES && s.len; i++) {
                size_t n = line_length(s);
                unsigned marks = 0;
                bool quoted = false;
                for (size_t k = 0; k < n; k++) {
                        quoted ^= s.data[k] == '"';
                        marks += !quoted && s.data[k] == mark;
                }
                if (i == 0)
                        first = marks;
                even += marks == first;
                n += n < s.len;
                s = (struct slice){s.data + n, s.len - n};
        }
        return first ? even * 64 + (first < 63 ? first : 63) : 0;
}

char csv_mark(struct slice text)
{
        char best = '\0';
        unsigned most = 0;
        for (const char *m = ",;\t|"; *m; m++) {
                unsigned e = evenness(text, *m);
                if (e > most) {
                        most = e;
                        best = *m;
                }
        }
        return best;
}

/* The end of a quoted cell that begins at i (behind its quote), its text in `cell`; 0 when it is
 * none. */
static size_t quoted(struct slice s, size_t i, struct buf *cell)
{
        unsigned lines = 0;
        for (; i < s.len && lines < QUOTE_LINES; i++) {
                lines += s.data[i] == '\n';
                if (s.data[i] == '"') {
                        if (i + 1 == s.len || s.data[i + 1] != '"')
                                return i + 1;
                        i++;
                }
                if (buf_add(cell, s.data + i, 1) < 0)
                        return 0;
        }
        return 0;
}

/* One cell from i on; where it ended: at a mark, a line's end or the end. */
static size_t cell_at(struct slice s, size_t i, char mark, struct buf *cell)
{
        buf_clear(cell);
        if (i < s.len && s.data[i] == '"') {
                size_t end = quoted(s, i + 1, cell);
                if (end)
                        i = end;
                else
                        buf_clear(cell);
        }
        size_t begin = i;
        while (i < s.len && s.data[i] != mark && s.data[i] != '\n')
                i++;
        /* one byte more than a row holds, so that rows_cell sees that it is cut */
        size_t n = i - begin < ROW_BYTES_MAX + 1 ? i - begin : ROW_BYTES_MAX + 1;
        if (buf_add(cell, s.data + begin, n) < 0)
                buf_clear(cell);
        return i;
}

int csv_parse(struct doc *d, struct slice bytes, struct err *err)
{
        CLEANUP(buf_done) struct buf space, cell;
        CLEANUP(rows_done) struct rows rows;
        struct slice s;
        buf_init(&space, 4 * DOC_BYTES_MAX);
        buf_init(&cell, 2 * ROW_BYTES_MAX);
        rows_init(&rows, d);
        int r = charset_to_utf8(bytes, &space, &s);
        if (r < 0)
                return err_sys(err, r, "reading the text");
        char mark = csv_mark(s);
        for (size_t i = 0; i < s.len && r == 0;) {
                i = cell_at(s, i, mark ? mark : ',', &cell);
                r = rows_cell(&rows, (struct slice){cell.data, cell.len});
                if (r == 0 && (i == s.len || s.data[i] == '\n'))
                        r = rows_end_row(&rows, err);
                i++;
        }
        return r == 0 ? rows_end(&rows, err) : r;
}
