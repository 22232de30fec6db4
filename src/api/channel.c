#include "api/channel.h"
#include "base/fd.h"
#include "base/limits.h"
#include <strings.h>
#include <sys/socket.h>

#define PROTOCOL     "paddock-stream/1"
#define SUB_PROTOCOL "paddock-stream.1"
#define READ_BYTES   (16u << 10)
#define MESSAGE_MAX  (64u << 10) /* of a WebSocket message of ours, unless one frame is longer */
#define WIRE_MAX     (256u << 10)
#define SILENT_PINGS 3

int channel_asked(struct http_req *rq, enum channel_kind *ret, struct err *err)
{
        const char *upgrade = http_header(rq, "Upgrade"),
                   *connection = http_header(rq, "Connection");
        bool asks = upgrade && connection && strcasestr(connection, "upgrade");
        if (asks && strcasecmp(upgrade, PROTOCOL) == 0) {
                *ret = CHANNEL_RAW;
                return 0;
        }
        if (asks && ws_asked(rq)) {
                *ret = CHANNEL_WS;
                return ws_handshake(rq, SUB_PROTOCOL, err);
        }
        return err_set(err, -EINVAL,
                       "ask with Connection: Upgrade and Upgrade: " PROTOCOL
                       ", or by WebSocket with sub-protocol " SUB_PROTOCOL);
}

const char *channel_protocol(enum channel_kind kind)
{
        return kind == CHANNEL_WS ? "websocket" : PROTOCOL;
}

void channel_init(struct channel *ch)
{
        *ch = (struct channel){.fd = -1};
        buf_init(&ch->wire, WIRE_MAX);
}

static int payload(void *ctx, const void *p, size_t n)
{
        struct channel *ch = ctx;
        return buf_add(ch->in, p, n);
}

int channel_open(struct channel *ch, enum channel_kind kind, int fd)
{
        ch->fd = fd;
        ch->kind = kind;
        ch->ws = kind == CHANNEL_WS ? ws_new(payload, ch) : NULL;
        return fd_nonblock(fd, true);
}

void channel_close(struct channel *ch)
{
        if (ch->fd >= 0)
                close(ch->fd);
        ch->fd = -1;
        ws_free(ch->ws);
        ch->ws = NULL;
        buf_done(&ch->wire);
}

int channel_early(struct channel *ch, struct buf *in, const char *p, size_t n)
{
        if (n == 0)
                return 0;
        ch->got += n;
        if (!ch->ws)
                return buf_add(in, p, n);
        ch->in = in;
        int r = ws_feed(ch->ws, p, n);
        ch->in = NULL;
        return r;
}

int channel_take(struct channel *ch, struct buf *in)
{
        char chunk[READ_BYTES];
        if (in->max - in->len < sizeof chunk)
                return -ENOMEM;
        ssize_t n = recv(ch->fd, chunk, sizeof chunk, MSG_DONTWAIT);
        if (n == 0)
                return -EPIPE;
        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        int r = channel_early(ch, in, chunk, (size_t)n);
        return r < 0 ? r : 1;
}

static int send_some(int fd, struct buf *b)
{
        while (b->len > 0) {
                ssize_t n = send(fd, b->data, b->len, MSG_NOSIGNAL | MSG_DONTWAIT);
                if (n < 0 && errno == EAGAIN)
                        return 0;
                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0)
                        buf_consume(b, (size_t)n);
        }
        return 0;
}

/* The length of as many whole frames as one message may hold: one at least. */
static size_t message_of(const struct buf *out)
{
        size_t n = 0;
        while (n < out->len) {
                const unsigned char *p = (const unsigned char *)out->data + n;
                size_t frame = 8u + (p[4] | (size_t)p[5] << 8 | (size_t)p[6] << 16);
                if (n && n + frame > MESSAGE_MAX)
                        break;
                n += frame;
        }
        return n;
}

int channel_give(struct channel *ch, struct buf *out)
{
        if (!ch->ws)
                return send_some(ch->fd, out);
        for (;;) {
                int more = ws_flush(ch->ws, &ch->wire);
                int r = more == -ENOMEM ? more : send_some(ch->fd, &ch->wire);
                if (r < 0 || ch->wire.len)
                        return r;
                if (more == -E2BIG)
                        continue;
                if (out->len == 0)
                        break;
                size_t n = message_of(out);
                if (ws_send(ch->ws, out->data, n) < 0)
                        return -EPIPE;
                buf_consume(out, n);
        }
        return 0;
}

bool channel_pending(const struct channel *ch)
{
        return ch->wire.len > 0;
}

bool channel_takes(const struct channel *ch)
{
        return !ch->ws || (!ws_busy(ch->ws) && ch->wire.len == 0);
}

bool channel_ping(struct channel *ch)
{
        if (!ch->ws)
                return true;
        ch->silent = ch->got ? 0 : ch->silent + 1;
        ch->got = 0;
        if (channel_takes(ch))
                ws_ping(ch->ws);
        return ch->silent < SILENT_PINGS;
}

void channel_end(struct channel *ch, enum ws_code code)
{
        if (ch->ws)
                ws_end(ch->ws, code, "");
}

void channel_hang_up(struct channel *ch)
{
        if (!ch->ws) /* else the client says goodbye first, as the standard has it */
                shutdown(ch->fd, SHUT_WR);
}

int channel_drain(struct channel *ch)
{
        char chunk[READ_BYTES];
        ssize_t n = recv(ch->fd, chunk, sizeof chunk, MSG_DONTWAIT);
        if (n <= 0)
                return n < 0 && errno == EAGAIN ? 0 : -EPIPE;
        if (!ch->ws)
                return 0;
        (void)!ws_feed(ch->ws, chunk, (size_t)n);
        return ws_over(ch->ws) ? -EPIPE : 0;
}
