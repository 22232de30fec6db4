/* service.h - the verbs of link/rag.h answered: what the role is, without the role around it.
 *
 * Indexes are directories in the working directory. Everything is called on the loop's thread.
 */
#pragma once
#include "link/launch.h"
#include "link/rag.h"
#include "net/peer.h"

struct service;

/* Handlers for the links to api and to launch; their ctx is the service. */
extern const struct peer_ops service_api, service_launch;

/* `launch` gives the live link to launch, or NULL while that role is away. NULL: no thread. */
struct service *service_new(struct loop *loop, struct peer *(*launch)(void *ctx), void *ctx,
                            struct err *err);
void service_free(struct service *s);      /* once idle; NULL is fine */
void service_launch_up(struct service *s); /* there is a new link to launch */
void service_stop(struct service *s);      /* index jobs end soon, without an answer */
bool service_idle(const struct service *s);
