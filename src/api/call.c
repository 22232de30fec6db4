#include "api/call.h"
#include "api/router.h"
#include "base/str.h"
#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>

struct call *call_ref(struct call *c)
{
        c->refs++;
        return c;
}

void call_unref(struct call *c)
{
        if (--c->refs > 0)
                return;
        json_decref(c->body);
        free(c);
}

const char *call_param(const struct call *c, const char *name)
{
        for (int i = 0; i < CALL_PARAMS_MAX; i++)
                if (str_eq(c->params[i].name, name))
                        return c->params[i].value;
        assert(!"parameter of the route");
        return "";
}

const char *call_query(const struct call *c, const char *name)
{
        return c->rq ? http_query(c->rq, name) : NULL;
}

bool call_query_u64(struct call *c, const char *name, uint64_t def, uint64_t min, uint64_t max,
                    uint64_t *ret)
{
        const char *s = call_query(c, name);
        uint64_t v = def;
        if (s && str_to_u64(s, &v) < 0) {
                call_fail(c, -EINVAL, "%s: expected a whole number", name);
                return false;
        }
        if (s && (v < min || v > max)) {
                call_fail(c, -EINVAL, "%s: %" PRIu64 " is outside %" PRIu64 "-%" PRIu64, name, v,
                          min, max);
                return false;
        }
        *ret = v;
        return true;
}

bool call_query_bool(const struct call *c, const char *name)
{
        const char *s = call_query(c, name);
        return s && !str_eq(s, "false") && !str_eq(s, "0");
}

void call_json(struct call *c, int status, json_t *j)
{
        if (c->rq)
                http_reply_json(c->rq, status, j);
        else
                json_decref(j);
}

void call_fail_err(struct call *c, const struct err *err)
{
        if (c->rq)
                http_fail_err(c->rq, err);
}

void call_fail(struct call *c, int code, const char *fmt, ...)
{
        struct err err = {.code = code};
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(err.text, sizeof err.text, fmt, ap);
        va_end(ap);
        call_fail_err(c, &err);
}

struct peer *call_peer(struct call *c, const char *role)
{
        struct peer *p = api_peer(c->api, role);
        if (!p)
                call_fail(c, -EPIPE, "the role '%s' is away, it is being started again", role);
        return p;
}

void call_done(void *ctx, const struct peer_answer *a)
{
        struct call *c = ctx;
        if (a->status < 0)
                call_fail_err(c, a->err);
        else
                call_json(c, 200, json_object());
        call_unref(c);
}
