#include "rag/parse/archive.h"
#include "rag/parse/doc.h"
#include "base/str.h"
#include <archive.h>

/* Gzip in gzip is opened by libarchive itself, to a depth of its own. */
int gzip_parse(struct doc *d, struct slice bytes, struct err *err)
{
        CLEANUP(archive_freep) struct archive *a = NULL;
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, DOC_BYTES_MAX);
        int r = archive_open_gzip(bytes, &a, err);
        if (r < 0)
                return r;
        struct archive_entry *entry;
        if (archive_read_next_header(a, &entry) != ARCHIVE_OK)
                return err_set(err, -EBADMSG, "gzip: %s", archive_error_string(a));
        if (archive_filter_code(a, 0) != ARCHIVE_FILTER_GZIP) /* it would hand out the raw bytes */
                return err_set(err, -EBADMSG, "gzip: damaged header");
        struct inflate count = {bytes.len, 0};
        struct err why = {0};
        r = archive_slurp(a, &count, &b, &why);
        if (r == -EFBIG || (r < 0 && !b.len))
                return err_set(err, r, "gzip: %s", err_text(&why));
        auto_free char *inner = NULL; /* the name says what is inside: policy.pdf.gz */
        const char *outer = d->path;
        if (str_ends(outer, ".gz"))
                d->path = inner = strndup(outer, strlen(outer) - 3);
        int parsed = d->path ? sniff_parse(d, (struct slice){b.data, b.len}, err) : -ENOMEM;
        d->path = outer;
        if (r < 0 && parsed == 0 && d->blocks)
                doc_status(d, PARSE_PARTIAL, "gzip: %s", err_text(&why));
        return parsed;
}
