#include "rag/parse/doc.h"
#include "rag/parse/charset.h"
#include "base/fd.h"
#include "base/str.h"
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

#define TITLE_BLOCKS 5     /* a heading so early is the title, if the document names none */
#define OUT_HIGH     65536 /* a write of so much at least, until END */

void doc_init(struct doc *d, int fd)
{
        *d = (struct doc){.fd = fd, .path = ""};
        buf_init(&d->out, OUT_HIGH + 2 * (FRAME_HEAD + FRAME_MAX));
        /* a byte that is no UTF-8 becomes three */
        buf_init(&d->clean, 3 * (size_t)DOC_BYTES_MAX + 4);
}

void doc_done(struct doc *d)
{
        buf_done(&d->out);
        buf_done(&d->clean);
}

void doc_begin(struct doc *d, const char *path)
{
        memset(&d->end, 0, sizeof d->end);
        d->page = 0;
        d->text_bytes = 0;
        d->blocks = 0;
        d->path = path;
        d->first_heading[0] = '\0';
}

int doc_flush(struct doc *d, size_t least, struct err *err)
{
        if (d->out.len < least || d->out.len == 0)
                return 0;
        int r = fd_write_all(d->fd, d->out.data, d->out.len);
        buf_clear(&d->out);
        return r < 0 ? err_sys(err, r, "writing to the asker") : 0;
}

void doc_status(struct doc *d, enum parse_status status, const char *fmt, ...)
{
        va_list ap;
        char text[sizeof d->end.reason * 2];
        va_start(ap, fmt);
        int n = vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        size_t len = n < 0 ? 0 : strnlen(text, sizeof text);
        if (!utf8_valid(text, len)) /* part of a hostile file's own words */
                for (size_t i = 0; i < len; i++)
                        if ((unsigned char)text[i] >= 0x80)
                                text[i] = '?';
        for (size_t i = 0; i < len; i++)
                if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
                        text[i] = ' ';
        len = utf8_clip(text, len, sizeof d->end.reason - 1);
        memcpy(d->end.reason, text, len);
        d->end.reason[len] = '\0';
        d->end.status = status;
}

static bool has_word(struct slice s)
{
        for (size_t i = 0; i < s.len; i++)
                if (isalnum((unsigned char)s.data[i]) || (unsigned char)s.data[i] >= 0x80)
                        return true;
        return false;
}

static void set_title(char *dst, size_t size, struct slice text)
{
        if (dst[0] || !has_word(text))
                return;
        if (text.len > 4 * size)
                text.len = utf8_clip(text.data, text.len, 4 * size);
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 16 * size);
        if (charset_clean(text, false, &b) < 0)
                return;
        size_t n = utf8_clip(buf_text(&b), b.len, size - 1);
        memcpy(dst, buf_text(&b), n);
        dst[n] = '\0';
}

void doc_title(struct doc *d, struct slice text)
{
        set_title(d->end.title, sizeof d->end.title, text);
}

/* The longest prefix that fits one block, cut behind a line, else a blank, else a character. */
static size_t piece(const char *p, size_t n)
{
        if (n <= PARSE_TEXT_MAX)
                return n;
        size_t max = utf8_clip(p, n, PARSE_TEXT_MAX);
        for (size_t i = max; i > max / 2; i--)
                if (p[i - 1] == '\n')
                        return i;
        for (size_t i = max; i > max / 2; i--)
                if (p[i - 1] == ' ')
                        return i;
        return max;
}

static int put_block(struct doc *d, const struct parse_block *b, struct err *err)
{
        d->text_bytes += b->text.len;
        if (d->text_bytes > DOC_TEXT_MAX || ++d->blocks > DOC_BLOCKS_MAX) {
                doc_status(d, PARSE_PARTIAL, "more than %llu MiB of text: the rest is left out",
                           DOC_TEXT_MAX >> 20);
                return err_set(err, -EFBIG, "%s", d->end.reason);
        }
        int r = frame_put(&d->out, &parse_frames, PARSE_BLOCK, b, err);
        return r < 0 ? r : doc_flush(d, OUT_HIGH, err);
}

int doc_block(struct doc *d, enum parse_kind kind, uint32_t level, struct slice text,
              struct err *err)
{
        bool lines = kind == PARSE_CODE || kind == PARSE_TABLE;
        buf_clear(&d->clean);
        int r = charset_clean(text, lines, &d->clean);
        if (r < 0)
                return err_sys(err, r, "a piece of %zu bytes", text.len);
        const char *p = buf_text(&d->clean);
        size_t n = d->clean.len;
        if (!has_word((struct slice){p, n}))
                return 0;
        if (kind == PARSE_HEADING && level == 1 && d->blocks < TITLE_BLOCKS)
                set_title(d->first_heading, sizeof d->first_heading, (struct slice){p, n});
        while (n) {
                size_t k = piece(p, n);
                struct parse_block b = {kind, level, d->page, {p, k}};
                r = put_block(d, &b, err);
                if (r < 0)
                        return r;
                p += k;
                n -= k;
        }
        return 0;
}

int doc_end(struct doc *d, struct err *err)
{
        if (!d->end.status && !d->blocks)
                doc_status(d, PARSE_NO_TEXT, "no text in it");
        else if (!d->end.status)
                d->end.status = PARSE_INDEXED;
        if (!d->end.title[0] && d->end.status != PARSE_SAME)
                memcpy(d->end.title, d->first_heading, sizeof d->end.title);
        int r = frame_put(&d->out, &parse_frames, PARSE_END, &d->end, err);
        return r < 0 ? r : doc_flush(d, 1, err);
}
