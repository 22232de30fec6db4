/* Our HTTP codec beside another one. The first byte chooses the side. */
#include "h1_other.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size < 1)
                return 0;
        const char *what = h1_differs(data[0] & 1 ? H1_RESPONSE : H1_REQUEST,
                                      (const char *)data + 1, size - 1);
        if (what) {
                fprintf(stderr, "%s\n", what);
                abort();
        }
        return 0;
}
