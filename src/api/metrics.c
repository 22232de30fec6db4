#include "api/metrics.h"
#include "api/handlers.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "link/serve.h"
#include "link/vault.h"
#include <inttypes.h>

#define STATUS_MAX  600
#define METRICS_MAX (1u << 20)

/* One row a route, the last for what matched none; a cell a status. */
struct api_counters {
        uint64_t (*n)[STATUS_MAX];
        size_t rows;
};

struct api_counters *metrics_new(void)
{
        struct api_counters *m = xcalloc(1, sizeof *m);
        m->rows = routes_n + 1;
        m->n = xcalloc(m->rows, sizeof *m->n);
        return m;
}

void metrics_free(struct api_counters *m)
{
        if (!m)
                return;
        free(m->n);
        free(m);
}

void metrics_count(struct api_counters *m, const struct route *r, int status)
{
        size_t row = r ? (size_t)(r - routes) : m->rows - 1;
        if (status >= 0 && status < STATUS_MAX)
                m->n[row][status]++; /* status 0: the client went before the answer */
}

struct scrape {
        struct call *c;
        struct buf text;
        int r;
};

static void put_requests(struct scrape *s)
{
        struct api_counters *m = s->c->api->counters;
        s->r = buf_adds(&s->text, "# HELP paddock_http_requests_total Answered requests.\n"
                                  "# TYPE paddock_http_requests_total counter\n");
        for (size_t i = 0; i < m->rows; i++) {
                for (int status = 0; status < STATUS_MAX && s->r == 0; status++) {
                        if (!m->n[i][status])
                                continue;
                        const struct route *r = i < routes_n ? &routes[i] : NULL;
                        s->r = buf_addf(&s->text,
                                        "paddock_http_requests_total{method=\"%s\",route=\"%s\","
                                        "status=\"%d\"} %" PRIu64 "\n",
                                        r ? r->method : "", r ? r->path : "", status,
                                        m->n[i][status]);
                }
        }
}

static void put_jobs(struct scrape *s, const char *kind)
{
        struct job_counts n;
        if (s->r < 0 || jobs_count(s->c->api->db, kind, &n, NULL) < 0)
                return;
        s->r = buf_addf(&s->text,
                        "paddock_jobs{kind=\"%s\",state=\"accepted\"} %" PRIu64 "\n"
                        "paddock_jobs{kind=\"%s\",state=\"running\"} %" PRIu64 "\n"
                        "paddock_jobs{kind=\"%s\",state=\"ended\"} %" PRIu64 "\n",
                        kind, n.accepted, kind, n.running, kind, n.ended);
}

static void finish(struct scrape *s)
{
        if (s->r < 0)
                call_fail(s->c, s->r, "the metrics could not be written down");
        else if (s->c->rq)
                http_reply(s->c->rq, 200, "text/plain; version=0.0.4; charset=utf-8", s->text.data,
                           s->text.len);
        call_unref(s->c);
        buf_done(&s->text);
        free(s);
}

static void on_role(void *ctx, const struct peer_answer *a)
{
        struct scrape *s = ctx;
        const struct serve_status *role = a->rep;
        if (a->status == 0 && role->role[0] && s->r == 0)
                s->r = buf_addf(&s->text,
                                "paddock_role_up{role=\"%s\"} %d\n"
                                "paddock_role_restarts_total{role=\"%s\"} %u\n",
                                role->role, str_eq(role->state, "ready"), role->role,
                                role->restarts);
        if (!a->more)
                finish(s);
}

static void put_counter(struct scrape *s, const struct vault_counter *k)
{
        const struct {
                const char *name, *label;
                uint64_t n;
        } rows[] = {{"requests_total", "verdict=\"allowed\",", k->allowed},
                    {"requests_total", "verdict=\"denied\",", k->denied},
                    {"requests_total", "verdict=\"failed\",", k->failed},
                    {"bytes_total", "direction=\"up\",", k->up},
                    {"bytes_total", "direction=\"down\",", k->down},
                    {"tokens_total", "kind=\"input\",", k->input},
                    {"tokens_total", "kind=\"output\",", k->output},
                    {"tokens_total", "kind=\"cache_write\",", k->cache_write},
                    {"tokens_total", "kind=\"cache_read\",", k->cache_read},
                    {"micro_usd_total", "", k->micro_usd},
                    {"open", "", k->open}};
        for (size_t i = 0; i < ARRAY_LEN(rows) && s->r == 0; i++)
                s->r = buf_addf(&s->text, "paddock_route_%s{%sroute=\"%s\"} %" PRIu64 "\n",
                                rows[i].name, rows[i].label, k->route, rows[i].n);
}

static void ask_serve(struct scrape *s)
{
        struct peer *serve = api_peer(s->c->api, "serve");
        struct serve_empty nothing = {0};
        if (serve)
                peer_call(serve, SERVE_STATUS, &nothing, NULL, 0, on_role, s);
        else
                finish(s);
}

/* Of the vault, by route; "-": through the proxy. They begin anew when it does. */
static void on_counter(void *ctx, const struct peer_answer *a)
{
        struct scrape *s = ctx;
        const struct vault_counter *k = a->rep;
        if (a->status == 0 && k->route[0])
                put_counter(s, k);
        if (!a->more)
                ask_serve(s);
}

void metrics_route(struct call *c)
{
        struct scrape *s = xcalloc(1, sizeof *s);
        s->c = call_ref(c);
        buf_init(&s->text, METRICS_MAX);
        put_requests(s);
        if (s->r == 0)
                s->r = buf_addf(&s->text,
                                "# HELP paddock_uptime_seconds Since this role started.\n"
                                "# TYPE paddock_uptime_seconds gauge\n"
                                "paddock_uptime_seconds %.3f\n"
                                "# HELP paddock_info The version.\n"
                                "# TYPE paddock_info gauge\n"
                                "paddock_info{version=\"" PADDOCK_VERSION "\"} 1\n"
                                "# HELP paddock_jobs Stored jobs by state.\n"
                                "# TYPE paddock_jobs gauge\n",
                                (double)(clock_wall_ms() - c->api->started_ms) / 1000);
        put_jobs(s, "sandbox");
        put_jobs(s, "index");
        put_jobs(s, "image");
        struct peer *vault = api_peer(c->api, "vault");
        struct vault_empty all = {0};
        if (vault)
                peer_call(vault, VAULT_COUNTERS, &all, NULL, 0, on_counter, s);
        else
                ask_serve(s);
}
