/* routes.h - routes as data: what an upstream is, whose key goes there, what may be asked of it.
 *
 * A route is a line: its name, then KEY=VALUE separated by blanks. The built-in ones are written in
 * the same lines (routes_builtin); an operator's line (option routes.define) of a name that exists
 * changes the keys that it gives, another one makes a new route.
 *
 *     anthropic upstream=https://api.anthropic.com secret=anthropic as=header:x-api-key
 *               allow=POST:/v1/messages|GET:/v1/models*
 *
 *   upstream       http[s]://HOST[:PORT][/BASE]
 *   secret, as     the secret's name, and how it is added (vault/inject.h); none: nothing is added
 *   allow          METHOD[+METHOD]:PATH|...; a final star stands for any rest; none: nothing is allowed
 *   repos          OWNER/NAME, or an owner and a star: only below these, in `allow` written {repo}
 *   encoded_slash  yes: %2F may be in a path
 *   redirect       refuse (502), follow (by the vault, without the key) or pass
 *   meter          none, anthropic or openai: usage is read, and bodies are looked at
 *   models         MODEL|MODEL*: only these
 *   server_tools   TYPE|TYPE*: tools that the upstream itself runs; none by default
 *   body_max       largest body, such as 32M
 *   concurrency    requests of one sandbox at once
 *   idle           TIME: a request of which nothing moves for so long ends; 10m by default, 0: never
 *   rate           requests of one sandbox a minute
 *   box_requests box_tokens box_usd, name_..., owner_..., route_...
 *                  budgets: of a sandbox for its life; of an owner's sandboxes of one name, of an
 *                  owner, of the whole route for a day
 *   hosts          HOST, or a star and a domain: may be reached through the proxy as well (downloads)
 *   users          who may use it, "u1000|ann"; all by default; for others it does not exist
 *   roles          api|rag: roles of Paddock that may use it; such a route is for no user's sandboxes
 *                  unless `users` says so
 *   env            NAME=VALUE|...: set in the sandbox; '@' is the route's address inside
 */
#pragma once
#include "base/err.h"
#include "base/limits.h"

#define ROUTES_MAX      64
#define ROUTE_ALLOW_MAX 24
#define ROUTE_LIST_MAX  512

enum route_redirect { ROUTE_REFUSE, ROUTE_FOLLOW, ROUTE_PASS };
enum route_meter { ROUTE_UNMETERED, ROUTE_ANTHROPIC, ROUTE_OPENAI };

struct route_limit {
        uint64_t requests, micro_usd, tokens; /* 0: none */
};
struct route {
        char name[NAME_TEXT_MAX + 1];
        char host[254], base[128];
        uint16_t port;
        bool tls;
        char secret[NAME_TEXT_MAX + 1], form[128];
        char allow[1024], repos[ROUTE_LIST_MAX], models[ROUTE_LIST_MAX];
        char server_tools[ROUTE_LIST_MAX], hosts[ROUTE_LIST_MAX], env[ROUTE_LIST_MAX];
        char users[ROUTE_LIST_MAX], roles[128];
        bool encoded_slash;
        enum route_redirect redirect;
        enum route_meter meter;
        uint64_t body_max, concurrency, rate, idle_ms;
        struct route_limit box, named, owner, whole;
};
struct routes {
        struct route list[ROUTES_MAX];
        size_t n;
};

/* The built-in ones. */
void routes_init(struct routes *r);
/* One line. -EINVAL with what is wrong. */
MUST_CHECK int routes_define(struct routes *r, const char *line, struct err *err);
/* The lines of option routes.define, joined by commas as a list's canonical text is. Lines that are
 * wrong are left out; the first of them is in err, and -EINVAL. */
MUST_CHECK int routes_define_list(struct routes *r, const char *list, struct err *err);
const struct route *routes_find(const struct routes *r, const char *name); /* NULL = unknown */

/* Walks a list "a|b|c": copies the next item, false at its end (or when it does not fit). */
bool route_item(const char **list, char *dst, size_t size);
/* Whether one of the items is the word; a final '*' of an item stands for any rest. */
bool route_list_has(const char *list, const char *word);
bool route_is_for(const struct route *r, const char *user);
/* METHOD and PATH (decoded and checked before) against `allow`. 0; -EPERM: the path is known, the
 * method is not; -ENOENT. */
MUST_CHECK int route_allows(const struct route *r, const char *method, const char *path);
