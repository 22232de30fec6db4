/* A segment whose sections hold anything, under checksums that are right: what is read from it may
 * be nonsense, but comes from inside it. The input: a number of passages, lengths of four sections,
 * their bytes. */
#include "base/fd.h"
#include "base/mem.h"
#include "rag/lexical/bm25.h"
#include "rag/segment/segment.h"
#include <fcntl.h>

static const uint32_t tags[] = {
        SFILE_TAG('P', 'A', 'S', 'S'), SFILE_TAG('T', 'E', 'X', 'T'), SFILE_TAG('T', 'E', 'R', 'M'),
        SFILE_TAG('S', 'T', 'R', 'S'), SFILE_TAG('P', 'O', 'S', 'T'), SFILE_TAG('L', 'E', 'N', 'S'),
};

static bool all(void *ctx, uint32_t segment, uint32_t passage)
{
        (void)segment;
        return passage < *(uint32_t *)ctx;
}

static void look_at(const struct segment *s)
{
        static const struct bm25_term terms[] = {{"alpha", 5}, {"beta", 4}, {"", 0}};
        struct bm25 q = {.terms = terms, .n_terms = 3};
        const struct lexicon *l = &s->words;
        struct bm25_hit hits[10];
        uint32_t n = s->n;
        int64_t found = bm25_run(&q, &l, 1, 10, all, &n, hits);
        for (uint32_t i = 0; i < s->n && i < 64; i++) {
                struct segment_text t;
                if (segment_read(s, i, &t) == 0 && t.text.len && !*t.text.data)
                        n++;
        }
        if (found > 10)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static int dir = -1;
        struct {
                uint64_t total;
                uint32_t passages, terms;
        } stat = {100, 0, 0};
        struct sfile_out *o;
        struct segment s;
        char path[] = "/dev/shm/fuzz-segment-XXXXXX";
        if (dir < 0 && (!mkdtemp(path) || (dir = dir_open_at(AT_FDCWD, path)) < 0))
                return 0;
        if (size < 16 || sfile_create(dir, "seg-1", &o, NULL) < 0)
                return 0;
        uint16_t len[8];
        memcpy(len, data, sizeof len);
        stat.passages = len[6] % 64;
        stat.terms = len[7] % 64;
        data += 16;
        size -= 16;
        for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
                size_t n = i == 0   ? stat.passages * sizeof(struct segment_passage)
                           : i == 2 ? stat.terms * 24
                           : i == 5 ? stat.passages * 2
                                    : len[i] % 2048;
                static const char zero[8192];
                size_t have = n < size ? n : size;
                sfile_section(o, tags[i]);
                sfile_add(o, data, have);
                sfile_add(o, zero, n - have);
                data += have;
                size -= have;
        }
        sfile_section(o, SFILE_TAG('S', 'T', 'A', 'T'));
        sfile_add(o, &stat, sizeof stat);
        if (sfile_commit(o, NULL) == 0 && segment_open(dir, 1, &s, NULL) == 0) {
                look_at(&s);
                segment_close(&s);
        }
        return 0;
}
