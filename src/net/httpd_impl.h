/* httpd_impl.h - what httpd.c (the life of a request), httpd_accept.c (connections), http_tls.c
 * (those in TLS), http_reply.c (answers) and http_upgrade.c share. Nobody else includes it. */
#pragma once
#include "base/buf.h"
#include "base/id.h"
#include "net/httpd.h"
#include <microhttpd.h>

#define HTTP_CONNECTIONS_MAX 1024
#define HTTP_HEX             "0123456789abcdefABCDEF"

struct http_listener {
        struct httpd *h;
        int fd;
        bool is_unix;
        bool paused; /* until there is room */
        struct loop_io *io;
        struct http_listener *next;
};

struct httpd {
        struct loop *loop;
        const struct httpd_ops *ops;
        void *ctx;
        struct MHD_Daemon *daemon;
        struct loop_io *io;
        struct loop_timer *tick, *soon;
        struct http_listener *listeners;
        struct http_req *requests; /* that are not over */
        size_t n_connections, n_tcp, n_requests;
        size_t share_max;              /* connections of one uid; 0 no limit */
        struct http_share *shares;     /* by uid */
        struct http_arrival *arrivals; /* accepted, not yet told of by the library */
        struct tls_context *tls;       /* NULL: plain */
        struct http_front *fronts;     /* connections that are decoded before the library */
        size_t n_handshakes;           /* of them, not over yet */
        bool stopping;
        bool resting;         /* `soon` is REST_MS away, not at once */
        unsigned idle_turns;  /* since the library last called us */
        uint64_t calls, seen; /* of the library's callbacks; those before the last turn */
};

/* httpd_share.c */
bool http_share_full(struct httpd *h, int fd);
void http_share_refuse(int fd); /* owns it */
void http_share_count(struct httpd *h, uint32_t uid, bool came);

enum http_body_mode { HTTP_BODY_NONE, HTTP_BODY_WHOLE, HTTP_BODY_STREAM };

struct http_extra { /* a header of the answer */
        char *name, *value;
        struct http_extra *next;
};

struct http_req {
        struct httpd *h;
        struct http_req *next, **at; /* in h->requests */
        struct MHD_Connection *c;
        const struct http_peer *peer;
        const char *path, *method;
        struct id id;
        int fd;
        uint64_t start_us;

        enum http_body_mode mode;
        struct buf body;
        http_body_fn body_fn;
        const struct http_sink *sink;
        void *body_ctx;
        uint64_t swallowed;
        bool body_ended;

        bool in_callback; /* inside a callback of the library: it must not be woken, it is awake */
        bool suspended, gone;
        struct loop_io *watch; /* while suspended */

        int status;                    /* of the answer; 0 = none yet */
        struct MHD_Response *response; /* made, not queued yet */
        bool queued;
        struct http_extra *extra;
        http_source_fn source;
        void *source_ctx;
        http_upgrade_fn upgrade_fn;
        void *upgrade_ctx;
        const void *note;
        loop_fn end_fn;
        void *end_ctx;
};

void http_sleep(struct http_req *rq);
void http_wake(struct http_req *rq); /* no effect on one that is awake */

/* httpd.c: lets the library work. */
void http_run(struct httpd *h);
/* http_reply.c: the one answer. */
void http_answer(struct http_req *rq, int status, const char *type, struct MHD_Response *r);

/* httpd_accept.c */
void http_on_connection(void *ctx, struct MHD_Connection *c, void **socket_ctx,
                        enum MHD_ConnectionNotificationCode code);
/* Who is at the far end of a descriptor that the library is about to get. */
void http_arrive(struct httpd *h, int fd, const struct http_peer *peer);
void http_arrivals_free(struct httpd *h);
bool http_any_paused(const struct httpd *h);
void http_accept_again(struct httpd *h);

/* http_tls.c: takes fd over. */
void http_front(struct httpd *h, int fd, const struct http_peer *peer);
size_t http_fronts_busy(const struct httpd *h); /* with bytes on their way to the client */
void http_fronts_free(struct httpd *h);
