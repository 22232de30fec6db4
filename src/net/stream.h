/* stream.h - frames between a client and a sandbox: the body of HTTP Upgrade `paddock-stream/1` on
 * the Unix socket (and of WebSocket messages on TCP).
 *
 * A frame is 8 bytes of head (type, three zero bytes, u32 length little-endian), then its payload.
 * client -> api: STDIN data, STDIN_END, SIGNAL (u32), RESIZE (u16 rows, u16 columns).
 * api -> client: HELLO (JSON: id, offset, stdin_offset, enforcement), STDOUT, STDERR (u64 offset in
 *   the stored output, then bytes), STDIN_ACK (u64: bytes of stdin that reached the sandbox),
 * RESULT (JSON, the last frame), ERROR (text, the last frame). After a cut the client comes back
 * with the offset it has; nothing is shown twice.
 */
#pragma once
#include "base/buf.h"
#include "base/limits.h"

enum stream_type {
        STREAM_STDIN = 1,
        STREAM_STDIN_END,
        STREAM_SIGNAL,
        STREAM_RESIZE,
        STREAM_HELLO = 16,
        STREAM_STDOUT,
        STREAM_STDERR,
        STREAM_STDIN_ACK,
        STREAM_RESULT,
        STREAM_ERROR,
};
#define STREAM_HEAD 8

struct stream_frame {
        enum stream_type type;
        const char *data; /* points into the buffer that was parsed */
        size_t len;
};

MUST_CHECK int stream_put(struct buf *b, enum stream_type type, const void *p, size_t n);
/* Output frame: the offset goes before the bytes. */
MUST_CHECK int stream_put_output(struct buf *b, enum stream_type type, uint64_t offset,
                                 const void *p, size_t n);
/* The next frame at the head of b: 1 = got it (consume STREAM_HEAD + len afterwards), 0 = not all
 * of it is there, -EPROTO: unknown type, non-zero padding or longer than STREAM_FRAME_MAX. */
MUST_CHECK int stream_next(const struct buf *b, struct stream_frame *ret);
uint64_t stream_u64(const char *p); /* little-endian */
uint32_t stream_u32(const char *p);
