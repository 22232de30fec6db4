/* What a role may say to serve: ready, relink; and for api status, stop, reload. */
#include "serve/state.h"
#include "base/build.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include <signal.h>
#include <stdio.h>

/* ---- reload ---- */

struct reload_report {
        struct serve_change changes[128];
        size_t n;
};

static int reload(struct serve *s, struct reload_report *rep, struct err *err)
{
        if (!s->options->config_path)
                return err_set(err, -ENOENT, "this serve was started without a configuration file");
        CLEANUP(config_problems_done) struct config_problems p;
        config_problems_init(&p);
        CLEANUP(config_freep) struct config *fresh = NULL;
        int r = config_load(s->options->config_path, &fresh, &p);
        if (r < 0)
                return err_set(err, r, "%s", p.count ? buf_text(&p.text) : errno_text(r));
        auto_free const struct option **diff = xcalloc(config_options_n, sizeof(struct option *));
        size_t n = config_diff(s->config, fresh, diff);
        for (size_t i = 0; i < n && rep->n < ARRAY_LEN(rep->changes); i++) {
                /* What the command line said stands above the file, also after a restart. */
                if (str_eq(config_origin(s->config, diff[i]->name), "command line"))
                        continue;
                struct serve_change *c = &rep->changes[rep->n++];
                snprintf(c->option, sizeof c->option, "%s", diff[i]->name);
                if (!diff[i]->reloadable)
                        continue;
                config_adopt(s->config, fresh, diff[i]->name);
                c->applied = 1;
        }
        setup_log(s->config);
        for (size_t i = 0; i < s->n; i++)
                if (peer_alive(s->members[i].control))
                        send_settings(&s->members[i]);
        struct member *launch = find_member(s, "launch");
        if (launch && peer_alive(launch->control))
                send_gpus(launch); /* read again, whether or not an option changed */
        return 0;
}

void reload_and_log(struct serve *s)
{
        struct reload_report rep = {.n = 0};
        struct err err = {0};
        if (reload(s, &rep, &err) < 0)
                log_error("serve.reload", kv("error", err_text(&err)));
        for (size_t i = 0; i < rep.n; i++)
                log_info("serve.reload", kv("option", rep.changes[i].option),
                         kv("applied", rep.changes[i].applied ? "yes" : "needs a restart"));
}

/* ---- what a role may say ---- */

static void on_ready(void *ctx, struct peer_request *rq UNUSED, const void *req, int *fds UNUSED,
                     uint32_t n UNUSED)
{
        struct member *m = ctx;
        const struct serve_ready *r = req;
        if (!m->row->outlives_serve && !str_eq(r->build_id, build_id)) {
                log_error("serve.foreign_build", kv("name", m->row->name));
                kill(m->pid, SIGKILL);
                return;
        }
        if (m->state == MEMBER_STARTING)
                m->state = MEMBER_READY;
        announce_when_ready(m->serve);
}

static void on_relink(void *ctx, struct peer_request *rq UNUSED, const void *req, int *fds UNUSED,
                      uint32_t n UNUSED)
{
        const struct serve_peer *p = req;
        wire(ctx, p->name);
}

/* Only api speaks for clients. */
static bool may_ask(struct member *m, struct peer_request *rq)
{
        if (str_eq(m->row->name, "api"))
                return true;
        peer_fail(rq, -EPERM, "only api may ask this");
        return false;
}

static void on_status(void *ctx, struct peer_request *rq, const void *req UNUSED, int *fds UNUSED,
                      uint32_t n UNUSED)
{
        struct member *m = ctx;
        struct serve *s = m->serve;
        if (!may_ask(m, rq))
                return;
        for (size_t i = 0; i < s->n; i++) {
                const struct member *x = &s->members[i];
                struct serve_status st = {
                        .pid = (uint32_t)x->pid, .restarts = x->restarts, .since_ms = x->since_ms};
                snprintf(st.role, sizeof st.role, "%s", x->row->name);
                snprintf(st.state, sizeof st.state, "%s", member_state_text(x->state));
                snprintf(st.reason, sizeof st.reason, "%s", x->reason);
                peer_reply(rq, &st, NULL, 0, i + 1 < s->n);
        }
}

static void on_stop(void *ctx, struct peer_request *rq, const void *req, int *fds UNUSED,
                    uint32_t n UNUSED)
{
        struct member *m = ctx;
        const struct serve_stop *stop = req;
        if (!may_ask(m, rq))
                return;
        m->serve->stop_all |= stop->all != 0;
        peer_reply(rq, &(struct serve_empty){0}, NULL, 0, false);
        begin_stop(m->serve);
}

static void on_reload(void *ctx, struct peer_request *rq, const void *req UNUSED, int *fds UNUSED,
                      uint32_t n UNUSED)
{
        struct member *m = ctx;
        if (!may_ask(m, rq))
                return;
        struct reload_report rep = {.n = 0};
        struct err err = {0};
        if (reload(m->serve, &rep, &err) < 0) {
                peer_fail_err(rq, &err);
                return;
        }
        for (size_t i = 0; i < rep.n; i++)
                peer_reply(rq, &rep.changes[i], NULL, 0, true);
        peer_reply(rq, &(struct serve_change){0}, NULL, 0, false);
}

static const struct peer_handler control_handlers[] = {
        {SERVE_READY, on_ready},   {SERVE_STATUS, on_status}, {SERVE_STOP, on_stop},
        {SERVE_RELOAD, on_reload}, {SERVE_RELINK, on_relink}, {0, NULL}};
const struct peer_ops control_ops = {&serve_link, control_handlers, control_closed};
