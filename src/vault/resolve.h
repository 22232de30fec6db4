/* resolve.h - names to addresses, by c-ares on the event loop: the hosts file, then the name servers
 * of resolv.conf. Names are absolute: no search list is ever tried, so that nothing but the name
 * that policy allowed is looked up.
 */
#pragma once
#include "net/loop.h"
#include "vault/address.h"

#define RESOLVE_MAX 8 /* addresses of one name */

struct resolver;
struct resolve; /* one question */

struct resolve_answer {
        int status; /* 0 or -ENOENT (no such name), -ETIMEDOUT, -EIO */
        struct address list[RESOLVE_MAX];
        size_t n;
};
typedef void (*resolve_fn)(void *ctx, const struct resolve_answer *a);

MUST_CHECK int resolver_new(struct loop *l, struct resolver **ret, struct err *err);
void resolver_free(struct resolver *r); /* NULL is fine; open questions are not answered */
DEFINE_CLEANUP(struct resolver *, resolver_free);
/* fn is called once, from the loop, unless cancelled before. */
struct resolve *resolve_start(struct resolver *r, const char *host, uint16_t port, resolve_fn fn,
                              void *ctx);
void resolve_cancel(struct resolve *q); /* NULL is fine */
