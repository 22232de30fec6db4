/* /v1/secrets, /v1/vault/key: operators who hand in secrets by HTTP. Values come sealed to the vault
 * (link/envelope.h) and pass through here unread. */
#include "api/handlers.h"
#include "base/mem.h"
#include "base/str.h"
#include "link/envelope.h"
#include "link/vault.h"

static void add_hex(json_t *o, const char *key, struct slice s)
{
        auto_free char *text = xmalloc(2 * s.len + 1);
        hex_encode(text, s.data, s.len);
        json_object_set_new(o, key, json_string(text));
}

static void on_key(void *ctx, const struct peer_answer *a)
{
        struct call *c = ctx;
        const struct vault_key *k = a->rep;
        char fingerprint[FINGERPRINT_TEXT];
        if (a->status < 0) {
                call_fail_err(c, a->err);
        } else {
                json_t *o = json_pack("{s:s}", "state", k->state);
                if (k->public_key.len == ENVELOPE_KEY) {
                        envelope_fingerprint((const unsigned char *)k->public_key.data,
                                             fingerprint);
                        json_object_set_new(o, "fingerprint", json_string(fingerprint));
                        add_hex(o, "key", k->public_key);
                        add_hex(o, "ticket", k->ticket);
                }
                call_json(c, 200, o);
        }
        call_unref(c);
}

void vault_key_get(struct call *c)
{
        struct peer *vault = call_peer(c, "vault");
        if (vault)
                peer_call(vault, VAULT_KEY, &(struct vault_empty){0}, NULL, 0, on_key, call_ref(c));
}

struct listing {
        struct call *c;
        json_t *list;
};

static void on_listed(void *ctx, const struct peer_answer *a)
{
        struct listing *l = ctx;
        const struct vault_secret *s = a->rep;
        if (a->status == 0 && s->name[0]) {
                bool file = s->kind == SECRET_FILE;
                json_t *o =
                        json_pack("{s:s,s:s,s:I,s:I}", "name", s->name, "kind",
                                  file ? "file" : "route", "created_ms", (json_int_t)s->created_ms,
                                  "changed_ms", (json_int_t)s->changed_ms);
                if (file)
                        json_object_set_new(o, "for", json_string(s->users));
                else
                        json_object_update_new(
                                o, json_pack("{s:s,s:s}", "host", s->host, "as", s->form));
                json_array_append_new(l->list, o);
        }
        if (a->status == 0 && a->more)
                return;
        if (a->status < 0)
                call_fail_err(l->c, a->err);
        else
                call_json(l->c, 200, json_pack("{s:O}", "secrets", l->list));
        call_unref(l->c);
        json_decref(l->list);
        free(l);
}

void secrets_get(struct call *c)
{
        struct peer *vault = call_peer(c, "vault");
        if (!vault)
                return;
        struct listing *l = xmalloc(sizeof *l);
        *l = (struct listing){call_ref(c), json_array()};
        peer_call(vault, VAULT_SECRET_LIST, &(struct vault_empty){0}, NULL, 0, on_listed, l);
}

static void on_done(void *ctx, const struct peer_answer *a)
{
        struct call *c = ctx;
        if (a->status < 0)
                call_fail_err(c, a->err);
        else
                call_json(c, 200, json_pack("{s:s}", "name", call_param(c, "name")));
        call_unref(c);
}

static void put(struct call *c, bool rotate)
{
        const char *hex = json_string_value(json_object_get(c->body, "envelope"));
        char bytes[SEALED_MAX];
        struct vault_sealed s = {.rotate = rotate, .envelope = {bytes, strlen(hex) / 2}};
        if (s.envelope.len > sizeof bytes || hex_decode(bytes, s.envelope.len, hex) < 0) {
                call_fail(c, -EINVAL, "envelope: expected at most %zu bytes in hex", sizeof bytes);
                return;
        }
        if (!str_is_name(call_param(c, "name"))) {
                call_fail(c, -EINVAL, "'%.63s' is not a name", call_param(c, "name"));
                return;
        }
        struct peer *vault = call_peer(c, "vault");
        if (!vault)
                return;
        snprintf(s.name, sizeof s.name, "%s", call_param(c, "name"));
        snprintf(s.setter, sizeof s.setter, "%s", c->who.user.name);
        peer_call(vault, VAULT_SECRET_PUT, &s, NULL, 0, on_done, call_ref(c));
}

void secret_put(struct call *c)
{
        put(c, false);
}

void secret_rotate(struct call *c)
{
        put(c, true);
}

void secret_delete(struct call *c)
{
        struct vault_name n = {.name = ""};
        if (!str_is_name(call_param(c, "name"))) {
                call_fail(c, -EINVAL, "'%.63s' is not a name", call_param(c, "name"));
                return;
        }
        struct peer *vault = call_peer(c, "vault");
        if (!vault)
                return;
        snprintf(n.name, sizeof n.name, "%s", call_param(c, "name"));
        peer_call(vault, VAULT_SECRET_REMOVE, &n, NULL, 0, on_done, call_ref(c));
}
