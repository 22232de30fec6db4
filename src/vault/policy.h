/* policy.h - what one sandbox may reach: read from the text that api wrote and launch handed on.
 *
 * One item a line:
 *     allow HOST[:PORT]   HOST: a name, "*.example.org" (every name below it, not itself), "*" (every
 *                         public name) or a literal address, an IPv6 one in brackets.
 *                         PORT: a number or "*"; without it 80 and 443.
 *     route NAME          a route of the operator's configuration
 *     label KEY=VALUE     for the audit log
 * Default is to deny. Names are compared without case and without a final dot.
 */
#pragma once
#include "base/err.h"
#include "link/vault.h"

#define POLICY_RULES_MAX 512

struct policy_rule {
        char host[HOST_TEXT_MAX + 1]; /* canonical; of "*.x" the x; "" every name */
        bool below;                   /* names below host, not host itself */
        bool literal;                 /* an address */
        uint32_t port;                /* 0: 80 and 443; POLICY_ANY_PORT */
};
#define POLICY_ANY_PORT UINT32_MAX

struct policy; /* opaque */

/* -EINVAL with the line that is wrong. */
MUST_CHECK int policy_parse(const char *text, size_t n, struct policy **ret, struct err *err);
void policy_free(struct policy *p); /* NULL is fine */
DEFINE_CLEANUP(struct policy *, policy_free);
/* host as host_canonical leaves it. */
bool policy_allows(const struct policy *p, const char *host, bool literal, uint32_t port);
bool policy_has_route(const struct policy *p, const char *name);
/* "k=v k=v", "" without labels. */
const char *policy_labels(const struct policy *p);
const char *policy_name(const struct policy *p); /* of the sandbox; "" without one */
const char *policy_by(const struct policy *p);   /* who has set it; "" when it is not said */

/* Lower case, no final dot; or an address as inet_ntop writes it (*ret_literal). -EINVAL: what is
 * neither, among it every way to write an address that only some programs understand. */
MUST_CHECK int host_canonical(const char *text, char ret[HOST_TEXT_MAX + 1], bool *ret_literal);
/* One rule against one name: what policy_allows asks for each. */
bool policy_rule_matches(const struct policy_rule *r, const char *host, bool literal,
                         uint32_t port);
/* HOST[:PORT] of an "allow" line. */
MUST_CHECK int policy_rule_parse(const char *text, struct policy_rule *ret, struct err *err);
