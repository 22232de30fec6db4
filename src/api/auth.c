#include "api/auth.h"
#include "base/clock.h"
#include "base/str.h"
#include "store/tokens.h"
#include <ctype.h>

#define OVERFLOW_UID 65534 /* "nobody": the kernel's name for all that have none in a namespace */

/* A comma-separated list as the configuration holds it. */
static bool listed(const char *list, const char *item, size_t n)
{
        while (*list) {
                list += strspn(list, " ,");
                size_t len = strcspn(list, " ,");
                if (len == n && n > 0 && strncasecmp(list, item, n) == 0)
                        return true;
                list += len;
        }
        return false;
}

/* "name", "name:port", "[::1]:port": the length of the host, and the port or 0. */
static size_t split_host(const char *host, uint64_t *ret_port)
{
        const char *colon = host[0] == '[' ? strchr(host, ']') : host;
        colon = colon ? strchr(colon, ':') : NULL;
        *ret_port = 0;
        if (!colon)
                return strlen(host);
        return str_to_u64(colon + 1, ret_port) == 0 && *ret_port ? (size_t)(colon - host) : 0;
}

static bool host_allowed(const struct api *a, const char *host, uint16_t own_port)
{
        uint64_t port;
        size_t n = split_host(host, &port);
        bool own = listed("localhost,127.0.0.1,[::1]", host, n);
        /* Behind a proxy or under a name of the operator's the port is the proxy's. */
        if (own)
                return port == 0 || port == own_port || api_setting_bool(a, "http.behind_proxy");
        return listed(api_setting(a, "http.hosts"), host, n) ||
               listed(api_setting(a, "http.hosts"), host, strlen(host));
}

static int check_origin(const struct api *a, const struct http_req *rq, struct err *err)
{
        const char *origin = http_header(rq, "Origin"), *site = http_header(rq, "Sec-Fetch-Site");
        if (origin && listed(api_setting(a, "http.origins"), origin, strlen(origin)))
                return 200;
        if (origin) {
                err_set(err, -EACCES, "the origin is not in http.origins");
                return 403;
        }
        if (site && (strcasecmp(site, "cross-site") == 0 || strcasecmp(site, "same-site") == 0)) {
                err_set(err, -EACCES, "a page of another site may not ask here");
                return 403;
        }
        return 200;
}

static const char *token_of(const struct http_req *rq)
{
        const char *s = http_header(rq, "Authorization");
        if (s && strncasecmp(s, "Bearer ", 7) == 0)
                return s + 7 + strspn(s + 7, " ");
        return http_header(rq, "X-API-Key");
}

static int internal(struct err *err, int r)
{
        return err->code ? 500 : (err_set(err, r, "the user table cannot be read"), 500);
}

static int by_token(struct api *a, const char *text, struct principal *ret, struct err *err)
{
        struct token t;
        int r = tokens_find(a->db, text, clock_wall_ms(), &t, err);
        if (r < 0)
                return internal(err, r);
        if (r == 0) {
                err_set(err, -EACCES, "the token is unknown, revoked or expired");
                return 401;
        }
        ret->expires_ms = t.expires_ms;
        ret->user.id = t.owner;
        snprintf(ret->user.name, sizeof ret->user.name, "%s", t.owner_name);
        ret->is_operator = token_has_scope(&t, "operator");
        const char *box = strstr(t.scopes, "sandbox:");
        if (!ret->is_operator && !token_has_scope(&t, "member") && box) {
                box += strlen("sandbox:");
                snprintf(ret->only, sizeof ret->only, "%.*s", (int)strcspn(box, " "), box);
        }
        return 200;
}

static int by_uid(struct api *a, uint32_t uid, struct principal *ret, struct err *err)
{
        struct api_known *k = &a->by_uid[uid % API_KNOWN_USERS];
        if (uid == OVERFLOW_UID && uid != a->env.serve_uid) {
                err_set(err, -EACCES, "this server cannot tell who you are: use a token");
                return 401;
        }
        if (k->user.id == 0 || k->uid != uid) {
                struct user u;
                int r = users_of_uid(a->db, uid, &u, err);
                if (r < 0)
                        return internal(err, r);
                *k = (struct api_known){uid, u};
        }
        ret->user = k->user;
        ret->is_operator = uid == 0 || uid == a->env.serve_uid;
        return 200;
}

int auth_request(struct api *a, const struct http_req *rq, struct principal *ret, struct err *err)
{
        const struct http_peer *from = http_from(rq);
        const char *token = token_of(rq), *loopback = api_setting(a, "http.loopback_user");
        *ret = (struct principal){0};
        if (!from->is_unix) {
                const char *host = http_header(rq, "Host");
                if (!host || !host_allowed(a, host, from->own_port)) {
                        err_set(err, -EACCES, "the Host is not in http.hosts");
                        return 403;
                }
        }
        int status = check_origin(a, rq, err);
        if (status != 200)
                return status;
        if (token)
                return by_token(a, token, ret, err);
        if (from->is_unix)
                return by_uid(a, from->uid, ret, err);
        /* Behind a proxy every client seems to be on this machine. */
        if (*loopback && from->is_loopback && !api_setting_bool(a, "http.behind_proxy")) {
                struct user *u = &a->by_name.user;
                int r = str_eq(u->name, loopback) ? 0 : users_of_name(a->db, loopback, u, err);
                ret->user = *u;
                return r < 0 ? internal(err, r) : 200;
        }
        err_set(err, -EACCES, "a token is needed: Authorization: Bearer TOKEN");
        return 401;
}
