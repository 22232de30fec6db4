#include "link.h"
#include "link/gate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        return fuzz_link(&gate_link, data, size);
}
