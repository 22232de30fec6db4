#include "rag/parse/pdf_page.h"
#include <ctype.h>

#define EDGE_LINES 3     /* lines at the top and at the bottom that may be running heads */
#define EDGE_TEXT  120   /* a longer line is none */
#define SEEN_SLOTS 16384 /* hash table of edge lines; a collision costs one line at worst */

struct seen {
        uint64_t hash;
        uint32_t page; /* where it was first, from 1 */
        bool again;
};
struct edges {
        struct seen slot[SEEN_SLOTS];
};

/* FNV-1a over the line, every run of digits as one mark. 0 = cannot be a running head. */
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
                h = (h ^ (digit ? '#' : (unsigned char)t.data[i])) * 1099511628211ull;
        }
        return h ? h : 1;
}

static struct seen *find(struct edges *e, uint64_t hash)
{
        size_t i = hash % SEEN_SLOTS;
        for (size_t tries = 0; tries < 8; tries++, i = (i + 1) % SEEN_SLOTS)
                if (!e->slot[i].hash || e->slot[i].hash == hash)
                        return &e->slot[i];
        return NULL;
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

static size_t count_lines(struct slice page)
{
        struct slice line;
        size_t n = 0;
        while (next_line(&page, &line))
                n += line_trim(line).len > 0;
        return n;
}

static void note_edges(struct edges *e, struct slice page, uint32_t number)
{
        size_t total = count_lines(page), i = 0;
        struct slice line;
        while (next_line(&page, &line)) {
                uint64_t h = edge_hash(line);
                bool edge = i < EDGE_LINES || i + EDGE_LINES >= total;
                i += line_trim(line).len > 0;
                struct seen *s = h && edge ? find(e, h) : NULL;
                if (!s)
                        continue;
                if (!s->hash)
                        *s = (struct seen){h, number, false};
                s->again |= s->page != number;
        }
}

/* The page without its running heads, into b. */
static int strip(struct edges *e, struct slice page, struct buf *b)
{
        size_t total = count_lines(page), i = 0;
        struct slice line;
        int r = 0;
        while (r == 0 && next_line(&page, &line)) {
                uint64_t h = edge_hash(line);
                bool edge = i < EDGE_LINES || i + EDGE_LINES >= total;
                i += line_trim(line).len > 0;
                const struct seen *s = h && edge ? find(e, h) : NULL;
                if (s && s->hash == h && s->again)
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
                note_edges(e, page, ++number);
        d->end.pages = number;
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, text.len + 2);
        rest = text;
        for (d->page = 1; next_page(&rest, &page); d->page++) {
                buf_clear(&b);
                int r = strip(e, page, &b);
                if (r < 0)
                        return err_sys(err, r, "page %u", d->page);
                r = text_parse(d, (struct slice){buf_text(&b), b.len}, TEXT_PDF, err);
                if (r < 0)
                        return r;
        }
        return 0;
}
