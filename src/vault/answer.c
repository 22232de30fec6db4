/* answer.c - responses: the upstream's own, less what is about us and not about the sandbox; and
 * ours, in the form that the route's clients understand. */
#include "base/id.h"
#include "base/str.h"
#include "vault/exchange_impl.h"
#include <stdio.h>

static const char *reason_of(unsigned status)
{
        static const struct {
                unsigned status;
                const char *text;
        } list[] = {{400, "Bad Request"},         {403, "Forbidden"},
                    {404, "Not Found"},           {405, "Method Not Allowed"},
                    {413, "Content Too Large"},   {415, "Unsupported Media Type"},
                    {429, "Too Many Requests"},   {502, "Bad Gateway"},
                    {503, "Service Unavailable"}, {504, "Gateway Timeout"}};
        for (size_t i = 0; i < ARRAY_LEN(list); i++)
                if (list[i].status == status)
                        return list[i].text;
        return "Error";
}

/* The word of the Messages API for a status; the OpenAI API has the same shape of it. */
static const char *type_of(unsigned status)
{
        switch (status) {
        case 400:
                return "invalid_request_error";
        case 403:
        case 405:
                return "permission_error";
        case 404:
                return "not_found_error";
        case 413:
                return "request_too_large";
        case 429:
                return "rate_limit_error";
        case 504:
                return "timeout_error";
        default:
                return "api_error";
        }
}

/* A spent budget is no matter of trying again. */
static const char *kind_of(const struct exchange *x, unsigned status)
{
        return x->spent ? "billing_error" : type_of(status);
}

static int put_body(const struct exchange *x, unsigned status, const char *text, struct buf *b)
{
        char plain[400];
        snprintf(plain, sizeof plain, "paddock: %.300s", text);
        for (char *p = plain; *p; p++)
                if (*p == '"' || *p == '\\' || (unsigned char)*p < 0x20)
                        *p = '\'';
        if (x->route.meter == ROUTE_ANTHROPIC)
                return buf_addf(
                        b,
                        "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":\"%s\"},"
                        "\"request_id\":\"req_%s\"}",
                        kind_of(x, status), plain, id_new().s);
        return buf_addf(b, "{\"error\":{\"type\":\"%s\",\"code\":\"%u\",\"message\":\"%s\"}}",
                        kind_of(x, status), status, plain);
}

void exchange_refuse(struct exchange *x, unsigned status, const char *text)
{
        CLEANUP(buf_done) struct buf body;
        CLEANUP(buf_done) struct buf all;
        buf_init(&body, 1024);
        buf_init(&all, 4096);
        x->status = status;
        if (!x->verdict || str_eq(x->verdict, "allowed"))
                x->verdict = status >= 500 ? "failed" : "denied";
        /* What will not change by asking again says so: these clients try some times else. */
        bool final = x->spent || (status != 429 && status < 502);
        int r = put_body(x, status, text, &body);
        r = r < 0 ? r
                  : buf_addf(&all,
                             "HTTP/1.1 %u %s\r\ncontent-type: application/json\r\n"
                             "connection: close\r\n%s%scontent-length: %zu\r\n\r\n",
                             status, reason_of(status), final ? "x-should-retry: false\r\n" : "",
                             status == 429 && !x->spent ? "retry-after: 2\r\n" : "", body.len);
        if (r == 0 && !str_eq(x->method, "HEAD"))
                r = buf_add(&all, body.data, body.len);
        if (r < 0)
                relay_cut(&x->relay);
        else
                relay_refuse(&x->relay, all.data, all.len);
        exchange_record(x);
}

/* About the account behind the key, or about the way there. */
bool response_hides(void *ctx, const char *name)
{
        const struct exchange *x = ctx;
        if (strcasecmp(name, "set-cookie") == 0 || strcasecmp(name, "alt-svc") == 0)
                return true;
        if (x->route.meter == ROUTE_ANTHROPIC)
                return strncasecmp(name, "anthropic-ratelimit-", 20) == 0 ||
                       strcasecmp(name, "anthropic-organization-id") == 0;
        return x->route.meter == ROUTE_OPENAI && strcasecmp(name, "openai-organization") == 0;
}

int put_response_head(struct exchange *x, const struct h1_head *h, struct buf *out)
{
        int r = h1_put_status(out, h->status, h->reason);
        r = r < 0 ? r : relay_put_fields(h, out, response_hides, x);
        r = r < 0 ? r : redirect_put_fields(x, h, out);
        return r < 0 ? r : relay_put_response_end(&x->relay, h, out);
}
