/* GET and PUT /v1/sandboxes/{id}/policy: what a sandbox that runs may reach. */
#include "api/box.h"
#include "api/egress.h"
#include "api/events.h"
#include "api/handlers.h"
#include "api/job_json.h"
#include "base/mem.h"

static json_t *list_of(const json_t *o, const char *key)
{
        json_t *l = json_object_get(o, key);
        return json_is_array(l) ? json_incref(l) : json_array();
}

static json_t *policy_of(const json_t *o)
{
        return json_pack("{s:o,s:o}", "allow", list_of(o, "allow"), "routes", list_of(o, "routes"));
}

void policy_get(struct call *c)
{
        char id[ID_TEXT_LEN + 1];
        auto_json json_t *o = job_of_call(c, "sandbox", id);
        if (o)
                call_json(c, 200, policy_of(o));
}

struct change {
        struct call *c;
        int64_t owner; /* of the sandbox: an operator may have asked */
        char id[ID_TEXT_LEN + 1];
};

static void take_spec(void *ctx, const struct job_row *row)
{
        *(json_t **)ctx = json_or_null(row->spec);
}

/* What is shown of it, and compared with the next create of its name, is what is in force. */
static int keep(const struct change *x, const json_t *policy, struct err *err)
{
        auto_json json_t *kept = NULL;
        int r = jobs_get(x->c->api->db, x->id, take_spec, &kept, err);
        if (r <= 0 || !json_is_object(kept))
                return r < 0 ? r : 0;
        json_object_update(kept, (json_t *)policy);
        auto_free char *text = json_text(kept);
        return jobs_set_spec(x->c->api->db, x->id, text, err);
}

static void on_changed(void *ctx, const struct peer_answer *a)
{
        struct change *x = ctx;
        struct err err = {0};
        json_t *policy = policy_of(x->c->body);
        if (a->status < 0) {
                call_fail_err(x->c, a->err);
        } else if (keep(x, policy, &err) < 0) {
                call_fail_err(x->c, &err);
        } else {
                event_tell(x->c->api, "policy", x->id, x->owner, json_incref(policy));
                call_json(x->c, 200, json_incref(policy));
        }
        json_decref(policy);
        call_unref(x->c);
        free(x);
}

void policy_put(struct call *c)
{
        char id[ID_TEXT_LEN + 1];
        struct err err = {0};
        struct launch_spec spec = {.network = 0};
        struct launch_policy req = {.id = ""};
        CLEANUP(buf_done) struct buf text = {0};
        auto_json json_t *o = job_of_call(c, "sandbox", id);
        if (!o)
                return;
        const struct box *b = box_find(c->api, id);
        if (!b) {
                call_fail(c, -EALREADY, "the sandbox has ended");
                return;
        }
        buf_init(&text, POLICY_TEXT_MAX + 1);
        json_object_set(c->body, "labels", json_object_get(o, "labels"));
        json_object_set(c->body, "name", json_object_get(o, "name"));
        json_object_set_new(c->body, "network", json_string("proxy"));
        if (egress_read(c, &spec, &text, &err) < 0) {
                call_fail_err(c, &err);
                return;
        }
        struct peer *launch = call_peer(c, "launch");
        if (!launch)
                return;
        struct change *x = xcalloc(1, sizeof *x);
        x->c = call_ref(c);
        x->owner = b->live.owner;
        memcpy(x->id, id, sizeof x->id);
        memcpy(req.id, id, sizeof req.id);
        req.policy = spec.policy;
        peer_call(launch, LAUNCH_POLICY, &req, NULL, 0, on_changed, x);
}
