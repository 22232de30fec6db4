/* The configuration file: any bytes are either a whole, checked configuration or at least one
 * problem, and a configuration that was accepted flattens to the table's names. */
#include "conf/config.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        CLEANUP(config_problems_done) struct config_problems p;
        CLEANUP(config_freep) struct config *c = NULL;
        config_problems_init(&p);
        int r = config_read("fuzz.yaml", (const char *)data, size, &c, &p);
        assert((r == 0) == (c != NULL));
        assert((r == -EINVAL) == (p.count > 0) || r == -ENOMEM);
        if (!c)
                return 0;
        CLEANUP(buf_done) struct buf flat;
        buf_init(&flat, 1 << 20);
        r = config_flatten(c, &flat);
        assert(r == 0 || r == -ENOMEM);
        return 0;
}
