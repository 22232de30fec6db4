/* price.h - what tokens cost, by model: US dollars a million, which is micro-dollars a token. */
#pragma once
#include "base/err.h"
#include "vault/usage.h"

#define PRICES_MAX 128

struct price {
        char model[64]; /* a prefix */
        double input, output, cache_write, cache_read;
};
struct prices {
        struct price list[PRICES_MAX]; /* an operator's come first */
        size_t n;
};

/* The built-in table behind the lines of option routes.prices ("MODEL IN OUT WRITE READ", joined by
 * commas). Lines that are wrong are left out: -EINVAL, the first of them in err. */
MUST_CHECK int prices_init(struct prices *p, const char *list, struct err *err);
/* In micro-dollars; an unknown model costs what a large one does. */
uint64_t price_of(const struct prices *p, const char *model, const struct usage *u);
