#include "vault/address.h"
#include "base/str.h"
#include <arpa/inet.h>
#include <sys/socket.h>

/* Not public: RFC 6890 and its successors, multicast, and what translates back into IPv4. The
 * documentation ranges are not here: nobody routes them, and some closed networks use them. */
static const char internal[] =
        "0.0.0.0/8,10.0.0.0/8,100.64.0.0/10,127.0.0.0/8,169.254.0.0/16,172.16.0.0/12,192.0.0.0/24,"
        "192.88.99.0/24,192.168.0.0/16,198.18.0.0/15,224.0.0.0/4,240.0.0.0/4,"
        "::/127,fc00::/7,fe80::/10,fec0::/10,ff00::/8,100::/64,2001::/23,::ffff:0:0:0/96";

static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static struct in6_addr map4(const void *four)
{
        struct in6_addr a = {0};
        memcpy(a.s6_addr, mapped, sizeof mapped);
        memcpy(a.s6_addr + 12, four, 4);
        return a;
}

static int parse_network(char *text, struct network *ret)
{
        char *slash = strchr(text, '/');
        uint64_t bits = 0;
        unsigned char raw[16];
        if (slash)
                *slash++ = 0;
        if (slash && str_to_u64(slash, &bits) < 0)
                return -EINVAL;
        if (inet_pton(AF_INET, text, raw) == 1) {
                if (bits > 32)
                        return -EINVAL;
                *ret = (struct network){map4(raw), 96 + (slash ? (unsigned)bits : 32)};
                return 0;
        }
        if (inet_pton(AF_INET6, text, raw) != 1 || bits > 128)
                return -EINVAL;
        memcpy(&ret->base, raw, 16);
        ret->bits = slash ? (unsigned)bits : 128;
        return 0;
}

int networks_parse(const char *text, struct networks *ret, struct err *err)
{
        struct networks out = {.n = 0};
        while (*text) {
                char item[64];
                size_t n = strcspn(text, ",");
                if (n >= sizeof item || out.n == NETWORKS_MAX)
                        return err_set(err, -EINVAL, "too long a list of networks");
                memcpy(item, text, n);
                item[n] = 0;
                if (n && parse_network(item, &out.list[out.n++]) < 0)
                        return err_set(err, -EINVAL, "'%s' is not a network such as 10.0.0.0/8",
                                       item);
                text += n + (text[n] == ',');
        }
        *ret = out;
        return 0;
}

static bool in_network(const struct network *n, const struct in6_addr *a)
{
        unsigned whole = n->bits / 8, rest = n->bits % 8;
        if (memcmp(n->base.s6_addr, a->s6_addr, whole) != 0)
                return false;
        unsigned mask = 0xffu << (8 - rest) & 0xffu;
        return rest == 0 || ((n->base.s6_addr[whole] ^ a->s6_addr[whole]) & mask) == 0;
}

static bool list_has(const struct networks *n, const struct in6_addr *a)
{
        for (size_t i = 0; i < n->n; i++)
                if (in_network(&n->list[i], a))
                        return true;
        return false;
}

/* The address as IPv6; one that carries an IPv4 address inside becomes that one. */
static struct in6_addr plain(const struct address *a)
{
        static const unsigned char nat64[12] = {0, 0x64, 0xff, 0x9b};
        static const unsigned char compatible[12] = {0};
        if (a->sa.sa_family == AF_INET)
                return map4(&a->v4.sin_addr);
        const unsigned char *b = a->v6.sin6_addr.s6_addr;
        bool loopback = memcmp(b, &in6addr_loopback, 16) == 0;
        if (memcmp(b, nat64, 12) == 0 || (memcmp(b, compatible, 12) == 0 && !loopback))
                return map4(b + 12);
        if (b[0] == 0x20 && b[1] == 0x02) /* 6to4 */
                return map4(b + 2);
        /* NAT64 of a network's own prefix is RFC 8215's; its IPv4 address is at the end as well */
        if (b[0] == 0 && b[1] == 0x64 && b[2] == 0xff && b[3] == 0x9b)
                return map4(b + 12);
        return a->v6.sin6_addr;
}

bool networks_have(const struct networks *n, const struct address *a)
{
        struct in6_addr p = plain(a);
        return list_has(n, &p);
}

bool address_is_internal(const struct address *a)
{
        static struct networks list;
        if (list.n == 0 && networks_parse(internal, &list, NULL) < 0)
                return true;
        return networks_have(&list, a);
}

socklen_t address_len(const struct address *a)
{
        return a->sa.sa_family == AF_INET ? sizeof a->v4 : sizeof a->v6;
}

static bool same_host(const struct address *a, const struct address *b)
{
        if (a->sa.sa_family != b->sa.sa_family)
                return false;
        return a->sa.sa_family == AF_INET
                       ? a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr
                       : memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof(struct in6_addr)) == 0;
}

bool address_is_own(const struct address *a)
{
        auto_close int fd = socket(a->sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct address self;
        socklen_t n = sizeof self;
        if (fd < 0 || connect(fd, &a->sa, address_len(a)) < 0 || getsockname(fd, &self.sa, &n) < 0)
                return false; /* no route there at all: the connection will say so */
        return same_host(&self, a);
}

int address_parse(const char *text, uint16_t port, struct address *ret)
{
        struct address a = {.v6.sin6_family = AF_UNSPEC};
        if (inet_pton(AF_INET, text, &a.v4.sin_addr) == 1) {
                a.v4.sin_family = AF_INET;
                a.v4.sin_port = htons(port);
        } else if (inet_pton(AF_INET6, text, &a.v6.sin6_addr) == 1) {
                a.v6.sin6_family = AF_INET6;
                a.v6.sin6_port = htons(port);
        } else {
                return -EINVAL;
        }
        *ret = a;
        return 0;
}
