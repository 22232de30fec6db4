/* post.h - secrets that come through api, sealed to the vault's key (link/envelope.h). It answers
 * what api asks in the name of an operator; values are opened here and nowhere before.
 */
#pragma once
#include "net/peer.h"
#include "vault/desk.h"

struct post;
struct post *post_new(struct desk *d); /* borrowed, outlives it. Never NULL */
void post_free(struct post *p);        /* NULL is fine */
void post_key(struct post *p, struct peer_request *rq);
void post_put(struct post *p, struct peer_request *rq, const struct vault_sealed *s);
void post_list(struct post *p, struct peer_request *rq);
void post_remove(struct post *p, struct peer_request *rq, const char *name);
