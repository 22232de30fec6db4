#include "vault/exchange_impl.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include <stdio.h>
#include <sys/socket.h>

#define STREAMS_MAX 8192
#define LOOK_MS     1000 /* how exact the end of an idle stream is */

/* ---- the record ---- */

void exchange_record(struct exchange *x)
{
        struct audit *a = x->all->audit;
        struct vault_counter *count = counter_of(x->all->counters, x->route.name);
        const struct vbox *b = vbox_find(x->all->boxes, x->sandbox);
        uint64_t now = clock_boot_us();
        if (!x->busy)
                return;
        x->busy = false;
        busy_give(&x->all->busy, x->slot);
        x->slot = NULL;
        counter_verdict(count, x->verdict);
        count->up += x->relay.bytes_up;
        count->down += x->relay.bytes_down;
        if (!a)
                return;
        audit_begin(a, "request");
        audit_text(a, "sandbox", x->sandbox);
        audit_text(a, "owner", x->owner);
        if (b && policy_labels(b->policy)[0])
                audit_text(a, "labels", policy_labels(b->policy));
        if (x->name[0])
                audit_text(a, "name", x->name);
        audit_text(a, "route", x->route.name);
        audit_text(a, "method", x->method);
        audit_text(a, "path", x->path);
        audit_number(a, "status", x->status);
        audit_number(a, "up", x->relay.bytes_up);
        audit_number(a, "down", x->relay.bytes_down);
        audit_number(a, "us", now - x->began_us);
        if (x->first_us)
                audit_number(a, "first_us", x->first_us - x->began_us);
        if (x->scans && x->request.model[0])
                audit_text(a, "model", x->request.model);
        struct budget_sum used = {0};
        if (x->route.name[0])
                used = account_settle(x);
        if (x->reserved.tokens) {
                audit_number(a, "reserved", x->reserved.micro_usd);
                audit_number(a, "reserved_tokens", x->reserved.tokens);
        }
        if (x->meters) {
                count->input += x->usage.input;
                count->output += x->usage.output;
                count->cache_write += x->usage.cache_write;
                count->cache_read += x->usage.cache_read;
                count->micro_usd += used.micro_usd;
                audit_number(a, "micro_usd", used.micro_usd);
                audit_number(a, "input", x->usage.input);
                audit_number(a, "output", x->usage.output);
                audit_number(a, "cache_write", x->usage.cache_write);
                audit_number(a, "cache_read", x->usage.cache_read);
        }
        audit_text(a, "verdict", x->verdict ? x->verdict : "cut");
        if (audit_end(a) < 0)
                log_error("audit.lost", kv("sandbox", x->sandbox), kv("route", x->route.name));
}

/* ---- one request ---- */

static void go(struct exchange *x, struct conn *up)
{
        conn_wipes(up);
        if (put_request_head(x, &x->relay.req.head, conn_out(up)) == 0) {
                relay_go(&x->relay, up);
                return;
        }
        conn_free(up);
        exchange_refuse(x, 502, "the request cannot be put into the form of this route");
}

static void on_upstream(void *ctx, struct conn *c, const struct err *err)
{
        struct exchange *x = ctx;
        x->calling = NULL;
        if (c) {
                go(x, c);
        } else {
                char text[200];
                log_warn("route.upstream", kv("route", x->route.name), kv("error", err_text(err)));
                /* A sandbox is not told about the network outside. */
                snprintf(text, sizeof text, "the upstream cannot be reached%s%.150s",
                         x->opened[0] ? ": " : "", x->opened[0] ? err_text(err) : "");
                exchange_refuse(x, err->code == -ETIMEDOUT ? 504 : 502, text);
        }
        relay_run(&x->relay);
}

static void start_upstream(struct exchange *x)
{
        struct conn *kept = upstream_take(x->all->upstreams, &x->route);
        x->reused = kept != NULL;
        if (kept)
                go(x, kept);
        else
                x->calling = upstream_dial(x->all->upstreams, &x->route, on_upstream, x);
}

static void refuse_spent(struct exchange *x, const char *why)
{
        x->spent = true;
        x->verdict = "denied";
        exchange_refuse(x, 429, why);
}

/* All but uploads as forms is JSON on these routes. */
static bool needs_scan(const struct exchange *x, const struct h1_head *h)
{
        const char *type = h1_find(h, "content-type");
        bool form = type && strncasecmp(type, "multipart/form-data", 19) == 0;
        return x->route.meter != ROUTE_UNMETERED && h->framing != H1_NONE &&
               !(form && x->route.meter == ROUTE_OPENAI);
}

