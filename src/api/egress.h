/* egress.h - what a sandbox may reach: from the request to the policy text that vault reads, and the
 * variables by which programs inside find the proxy. vault checks every word again. */
#pragma once
#include "api/call.h"
#include "link/launch.h"
#include "link/vault.h"

/* Reads network, allow, routes and labels of the body into s; s->policy points into policy. */
MUST_CHECK int egress_read(const struct call *c, struct launch_spec *s, struct buf *policy,
                           struct err *err);
/* The routes of the configuration, as vault reads it; free() them. Never NULL. */
struct routes *egress_routes(const struct call *c);
/* Of a sandbox in network mode proxy: adds the variables to the body's env; one that the asker set stays. */
void egress_env(const struct call *c, const json_t *routes);
