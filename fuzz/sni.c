/* The name in a TLS greeting: whole or in pieces, the answer is the same. */
#include "net/sni.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char whole[256] = "", part[256] = "";
        int r = sni_read((struct slice){(const char *)data, size}, whole);
        for (size_t n = 0; n < size; n += 1 + size / 16) {
                int p = sni_read((struct slice){(const char *)data, n}, part);
                if (p == 1 && (r != 1 || strcmp(whole, part) != 0))
                        abort(); /* bytes that follow changed what was said */
                if (p == -EPROTO && r == 1)
                        abort();
        }
        return 0;
}
