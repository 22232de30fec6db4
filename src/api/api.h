/* api.h - the HTTP API as one object: what it needs from the role around it, and its life.
 *
 * Nothing here knows role_main: the unit tests build an api over socket pairs and answer as launch,
 * keep, rag and serve themselves.
 */
#pragma once
#include "net/httpd.h"
#include "net/peer.h"
#include "store/users.h"

struct api_env {
        struct loop *loop;
        int state_fd;           /* its own directory */
        const char *state_path; /* the same as a path, for SQLite */
        uint32_t serve_uid;     /* operator besides uid 0 */
        /* A configuration value as text, "" when there is none. */
        const char *(*setting)(void *ctx, const char *name);
        /* The live link to "launch", "keep", "rag", "serve"; NULL while away. */
        struct peer *(*peer)(void *ctx, const char *name);
        void *ctx;
};

#define API_KNOWN_USERS 8

struct api_counters; /* of requests, for /metrics */
struct live;         /* jobs that have not ended */
struct viewer;
struct pool; /* sandboxes that hold volumes for file access */
struct admission;
struct warm;   /* processes of templates */
struct events; /* of sandboxes, for who watches */

struct api {
        struct api_env env;
        struct db *db;
        struct flush *flush;        /* of it */
        struct httpd *http, *https; /* https: NULL without a certificate */
        struct buf tls_cert, tls_key;
        struct live *jobs; /* list */
        struct pool *pool;
        struct viewer *viewers; /* attached clients */
        struct events *events;
        struct admission *admission; /* who waits for room */
        struct warm *warm;
        struct api_counters *counters;
        /* Users that asked lately: a user is never renamed and never removed. */
        struct api_known {
                uint32_t uid;
                struct user user; /* id 0: empty */
        } by_uid[API_KNOWN_USERS], by_name;
        int logs_fd; /* directory of stored output */
        uint64_t started_ms;
        unsigned pruning; /* prunes that go on: a build waits, lest a layer that it finds goes */
        bool draining;
        loop_fn drained;
        void *drained_ctx;
        struct loop_timer *idle_timer;
        uint64_t used_ms; /* on the boot clock: the last request */
        struct loop_timer *drain_timer, *prune_timer, *exec_timer;
        uint64_t drain_until_ms;
};

MUST_CHECK int api_new(const struct api_env *env, struct api **ret, struct err *err);
void api_free(struct api *a); /* NULL is fine; sandboxes run on */
/* The certificate chain or the key (PEM), before the TCP listener. Owns fd. */
MUST_CHECK int api_tls(struct api *a, bool is_key, int fd, struct err *err);
/* Owns fd. TCP speaks TLS when api_tls has given both parts. Without, a listener on another address
 * than loopback is refused unless http.behind_proxy is true: -EACCES. */
MUST_CHECK int api_listen(struct api *a, int fd, struct err *err);
/* Another role is there, for the first time or again: what is unknown is asked. */
void api_peer_up(struct api *a, const char *name);
/* Accepts nothing more; calls fn when the short requests have been answered. */
void api_drain(struct api *a, loop_fn fn, void *ctx);

/* The handlers of our side of the links; ctx is the struct api. */
extern const struct peer_ops api_launch_ops, api_keep_ops, api_rag_ops;

size_t api_busy(const struct api *a); /* requests that are not over */
const char *api_setting(const struct api *a, const char *name);
uint64_t api_setting_u64(const struct api *a, const char *name);
bool api_setting_bool(const struct api *a, const char *name);
struct peer *api_peer(const struct api *a, const char *name);
