#include "vault/probe.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/route_call.h"
#include <stdio.h>

#define WAIT_MS 20000

struct probe {
        struct peer_request *rq;
        struct route_call *call;
        struct loop_timer *timer;
        struct vault_tested answer;
        char body[512];
        size_t n;
        uint64_t began_us;
};

/* The first path of the route that GET may have, as far as it is fixed. */
static void path_for(const struct route *r, char path[256])
{
        char item[512];
        snprintf(path, 256, "/");
        for (const char *list = r->allow; route_item(&list, item, sizeof item);) {
                char *colon = strchr(item, ':');
                if (!colon || strncmp(item, "GET", 3) != 0)
                        continue;
                snprintf(path, 256, "%s", colon + 1);
                path[strcspn(path, "*{")] = 0;
                if (!path[0])
                        snprintf(path, 256, "/");
                return;
        }
}

static void on_head(void *ctx, const struct h1_head *h)
{
        struct probe *p = ctx;
        p->answer.status = h->status;
}

static void on_data(void *ctx, struct slice data)
{
        struct probe *p = ctx;
        size_t room = sizeof p->body - 1 - p->n, n = data.len < room ? data.len : room;
        memcpy(p->body + p->n, data.data, n);
        p->n += n;
}

static void finish(struct probe *p)
{
        p->answer.us = clock_boot_us() - p->began_us;
        peer_reply(p->rq, &p->answer, NULL, 0, false);
        loop_timer_remove(p->timer);
        route_call_free(p->call);
        free(p);
}

/* What vault itself has refused says why: "paddock: ...". */
static bool own_reason(struct probe *p)
{
        static const char mark[] = "\"message\":\"paddock: ";
        const char *at = strstr(p->body, mark);
        if (!at)
                return false;
        at += sizeof mark - 1;
        snprintf(p->answer.text, sizeof p->answer.text, "%.*s", (int)strcspn(at, "\""), at);
        return true;
}

static void on_done(void *ctx, int status, const char *why)
{
        struct probe *p = ctx;
        unsigned code = p->answer.status;
        char *text = p->answer.text;
        size_t size = sizeof p->answer.text;
        p->body[p->n] = 0;
        bool own = own_reason(p);
        if (own)
                p->answer.status = 0; /* it was not the upstream's */
        else if (status < 0)
                snprintf(text, size, "the answer was cut: %s", why);
        else if (code == 401 || code == 403)
                snprintf(text, size, "the upstream answers, and does not take the key (%u)", code);
        else
                snprintf(text, size, "the upstream answers (%u)", code);
        p->answer.fine = !own && status == 0 && code != 401 && code != 403 && code < 500;
        finish(p);
}

static void too_late(void *ctx)
{
        struct probe *p = ctx;
        p->timer = NULL;
        snprintf(p->answer.text, sizeof p->answer.text, "the upstream says nothing for %d s",
                 WAIT_MS / 1000);
        finish(p);
}

void probe_route(struct exchanges *all, struct peer_request *rq, const struct vault_open *q)
{
        static const struct route_call_ops ops = {on_head, on_data, on_done};
        char path[256];
        int fd = -1;
        const struct route *r = routes_find(all->routes, q->route);
        int bad = r ? exchange_open_role(all, "test", q, &fd) : -ENOENT;
        if (bad < 0) {
                peer_fail(rq, bad,
                          bad == -ENOENT ? "there is no route '%s'" : "%s: too many requests",
                          q->route);
                return;
        }
        path_for(r, path);
        struct route_request request = {.route = q->route, .method = "GET", .path = path};
        struct probe *p = xcalloc(1, sizeof *p);
        p->rq = rq;
        p->began_us = clock_boot_us();
        p->timer = loop_timer_add(all->loop, WAIT_MS, too_late, p);
        p->call = route_call_on(all->loop, fd, &request, &ops, p);
}
