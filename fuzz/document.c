/* Documents through the parsers that run in the sandbox: text, Markdown, HTML, gzip, EPUB, Office,
 * CSV, and the text that pdftotext gives. The first byte chooses the name or the PDF text; PDF itself is a
 * program of its own and is not started here. */
#include "rag/parse/doc.h"
#include "rag/parse/pdf_page.h"
#include <fcntl.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char *const names[] = {"a",      "a.md",   "a.html", "a.txt.gz", "a.epub",
                                            "a.docx", "a.xlsx", "a.pptx", "a.odt",    "a.csv"};
        auto_close int to = open("/dev/null", O_WRONLY | O_CLOEXEC);
        if (size < 1 || to < 0 || memmem(data, size, "%PDF-", 5))
                return 0;
        struct slice bytes = {(const char *)data + 1, size - 1};
        struct doc d;
        struct err err = {0};
        doc_init(&d, to);
        doc_begin(&d, names[(data[0] >> 1) % ARRAY_LEN(names)]);
        int r = 0;
        if (!(data[0] & 1))
                r = sniff_parse(&d, bytes, &err);
        else if (utf8_valid(bytes.data, bytes.len))
                r = pdf_pages(&d, bytes, &err);
        if (r < 0)
                doc_status(&d, PARSE_FAILED, "%s", err_text(&err));
        r = doc_end(&d, &err);
        if (r < 0 && r != -ENOMEM)
                abort(); /* an END that its own table refuses */
        doc_done(&d);
        return 0;
}
