#include "link.h"
#include "link/vault.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        return fuzz_link(&vault_link, data, size);
}
