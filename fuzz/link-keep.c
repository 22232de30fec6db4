#include "link.h"
#include "link/keep.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        return fuzz_link(&keep_link, data, size);
}
