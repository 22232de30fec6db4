/* exchange.h - requests for routes: the stream that gate opens for one client, decided request by
 * request, sent to the upstream with its key, and answered as the upstream answers.
 *
 * gate has framed what comes and written it anew; here it is parsed again, strictly, and everything
 * is checked again: the sandbox's policy as it is now, the route, the method, the canonical path, the
 * size of the body, limits and budget.
 */
#pragma once
#include "net/relay.h"
#include "vault/audit.h"
#include "vault/boxes.h"
#include "vault/busy.h"
#include "vault/counters.h"
#include "vault/budget.h"
#include "vault/price.h"
#include "vault/safe.h"
#include "vault/upstream.h"

struct exchange;
struct exchanges {
        struct loop *loop;
        struct vboxes *boxes;
        struct upstreams *upstreams;
        const struct routes *routes;
        struct budgets *budgets;
        const struct prices *prices;
        struct counters *counters;
        struct audit *audit;             /* NULL: none could be opened; all is refused */
        struct safe *(*safe)(void *ctx); /* NULL: no key yet */
        void *ctx;
        struct busy busy;
        struct exchange *first;
        struct loop_timer *look; /* for those that stand still */
        size_t n;
};

/* A stream for the sandbox of that id: *ret_fd is gate's end. -ENOENT. */
MUST_CHECK int exchange_open(struct exchanges *all, const char *sandbox, int *ret_fd);
/* A stream for a role of Paddock, for one route: *ret_fd is its end. -ENOENT. */
MUST_CHECK int exchange_open_role(struct exchanges *all, const char *role,
                                  const struct vault_open *q, int *ret_fd);
/* Policies have changed or a sandbox has ended: what may no longer be is cut. */
void exchanges_recheck(struct exchanges *all);
/* Once, at the start: what the audit log tells of budgets. */
void account_recover(struct exchanges *all);
size_t exchanges_open(const struct exchanges *all, const char *route); /* requests under way */
void exchanges_done(struct exchanges *all);
