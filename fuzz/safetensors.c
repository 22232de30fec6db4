/* The weights of a model: whatever the file says, every tensor lies within it. */
#include "base/mem.h"
#include "rag/embed/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char *const names[] = {"a", "b", "embeddings.LayerNorm.weight"};
        struct safetensors *s = NULL;
        auto_free uint8_t *exact = xmalloc(size + 1); /* so that a byte behind it is seen */
        memcpy(exact, data, size);
        if (safetensors_open(exact, size, &s, NULL) < 0)
                return 0;
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
                const struct tensor *t = safetensors_find(s, names[i]);
                if (!t || t->n_dims == 0 || t->n_dims > 2)
                        continue;
                if (t->data < exact || (size_t)(t->data - exact) > size)
                        abort();
                if (safetensors_want(s, names[i], t->dims[0], t->n_dims == 2 ? t->dims[1] : 0, &t,
                                     NULL) == -ENOENT)
                        abort();
        }
        safetensors_free(s);
        return 0;
}
