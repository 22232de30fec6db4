/* The changes of a catalog, as a log or a snapshot gives them: any bytes are taken or refused, and
 * what was taken says the same when it is written again. */
#include "base/mem.h"
#include "rag/segment/catalog.h"
#include <stdio.h>

static int again(const struct catalog *c, struct buf *b)
{
        int r = 0;
        for (size_t i = 0; i < c->n_segments && r == 0; i++)
                r = change_segment(b, &c->segments[i]);
        for (size_t i = 0; i < c->n && r == 0; i++)
                if (c->docs[i])
                        r = change_put(b, c->docs[i]);
        return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct catalog c, d;
        CLEANUP(buf_done) struct buf b;
        struct err err = {0};
        buf_init(&b, 64u << 20);
        catalog_init(&c);
        catalog_init(&d);
        int r = catalog_apply(&c, (struct slice){(const char *)data, size}, &err);
        for (size_t i = 0; i < c.n; i++)
                if (c.docs[i] && (catalog_path(&c, c.docs[i]->path) != c.docs[i] ||
                                  catalog_id(&c, c.docs[i]->id) != c.docs[i]))
                        abort();
        /* a segment that was dropped may have left rows behind: those are refused then */
        if (r == 0 && again(&c, &b) == 0 &&
            catalog_apply(&d, (struct slice){buf_text(&b), b.len}, &err) == 0 &&
            (c.live != d.live || c.passages != d.passages || c.failed != d.failed))
                abort();
        catalog_done(&c);
        catalog_done(&d);
        return 0;
}
