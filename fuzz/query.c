/* Whatever is typed becomes an expression that FTS5 takes. */
#include "base/mem.h"
#include "rag/search.h"
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct manifest *m;
        struct err err = {0};
        if (!m && manifest_open(":memory:", &m, &err) < 0)
                return 0;
        auto_free char *text = xstrndup((const char *)data, size);
        CLEANUP(hits_done) struct hits h = {0};
        int r = search_run(m, text, size & 1 ? "a/b" : "", 5, &h, &err);
        if (r < 0 && r != -EINVAL && r != -ENOMEM) {
                fprintf(stderr, "%s\n", err_text(&err));
                abort();
        }
        return 0;
}
