/* POST /v1/stop and /v1/reload, handed on to serve. */
#include "api/handlers.h"
#include "base/mem.h"
#include "link/serve.h"

static void on_stop(void *ctx, const struct peer_answer *a)
{
        struct call *c = ctx;
        if (a->status < 0)
                call_fail_err(c, a->err);
        else
                call_json(c, 200, json_pack("{s:b}", "stopping", 1));
        call_unref(c);
}

void control_stop(struct call *c)
{
        struct serve_stop req = {.all = json_is_true(json_object_get(c->body, "all"))};
        struct peer *serve = call_peer(c, "serve");
        if (serve)
                peer_call(serve, SERVE_STOP, &req, NULL, 0, on_stop, call_ref(c));
}

struct reload {
        struct call *c;
        json_t *changes;
};

static void on_reload(void *ctx, const struct peer_answer *a)
{
        struct reload *r = ctx;
        if (a->status == 0) {
                const struct serve_change *change = a->rep;
                if (change->option[0])
                        json_array_append_new(r->changes,
                                              json_pack("{s:s,s:b}", "option", change->option,
                                                        "applied", (int)change->applied));
                if (a->more)
                        return;
                call_json(r->c, 200, json_pack("{s:O}", "changes", r->changes));
        } else {
                call_fail_err(r->c, a->err);
        }
        call_unref(r->c);
        json_decref(r->changes);
        free(r);
}

void control_reload(struct call *c)
{
        struct serve_empty req = {0};
        struct peer *serve = call_peer(c, "serve");
        if (!serve)
                return;
        struct reload *r = xmalloc(sizeof *r);
        *r = (struct reload){call_ref(c), json_array()};
        peer_call(serve, SERVE_RELOAD, &req, NULL, 0, on_reload, r);
}
