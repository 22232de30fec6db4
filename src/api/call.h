/* call.h - one authenticated request on its way through a handler.
 *
 * A handler answers now or later. For later it takes a reference (call_ref) and gives it back with
 * call_unref; when the client has gone meanwhile, answering has no effect.
 */
#pragma once
#include "api/api.h"
#include "api/auth.h"

struct route;
#define CALL_PARAMS_MAX 2

struct call {
        struct api *api;
        struct http_req *rq; /* NULL once the request is over */
        const struct route *route;
        struct principal who;
        struct {
                char name[16];
                char value[PATH_TEXT_MAX + 1];
        } params[CALL_PARAMS_MAX];
        json_t *body; /* the checked JSON body, or NULL */
        unsigned refs;
        loop_fn over_fn; /* when the client has gone or everything is sent */
        void *over_ctx;
};

struct call *call_ref(struct call *c);
void call_unref(struct call *c);

const char *call_param(const struct call *c, const char *name); /* of the path; never NULL */
/* A query parameter, already checked to be one the route knows; NULL when absent. */
const char *call_query(const struct call *c, const char *name);
/* Within min..max, def when absent; false: answered with 400. */
MUST_CHECK bool call_query_u64(struct call *c, const char *name, uint64_t def, uint64_t min,
                               uint64_t max, uint64_t *ret);
bool call_query_bool(const struct call *c, const char *name);

void call_json(struct call *c, int status, json_t *j); /* takes the reference */
__attribute__((format(printf, 3, 4))) void call_fail(struct call *c, int code, const char *fmt,
                                                     ...);
void call_fail_err(struct call *c, const struct err *err);
/* The link to a role, or NULL: answered with 503. */
MUST_CHECK struct peer *call_peer(struct call *c, const char *role);
struct peer_answer;
/* For a call whose handler has only to hear that it is done: {} or the reason; ctx is a call_ref. */
void call_done(void *ctx, const struct peer_answer *a);
