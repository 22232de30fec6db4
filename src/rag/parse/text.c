/* Plain text, Markdown and the output of pdftotext: lines become groups between blank lines, and
 * each group a heading, list items, a table, code or a paragraph. */
#include "rag/parse/text.h"
#include "rag/parse/charset.h"
#include <ctype.h>

#define LINES_MAX    2000  /* of one group */
#define GROUP_MAX    16384 /* bytes of one group: what is longer is closed at a line end */
#define PDF_CAPITALS 9     /* "NAME" alone in a PDF is rather the head of a table's column */
#define RAGGED_MAX   60    /* a group of lines all shorter than this was broken on purpose */

struct group {
        struct doc *d;
        enum text_flavour flavour;
        struct slice line[LINES_MAX];
        size_t n, bytes;
        bool fenced; /* between two ``` */
        struct slice
                number;    /* "4.2" of a heading whose title is the next group; data NULL = none */
        char underline[6]; /* characters that underline headings, by order of first use */
        struct err *err;
};

static int put(struct group *g, enum parse_kind kind, uint32_t level, size_t from, size_t to)
{
        if (from >= to)
                return 0;
        const char *begin = g->line[from].data;
        const char *end = g->line[to - 1].data + g->line[to - 1].len;
        return doc_block(g->d, kind, level, (struct slice){begin, (size_t)(end - begin)}, g->err);
}

static uint32_t underline_level(struct group *g, char c)
{
        for (uint32_t i = 0; i < sizeof g->underline; i++) {
                if (!g->underline[i])
                        g->underline[i] = c;
                if (g->underline[i] == c)
                        return i + 1;
        }
        return sizeof g->underline;
}

/* A heading at the head of lines [at, n): how many lines it takes, 0 = none. */
static size_t take_heading(struct group *g, size_t at, int *ret)
{
        struct slice a = g->line[at];
        struct slice b = at + 1 < g->n ? g->line[at + 1] : (struct slice){"", 0};
        struct slice c = at + 2 < g->n ? g->line[at + 2] : (struct slice){"", 0};
        uint32_t level = 0;
        if (g->flavour == TEXT_MARKDOWN && (level = line_atx(&a))) {
                *ret = doc_block(g->d, PARSE_HEADING, level, a, g->err);
                return 1;
        }
        if (g->flavour != TEXT_PDF && line_rule(b) && !line_rule(a) && line_underlines(b, a)) {
                *ret = put(g, PARSE_HEADING, underline_level(g, *line_trim(b).data), at, at + 1);
                return 2;
        }
        if (g->flavour != TEXT_PDF && line_rule(a) && line_rule(c) && !line_rule(b) &&
            line_underlines(c, b)) {
                *ret = put(g, PARSE_HEADING, underline_level(g, *line_trim(c).data), at + 1,
                           at + 2);
                return 3;
        }
        bool alone = g->n - at == 1 || (g->n - at == 2 && !isspace((unsigned char)*a.data));
        if (g->flavour == TEXT_MARKDOWN || (g->flavour == TEXT_PLAIN && !(alone && at == 0)))
                return 0;
        size_t lines = g->flavour == TEXT_PDF ? 1 : g->n - at;
        struct slice whole = {a.data, (size_t)(g->line[at + lines - 1].data +
                                               g->line[at + lines - 1].len - a.data)};
        level = line_numbered(whole);
        if (!level && g->n == 1 && line_capitals(a) &&
            (g->flavour != TEXT_PDF || a.len > PDF_CAPITALS))
                level = 1;
        if (!level)
                return 0;
        *ret = put(g, PARSE_HEADING, level, at, at + lines);
        return lines;
}

/* Items of a list in lines [at, n): each begins with a bullet. */
static int put_items(struct group *g, size_t at)
{
        size_t from = at;
        for (size_t i = at + 1; i <= g->n; i++) {
                if (i < g->n && !line_bullet(g->line[i]))
                        continue;
                int r = put(g, PARSE_LIST, 0, from, i);
                if (r < 0)
                        return r;
                from = i;
        }
        return 0;
}

static bool is_table(const struct group *g, size_t at)
{
        size_t with = 0;
        for (size_t i = at; i < g->n; i++)
                with += memchr(g->line[i].data, '|', g->line[i].len) != NULL;
        return with >= 2 && with == g->n - at;
}

static bool is_ragged(const struct group *g, size_t at)
{
        for (size_t i = at; i < g->n; i++)
                if (g->line[i].len >= RAGGED_MAX)
                        return false;
        return g->n - at >= 2;
}

/* A table of contents: its words come again as headings. */
static bool is_contents(const struct group *g, size_t at)
{
        size_t with = 0, n = g->n - at;
        for (size_t i = at; i < g->n; i++)
                with += line_contents(g->line[i]);
        return (n == 1 && with == 1 && line_bullet(g->line[at])) || (n >= 4 && with * 10 >= n * 7);
}

