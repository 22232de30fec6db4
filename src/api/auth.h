/* auth.h - who asks: the uid behind a Unix socket, a bearer token, or the user that loopback is.
 *
 * A request over TCP needs a token unless http.loopback_user names who loopback is; its Host must
 * be one of ours, so that a foreign page cannot reach us under a name of its own (DNS rebinding). A
 * request with an Origin that is not listed is refused everywhere, and so is one that a browser
 * marks as cross-site: we set no cookies, so nothing else identifies a browser, and a page of
 * another site can neither send a token nor use loopback's identity (CSRF).
 */
#pragma once
#include "api/api.h"
#include "store/users.h"

struct principal {
        struct user user;
        bool is_operator;
        uint64_t expires_ms;          /* of the token that was used; 0: never, or no token */
        char only[NAME_TEXT_MAX + 1]; /* a token for one sandbox: its name; else "" */
};

/* 200 and *ret, or the status of the refusal with the reason in err. */
int auth_request(struct api *a, const struct http_req *rq, struct principal *ret, struct err *err);
