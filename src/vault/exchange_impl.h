/* exchange_impl.h - one stream of gate: private to exchange.c, decide.c, redirect.c,
 * answer.c, account.c. */
#pragma once
#include "vault/exchange.h"
#include "vault/inject.h"
#include "vault/path.h"
#include "vault/request.h"
#include "vault/usage.h"

#define REDIRECT_FIELDS 3

struct exchange {
        struct exchanges *all;
        struct exchange *next, **at;
        struct busy_slot *slot;         /* this request is counted there */
        char sandbox[ID_TEXT_LEN + 1];  /* or "role:NAME" */
        char opened[NAME_TEXT_MAX + 1]; /* of a role: the one route; "": of a sandbox */
        char owner[NAME_TEXT_MAX + 1], name[NAME_TEXT_MAX + 1];
        struct relay relay;
        /* of the current request */
        bool busy;          /* counted, and to be recorded */
        struct route route; /* a copy: a reload does not change it under way */
        char method[32], path[TARGET_PATH_MAX];
        char *location; /* the target that a redirect led to; NULL: the request's own */
        char *linked[REDIRECT_FIELDS]; /* what redirects on the way said of where they lead */
        struct upcall *calling;
        bool reused; /* its connection served another request before */
        unsigned hops, status;
        uint64_t began_us, first_us;
        uint64_t moved, still_us; /* what had passed at the last look, and since when no more has */
        uint64_t day;
        struct budget_sum reserved; /* tokens and money */
        bool reserved_all;          /* the reservation for this request was made */
        bool spent;                 /* refused because a budget is used up */
        bool scans, meters;         /* the body is looked at; usage is read */
        struct request request;
        struct usage usage;
        const char *verdict; /* "allowed", or why not */
};

/* decide.c: 0, or the status to answer with and the sentence in err. */
MUST_CHECK int decide_request(struct exchange *x, const struct h1_head *h, struct err *err);
/* The head for the upstream, key and all. */
/* Fields that do not pass, in a head or in trailers. */
bool request_drops(void *exchange, const char *name);
bool response_hides(void *exchange, const char *name);
MUST_CHECK int put_request_head(struct exchange *x, const struct h1_head *h, struct buf *out);
/* answer.c: in the form that the route's clients understand. */
void exchange_refuse(struct exchange *x, unsigned status, const char *text);
MUST_CHECK int put_response_head(struct exchange *x, const struct h1_head *h, struct buf *out);
/* redirect.c: 0: the route and location of x lead there now; negative: it is not followed. */
bool is_redirect(const struct h1_head *h);
MUST_CHECK int redirect_lead(struct exchange *x, const struct h1_head *h);
/* What redirects on the way said, where the response does not. */
MUST_CHECK int redirect_put_fields(const struct exchange *x, const struct h1_head *h,
                                   struct buf *out);
void redirect_forget(struct exchange *x);
/* account.c: -EDQUOT and the like with the sentence. */
MUST_CHECK int account_begin(struct exchange *x, char why[80]);
MUST_CHECK int account_reserve(struct exchange *x, char why[80]);
struct budget_sum account_settle(struct exchange *x); /* what it used */
/* exchange.c */
void exchange_record(struct exchange *x);
