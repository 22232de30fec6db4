#include "rag/parse/pdf_page.h"
#include <ctype.h>

#define EDGE_LINES 3     /* lines at the top and at the bottom that may be running heads */
#define EDGE_TEXT  120   /* a longer line is none */
#define TOC_LINES  8     /* so many lines with dots to a page number: a table of contents */
#define SEEN_SLOTS 16384 /* hash table of edge lines; a collision costs one line at worst */

/* A kind of line: where it was first and whether it came again. */
struct seen {
        uint64_t hash;
        uint32_t page; /* from 1 */
        bool again;    /* on another page (edges), or at all (headings) */
};
struct table {
        struct seen slot[SEEN_SLOTS];
};
struct edges {
        struct table heads;    /* lines at the edge of pages, digits aside */
        struct table headings; /* numbered lines anywhere, letters and digits alone */
        size_t capitals_above, capitals_inside; /* numbered lines without small letters */
};

static uint64_t fnv(uint64_t h, unsigned char c)
{
        return (h ^ c) * 1099511628211ull;
}

/* Of the line, every run of digits as one mark. 0 = cannot be a running head. */
static uint64_t edge_hash(struct slice s)
{
        struct slice t = line_trim(s);
        uint64_t h = 14695981039346656037ull;
        if (!t.len || t.len > EDGE_TEXT)
                return 0;
        for (size_t i = 0; i < t.len; i++) {
                bool digit = isdigit((unsigned char)t.data[i]);
                if (digit && i && isdigit((unsigned char)t.data[i - 1]))
                        continue;
                h = fnv(h, digit ? '#' : (unsigned char)t.data[i]);
        }
        return h ? h : 1;
}

/* Of a numbered heading, in whatever capitals and marks it is set. 0 = it is none. */
static uint64_t heading_hash(struct slice s)
{
        uint64_t h = 14695981039346656037ull;
        if (!line_numbered(s))
                return 0;
        for (size_t i = 0; i < s.len; i++)
                if (isalnum((unsigned char)s.data[i]) || (unsigned char)s.data[i] >= 0x80)
                        h = fnv(h, (unsigned char)tolower((unsigned char)s.data[i]));
        return h ? h : 1;
}

static struct seen *find(struct table *t, uint64_t hash)
{
        size_t i = hash % SEEN_SLOTS;
        for (size_t tries = 0; tries < 8; tries++, i = (i + 1) % SEEN_SLOTS)
                if (!t->slot[i].hash || t->slot[i].hash == hash)
                        return &t->slot[i];
        return NULL;
}

static void note(struct table *t, uint64_t hash, uint32_t page, bool any_page)
{
        struct seen *s = hash ? find(t, hash) : NULL;
        if (!s)
                return;
        if (!s->hash)
                *s = (struct seen){hash, page, false};
        else
                s->again |= any_page || s->page != page;
}

static bool next_line(struct slice *rest, struct slice *ret)
{
        if (!rest->len)
                return false;
        const char *nl = memchr(rest->data, '\n', rest->len);
        size_t n = nl ? (size_t)(nl - rest->data) : rest->len;
        *ret = (struct slice){rest->data, n};
        n += nl != NULL;
        *rest = (struct slice){rest->data + n, rest->len - n};
        return true;
}

struct page_lines {
        size_t total, leaders; /* lines with text; those of a table of contents */
};

static struct page_lines count_lines(struct slice page)
{
        struct slice line;
        struct page_lines n = {0};
        while (next_line(&page, &line)) {
                n.total += line_trim(line).len > 0;
                n.leaders += line_leaders(line);
        }
        return n;
}

/* "7.5. WHAT IS IT" */
static bool in_capitals(struct slice s)
{
        for (size_t i = 0; i < s.len; i++)
                if (islower((unsigned char)s.data[i]))
                        return false;
        return true;
}

