#include "api/egress.h"
#include "base/str.h"
#include "base/mem.h"
#include "link/vault.h"
#include "role/routes.h"
#include <stdio.h>

#define WORD_MAX 512

static const char http[] = "http://127.0.0.1:3128";

/* One line of the policy. A word of somebody's may not become another line. */
static int add_line(struct buf *b, const char *key, const char *word, struct err *err)
{
        size_t n = strlen(word);
        if (n == 0 || n > WORD_MAX)
                return err_set(err, -EINVAL, "%s: 1 to %d bytes each", key, WORD_MAX);
        for (const char *p = word; *p; p++)
                if ((unsigned char)*p < 0x20 || *p == 0x7f)
                        return err_set(err, -EINVAL, "%s: a control character", key);
        if (buf_addf(b, "%s %s\n", key, word) < 0)
                return err_set(err, -EINVAL, "the policy is longer than %d bytes", POLICY_TEXT_MAX);
        return 0;
}

static int add_list(const struct call *c, const char *key, const char *line, struct buf *b,
                    struct err *err)
{
        size_t i;
        json_t *item;
        json_array_foreach(json_object_get(c->body, key), i, item)
        {
                if (strchr(json_string_value(item), ' '))
                        return err_set(err, -EINVAL, "%s[%zu]: a blank", key, i);
                int r = add_line(b, line, json_string_value(item), err);
                if (r < 0)
                        return err_wrap(err, r, "%s[%zu]", key, i);
        }
        return 0;
}

struct routes *egress_routes(const struct call *c)
{
        struct routes *all = xmalloc(sizeof *all);
        routes_init(all);
        /* What is wrong there vault has said in its log. */
        (void)!routes_define_list(all, api_setting(c->api, "routes.define"), NULL);
        return all;
}

/* The hosts that clients of a route need besides, through the proxy. */
static int add_hosts(const struct call *c, struct buf *b, struct err *err)
{
        size_t i;
        json_t *item;
        char host[ROUTE_LIST_MAX];
        if (json_array_size(json_object_get(c->body, "routes")) == 0)
                return 0;
        auto_free struct routes *all = egress_routes(c);
        json_array_foreach(json_object_get(c->body, "routes"), i, item)
        {
                const struct route *r = routes_find(all, json_string_value(item));
                if (!r || !route_is_for(r, c->who.user.name))
                        return err_set(err, -EINVAL, "routes[%zu]: there is no route '%.64s'", i,
                                       json_string_value(item));
                int bad = 0;
                for (const char *l = r->hosts; bad == 0 && route_item(&l, host, sizeof host);)
                        bad = add_line(b, "allow", host, err);
                if (bad < 0)
                        return bad;
        }
        return 0;
}

static int read_network(const struct call *c, bool wants_proxy, uint32_t *ret, struct err *err)
{
        char text[16] = "";
        int r = json_read_str(c->body, "network", JSON_OPTIONAL, text, sizeof text, err);
        if (r < 0)
                return r;
        if (str_eq(text, "none") && wants_proxy)
                return err_set(err, -EINVAL, "network: none, yet something is allowed");
        if (str_eq(text, "open") && wants_proxy)
                return err_set(err, -EINVAL, "network: open knows no list of what is allowed");
        if (!*text || str_eq(text, "none") || str_eq(text, "proxy")) {
                *ret = wants_proxy || str_eq(text, "proxy") ? BOX_NET_PROXY : BOX_NET_NONE;
                return 0;
        }
        if (!str_eq(text, "open"))
                return err_set(err, -EINVAL, "network: expected none, proxy or open");
        *ret = BOX_NET_OPEN;
        return c->who.is_operator ? 0 : err_set(err, -EPERM, "network: open is for operators");
}

int egress_read(const struct call *c, struct launch_spec *s, struct buf *policy, struct err *err)
{
        const char *key;
        json_t *value;
        snprintf(s->owner, sizeof s->owner, "%s", c->who.user.name);
        int r = add_list(c, "allow", "allow", policy, err);
        if (r == 0)
                r = add_list(c, "routes", "route", policy, err);
        if (r == 0)
                r = add_hosts(c, policy, err);
        if (r == 0)
                r = read_network(c, policy->len > 0, &s->network, err);
        if (r < 0 || s->network != BOX_NET_PROXY)
                return r;
        json_object_foreach(json_object_get(c->body, "labels"), key, value)
        {
                char word[WORD_MAX + 1];
                snprintf(word, sizeof word, "%s=%s", key, json_string_value(value));
                r = add_line(policy, "label", word, err);
                if (r < 0)
                        return err_wrap(err, r, "labels");
        }
        const char *name = json_string_value(json_object_get(c->body, "name"));
        r = name && *name ? add_line(policy, "name", name, err) : 0;
        r = r < 0 ? r : add_line(policy, "by", c->who.user.name, err);
        if (r < 0)
                return r;
        s->policy = (struct slice){buf_text(policy), policy->len};
        return 0;
}

/* "NAME=VALUE|...", '@' being the route's address inside. */
static void set_route_env(json_t *env, const struct route *r)
{
        char item[ROUTE_LIST_MAX], base[128], value[1024];
        snprintf(base, sizeof base, "%s/%s", http, r->name);
        for (const char *l = r->env; route_item(&l, item, sizeof item);) {
                char *v = strchr(item, '=');
                if (!v)
                        continue;
                *v++ = 0;
                char *at = strchr(v, '@');
                if (at)
                        snprintf(value, sizeof value, "%.*s%s%s", (int)(at - v), v, base, at + 1);
                else
                        snprintf(value, sizeof value, "%s", v);
                if (!json_object_get(env, item))
                        json_object_set_new(env, item, json_string(value));
        }
}

static void set_routes_env(const struct call *c, const json_t *routes, json_t *env)
{
        size_t i;
        json_t *item;
        if (json_array_size(routes) == 0)
                return;
        auto_free struct routes *all = egress_routes(c);
        json_array_foreach((json_t *)routes, i, item)
        {
                const struct route *r = routes_find(all, json_string_value(item));
                if (r)
                        set_route_env(env, r);
        }
}

void egress_env(const struct call *c, const json_t *routes)
{
        json_t *body = c->body;
        static const struct {
                const char *name, *value;
        } vars[] = {
                {"HTTP_PROXY", http},
                {"http_proxy", http},
                {"HTTPS_PROXY", http},
                {"https_proxy", http},
                /* Not SOCKS: clients that lack a module for it end at their start. */
                {"ALL_PROXY", http},
                {"all_proxy", http},
                {"NO_PROXY", "127.0.0.1,localhost,::1"},
                {"no_proxy", "127.0.0.1,localhost,::1"},
        };
        json_t *env = json_object_get(body, "env");
        if (!env) {
                env = json_object();
                json_object_set_new(body, "env", env);
        }
        for (size_t i = 0; i < ARRAY_LEN(vars); i++)
                if (!json_object_get(env, vars[i].name))
                        json_object_set_new(env, vars[i].name, json_string(vars[i].value));
        set_routes_env(c, routes, env);
}
