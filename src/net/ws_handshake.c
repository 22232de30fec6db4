/* The beginning of a WebSocket: RFC 6455, 4.2. */
#include "base/str.h"
#include "net/ws.h"
#include <strings.h>

#define GUID      "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define KEY_CHARS 24 /* sixteen bytes in base64 */

/* ---- SHA-1 (RFC 3174) of one short text: the handshake wants it, nothing is protected by it ---- */

static uint32_t rol(uint32_t v, int n)
{
        return v << n | v >> (32 - n);
}

static void block(uint32_t h[5], const unsigned char *p)
{
        uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
        for (int i = 0; i < 16; i++, p += 4)
                w[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
        for (int i = 16; i < 80; i++)
                w[i] = rol(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
        for (int i = 0; i < 80; i++) {
                uint32_t f = i < 20   ? ((b & c) | (~b & d)) + 0x5a827999
                             : i < 40 ? (b ^ c ^ d) + 0x6ed9eba1
                             : i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc
                                      : (b ^ c ^ d) + 0xca62c1d6;
                uint32_t t = rol(a, 5) + f + e + w[i];
                e = d;
                d = c;
                c = rol(b, 30);
                b = a;
                a = t;
        }
        h[0] += a;
        h[1] += b;
        h[2] += c;
        h[3] += d;
        h[4] += e;
}

/* 60 bytes: two blocks. */
static void sha1_of_key(const char *key, unsigned char ret[21])
{
        uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
        unsigned char b[128] = {0};
        memcpy(b, key, KEY_CHARS);
        memcpy(b + KEY_CHARS, GUID, sizeof GUID - 1);
        size_t n = KEY_CHARS + sizeof GUID - 1;
        b[n] = 0x80;
        b[126] = (unsigned char)(8 * n >> 8);
        b[127] = (unsigned char)(8 * n);
        block(h, b);
        block(h, b + 64);
        for (int i = 0; i < 20; i++)
                ret[i] = (unsigned char)(h[i / 4] >> (24 - 8 * (i % 4)));
        ret[20] = 0;
}

#define BASE64 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

void ws_accept(const char *key, char ret[29])
{
        unsigned char sum[21];
        sha1_of_key(key, sum);
        for (int i = 0; i < 7; i++) {
                uint32_t v = (uint32_t)sum[3 * i] << 16 | (uint32_t)sum[3 * i + 1] << 8 |
                             (uint32_t)sum[3 * i + 2];
                for (int k = 0; k < 4; k++)
                        ret[4 * i + k] = BASE64[v >> (18 - 6 * k) & 63];
        }
        ret[27] = '='; /* twenty bytes: the last group has two */
        ret[28] = '\0';
}

static bool listed(const char *list, const char *token)
{
        size_t n = strlen(token);
        while (list && *list) {
                list += strspn(list, " \t,");
                size_t len = strcspn(list, " \t,");
                if (len == n && strncasecmp(list, token, n) == 0)
                        return true;
                list += len;
        }
        return false;
}

bool ws_asked(const struct http_req *rq)
{
        return listed(http_header(rq, "Upgrade"), "websocket") &&
               listed(http_header(rq, "Connection"), "upgrade");
}

int ws_handshake(struct http_req *rq, const char *protocol, struct err *err)
{
        const char *key = http_header(rq, "Sec-WebSocket-Key");
        const char *version = http_header(rq, "Sec-WebSocket-Version");
        char accept[29];
        if (!version || !str_eq(version, "13")) {
                http_add_header(rq, "Sec-WebSocket-Version", "13");
                return err_set(err, -EINVAL, "Sec-WebSocket-Version: expected 13");
        }
        if (!key || strlen(key) != KEY_CHARS || strspn(key, BASE64) != KEY_CHARS - 2 ||
            !str_eq(key + KEY_CHARS - 2, "=="))
                return err_set(err, -EINVAL, "Sec-WebSocket-Key: expected 16 bytes in base64");
        if (!listed(http_header(rq, "Sec-WebSocket-Protocol"), protocol))
                return err_set(err, -EINVAL, "Sec-WebSocket-Protocol: %s is not offered", protocol);
        ws_accept(key, accept);
        http_add_header(rq, "Sec-WebSocket-Accept", accept);
        http_add_header(rq, "Sec-WebSocket-Protocol", protocol);
        return 0;
}
