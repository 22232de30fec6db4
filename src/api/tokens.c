#include "store/tokens.h"
#include "api/handlers.h"
#include "base/clock.h"
#include "base/str.h"

static void add_token(void *ctx, const struct token *t)
{
        json_t *list = ctx, *scopes = json_array();
        for (const char *s = t->scopes; *s;) {
                size_t n = strcspn(s, " ");
                json_array_append_new(scopes, json_stringn(s, n));
                s += n + (s[n] == ' ');
        }
        json_array_append_new(
                list,
                json_pack("{s:s,s:s,s:o,s:I,s:o,s:o}", "name", t->name, "owner", t->owner_name,
                          "scopes", scopes, "created_ms", (json_int_t)t->created_ms, "expires_ms",
                          t->expires_ms ? json_integer((json_int_t)t->expires_ms) : json_null(),
                          "used_ms",
                          t->used_ms ? json_integer((json_int_t)t->used_ms) : json_null()));
}

/* An operator sees everybody's. */
void tokens_get(struct call *c)
{
        json_t *list = json_array();
        struct err err = {0};
        int r = tokens_list(c->api->db, c->who.is_operator ? -1 : c->who.user.id, add_token, list,
                            &err);
        if (r < 0) {
                json_decref(list);
                call_fail_err(c, &err);
                return;
        }
        call_json(c, 200, json_pack("{s:o}", "tokens", list));
}

static int read_scopes(const struct call *c, struct token *t, struct err *err)
{
        size_t i, len = 0;
        json_t *item, *scopes = json_object_get(c->body, "scopes");
        bool one_box = false;
        json_array_foreach(scopes, i, item)
        {
                const char *s = json_string_value(item);
                if (!token_scope_valid(s))
                        return err_set(err, -EINVAL,
                                       "scopes: '%.64s' is none of operator, member, sandbox:NAME",
                                       s);
                if (str_eq(s, "operator") && !c->who.is_operator)
                        return err_set(err, -EACCES, "only an operator may give that scope");
                one_box |= str_starts(s, "sandbox:");
                len += (size_t)snprintf(t->scopes + len, sizeof t->scopes - len, "%s%s",
                                        len ? " " : "", s);
                if (len >= sizeof t->scopes)
                        return err_set(err, -EINVAL, "scopes: too many");
        }
        if (i == 0)
                return err_set(err, -EINVAL, "scopes: at least one is needed");
        if (one_box && i > 1)
                return err_set(err, -EINVAL, "scopes: sandbox:NAME stands alone");
        return 0;
}

static int read_token(const struct call *c, struct token *t, struct err *err)
{
        int r = json_read_str(c->body, "name", JSON_REQUIRED, t->name, sizeof t->name, err);
        if (r >= 0 && !str_is_name(t->name))
                r = err_set(err, -EINVAL, "name: 1 to 63 of a-z, 0-9 and -, not at its ends");
        if (r >= 0)
                r = json_read_u64(c->body, "expires_ms", JSON_OPTIONAL, 0, INT64_MAX,
                                  &t->expires_ms, err);
        if (r > 0 && t->expires_ms && t->expires_ms <= clock_wall_ms())
                r = err_set(err, -EINVAL, "expires_ms: is in the past");
        if (r >= 0 && c->who.expires_ms && (!t->expires_ms || t->expires_ms > c->who.expires_ms))
                r = err_set(err, -EACCES, "a token makes none that lasts longer than itself");
        return r < 0 ? r : read_scopes(c, t, err);
}

void tokens_post(struct call *c)
{
        struct token t = {.owner = c->who.user.id};
        char text[TOKEN_TEXT_LEN + 1];
        struct err err = {0};
        int r = read_token(c, &t, &err);
        if (r == 0)
                r = tokens_create(c->api->db, &t, text, &err);
        if (r < 0) {
                call_fail_err(c, &err);
                return;
        }
        call_json(c, 201, json_pack("{s:s,s:s}", "name", t.name, "token", text));
        explicit_bzero(text, sizeof text);
}

struct owner {
        const char *name;
        int64_t id;
};

static void find_owner(void *ctx, const struct token *t)
{
        struct owner *o = ctx;
        if (o->id < 0 && str_eq(t->name, o->name))
                o->id = t->owner;
}

/* One's own first; an operator may revoke anybody's. */
void tokens_delete(struct call *c)
{
        const char *name = call_param(c, "name");
        struct err err = {0};
        int r = tokens_revoke(c->api->db, c->who.user.id, name, &err);
        if (r == -ENOENT && c->who.is_operator) {
                struct owner o = {name, -1};
                r = tokens_list(c->api->db, -1, find_owner, &o, &err);
                r = r < 0 ? r : tokens_revoke(c->api->db, o.id, name, &err);
        }
        if (r < 0)
                call_fail_err(c, &err);
        else
                call_json(c, 200, json_pack("{s:s}", "name", name));
}
