/* A packed model whose sums are right but whose content is not: it is refused, or a text becomes a
 * vector without a byte being read that is not its own. */
#include "base/fd.h"
#include "base/mem.h"
#include "rag/embed/model.h"
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct embed_model *m = NULL;
        struct model_tail tail = {.magic = "DONE"};
        auto_close int fd = memfd_create("model", MFD_CLOEXEC);
        if (fd < 0 || size < sizeof tail)
                return 0;
        tail.crc = crc32c(0, data, size - sizeof tail);
        if (fd_write_all(fd, data, size - sizeof tail) < 0 ||
            fd_write_all(fd, &tail, sizeof tail) < 0)
                abort();
        if (embed_open(fd, &m, NULL) < 0)
                return 0;
        auto_free float *v = xmalloc(embed_info(m)->dims * sizeof *v);
        struct embed_worker *w = embed_worker_new(m, NULL);
        struct slice text = slice_of("the cat ab, a");
        int r = embed_texts(w, EMBED_QUERY, &text, 1, v, NULL);
        if (r > 0)
                abort();
        embed_worker_free(w);
        embed_close(m);
        return 0;
}
