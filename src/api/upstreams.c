/* GET /v1/routes: upstreams as the configuration describes them, never a key. */
#include "api/egress.h"
#include "api/handlers.h"
#include "base/mem.h"
#include "base/str.h"
#include "link/vault.h"
#include "role/routes.h"
#include <stdio.h>

static json_t *items(const char *list)
{
        char item[sizeof((struct route *)0)->allow];
        json_t *a = json_array();
        while (route_item(&list, item, sizeof item))
                json_array_append_new(a, json_string(item));
        return a;
}

static json_t *shown(const struct route *r, bool is_operator)
{
        static const char *const meters[] = {"none", "anthropic", "openai"};
        char where[512], port[8] = "";
        if (r->port != (r->tls ? 443 : 80))
                snprintf(port, sizeof port, ":%u", r->port);
        snprintf(where, sizeof where, "%s://%s%s%s", r->tls ? "https" : "http", r->host, port,
                 r->base);
        json_t *o =
                json_pack("{s:s,s:s,s:s,s:s,s:s,s:o,s:o,s:o,s:o,s:o}", "name", r->name, "upstream",
                          where, "secret", r->secret, "as", r->form, "meter", meters[r->meter],
                          "allow", items(r->allow), "repos", items(r->repos), "models",
                          items(r->models), "hosts", items(r->hosts), "env", items(r->env));
        if (is_operator) {
                json_object_set_new(o, "users", items(r->users));
                json_object_set_new(o, "roles", items(r->roles));
        }
        return o;
}

void upstreams_get(struct call *c)
{
        auto_free struct routes *all = egress_routes(c);
        json_t *list = json_array();
        for (size_t i = 0; i < all->n; i++)
                if (c->who.is_operator || route_is_for(&all->list[i], c->who.user.name))
                        json_array_append_new(list, shown(&all->list[i], c->who.is_operator));
        call_json(c, 200, json_pack("{s:o}", "routes", list));
}

static void on_tested(void *ctx, const struct peer_answer *a)
{
        struct call *c = ctx;
        const struct vault_tested *t = a->rep;
        if (a->status < 0)
                call_fail_err(c, a->err);
        else
                call_json(c, 200,
                          json_pack("{s:s,s:b,s:i,s:s,s:I}", "name", call_param(c, "name"), "fine",
                                    (int)t->fine, "status", (int)t->status, "text", t->text, "us",
                                    (json_int_t)t->us));
        call_unref(c);
}

void upstream_test(struct call *c)
{
        struct vault_open q = {.owner = ""};
        struct peer *vault = call_peer(c, "vault");
        if (!vault)
                return;
        if (!str_is_name(call_param(c, "name"))) {
                call_fail(c, -ENOENT, "there is no such route");
                return;
        }
        snprintf(q.route, sizeof q.route, "%s", call_param(c, "name"));
        peer_call(vault, VAULT_TEST, &q, NULL, 0, on_tested, call_ref(c));
}
