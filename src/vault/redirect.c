/* redirect.c - where a redirect of the upstream leads, for routes that follow it in the place of the
 * client. */
#include "base/mem.h"
#include "base/str.h"
#include "vault/exchange_impl.h"
#include <stdio.h>

#define HOPS_MAX 5 /* for one request */

bool is_redirect(const struct h1_head *h)
{
        return (h->status >= 301 && h->status <= 303) || h->status == 307 || h->status == 308;
}

/* The same host: the path has to be one that the route allows. */
static int lead_along(struct exchange *x, const char *path)
{
        char plain[TARGET_PATH_MAX];
        size_t base = strlen(x->route.base), n = strcspn(path, "?#");
        if (n < base || strncmp(path, x->route.base, base) != 0 ||
            path_canonical(path + base, n - base, x->route.encoded_slash, plain) < 0 ||
            route_allows(&x->route, x->method, plain) < 0)
                return -EACCES;
        x->location = xstrdup(path);
        return 0;
}

/* By https: another host gets no key. */
static int lead_away(struct exchange *x, const char *rest)
{
        char host[HOST_TEXT_MAX + 1], text[300];
        bool literal;
        uint64_t port = 443;
        size_t n = strcspn(rest, "/?#");
        if (n >= sizeof text)
                return -EINVAL;
        snprintf(text, sizeof text, "%.*s", (int)n, rest);
        char *colon = strchr(text, ':');
        if (colon)
                *colon++ = 0;
        if (host_canonical(text, host, &literal) < 0 || literal ||
            (colon && (str_to_u64(colon, &port) < 0 || port < 1 || port > 65535)))
                return -EINVAL;
        auto_free char *path = xasprintf("%s%s", rest[n] == '/' ? "" : "/", rest + n);
        if (x->route.tls && str_eq(host, x->route.host) && port == x->route.port)
                return lead_along(x, path); /* with the key: where the route leads, no further */
        snprintf(x->route.host, sizeof x->route.host, "%s", host);
        x->route.port = (uint16_t)port;
        x->route.tls = true;
        x->route.secret[0] = x->route.form[0] = 0;
        x->location = TAKE_PTR(path);
        return 0;
}

/* What the hub of Hugging Face says with a redirect, of the file that it leads to: its client takes no
 * answer without. */
static const char *const linked[REDIRECT_FIELDS] = {"x-repo-commit", "x-linked-etag",
                                                    "x-linked-size"};

static void keep_fields(struct exchange *x, const struct h1_head *h)
{
        for (size_t i = 0; i < ARRAY_LEN(linked); i++) {
                const char *value = h1_find(h, linked[i]);
                if (value && !x->linked[i])
                        x->linked[i] = xstrdup(value);
        }
}

int redirect_lead(struct exchange *x, const struct h1_head *h)
{
        const char *to = h1_find(h, "location");
        if (!to || x->hops >= HOPS_MAX || !h1_is_target(to) ||
            !(str_eq(x->method, "GET") || str_eq(x->method, "HEAD")))
                return -EINVAL;
        auto_free char *copy = xstrdup(to), *old = x->location;
        x->location = NULL;
        copy[strcspn(copy, "#")] = 0;
        int r = str_starts(copy, "https://")       ? lead_away(x, copy + 8)
                : copy[0] == '/' && copy[1] != '/' ? lead_along(x, copy)
                                                   : -EINVAL;
        if (r < 0) {
                x->location = TAKE_PTR(old);
                return r;
        }
        x->hops++;
        keep_fields(x, h);
        return 0;
}

int redirect_put_fields(const struct exchange *x, const struct h1_head *h, struct buf *out)
{
        int r = 0;
        for (size_t i = 0; i < ARRAY_LEN(linked) && r == 0; i++)
                if (x->linked[i] && !h1_find(h, linked[i]))
                        r = h1_put_field(out, linked[i], x->linked[i]);
        return r;
}

void redirect_forget(struct exchange *x)
{
        free(x->location);
        x->location = NULL;
        x->hops = 0;
        for (size_t i = 0; i < ARRAY_LEN(x->linked); i++) {
                free(x->linked[i]);
                x->linked[i] = NULL;
        }
}