static void note_lines(struct edges *e, struct slice page, uint32_t number)
{
        struct page_lines n = count_lines(page);
        struct slice line;
        size_t i = 0;
        if (n.leaders >= TOC_LINES)
                return;
        while (next_line(&page, &line)) {
                if (!line_trim(line).len)
                        continue;
                if (i < EDGE_LINES || i + EDGE_LINES >= n.total)
                        note(&e->heads, edge_hash(line), number, false);
                note(&e->headings, heading_hash(line), number, true);
                if (line_numbered(line) && in_capitals(line))
                        *(i < EDGE_LINES ? &e->capitals_above : &e->capitals_inside) += 1;
                i++;
        }
}

static bool cut_short(struct slice s)
{
        struct slice t = line_trim(s);
        return t.len > 3 && memcmp(t.data + t.len - 3, "\xe2\x80\xa6", 3) == 0; /* … */
}

/* "xvi" */
static bool roman(struct slice s)
{
        struct slice t = line_trim(s);
        for (size_t i = 0; i < t.len; i++)
                if (!strchr("ivxlc", t.data[i]))
                        return false;
        return t.len > 0 && t.len < 8;
}

/* Line i of `total` on the page: does it belong to the paper rather than to the text? */
static bool is_running(struct edges *e, struct slice line, size_t i, size_t total, uint32_t page)
{
        if (i >= EDGE_LINES && i + EDGE_LINES < total)
                return false;
        if (roman(line))
                return true;
        uint64_t h = edge_hash(line);
        const struct seen *s = h ? find(&e->heads, h) : NULL;
        if (s && s->hash == h && s->again)
                return true;
        h = heading_hash(line);
        s = h ? find(&e->headings, h) : NULL;
        if (!s || s->hash != h)
                return false;
        bool repeats = s->page < page || cut_short(line) ||
                       (in_capitals(line) && e->capitals_above > 2 + 4 * e->capitals_inside);
        if (i < EDGE_LINES && repeats)
                return true; /* the heading that it repeats was on a page before */
        return i + 2 >= total && s->again;
}

/* The page without its running heads, into b. */
static int strip(struct edges *e, struct slice page, uint32_t number, struct buf *b)
{
        struct page_lines n = count_lines(page);
        size_t i = 0;
        struct slice line;
        int r = 0;
        if (n.leaders >= TOC_LINES)
                return 0; /* its words are in the headings that it lists */
        while (r == 0 && next_line(&page, &line)) {
                bool text = line_trim(line).len > 0;
                bool drop = text && is_running(e, line, i, n.total, number);
                i += text;
                if (drop)
                        continue;
                r = buf_add(b, line.data, line.len);
                if (r == 0)
                        r = buf_add(b, "\n", 1);
        }
        return r;
}

static bool next_page(struct slice *rest, struct slice *ret)
{
        if (!rest->len)
                return false;
        const char *ff = memchr(rest->data, '\f', rest->len);
        size_t n = ff ? (size_t)(ff - rest->data) : rest->len;
        *ret = (struct slice){rest->data, n};
        n += ff != NULL;
        *rest = (struct slice){rest->data + n, rest->len - n};
        return true;
}

int pdf_pages(struct doc *d, struct slice text, struct err *err)
{
        auto_free struct edges *e = mem_try(sizeof *e);
        if (!e)
                return err_set(err, -ENOMEM, "no memory for the pages");
        memset(e, 0, sizeof *e);
        struct slice rest = text, page;
        uint32_t number = 0;
        while (next_page(&rest, &page))
                note_lines(e, page, ++number);
        d->end.pages = number;
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, text.len + 2);
        rest = text;
        for (d->page = 1; next_page(&rest, &page); d->page++) {
                buf_clear(&b);
                int r = strip(e, page, d->page, &b);
                if (r < 0)
                        return err_sys(err, r, "page %u", d->page);
                r = text_parse(d, (struct slice){buf_text(&b), b.len}, TEXT_PDF, err);
                if (r < 0)
                        return r;
        }
        return 0;
}