static void on_request(void *ctx, const struct h1_head *h)
{
        struct exchange *x = ctx;
        struct err err = {0};
        x->route.name[0] = x->route.secret[0] = x->route.form[0] = 0;
        x->route.meter = ROUTE_UNMETERED;
        x->route.idle_ms = 0;
        x->busy = true;
        x->status = 0;
        x->first_us = 0;
        x->began_us = clock_boot_us();
        x->verdict = NULL;
        x->scans = x->meters = x->spent = false;
        x->reserved = (struct budget_sum){0};
        x->relay.bytes_up = x->relay.bytes_down = 0;
        redirect_forget(x);
        int status = decide_request(x, h, &err);
        if (status) {
                log_info("route.denied", kv("sandbox", x->sandbox), kv("method", x->method),
                         kv("path", x->path), kv("status", status), kv("why", err_text(&err)));
                exchange_refuse(x, (unsigned)status, err_text(&err));
                return;
        }
        char why[80];
        int bad = account_begin(x, why);
        if (bad == -EAGAIN)
                exchange_refuse(x, 429, why);
        else if (bad < 0)
                refuse_spent(x, why);
        if (bad < 0)
                return;
        x->verdict = "allowed";
        x->scans = needs_scan(x, h);
        x->request.model[0] = 0;
        x->request.max_tokens = 0;
        x->request.status = 0;
        if (x->scans)
                request_init(&x->request, &x->route);
        start_upstream(x);
}

/* ---- its response ---- */

/* Goes where a redirect leads, in the place of the client. False: it is passed on as it is. */
static bool follow(struct exchange *x, const struct h1_head *h)
{
        if (!relay_can_repeat(&x->relay) || redirect_lead(x, h) < 0)
                return false;
        x->status = 0;
        relay_repeat(&x->relay);
        x->reused = false;
        x->calling = upstream_dial(x->all->upstreams, &x->route, on_upstream, x);
        return true;
}

static int on_response(void *ctx, const struct h1_head *h, struct buf *out)
{
        struct exchange *x = ctx;
        if (h->status >= 200 || h->status == 101) {
                x->status = h->status;
                x->first_us = clock_boot_us();
                const char *type = h1_find(h, "content-type");
                x->meters = x->route.meter != ROUTE_UNMETERED && h->status < 300;
                if (x->meters)
                        usage_init(&x->usage,
                                   type && strncasecmp(type, "text/event-stream", 17) == 0);
        }
        if (is_redirect(h) && x->route.redirect == ROUTE_FOLLOW && follow(x, h))
                return -ECANCELED;
        if (is_redirect(h) && x->route.redirect == ROUTE_REFUSE) {
                exchange_refuse(x, 502, "the upstream answered with a redirect");
                return -EACCES;
        }
        return put_response_head(x, h, out);
}

/* Not one byte of the part that is refused goes up: the upstream never has the whole request. */
static int look_at(struct exchange *x, struct slice data)
{
        char why[80];
        const struct h1_head *h = &x->relay.req.head;
        int r = x->scans ? request_feed(&x->request, data.data, data.len) : 0;
        /* With its last bytes all of it is known; of a body without a length nothing is. */
        bool known = h->framing != H1_LENGTH || x->relay.bytes_up >= h->length;
        if (r == 0 && known)
                r = account_reserve(x, why);
        if (r == 0)
                return 0;
        if (x->request.status == 0 && !x->relay.rsp_begun) {
                refuse_spent(x, why);
                return r;
        }
        if (x->relay.rsp_begun)
                relay_cut(&x->relay);
        else
                exchange_refuse(x, (unsigned)x->request.status, x->request.why);
        return r;
}

static int on_body(void *ctx, bool up, struct slice data)
{
        struct exchange *x = ctx;
        if (!up && x->meters)
                usage_feed(&x->usage, data);
        if (!up)
                return 0;
        if (x->relay.bytes_up <= x->route.body_max) /* this part is counted already */
                return look_at(x, data);
        if (x->relay.rsp_begun)
                relay_cut(&x->relay);
        else
                exchange_refuse(x, 413, "the body is larger than this route allows");
        return -E2BIG;
}

static void on_failed(void *ctx, const struct err *err)
{
        struct exchange *x = ctx;
        bool safe = str_eq(x->method, "GET") || str_eq(x->method, "HEAD");
        /* A kept connection may have been closed by the other side just as it was used. */
        if (x->reused && safe && x->relay.bytes_up == 0 && x->relay.req_done) {
                relay_repeat(&x->relay);
                x->reused = false;
                x->calling = upstream_dial(x->all->upstreams, &x->route, on_upstream, x);
                return;
        }
        const char *trouble = x->relay.up ? upstream_trouble(&x->route, x->relay.up) : "";
        char text[250];
        snprintf(text, sizeof text, "%.120s%s%.100s", err_text(err), *trouble ? ": " : "", trouble);
        log_warn("route.failed", kv("route", x->route.name), kv("error", text));
        exchange_refuse(x, 502, x->opened[0] ? text : "the upstream did not answer");
}

