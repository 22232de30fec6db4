/* PDF through pdftotext (poppler-utils): a program of its own, because a PDF is the most hostile
 * of documents and poppler is GPL. Its output is text with a form feed behind each page. */
#include "rag/parse/charset.h"
#include "rag/parse/child.h"
#include "rag/parse/pdf_page.h"
#include <stdio.h>

#define PDFTOTEXT "/usr/bin/pdftotext"

static void unescape(struct buf *b)
{
        static const struct {
                const char *name;
                char c;
        } entities[] = {
                {"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};
        size_t w = 0;
        for (size_t i = 0; i < b->len;) {
                size_t k = 1;
                char c = b->data[i];
                for (size_t e = 0; c == '&' && e < ARRAY_LEN(entities); e++) {
                        size_t n = strlen(entities[e].name);
                        if (strncmp(b->data + i, entities[e].name, n) == 0) {
                                c = entities[e].c;
                                k = n;
                                break;
                        }
                }
                b->data[w++] = c;
                i += k;
        }
        b->len = w;
        if (b->data)
                b->data[w] = '\0';
}

/* "<head><title>T</title>…<pre>text</pre>": the title goes to d, the text stays in b. */
static void take_head(struct doc *d, struct buf *b)
{
        const char *all = buf_text(b);
        const char *pre = strstr(all, "<pre>\n"), *title = strstr(all, "<title>");
        const char *end = title ? strstr(title, "</title>") : NULL;
        if (pre && end && end < pre) {
                CLEANUP(buf_done) struct buf t;
                buf_init(&t, DOC_TEXT_MAX);
                title += strlen("<title>");
                if (buf_add(&t, title, (size_t)(end - title)) == 0) {
                        unescape(&t);
                        doc_title(d, (struct slice){buf_text(&t), t.len});
                }
        }
        if (pre)
                buf_consume(b, (size_t)(pre + strlen("<pre>\n") - all));
        static const char tail[] = "</pre>\n</body>\n</html>\n";
        size_t n = strlen(tail);
        if (b->len >= n && memcmp(b->data + b->len - n, tail, n) == 0)
                b->len -= n;
        unescape(b);
}

/* What pdftotext said on stderr, to a status. True when there is nothing to read. */
static bool refused(struct doc *d, const struct child_end *end, const char *said)
{
        if (strstr(said, "Incorrect password"))
                doc_status(d, PARSE_ENCRYPTED, "the PDF needs a password");
        else if (strstr(said, "Copying of text from this document is not allowed"))
                doc_status(d, PARSE_ENCRYPTED, "the PDF forbids taking text from it");
        else if (end->exit_code == 127)
                doc_status(d, PARSE_FAILED, "%s cannot be run: is poppler-utils installed?",
                           PDFTOTEXT);
        else if (end->signal)
                doc_status(d, PARSE_FAILED, "pdftotext died of signal %d", end->signal);
        else
                doc_status(d, PARSE_FAILED, "pdftotext: %.*s", (int)strcspn(said, "\n"),
                           *said ? said : "no reason given");
        return d->end.status != 0;
}

int pdf_parse(struct doc *d, struct slice bytes, struct err *err)
{
        static const char *const argv[] = {PDFTOTEXT, "-enc", "UTF-8", "-htmlmeta", "-", "-", NULL};
        CLEANUP(buf_done) struct buf text;
        CLEANUP(buf_done) struct buf said;
        struct child_end end;
        buf_init(&text, DOC_TEXT_MAX);
        buf_init(&said, 4096);
        int r = child_run(argv, bytes.data, bytes.len, DOC_CHILD_MS, &text, &said, &end, err);
        if (r < 0)
                return r;
        bool stopped = end.timed_out || end.overflowed;
        if (!stopped && end.exit_code != 0 && refused(d, &end, buf_text(&said)))
                return 0;
        take_head(d, &text);
        struct slice pages = {buf_text(&text), text.len};
        if (!utf8_valid(pages.data, pages.len))
                return err_set(err, -EILSEQ, "pdftotext gave text that is not UTF-8");
        r = pdf_pages(d, pages, err);
        if (r < 0)
                return r;
        if (end.timed_out)
                doc_status(d, d->blocks ? PARSE_PARTIAL : PARSE_FAILED,
                           "pdftotext took longer than %d seconds", DOC_CHILD_MS / 1000);
        else if (end.overflowed)
                doc_status(d, PARSE_PARTIAL, "more than %llu MiB of text: the rest is left out",
                           DOC_TEXT_MAX >> 20);
        else if (!d->blocks)
                doc_status(d, PARSE_NO_TEXT, "%u pages without a text layer (scanned?)",
                           d->end.pages);
        return 0;
}
