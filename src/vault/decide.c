/* decide.c - whether a request may go to its upstream, and how it looks there. */
#include "base/str.h"
#include "vault/exchange_impl.h"
#include <stdio.h>

static int deny(struct err *err, const char *text, int status)
{
        err_set(err, -EACCES, "%s", text);
        return status;
}

/* "/ROUTE/rest?query" of a sandbox; of a role, which has opened one route, "/rest?query". */
static int split(const struct exchange *x, const char *target, char name[NAME_TEXT_MAX + 1],
                 const char **ret_rest, size_t *ret_n, const char **ret_query)
{
        if (!x->opened[0])
                return target_split(target, name, ret_rest, ret_n, ret_query);
        if (target[0] != '/' || strchr(target, '#'))
                return -EINVAL;
        size_t n = strcspn(target, "?");
        memcpy(name, x->opened, NAME_TEXT_MAX + 1);
        *ret_rest = target;
        *ret_n = n;
        *ret_query = target[n] ? target + n + 1 : NULL;
        return 0;
}

static bool is_for_role(const struct exchange *x, const struct route *r)
{
        if (str_eq(x->sandbox, "role:test"))
                return true;
        bool owner = !x->owner[0] || !r->users[0] || route_is_for(r, x->owner);
        return owner && route_list_has(r->roles, x->sandbox + strlen("role:"));
}

static bool is_for_sandbox(struct exchange *x, const struct route *r)
{
        const struct vbox *b = vbox_find(x->all->boxes, x->sandbox);
        snprintf(x->owner, sizeof x->owner, "%s", b ? b->owner : "");
        snprintf(x->name, sizeof x->name, "%s", b ? policy_name(b->policy) : "");
        return b && policy_has_route(b->policy, r->name) && route_is_for(r, b->owner);
}

/* Not this sandbox's and not there at all are the same to it. */
static int find_route(struct exchange *x, const char *name, struct err *err)
{
        const struct route *r = routes_find(x->all->routes, name);
        if (!r || !(x->opened[0] ? is_for_role(x, r) : is_for_sandbox(x, r)))
                return deny(err, "there is no such route for this sandbox", 404);
        x->route = *r;
        return 0;
}

static int check_path(struct exchange *x, const char *rest, size_t n, struct err *err)
{
        if (n == 0) {
                rest = "/";
                n = 1;
        }
        char plain[TARGET_PATH_MAX];
        if (path_canonical(rest, n, x->route.encoded_slash, plain) < 0)
                return deny(err, "the path is not in its plain form", 400);
        memcpy(x->path, plain, sizeof plain);
        /* A test asks for the fixed part of a path, which alone may not be allowed: it shows nothing. */
        bool test = str_eq(x->sandbox, "role:test") && str_eq(x->method, "GET");
        int r = test ? 0 : route_allows(&x->route, x->method, x->path);
        if (r == -EPERM)
                return deny(err, "this route does not allow that method there", 405);
        return r < 0 ? deny(err, "this route does not lead there", 404) : 0;
}

static int check_limits(struct exchange *x, const struct h1_head *h, struct err *err)
{
        x->slot = busy_take(&x->all->busy, x->sandbox, x->route.name, x->route.concurrency);
        if (!x->slot)
                return deny(err, "too many requests at once", 429);
        if (h->framing == H1_LENGTH && h->length > x->route.body_max)
                return deny(err, "the body is larger than this route allows", 413);
        /* What cannot be read cannot be checked. */
        if (x->route.meter != ROUTE_UNMETERED && h1_find(h, "content-encoding"))
                return deny(err, "a compressed body is not taken on this route", 415);
        return 0;
}

/* The key is for this host and this form, or it is not used. */
static int check_secret(struct exchange *x, struct err *err)
{
        char host[300];
        const struct route *r = &x->route;
        struct safe *safe = x->all->safe(x->all->ctx);
        if (!r->secret[0])
                return 0;
        if (!safe || !seal_is_open(safe_seal(safe)))
                return deny(err, "the vault is locked: its operator has to unlock it", 503);
        const struct secret *s = safe_find(safe, r->secret);
        if (!s || s->kind != SECRET_ROUTE)
                return deny(err, "the key of this route is not set: paddock secret set", 503);
        snprintf(host, sizeof host, "%s:%u", r->host, r->port);
        bool fits = str_eq(s->host, r->host) || str_eq(s->host, host);
        if (!fits || !str_eq(s->form, r->form))
                return deny(err, "the key of this route was set for another host or form", 503);
        return 0;
}

