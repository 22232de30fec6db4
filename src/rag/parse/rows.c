#include "rag/parse/rows.h"
#include "base/str.h"

#define GROUP_BYTES 1100 /* some 180 words: a passage */

void rows_init(struct rows *r, struct doc *d)
{
        *r = (struct rows){.d = d};
        buf_init(&r->names, ROW_BYTES_MAX);
        buf_init(&r->group, 2 * ROW_BYTES_MAX + GROUP_BYTES);
        buf_init(&r->row, ROW_BYTES_MAX);
}

void rows_done(struct rows *r)
{
        buf_done(&r->names);
        buf_done(&r->group);
        buf_done(&r->row);
}

int rows_cell(struct rows *r, struct slice s)
{
        bool blank = true;
        int e = 0;
        while (s.len && strchr(" \t\r\n", s.data[0]))
                s = (struct slice){s.data + 1, s.len - 1};
        while (s.len && strchr(" \t\r\n", s.data[s.len - 1]))
                s.len--;
        if (r->cells++ >= ROW_COLUMNS_MAX) {
                r->cut |= s.len > 0;
                return 0;
        }
        if (!s.len) {
                r->empty++;
                return 0;
        }
        /* the empty ones in front of it only now: those at the end say nothing */
        for (unsigned i = r->cells - 1 - r->empty; i < r->cells - 1 && e == 0; i++)
                e = i ? buf_adds(&r->row, " | ") : 0;
        r->empty = 0;
        if (e == 0 && r->cells > 1)
                e = buf_adds(&r->row, " | ");
        for (size_t i = 0; i < s.len && e == 0; i++) {
                bool space = strchr(" \t\r\n", s.data[i]) && s.data[i];
                if (!space || !blank)
                        e = buf_add(&r->row, space ? " " : s.data + i, 1);
                blank = space;
        }
        r->cut |= e == -E2BIG;
        return e == -E2BIG ? 0 : e;
}

static int send_group(struct rows *r, struct err *err)
{
        struct slice s = {r->group.data, r->group.len};
        /* a table of one row has nothing but its names */
        if (!s.len && r->n == 1)
                s = (struct slice){r->names.data, r->names.len};
        int e = s.len ? doc_block(r->d, PARSE_TABLE, 0, s, err) : 0;
        buf_clear(&r->group);
        return e;
}

int rows_end_row(struct rows *r, struct err *err)
{
        int e = 0;
        r->cells = r->empty = 0;
        if (r->cut)
                doc_status(r->d, PARSE_PARTIAL, "a row of a table is longer than %d bytes: cut",
                           ROW_BYTES_MAX);
        r->cut = false;
        if (!r->row.len)
                return 0;
        if (r->n++ == 0) {
                size_t n = utf8_clip(r->row.data, r->row.len, GROUP_BYTES);
                if (n < r->row.len) /* too long to be said with every group: once, as a whole */
                        e = doc_block(r->d, PARSE_TABLE, 0, (struct slice){r->row.data, r->row.len},
                                      err);
                if (e == 0)
                        e = buf_add(&r->names, r->row.data, n);
        } else {
                if (r->group.len && r->group.len + r->row.len > GROUP_BYTES)
                        e = send_group(r, err);
                if (e == 0 && !r->group.len)
                        e = buf_add(&r->group, r->names.data, r->names.len);
                if (e == 0)
                        e = buf_adds(&r->group, "\n");
                if (e == 0)
                        e = buf_add(&r->group, r->row.data, r->row.len);
        }
        buf_clear(&r->row);
        return e < 0 && !err->code ? err_sys(err, e, "a table") : e;
}

int rows_end(struct rows *r, struct err *err)
{
        int e = rows_end_row(r, err);
        if (e == 0)
                e = send_group(r, err);
        buf_clear(&r->names);
        r->n = 0;
        return e;
}
