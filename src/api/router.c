#include "api/router.h"
#include "api/handlers.h"
#include "api/metrics.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include <stdio.h>

#define QUERIES_MAX 12

static bool set_param(struct call *c, int i, const char *name, size_t name_n, const char *value,
                      size_t n)
{
        if (!c)
                return true;
        if (i >= CALL_PARAMS_MAX || n > PATH_TEXT_MAX)
                return false;
        snprintf(c->params[i].name, sizeof c->params[i].name, "%.*s", (int)name_n, name);
        memcpy(c->params[i].value, value, n);
        c->params[i].value[n] = '\0';
        return true;
}

bool router_match(const char *pattern, const char *path, struct call *c)
{
        for (int i = 0; *pattern;) {
                if (*pattern != '{') {
                        if (*pattern++ != *path++)
                                return false;
                        continue;
                }
                const char *close = strchr(pattern, '}');
                size_t name_n = (size_t)(close - pattern - 1);
                bool rest = name_n > 3 && memcmp(close - 3, "...", 3) == 0;
                size_t n = rest ? strlen(path) : strcspn(path, "/");
                if (n == 0 || !set_param(c, i++, pattern + 1, rest ? name_n - 3 : name_n, path, n))
                        return false;
                path += n;
                pattern = close + 1;
        }
        return *path == '\0';
}

/* The route, or NULL with the status: 404, or 405 when only the method is wrong. */
static const struct route *find_route(struct http_req *rq, struct call *c, int *ret_status)
{
        const char *method = http_method(rq);
        if (str_eq(method, "HEAD"))
                method = "GET";
        *ret_status = 404;
        for (size_t i = 0; i < routes_n; i++) {
                if (!router_match(routes[i].path, http_path(rq), NULL))
                        continue;
                *ret_status = 405;
                if (str_eq(routes[i].method, method) &&
                    router_match(routes[i].path, http_path(rq), c))
                        return &routes[i];
        }
        return NULL;
}

static int check_query(const struct route *route, struct http_req *rq, struct err *err)
{
        const char *names[QUERIES_MAX + 1] = {0};
        size_t n = 0;
        for (const struct field *f = route->query; f && f->name && n < QUERIES_MAX; f++)
                names[n++] = f->name;
        const char *other = http_query_other_than(rq, names);
        if (other)
                return err_set(err, -EINVAL, "unknown parameter '%.64s'", other);
        for (const struct field *f = route->query; f && f->name; f++)
                if (f->required && !http_query(rq, f->name))
                        return err_set(err, -EINVAL, "%s: missing", f->name);
        return 0;
}

static bool permitted(const struct route *r, const struct principal *who)
{
        if (who->is_operator)
                return true;
        if (r->scope == SCOPE_OPERATOR)
                return false;
        return r->scope == SCOPE_SANDBOX || !who->only[0];
}

static void over(void *ctx)
{
        struct call *c = ctx;
        c->rq = NULL;
        if (c->over_fn)
                c->over_fn(c->over_ctx);
        call_unref(c);
}

static void have_body(void *ctx, struct http_req *rq, const char *body, size_t n)
{
        struct call *c = ctx;
        struct err err = {0};
        int r = json_parse(n ? body : "{}", n ? n : 2, &c->body, &err);
        if (r == 0)
                r = fields_check(c->body, c->route->body, &err);
        if (r < 0)
                http_fail_err(rq, &err);
        else
                c->route->handle(c);
}

static void dispatch(struct call *c, struct http_req *rq)
{
        struct err err = {0};
        int status = auth_request(c->api, rq, &c->who, &err);
        if (status != 200) {
                http_fail_as(rq, status, http_code_of(status), err_text(&err));
                return;
        }
        c->route = find_route(rq, c, &status);
        if (!c->route) {
                http_fail_as(rq, status, http_code_of(status),
                             status == 405 ? "this path does not take that method"
                                           : "there is no such path");
                return;
        }
        http_set_note(rq, c->route);
        if (!permitted(c->route, &c->who)) {
                http_fail_as(rq, 403, "forbidden",
                             c->route->scope == SCOPE_OPERATOR ? "only an operator may do this"
                                                               : "this token is for one sandbox");
                return;
        }
        if (c->api->draining && !str_eq(c->route->method, "GET")) {
                http_fail_as(rq, 503, "unavailable", "this server is being stopped");
                return;
        }
        int r = check_query(c->route, rq, &err);
        if (r < 0)
                http_fail_err(rq, &err);
        else if (c->route->body)
                http_take_body(rq, HTTP_BODY_MAX, have_body, c);
        else
                c->route->handle(c);
}

void router_request(void *ctx, struct http_req *rq)
{
        struct call *c = xcalloc(1, sizeof *c);
        *c = (struct call){.api = ctx, .rq = rq, .refs = 1};
        http_on_end(rq, over, c);
        idle_used(c->api);
        dispatch(c, rq);
}

void router_answered(void *ctx, const struct http_req *rq)
{
        struct api *a = ctx;
        const struct route *r = http_note(rq);
        metrics_count(a->counters, r, http_status(rq));
        bool read = str_eq(http_method(rq), "GET") || str_eq(http_method(rq), "HEAD");
        log_event(read ? LOG_DEBUG : LOG_INFO, "http.request", kv("request_id", http_id(rq)),
                  kv("method", http_method(rq)), kv("route", r ? r->path : "none"),
                  kv("status", http_status(rq)), kv("us", http_age_us(rq)));
}
