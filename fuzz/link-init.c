#include "link.h"
#include "link/init.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        return fuzz_link(&init_link, data, size);
}
