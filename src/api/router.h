/* router.h - THE table of routes. Dispatch, the scope that is needed, the check of bodies and query
 * parameters, and the OpenAPI document all come from it; a route that is not here does not exist.
 */
#pragma once
#include "api/call.h"
#include "api/fields.h"

enum scope {
        SCOPE_MEMBER,   /* any user; not a token for one sandbox */
        SCOPE_SANDBOX,  /* also a token for one sandbox: the handler looks the object up */
        SCOPE_OPERATOR, /* operators */
};

struct route {
        const char *method;
        const char *path; /* "/v1/jobs/{id}/logs"; a last "{path...}" takes the rest, slashes too */
        enum scope scope;
        void (*handle)(struct call *c);
        const char *summary;
        const struct field *query;
        const struct field *body; /* JSON; NULL: none */
        bool upload;              /* a body of bytes that the handler takes itself */
        int status;               /* of success */
        const char *type;         /* of the answer; NULL: JSON of `answer` */
        const struct field *answer;
};

extern const struct route routes[];
extern const size_t routes_n;

/* The handler of httpd: authenticates, finds the route, checks, calls. */
void router_request(void *ctx, struct http_req *rq);
void router_answered(void *ctx, const struct http_req *rq); /* counts and logs */
/* Does `path` fit the pattern? Fills the parameters of c (which may be NULL). */
bool router_match(const char *pattern, const char *path, struct call *c);
/* A new reference. */
json_t *openapi_document(void);
