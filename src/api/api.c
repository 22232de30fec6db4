#include "api/api.h"
#include "api/admission.h"
#include "api/box.h"
#include "api/build.h"
#include "api/events.h"
#include "api/files_pool.h"
#include "api/flush.h"
#include "api/handlers.h"
#include "api/metrics.h"
#include "api/router.h"
#include "api/run.h"
#include "api/warm.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "link/keep.h"
#include "link/launch.h"
#include "link/rag.h"
#include "store/schema.h"
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#define DRAIN_STEP_MS 50
#define DRAIN_MAX_MS  5000         /* then what is left is cut: slow uploads and downloads */
#define JOBS_KEPT     2000         /* ended ones */
#define PEM_MAX       (256u << 10) /* a certificate with its chain */
#define PRUNE_MS      3600000

static const struct httpd_ops http_ops = {router_request, router_answered};

const char *api_setting(const struct api *a, const char *name)
{
        return a->env.setting(a->env.ctx, name);
}

uint64_t api_setting_u64(const struct api *a, const char *name)
{
        uint64_t v = 0;
        return str_to_u64(api_setting(a, name), &v) < 0 ? 0 : v;
}

bool api_setting_bool(const struct api *a, const char *name)
{
        return str_eq(api_setting(a, name), "true");
}

struct peer *api_peer(const struct api *a, const char *name)
{
        struct peer *p = a->env.peer(a->env.ctx, name);
        return peer_alive(p) ? p : NULL;
}

/* ---- start ---- */

static void restore(void *ctx, const struct job_row *row)
{
        if (str_eq(row->kind, "sandbox") || str_eq(row->kind, "exec"))
                box_restore(ctx, row);
        else if (str_eq(row->kind, "image"))
                build_restore(ctx, row);
        else
                run_restore(ctx, row);
}

struct surplus {
        struct surplus_job {
                char id[ID_TEXT_LEN + 1];
                int64_t owner;
        } * jobs;
        size_t n;
};

static void note_surplus(void *ctx, const struct job_row *row)
{
        struct surplus *s = ctx;
        s->jobs = xrealloc(s->jobs, (s->n + 1) * sizeof *s->jobs);
        s->jobs[s->n].owner = row->owner;
        snprintf(s->jobs[s->n++].id, sizeof s->jobs->id, "%s", row->id);
}

/* Which one of its owner's it is, from 1, the newest first. */
static uint64_t place_of_owner(const struct surplus *s, size_t i)
{
        uint64_t n = 0;
        for (size_t k = 0; k <= i; k++)
                n += s->jobs[k].owner == s->jobs[i].owner;
        return n;
}

/* Old jobs go with their output, and old output before its job, so that the state directory does
 * not grow for ever. */
static void prune(struct api *a)
{
        struct surplus s = {0};
        struct err err = {0};
        uint64_t bytes = 0, share = api_setting_u64(a, "limits.owner_jobs");
        int r = jobs_surplus(a->db, 0, note_surplus, &s, &err); /* all that ended, newest first */
        for (size_t i = 0, kept = 0; i < s.n && r == 0; i++) {
                const char *id = s.jobs[i].id;
                bool goes = kept >= JOBS_KEPT || (share && place_of_owner(&s, i) > share);
                bytes += outlog_bytes(a->logs_fd, id);
                kept += !goes;
                if ((bytes > LOGS_KEPT_BYTES || goes) && outlog_remove(a->logs_fd, id) < 0)
                        log_warn("api.prune", kv("id", id));
                if (goes)
                        r = jobs_delete(a->db, id, &err);
        }
        if (r < 0)
                log_warn("api.prune", kv("error", err_text(&err)));
        free(s.jobs);
}

static void prune_again(void *ctx)
{
        struct api *a = ctx;
        prune(a);
        a->prune_timer = loop_timer_add(a->env.loop, PRUNE_MS, prune_again, a);
}

static int open_state(struct api *a, struct err *err)
{
        char path[4200];
        snprintf(path, sizeof path, "%s/api.db", a->env.state_path);
        int r = dir_ensure_at(a->env.state_fd, "logs", 0700);
        if (r == 0)
                a->logs_fd = dir_open_at(a->env.state_fd, "logs");
        if (r < 0 || a->logs_fd < 0)
                return err_sys(err, r < 0 ? r : a->logs_fd, "logs");
        r = db_open(path, &store_schema, &a->db, err);
        r = r < 0 ? r : flush_new(a->env.loop, path, &a->flush, err);
        if (r < 0)
                return r;
        prune_again(a);
        a->warm = warm_new(a);
        return jobs_open(a->db, restore, a, err);
}

