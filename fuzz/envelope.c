/* What an envelope holds, and envelopes that are none. */
#include "base/mem.h"
#include "link/envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const unsigned char key[32] = {9};
        struct envelope e;
        size_t n;
        if (size > ENVELOPE_MAX)
                return 0;
        auto_free unsigned char *plain = xmalloc(size + 1);
        if (envelope_open(key, key, data, size, plain, &n, NULL) == 0)
                abort(); /* nobody sealed it */
        (void)!envelope_unpack(data, size, &e, NULL);
        return 0;
}