int decide_request(struct exchange *x, const struct h1_head *h, struct err *err)
{
        char name[NAME_TEXT_MAX + 1];
        const char *rest, *query;
        size_t n;
        snprintf(x->method, sizeof x->method, "%s", h->method);
        snprintf(x->path, sizeof x->path, "%.*s", 512, h->target);
        if (strlen(h->method) >= sizeof x->method ||
            split(x, h->target, name, &rest, &n, &query) < 0)
                return deny(err, "expected /ROUTE/...", 404);
        int status = find_route(x, name, err);
        if (status == 0)
                status = check_path(x, rest, n, err);
        if (status == 0)
                status = check_limits(x, h, err);
        if (status == 0)
                status = check_secret(x, err);
        if (status == 0 && (!x->all->audit || !audit_works(x->all->audit)))
                status = deny(err, "the audit log cannot be written", 503);
        return status;
}

/* ---- the head ---- */

/* What a client sends as its key never goes on, nor what tells about the inside. */
bool request_drops(void *ctx, const char *name)
{
        static const char *const names[] = {"host",      "authorization", "x-api-key",
                                            "api-key",   "cookie",        "x-goog-api-key",
                                            "forwarded", "via",           "private-token"};
        const struct exchange *x = ctx;
        struct inject form;
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
                if ((name[0] | 0x20) == names[i][0] && strcasecmp(names[i], name) == 0)
                        return true;
        if (strncasecmp(name, "x-forwarded-", 12) == 0)
                return true;
        if (x->route.meter != ROUTE_UNMETERED && strcasecmp(name, "accept-encoding") == 0)
                return true;
        if (x->route.form[0] && inject_parse(x->route.form, &form, NULL) == 0 &&
            inject_field(&form) && strcasecmp(inject_field(&form), name) == 0)
                return true;
        return false;
}

/* "?query" with the key in it, where that is its place; a parameter of that name from inside goes. */
static int put_target(struct exchange *x, const struct h1_head *h, const struct inject *form,
                      const struct secret *s, struct buf *out)
{
        char name[NAME_TEXT_MAX + 1];
        const char *rest, *query;
        size_t n;
        if (split(x, h->target, name, &rest, &n, &query) < 0)
                return -EINVAL;
        if (x->location) {
                int bad = h1_put_request(out, h->method, x->location);
                return bad < 0 || form->kind != INJECT_QUERY ? bad : -EINVAL;
        }
        int r = buf_addf(out, "%s ", h->method);
        r = r < 0 ? r : buf_addf(out, "%s%s%.*s", x->route.base, n ? "" : "/", (int)n, rest);
        if (form->kind != INJECT_QUERY || !s) {
                if (r == 0 && query)
                        r = buf_addf(out, "?%s", query);
                return r < 0 ? r : buf_adds(out, " HTTP/1.1\r\n");
        }
        r = r < 0 ? r : buf_adds(out, "?");
        for (const char *p = query; r == 0 && p && *p;) {
                size_t len = strcspn(p, "&"), key = strcspn(p, "=&");
                if (!(key == strlen(form->name) && strncasecmp(p, form->name, key) == 0))
                        r = buf_addf(out, "%.*s&", (int)len, p);
                p += len + (p[len] == '&');
        }
        r = r < 0 ? r : inject_query(form, s->value, s->n, out);
        return r < 0 ? r : buf_adds(out, " HTTP/1.1\r\n");
}

static int put_own_fields(struct exchange *x, const struct inject *form, const struct secret *s,
                          struct buf *out)
{
        bool plain_port = x->route.port == (x->route.tls ? 443 : 80);
        int r = plain_port ? buf_addf(out, "host: %s\r\n", x->route.host)
                           : buf_addf(out, "host: %s:%u\r\n", x->route.host, x->route.port);
        if (r == 0 && x->route.meter != ROUTE_UNMETERED)
                r = buf_adds(out, "accept-encoding: identity\r\n");
        return r < 0 || !s ? r : inject_put(form, s->value, s->n, out);
}

int put_request_head(struct exchange *x, const struct h1_head *h, struct buf *out)
{
        struct inject form = {INJECT_NONE, ""};
        const struct secret *s = NULL;
        struct safe *safe = x->all->safe(x->all->ctx);
        if (x->route.secret[0] && x->route.form[0]) {
                s = safe ? safe_find(safe, x->route.secret) : NULL;
                if (!s || inject_parse(x->route.form, &form, NULL) < 0)
                        return -EINVAL;
        }
        int r = put_target(x, h, &form, s, out);
        r = r < 0 ? r : put_own_fields(x, &form, s, out);
        r = r < 0 ? r : relay_put_fields(h, out, request_drops, x);
        return r < 0 ? r : relay_put_request_end(h, out);
}
