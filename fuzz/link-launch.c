#include "link.h"
#include "link/launch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        return fuzz_link(&launch_link, data, size);
}
