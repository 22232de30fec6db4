/* Frames of a client's stream: whatever arrives, in whatever pieces, is a frame, a wait or -EPROTO,
 * and what was read can be written again byte for byte. */
#include "base/mem.h"
#include "net/stream.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        CLEANUP(buf_done) struct buf b = {0}, again = {0};
        buf_init(&b, 4 * (STREAM_FRAME_MAX + STREAM_HEAD));
        buf_init(&again, 4 * (STREAM_FRAME_MAX + STREAM_HEAD));
        size_t step = size ? 1 + data[0] % 7u : 1;
        for (size_t at = 0; at < size; at += step) {
                size_t n = size - at < step ? size - at : step;
                if (buf_add(&b, data + at, n) < 0)
                        return 0;
                struct stream_frame f;
                int r;
                while ((r = stream_next(&b, &f)) == 1) {
                        buf_clear(&again);
                        r = stream_put(&again, f.type, f.data, f.len);
#ifdef PADDOCK_TORTURE
                        if (mem_has_failed())
                                return 0;
#endif
                        assert(r == 0);
                        assert(again.len == STREAM_HEAD + f.len);
                        assert(memcmp(again.data, b.data, again.len) == 0);
                        buf_consume(&b, STREAM_HEAD + f.len);
                }
                assert(r == 0 || r == -EPROTO);
                if (r < 0)
                        return 0;
        }
        return 0;
}