static void on_done(void *ctx, bool reusable)
{
        struct exchange *x = ctx;
        exchange_record(x);
        if (!reusable)
                return;
        upstream_give(x->all->upstreams, &x->route, x->relay.up);
        x->relay.up = NULL;
}

static void drop(struct exchange *x)
{
        *x->at = x->next;
        if (x->next)
                x->next->at = x->at;
        x->all->n--;
        exchange_record(x);
        upstream_cancel(x->calling);
        relay_done(&x->relay);
        redirect_forget(x);
        free(x);
}

static void on_ended(void *ctx)
{
        drop(ctx);
}

static bool on_trailer(void *ctx, bool up, const char *name)
{
        return up ? request_drops(ctx, name) : response_hides(ctx, name);
}

static const struct relay_ops ops = {.request = on_request,
                                     .response = on_response,
                                     .body = on_body,
                                     .trailer = on_trailer,
                                     .done = on_done,
                                     .failed = on_failed,
                                     .ended = on_ended};

/* ---- streams ---- */

static bool stands_still(struct exchange *x, uint64_t now)
{
        uint64_t moved = x->relay.bytes_up + x->relay.bytes_down + x->status;
        if (!x->busy || moved != x->moved || !x->still_us)
                x->still_us = now;
        x->moved = moved;
        return x->busy && x->route.idle_ms && now - x->still_us > x->route.idle_ms * 1000;
}

static void look_at_all(void *ctx)
{
        struct exchanges *all = ctx;
        uint64_t now = clock_boot_us();
        for (struct exchange *x = all->first, *next; x; x = next) {
                next = x->next;
                if (!stands_still(x, now))
                        continue;
                x->verdict = "idle";
                if (x->relay.rsp_begun)
                        relay_cut(&x->relay);
                else
                        exchange_refuse(x, 504, "the upstream says nothing");
                relay_run(&x->relay);
        }
        all->look = loop_timer_add(all->loop, LOOK_MS, look_at_all, all);
}

static void nothing(void *ctx UNUSED)
{
}

static int open_stream(struct exchanges *all, int *ret_fd, struct exchange **ret)
{
        int pair[2];
        if (all->n >= STREAMS_MAX)
                return -EBUSY;
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
                return -errno;
        struct exchange *x = xcalloc(1, sizeof *x);
        x->all = all;
        if (!all->look)
                all->look = loop_timer_add(all->loop, LOOK_MS, look_at_all, all);
        struct conn *down = conn_new(all->loop, pair[0], NULL, NULL, nothing, NULL);
        relay_init(&x->relay, down, &ops, x);
        x->next = all->first;
        x->at = &all->first;
        if (x->next)
                x->next->at = &x->next;
        all->first = x;
        all->n++;
        *ret_fd = pair[1];
        *ret = x;
        return 0;
}

int exchange_open(struct exchanges *all, const char *sandbox, int *ret_fd)
{
        struct exchange *x = NULL;
        if (!vbox_find(all->boxes, sandbox))
                return -ENOENT;
        int r = open_stream(all, ret_fd, &x);
        if (r == 0)
                snprintf(x->sandbox, sizeof x->sandbox, "%s", sandbox);
        return r;
}

int exchange_open_role(struct exchanges *all, const char *role, const struct vault_open *q,
                       int *ret_fd)
{
        struct exchange *x = NULL;
        const struct route *route = routes_find(all->routes, q->route);
        bool test = str_eq(role, "test"); /* the operator's own: probe.h */
        if (!route || (!test && !route_list_has(route->roles, role)))
                return -ENOENT;
        int r = open_stream(all, ret_fd, &x);
        if (r < 0)
                return r;
        snprintf(x->sandbox, sizeof x->sandbox, "role:%s", role);
        memcpy(x->opened, q->route, sizeof x->opened);
        memcpy(x->owner, q->owner, sizeof x->owner);
        return 0;
}

void exchanges_recheck(struct exchanges *all)
{
        for (struct exchange *x = all->first, *next; x; x = next) {
                const struct vbox *b = vbox_find(all->boxes, x->sandbox);
                next = x->next;
                if (x->opened[0] || (b && (!x->busy || policy_has_route(b->policy, x->route.name))))
                        continue;
                x->verdict = "cut";
                drop(x);
        }
}

size_t exchanges_open(const struct exchanges *all, const char *route)
{
        size_t n = 0;
        for (const struct exchange *x = all->first; x; x = x->next)
                n += x->busy && str_eq(x->route.name, route);
        return n;
}

void exchanges_done(struct exchanges *all)
{
        loop_timer_remove(all->look);
        all->look = NULL;
        while (all->first)
                drop(all->first);
}