static int put_rest(struct group *g, size_t at)
{
        if (at >= g->n || (g->flavour == TEXT_PLAIN && is_contents(g, at)))
                return 0;
        if (is_table(g, at))
                return put(g, PARSE_TABLE, 0, at, g->n);
        size_t first = at;
        while (first < g->n && !line_bullet(g->line[first]))
                first++;
        if (first < g->n) {
                int r = put(g, PARSE_PARAGRAPH, 0, at, first);
                return r < 0 ? r : put_items(g, first);
        }
        return put(g, is_ragged(g, at) ? PARSE_CODE : PARSE_PARAGRAPH, 0, at, g->n);
}

/* PDF: a number alone in its group, and then the title. 1 = the group was taken. */
static int take_number(struct group *g)
{
        struct slice number = g->number;
        g->number = (struct slice){0};
        if (g->n == 1 && line_number_alone(g->line[0])) {
                g->number = line_trim(g->line[0]);
                return 1;
        }
        if (!number.data || g->n < 1 || g->n > 2 || g->bytes > 120)
                return 0;
        const char *end = g->line[g->n - 1].data + g->line[g->n - 1].len;
        struct slice all = {number.data, (size_t)(end - number.data)};
        uint32_t level = 1;
        for (size_t i = 0; i < number.len; i++)
                level += number.data[i] == '.';
        int r = doc_block(g->d, PARSE_HEADING, level, all, g->err);
        return r < 0 ? r : 1;
}

static int close_group(struct group *g)
{
        size_t at = 0;
        int r = 0;
        if (g->flavour == TEXT_PDF && g->n) {
                r = take_number(g);
                if (r != 0) {
                        g->n = 0;
                        g->bytes = 0;
                        return r < 0 ? r : 0;
                }
        }
        if (g->fenced) {
                r = put(g, PARSE_CODE, 0, 0, g->n);
        } else {
                size_t took;
                while (r == 0 && at < g->n && (took = take_heading(g, at, &r)))
                        at += took;
                if (r == 0)
                        r = put_rest(g, at);
        }
        g->n = 0;
        g->bytes = 0;
        return r;
}

static int add_line(struct group *g, struct slice line)
{
        struct slice text = line_trim(line);
        if (g->flavour == TEXT_MARKDOWN && text.len >= 3 && memcmp(text.data, "```", 3) == 0) {
                int r = close_group(g);
                g->fenced = !g->fenced;
                return r;
        }
        if (!g->fenced && text.len == 0)
                return close_group(g);
        if (g->flavour == TEXT_PLAIN && line_target(text))
                return close_group(g);
        if (g->flavour == TEXT_PDF && (line_leaders(text) || line_continued(text)))
                return close_group(g);
        if (g->n == LINES_MAX || g->bytes > GROUP_MAX) {
                int r = close_group(g);
                if (r < 0)
                        return r;
        }
        /* In PDF text a heading is often glued to what is before it. */
        if (g->flavour == TEXT_PDF && g->n && line_numbered(text) > 1) {
                int r = close_group(g);
                if (r < 0)
                        return r;
        }
        g->line[g->n++] = line;
        g->bytes += line.len;
        return 0;
}

static int parse_lines(struct group *g, struct slice text)
{
        const char *p = text.data, *end = p + text.len;
        while (p < end) {
                if (*p == '\f') { /* a page ends: pages are counted in PDF text only */
                        int r = close_group(g);
                        if (r < 0)
                                return r;
                        g->d->page += g->d->page > 0;
                        p++;
                        continue;
                }
                const char *nl = p;
                while (nl < end && *nl != '\n' && *nl != '\r' && *nl != '\f')
                        nl++;
                int r = add_line(g, (struct slice){p, (size_t)(nl - p)});
                if (r < 0)
                        return r;
                p = nl;
                if (p < end && *p != '\f')
                        p += *p == '\r' && p + 1 < end && p[1] == '\n' ? 2 : 1;
        }
        return close_group(g);
}

int text_parse(struct doc *d, struct slice bytes, enum text_flavour flavour, struct err *err)
{
        CLEANUP(buf_done) struct buf space;
        buf_init(&space, 3 * (size_t)DOC_BYTES_MAX + 4);
        struct slice text;
        int r = charset_to_utf8(bytes, &space, &text);
        if (r < 0)
                return err_sys(err, r, "converting %zu bytes to UTF-8", bytes.len);
        auto_free struct group *g = mem_try(sizeof *g);
        if (!g)
                return err_set(err, -ENOMEM, "no memory for lines");
        memset(g, 0, sizeof *g);
        g->d = d;
        g->flavour = flavour;
        g->err = err;
        return parse_lines(g, text);
}
