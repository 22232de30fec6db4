/* The request as a handler sees it, and its answer; httpd.c has the sockets. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/httpd_impl.h"
#include <assert.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>

/* ---- reading the request ---- */

const char *http_id(const struct http_req *rq)
{
        return rq->id.s;
}

const char *http_method(const struct http_req *rq)
{
        return rq->method;
}

const char *http_path(const struct http_req *rq)
{
        return rq->path;
}

const struct http_peer *http_from(const struct http_req *rq)
{
        return rq->peer;
}

const char *http_header(const struct http_req *rq, const char *name)
{
        return MHD_lookup_connection_value(rq->c, MHD_HEADER_KIND, name);
}

struct count {
        const char *name;
        int n;
};

static enum MHD_Result count_one(void *ctx, enum MHD_ValueKind kind UNUSED, const char *key,
                                 const char *value UNUSED)
{
        struct count *c = ctx;
        c->n += strcasecmp(key, c->name) == 0;
        return MHD_YES;
}

int http_header_count(const struct http_req *rq, const char *name)
{
        struct count c = {name, 0};
        MHD_get_connection_values(rq->c, MHD_HEADER_KIND, count_one, &c);
        return c.n;
}

struct lookup {
        const char *name;
        const char *const *names;
        const char *found;
};

static enum MHD_Result match_query(void *ctx, enum MHD_ValueKind kind UNUSED, const char *key,
                                   const char *value)
{
        struct lookup *l = ctx;
        if (l->found || !str_eq(key, l->name))
                return MHD_YES;
        l->found = value ? value : "";
        return MHD_NO;
}

const char *http_query(const struct http_req *rq, const char *name)
{
        struct lookup l = {.name = name};
        MHD_get_connection_values(rq->c, MHD_GET_ARGUMENT_KIND, match_query, &l);
        return l.found;
}

static enum MHD_Result find_other(void *ctx, enum MHD_ValueKind kind UNUSED, const char *key,
                                  const char *value UNUSED)
{
        struct lookup *l = ctx;
        for (const char *const *n = l->names; *n; n++)
                if (str_eq(*n, key))
                        return MHD_YES;
        l->found = key;
        return MHD_NO;
}

const char *http_query_other_than(const struct http_req *rq, const char *const *names)
{
        struct lookup l = {.names = names};
        MHD_get_connection_values(rq->c, MHD_GET_ARGUMENT_KIND, find_other, &l);
        return l.found;
}

uint64_t http_age_us(const struct http_req *rq)
{
        return clock_boot_us() - rq->start_us;
}

int http_status(const struct http_req *rq)
{
        return rq->status;
}

bool http_answered(const struct http_req *rq)
{
        return rq->status != 0;
}

void http_set_note(struct http_req *rq, const void *note)
{
        rq->note = note;
}

const void *http_note(const struct http_req *rq)
{
        return rq->note;
}

void http_on_end(struct http_req *rq, loop_fn fn, void *ctx)
{
        rq->end_fn = fn;
        rq->end_ctx = ctx;
}

/* ---- the body ---- */

void http_take_body(struct http_req *rq, size_t max, http_body_fn fn, void *ctx)
{
        assert(rq->mode == HTTP_BODY_NONE && !rq->body_ended);
        if (http_body_length(rq) > (int64_t)max) {
                http_fail(rq, -EFBIG, "the body is longer than %zu bytes", max);
                return;
        }
        rq->mode = HTTP_BODY_WHOLE;
        buf_init(&rq->body, max);
        rq->body_fn = fn;
        rq->body_ctx = ctx;
}

void http_take_stream(struct http_req *rq, const struct http_sink *sink, void *ctx)
{
        assert(rq->mode == HTTP_BODY_NONE && !rq->body_ended);
        rq->mode = HTTP_BODY_STREAM;
        rq->sink = sink;
        rq->body_ctx = ctx;
}

void http_body_more(struct http_req *rq)
{
        if (!rq->body_ended)
                http_wake(rq);
}

/* ---- the answer ---- */

void http_add_header(struct http_req *rq, const char *name, const char *value)
{
        struct http_extra *e = xcalloc(1, sizeof *e);
        *e = (struct http_extra){xstrdup(name), xstrdup(value), rq->extra};
        rq->extra = e;
}

static void add(struct MHD_Response *r, const char *name, const char *value)
{
        (void)!MHD_add_response_header(r, name, value); /* refused: a value that is no header */
}

