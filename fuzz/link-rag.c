#include "link.h"
#include "link/rag.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        return fuzz_link(&rag_link, data, size);
}
