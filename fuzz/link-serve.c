#include "link.h"
#include "link/serve.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        return fuzz_link(&serve_link, data, size);
}