int api_new(const struct api_env *env, struct api **ret, struct err *err)
{
        struct api *a = xcalloc(1, sizeof *a);
        a->env = *env;
        a->logs_fd = -1;
        a->started_ms = clock_wall_ms();
        buf_init(&a->tls_cert, PEM_MAX);
        buf_init(&a->tls_key, PEM_MAX);
        a->counters = metrics_new();
        a->pool = pool_new(a);
        a->events = events_new();
        a->admission = admission_new(a);
        int r = open_state(a, err);
        if (r < 0) {
                api_free(a);
                return r;
        }
        a->http = httpd_new(env->loop, &http_ops, a);
        httpd_share(a->http, (size_t)api_setting_u64(a, "limits.owner_connections"));
        idle_start(a);
        *ret = a;
        return 0;
}

void api_free(struct api *a)
{
        if (!a)
                return;
        streams_cut(a);
        httpd_free(a->http);
        httpd_free(a->https);
        flush_free(a->flush); /* those who wait for the disk watch jobs */
        while (a->jobs) {
                if (a->jobs->kind == LIVE_BOX)
                        box_free((struct box *)a->jobs);
                else if (a->jobs->kind == LIVE_BUILD)
                        build_free((struct build *)a->jobs);
                else
                        run_free((struct run *)a->jobs);
        }
        pool_free(a->pool);
        loop_timer_remove(a->drain_timer);
        loop_timer_remove(a->idle_timer);
        loop_timer_remove(a->prune_timer);
        loop_timer_remove(a->exec_timer);
        events_free(a->events);
        admission_free(a->admission);
        warm_free(a->warm);
        if (a->tls_key.data)
                explicit_bzero(a->tls_key.data, a->tls_key.len);
        buf_done(&a->tls_key);
        buf_done(&a->tls_cert);
        metrics_free(a->counters);
        db_close(a->db);
        if (a->logs_fd >= 0)
                close(a->logs_fd);
        free(a);
}

/* ---- listeners ---- */

static bool is_private(const struct sockaddr_storage *s)
{
        if (s->ss_family == AF_UNIX)
                return true;
        if (s->ss_family == AF_INET)
                return ntohl(((const struct sockaddr_in *)s)->sin_addr.s_addr) >> 24 == 127;
        return s->ss_family == AF_INET6 &&
               IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)s)->sin6_addr);
}

int api_tls(struct api *a, bool is_key, int fd, struct err *err)
{
        struct buf *b = is_key ? &a->tls_key : &a->tls_cert;
        buf_clear(b);
        int r = fd_slurp(fd, b);
        close(fd);
        return r < 0 ? err_sys(err, r, "the TLS %s", is_key ? "key" : "certificate") : 0;
}

/* The server for a listening socket, or NULL with the reason. */
static struct httpd *server_for(struct api *a, const struct sockaddr_storage *own, struct err *err)
{
        bool tls = a->tls_cert.len || a->tls_key.len;
        if (own->ss_family == AF_UNIX)
                return a->http;
        if (tls && !a->https)
                a->https = httpd_new_tls(a->env.loop, &http_ops, a, buf_text(&a->tls_cert),
                                         buf_text(&a->tls_key), err);
        if (tls && !a->https)
                err_wrap(err, -EINVAL, "http.tls_cert, http.tls_key");
        if (tls)
                return a->https;
        if (is_private(own) || api_setting_bool(a, "http.behind_proxy"))
                return a->http;
        err_set(err, -EACCES,
                "an address that is not loopback needs http.tls_cert and http.tls_key, or a proxy "
                "that speaks TLS: http.behind_proxy");
        return NULL;
}

int api_listen(struct api *a, int fd, struct err *err)
{
        struct sockaddr_storage own = {0};
        socklen_t n = sizeof own;
        struct err why = {0};
        int r = getsockname(fd, (struct sockaddr *)&own, &n) < 0 ? -errno : fd_nonblock(fd, true);
        struct httpd *h = r < 0 ? NULL : server_for(a, &own, &why);
        if (h) {
                httpd_listen(h, fd);
                return 0;
        }
        close(fd);
        return r < 0 ? err_sys(err, r, "listener") : err_set(err, why.code, "%s", why.text);
}

/* ---- the other roles ---- */

static void ignore_answer(void *ctx UNUSED, const struct peer_answer *a UNUSED)
{
}

