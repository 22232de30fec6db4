#include "net/stream.h"
#include <assert.h>

static void put_le(char *p, uint64_t v, int bytes)
{
        for (int i = 0; i < bytes; i++)
                p[i] = (char)(v >> (8 * i));
}

uint64_t stream_u64(const char *p)
{
        uint64_t v = 0;
        for (int i = 7; i >= 0; i--)
                v = v << 8 | (unsigned char)p[i];
        return v;
}

uint32_t stream_u32(const char *p)
{
        return (uint32_t)(unsigned char)p[0] | (uint32_t)(unsigned char)p[1] << 8 |
               (uint32_t)(unsigned char)p[2] << 16 | (uint32_t)(unsigned char)p[3] << 24;
}

/* Both halves or nothing: a frame is never left half written in b. */
static int put(struct buf *b, enum stream_type type, const char *head, size_t head_n, const void *p,
               size_t n)
{
        if (head_n + n > STREAM_FRAME_MAX)
                return -E2BIG;
        char *at = buf_room(b, STREAM_HEAD + head_n + n);
        if (!at)
                return -E2BIG;
        memset(at, 0, STREAM_HEAD);
        at[0] = (char)type;
        put_le(at + 4, head_n + n, 4);
        if (head_n)
                memcpy(at + STREAM_HEAD, head, head_n);
        if (n)
                memcpy(at + STREAM_HEAD + head_n, p, n);
        b->len += STREAM_HEAD + head_n + n;
        b->data[b->len] = '\0';
        return 0;
}

int stream_put(struct buf *b, enum stream_type type, const void *p, size_t n)
{
        return put(b, type, NULL, 0, p, n);
}

int stream_put_output(struct buf *b, enum stream_type type, uint64_t offset, const void *p,
                      size_t n)
{
        assert(type == STREAM_STDOUT || type == STREAM_STDERR);
        char at[8];
        put_le(at, offset, 8);
        return put(b, type, at, sizeof at, p, n);
}

static bool known(unsigned char type)
{
        return (type >= STREAM_STDIN && type <= STREAM_RESIZE) ||
               (type >= STREAM_HELLO && type <= STREAM_ERROR);
}

int stream_next(const struct buf *b, struct stream_frame *ret)
{
        if (b->len == 0)
                return 0;
        size_t have = b->len < STREAM_HEAD ? b->len : STREAM_HEAD;
        if (!known((unsigned char)b->data[0]))
                return -EPROTO;
        for (size_t i = 1; i < 4 && i < have; i++)
                if (b->data[i] != 0)
                        return -EPROTO;
        if (have < STREAM_HEAD)
                return 0;
        uint32_t n = stream_u32(b->data + 4);
        if (n > STREAM_FRAME_MAX)
                return -EPROTO;
        if (b->len - STREAM_HEAD < n)
                return 0;
        *ret = (struct stream_frame){(enum stream_type)b->data[0], b->data + STREAM_HEAD, n};
        return 1;
}
