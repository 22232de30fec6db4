/* socks.c - SOCKS5 (RFC 1928): CONNECT by name or address, no authentication: who calls is known. */
#include "gate/caller.h"
#include <arpa/inet.h>

enum { GREETING, REQUEST, ASKED, REFUSED };

static void reply(struct caller *c, unsigned char code)
{
        const unsigned char r[10] = {5, code, 0, 1};
        if (buf_add(conn_out(c->socks), r, sizeof r) < 0)
                c->socks_step = REFUSED;
        if (code)
                c->socks_step = REFUSED;
}

static unsigned char code_of(const struct err *err)
{
        switch (err->code) {
        case -EACCES:
                return 2;
        case -ENETUNREACH:
                return 3;
        case -ECONNREFUSED:
                return 5;
        case -ETIMEDOUT:
        case -ENOENT:
                return 4;
        default:
                return 1;
        }
}

static void on_dialed(void *ctx, int fd, const struct err *err)
{
        struct caller *c = ctx;
        c->ask = NULL;
        if (fd < 0) {
                reply(c, code_of(err));
                socks_run(c);
                return;
        }
        struct conn *down = c->socks;
        reply(c, 0);
        conn_push(down);
        c->socks = NULL;
        through_begin(c, down, fd);
}

/* Bytes of the message, 0 when more are needed. */
static size_t greeting(struct caller *c, const unsigned char *p, size_t n)
{
        static const unsigned char yes[2] = {5, 0}, no[2] = {5, 0xff};
        if (n < 2 || n < 2u + p[1])
                return n && p[0] != 5 ? (c->socks_step = REFUSED, n) : 0;
        bool fine = p[0] == 5 && memchr(p + 2, 0, p[1]);
        c->socks_step = fine ? REQUEST : REFUSED;
        if (buf_add(conn_out(c->socks), fine ? yes : no, 2) < 0)
                c->socks_step = REFUSED;
        return 2u + p[1];
}

/* Length of the address behind the fourth byte, 0 for an unknown kind. */
static size_t address_size(const unsigned char *p)
{
        return p[3] == 1 ? 4 : p[3] == 4 ? 16 : p[3] == 3 ? 1u + p[4] : 0;
}

static int take_address(struct caller *c, const unsigned char *p, size_t size)
{
        if (p[3] == 3) {
                uint32_t none = 0;
                const char *name = (const char *)p + 5;
                if (size < 2 || memchr(name, ':', size - 1))
                        return -EINVAL;
                return authority_parse(name, size - 1, c->host, &none);
        }
        return inet_ntop(p[3] == 1 ? AF_INET : AF_INET6, p + 4, c->host, sizeof c->host) ? 0
                                                                                         : -EINVAL;
}

static size_t request(struct caller *c, const unsigned char *p, size_t n)
{
        if (n < 5)
                return 0;
        size_t size = address_size(p);
        if (p[0] != 5 || p[2] != 0 || !size) {
                reply(c, size ? 1 : 8);
                return n;
        }
        if (n < 4 + size + 2)
                return 0;
        c->port = (uint32_t)p[4 + size] << 8 | p[5 + size];
        if (p[1] != 1)
                reply(c, 7);
        else if (take_address(c, p, size) < 0 || !c->port)
                reply(c, 1);
        else
                c->socks_step = ASKED;
        return 4 + size + 2;
}

void socks_run(void *caller)
{
        struct caller *c = caller;
        for (;;) {
                struct slice in = conn_in(c->socks);
                size_t n = c->socks_step == GREETING
                                   ? greeting(c, (const unsigned char *)in.data, in.len)
                           : c->socks_step == REQUEST
                                   ? request(c, (const unsigned char *)in.data, in.len)
                                   : 0;
                conn_used(c->socks, n);
                if (n == 0)
                        break;
        }
        if (c->socks_step == ASKED && !c->ask)
                caller_dial(c, on_dialed);
        conn_push(c->socks);
        bool said = c->socks_step == REFUSED && conn_unsent(c->socks) == 0;
        if (said || conn_ended(c->socks) || conn_broken(c->socks))
                caller_free(c);
}
