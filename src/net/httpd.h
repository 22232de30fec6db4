/* httpd.h - HTTP/1.1 server on our event loop: libmicrohttpd parses, we own sockets and time.
 *
 * One thread. Listening sockets (Unix or TCP) are handed in. For every request `ops->request` is
 * called once, when its head is in. There, or at any time later, exactly one answer is given:
 *
 *     http_reply(rq, 200, "text/plain", "hi", 2);
 *     http_reply_stream(rq, 200, "text/event-stream", HTTP_UNKNOWN, read_more, ctx);
 *     http_upgrade(rq, "paddock-stream/1", take_socket, ctx);
 *     http_fail(rq, -ENOENT, "there is no sandbox 'x'");
 *
 * A body is asked for inside `ops->request`, whole (http_take_body) or in pieces with back-pressure
 * (http_take_stream); what nobody asked for is read and dropped, up to a bound. A request is over
 * when its answer has been sent or its client is gone: then the function of http_on_end is called
 * once, and the pointer is dead. A vanished client is noticed also while the request waits.
 *
 * Errors have the form {"error":{"code":"not-found","message":"...","request_id":"..."}}.
 */
#pragma once
#include "base/json.h"
#include "base/limits.h"
#include "net/loop.h"
#include <sys/types.h>

struct httpd;
struct http_req;

struct http_peer {
        bool is_unix;
        bool is_loopback;  /* TCP from this machine */
        uint32_t uid;      /* is_unix: of the process that connected (SO_PEERCRED) */
        bool is_tls;       /* what comes was encrypted up to this process */
        uint16_t own_port; /* TCP: the port of ours that it connected to */
};

struct httpd_ops {
        void (*request)(void *ctx, struct http_req *rq);
        void (*answered)(void *ctx, const struct http_req *rq); /* for the log; may be NULL */
};

/* Never NULL. */
struct httpd *httpd_new(struct loop *l, const struct httpd_ops *ops, void *ctx);
/* The same with all its listeners over TLS: certificate chain and key as PEM texts. NULL when they
 * are not usable. */
struct httpd *httpd_new_tls(struct loop *l, const struct httpd_ops *ops, void *ctx,
                            const char *cert_pem, const char *key_pem, struct err *err);
void httpd_listen(struct httpd *h, int fd); /* owns fd */
/* Most connections of one uid on Unix sockets: one more is answered 429 and closed. 0: no limit. */
void httpd_share(struct httpd *h, size_t max_of_uid);
void httpd_stop_accepting(struct httpd *h); /* closes the listeners */
/* Requests that are not over, and answers in TLS that are not sent. */
size_t httpd_busy(const struct httpd *h);
/* Ends every connection; NULL is fine. Upgraded sockets were given away and stay. */
void httpd_free(struct httpd *h);

/* ---- the request; texts live until it is over ---- */
const char *http_id(const struct http_req *rq);
const char *http_method(const struct http_req *rq);
const char *http_path(const struct http_req *rq); /* decoded; a %00 has become \x01 */
const char *http_header(const struct http_req *rq, const char *name); /* NULL when absent */
/* How often a header came. */
int http_header_count(const struct http_req *rq, const char *name);
const char *http_query(const struct http_req *rq, const char *name); /* "" for "?a"; NULL */
/* The first query parameter that is not in the NULL-terminated list, or NULL. */
const char *http_query_other_than(const struct http_req *rq, const char *const *names);
const struct http_peer *http_from(const struct http_req *rq);
/* Content-Length; HTTP_UNKNOWN for a chunked body; 0 when there is none. */
#define HTTP_UNKNOWN (-1)
int64_t http_body_length(const struct http_req *rq);

/* ---- the body ---- */
typedef void (*http_body_fn)(void *ctx, struct http_req *rq, const char *body, size_t n);
/* A longer one is answered with 413. */
void http_take_body(struct http_req *rq, size_t max, http_body_fn fn, void *ctx);
struct http_sink {
        size_t (*data)(void *ctx, const char *p, size_t n); /* how much was taken */
        void (*end)(void *ctx);                             /* the whole body was given */
};
/* When data() took less than all, it is called again after http_body_more. */
void http_take_stream(struct http_req *rq, const struct http_sink *sink, void *ctx);
void http_body_more(struct http_req *rq);

/* ---- the answer ---- */
void http_add_header(struct http_req *rq, const char *name, const char *value); /* before it */
void http_reply(struct http_req *rq, int status, const char *type, const void *p, size_t n);
void http_reply_json(struct http_req *rq, int status, json_t *j); /* takes the reference */
/* 400 invalid, 404 not-found ... by the errno; the sentence goes to the client. */
void http_fail(struct http_req *rq, int code, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
void http_fail_err(struct http_req *rq, const struct err *err);
void http_fail_as(struct http_req *rq, int status, const char *code, const char *message);
int http_status_of(int code);         /* 404 for -ENOENT ... */
const char *http_code_of(int status); /* "not-found" for 404 ... */

enum { HTTP_SOURCE_END = -1, HTTP_SOURCE_ABORT = -2 };
/* Bytes put into dst; 0: nothing yet, asked again after http_reply_more; or one of the above. */
typedef ssize_t (*http_source_fn)(void *ctx, char *dst, size_t max);
void http_reply_stream(struct http_req *rq, int status, const char *type, int64_t length,
                       http_source_fn fn, void *ctx);
void http_reply_more(struct http_req *rq);
/* Gives the socket away after "101 Switching Protocols"; early bytes were sent behind the head. The
 * request is over afterwards. fd is -1 when no descriptor was left. Not called at all when the
 * client goes before: http_on_end tells. */
typedef void (*http_upgrade_fn)(void *ctx, int fd, const char *early, size_t n);
void http_upgrade(struct http_req *rq, const char *protocol, http_upgrade_fn fn, void *ctx);

bool http_answered(const struct http_req *rq); /* an answer was given (perhaps not sent yet) */
int http_status(const struct http_req *rq);    /* of the answer, 0 before */
uint64_t http_age_us(const struct http_req *rq);
/* Anything the owner wants to find again in `answered`. */
void http_set_note(struct http_req *rq, const void *note);
const void *http_note(const struct http_req *rq); /* NULL at first */
/* Called once when the request is over; one function a request, the last one set. */
void http_on_end(struct http_req *rq, loop_fn fn, void *ctx);
