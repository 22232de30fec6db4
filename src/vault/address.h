/* address.h - addresses that no sandbox reaches, whatever its policy says: the host itself, what
 * lies behind it, and every notation that ends there. The operator may list networks that are
 * reached all the same (option egress.private).
 */
#pragma once
#include "base/err.h"
#include <netinet/in.h>

struct address {
        union {
                struct sockaddr sa;
                struct sockaddr_in v4;
                struct sockaddr_in6 v6;
        };
};

struct network { /* IPv4 as mapped into IPv6: one kind of comparison */
        struct in6_addr base;
        unsigned bits;
};
#define NETWORKS_MAX 64
struct networks {
        struct network list[NETWORKS_MAX];
        size_t n;
};

/* "10.0.0.0/8,fd00::/8": empty is fine; -EINVAL. */
MUST_CHECK int networks_parse(const char *text, struct networks *ret, struct err *err);
bool networks_have(const struct networks *n, const struct address *a);
/* True for the ranges that are never public. An IPv4 address inside an IPv6 one counts as itself. */
bool address_is_internal(const struct address *a);
/* True when it is one of this host's own, as the kernel's routes say; nothing is sent. */
bool address_is_own(const struct address *a);
socklen_t address_len(const struct address *a);
/* -EINVAL: not a literal. */
MUST_CHECK int address_parse(const char *text, uint16_t port, struct address *ret);
