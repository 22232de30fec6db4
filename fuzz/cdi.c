/* CDI files. The first byte chooses JSON or YAML. What is taken is what launch would take. */
#include "serve/cdi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const struct cdi_rules rules = {"/usr/lib,/usr/share,/opt"};
        CLEANUP(cdi_list_done) struct cdi_list l = {0};
        struct err err = {0};
        if (size < 1)
                return 0;
        if (cdi_read((const char *)data + 1, size - 1, data[0] & 1, &rules, &l, &err) < 0) {
                if (l.n || !err.text[0])
                        abort();
                return 0;
        }
        for (size_t i = 0; i < l.n; i++)
                if (gpu_device_check(&l.devices[i], &err) < 0)
                        abort();
        return 0;
}
