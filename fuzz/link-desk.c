#include "link.h"
#include "link/desk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        return fuzz_link(&desk_link, data, size);
}
