/* What a parse sandbox may send, hostile, through everything the rag role does with it before it is
 * stored: the checks, the chunks, the passages. The first byte chooses scan or file. */
#include "base/fd.h"
#include "base/limits.h"
#include "rag/gathered.h"
#include "rag/parser.h"
#include <fcntl.h>
#include <sys/mman.h>

#define HASH "0123456789abcdef0123456789abcdef"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_entry(void *ctx, const struct parse_entry *e, struct err *err)
{
        (void)ctx;
        (void)e;
        (void)err;
        return 0;
}

static int on_block(void *ctx, const struct parse_block *b, struct err *err)
{
        return chunk_add(ctx, b, err);
}

static int on_passage(void *ctx, const struct passage *p, struct err *err)
{
        if (p->text.len == 0 || p->text.len > PASSAGE_TEXT_MAX)
                abort();
        return gathered_add(ctx, p, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        auto_close int from = memfd_create("fuzz", MFD_CLOEXEC);
        auto_close int to = open("/dev/null", O_WRONLY | O_CLOEXEC);
        if (size < 1 || from < 0 || to < 0 || fd_write_all(from, data + 1, size - 1) < 0)
                return 0;
        lseek(from, 0, SEEK_SET);
        struct parser p;
        parser_init(&p, to, from);
        int r;
        if (data[0] & 1) {
                struct parse_scanned end;
                r = parser_scan(&p, "", on_entry, NULL, &end, NULL);
        } else {
                struct parse_end end;
                struct gathered g;
                struct chunker c;
                gathered_init(&g);
                chunk_init(&c, on_passage, &g);
                r = parser_file(&p, "a", HASH, on_block, &c, &end, NULL);
                if (r == 0)
                        r = chunk_end(&c, NULL);
                chunk_done(&c);
                gathered_done(&g);
        }
        parser_done(&p);
        return 0 * r;
}