void http_answer(struct http_req *rq, int status, const char *type, struct MHD_Response *r)
{
        assert(r && !rq->status); /* one answer a request */
        add(r, "X-Request-Id", rq->id.s);
        add(r, "Cache-Control", "no-store");
        add(r, "X-Content-Type-Options", "nosniff");
        if (type)
                add(r, "Content-Type", type);
        for (struct http_extra *e = rq->extra; e; e = e->next)
                add(r, e->name, e->value);
        rq->status = status;
        rq->response = r;
        if (!rq->in_callback)
                http_wake(rq);
}

void http_reply(struct http_req *rq, int status, const char *type, const void *p, size_t n)
{
        http_answer(rq, status, type,
                    MHD_create_response_from_buffer(n, (void *)p, MHD_RESPMEM_MUST_COPY));
}

void http_reply_json(struct http_req *rq, int status, json_t *j)
{
        char *text = json_text(j);
        json_decref(j);
        http_answer(rq, status, "application/json",
                    MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE));
}

int http_status_of(int code)
{
        switch (code < 0 ? -code : code) {
        case EINVAL:
        case ERANGE:
        case ENAMETOOLONG:
        case ENOTDIR:
        case EISDIR:
                return 400;
        case EACCES:
        case EPERM:
                return 403;
        case ENOENT:
        case ESRCH:
                return 404;
        case EEXIST:
        case EALREADY:
                return 409;
        case EFBIG:
        case E2BIG:
                return 413;
        case EBUSY:
        case EAGAIN:
                return 429;
        case EPIPE:
        case ECANCELED:
        case ENOTCONN:
        case ENOKEY: /* the vault is locked */
        case ETIMEDOUT:
                return 503;
        case ENOSPC:
        case EDQUOT:
                return 507;
        }
        return 500;
}

const char *http_code_of(int status)
{
        static const struct {
                int status;
                const char *code;
        } codes[] = {{400, "invalid"},     {401, "unauthenticated"},
                     {403, "forbidden"},   {404, "not-found"},
                     {405, "invalid"},     {409, "conflict"},
                     {413, "too-large"},   {429, "busy"},
                     {503, "unavailable"}, {507, "no-space"}};
        for (size_t i = 0; i < ARRAY_LEN(codes); i++)
                if (codes[i].status == status)
                        return codes[i].code;
        return "internal";
}

void http_fail_as(struct http_req *rq, int status, const char *code, const char *message)
{
        if (status == 429)
                http_add_header(rq, "Retry-After", "1");
        if (status == 401)
                http_add_header(rq, "WWW-Authenticate", "Bearer");
        json_t *text = json_str_lossy(message, strlen(message));
        http_reply_json(rq, status,
                        json_pack("{s:{s:s,s:o,s:s}}", "error", "code", code, "message", text,
                                  "request_id", rq->id.s));
}

void http_fail_err(struct http_req *rq, const struct err *err)
{
        int status = http_status_of(err->code);
        http_fail_as(rq, status, http_code_of(status), err_text(err));
}

void http_fail(struct http_req *rq, int code, const char *fmt, ...)
{
        struct err err = {.code = code};
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(err.text, sizeof err.text, fmt, ap);
        va_end(ap);
        http_fail_err(rq, &err);
}

/* ---- streamed answers ---- */

static ssize_t read_source(void *ctx, uint64_t pos UNUSED, char *dst, size_t max)
{
        struct http_req *rq = ctx;
        rq->h->calls++;
        if (rq->gone || rq->h->stopping)
                return MHD_CONTENT_READER_END_WITH_ERROR;
        rq->in_callback = true;
        ssize_t n = rq->source(rq->source_ctx, dst, max);
        rq->in_callback = false;
        if (n == HTTP_SOURCE_END)
                return MHD_CONTENT_READER_END_OF_STREAM;
        if (n < 0)
                return MHD_CONTENT_READER_END_WITH_ERROR;
        if (n == 0)
                http_sleep(rq);
        return n;
}

void http_reply_stream(struct http_req *rq, int status, const char *type, int64_t length,
                       http_source_fn fn, void *ctx)
{
        rq->source = fn;
        rq->source_ctx = ctx;
        http_answer(rq, status, type,
                    MHD_create_response_from_callback(length == HTTP_UNKNOWN ? MHD_SIZE_UNKNOWN
                                                                             : (uint64_t)length,
                                                      32768, read_source, rq, NULL));
}

void http_reply_more(struct http_req *rq)
{
        if (rq->queued && !rq->in_callback)
                http_wake(rq);
}