static void forget(struct api *a, const char *id)
{
        struct peer *launch = api_peer(a, "launch");
        struct launch_id which = {0};
        memcpy(which.id, id, sizeof which.id);
        if (launch)
                peer_call(launch, LAUNCH_FORGET, &which, NULL, 0, ignore_answer, NULL);
}

static void on_exited(void *ctx, struct peer_request *rq UNUSED, const void *req, int *fds UNUSED,
                      uint32_t n_fds UNUSED)
{
        struct api *a = ctx;
        const struct launch_result *r = req;
        if (box_find(a, r->id))
                box_exited(a, r);
        else if (!build_exited(a, r) && !warm_exited(a, r) && !pool_exited(a->pool, r))
                forget(a, r->id); /* of an earlier life of this role */
}

/* A sandbox of ours that nobody here knows: one that held a volume for an earlier life of this
 * role, or a result that was stored but not forgotten. Those of rag are left alone. */
static void on_listed(void *ctx, const struct peer_answer *answer)
{
        struct api *a = ctx;
        const struct launch_result *r = answer->rep;
        struct launch_stop stop = {0};
        if (answer->status == 0 && !answer->more)
                warm_list_ends(a);
        if (answer->status < 0 || !r->id[0] || r->profile == BOX_PARSE || box_find(a, r->id) ||
            build_owns(a, r->id) || warm_listed(a, r))
                return;
        if (r->state == BOX_ENDED && !pool_exited(a->pool, r))
                forget(a, r->id);
        struct peer *launch = api_peer(a, "launch");
        if (r->state == BOX_ENDED || pool_owns(a->pool, r->id) || !launch)
                return;
        log_info("api.stray", kv("id", (const char *)r->id));
        memcpy(stop.id, r->id, sizeof stop.id);
        peer_call(launch, LAUNCH_STOP, &stop, NULL, 0, ignore_answer, NULL);
}

static void on_exec_exited(void *ctx, struct peer_request *rq UNUSED, const void *req,
                           int *fds UNUSED, uint32_t n_fds UNUSED)
{
        struct api *a = ctx;
        if (!pool_exec_exited(a->pool, req))
                box_exec_exited(a, req);
}

static void on_ready(void *ctx, struct peer_request *rq UNUSED, const void *req, int *fds UNUSED,
                     uint32_t n_fds UNUSED)
{
        warm_ready(ctx, ((const struct launch_id *)req)->id);
}

static const struct peer_handler launch_handlers[] = {{LAUNCH_EXITED, on_exited},
                                                      {LAUNCH_READY, on_ready},
                                                      {LAUNCH_EXEC_EXITED, on_exec_exited},
                                                      {0, NULL}};
const struct peer_ops api_launch_ops = {&launch_link, launch_handlers, NULL};
const struct peer_ops api_keep_ops = {&keep_link, NULL, NULL};
const struct peer_ops api_rag_ops = {&rag_link, NULL, NULL};

void api_peer_up(struct api *a, const char *name)
{
        struct launch_empty nothing = {0};
        box_peer_up(a, name);
        build_peer_up(a, name);
        if (str_eq(name, "launch")) {
                pool_launch_up(a->pool);
                warm_list_begins(a);
                peer_call(api_peer(a, name), LAUNCH_LIST, &nothing, NULL, 0, on_listed, a);
        }
        if (str_eq(name, "rag")) {
                run_start_waiting(a);
                volumes_rag_up(a);
        }
}

/* ---- the end ---- */

size_t api_busy(const struct api *a)
{
        return httpd_busy(a->http) + (a->https ? httpd_busy(a->https) : 0);
}

static void drain_step(void *ctx)
{
        struct api *a = ctx;
        a->drain_timer = NULL;
        bool late = clock_boot_ms() >= a->drain_until_ms;
        if (api_busy(a) > 0 && !late)
                a->drain_timer = loop_timer_add(a->env.loop, DRAIN_STEP_MS, drain_step, a);
        else
                a->drained(a->drained_ctx);
}

void api_drain(struct api *a, loop_fn fn, void *ctx)
{
        if (a->draining)
                return;
        a->draining = true;
        a->drained = fn;
        a->drained_ctx = ctx;
        a->drain_until_ms = clock_boot_ms() + DRAIN_MAX_MS;
        httpd_stop_accepting(a->http);
        if (a->https)
                httpd_stop_accepting(a->https);
        for (struct live *j = a->jobs; j; j = j->next)
                live_tell(j, LIVE_DRAIN);
        events_drain(a);
        admission_drain(a);
        streams_cut(a);
        a->drain_timer = loop_timer_add(a->env.loop, 0, drain_step, a);
}
