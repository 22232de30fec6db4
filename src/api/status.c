#include "api/admission.h"
#include "api/handlers.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "link/rag.h"
#include "link/serve.h"

/* Two roles are asked at the same time; whoever is away is left out, which the answer shows. */
struct status {
        struct call *c;
        json_t *roles, *docs;
        int waiting;
};

static json_t *counts(struct db *db, const char *kind)
{
        struct job_counts n = {0};
        if (jobs_count(db, kind, &n, NULL) < 0)
                return json_null();
        return json_pack("{s:I,s:I,s:I}", "accepted", (json_int_t)n.accepted, "running",
                         (json_int_t)n.running, "ended", (json_int_t)n.ended);
}

static void part_done(struct status *s)
{
        if (--s->waiting > 0)
                return;
        struct api *a = s->c->api;
        size_t place, waiting = admission_waiting(a, s->c->who.user.id, &place);
        call_json(s->c, 200,
                  json_pack("{s:s,s:s,s:I,s:I,s:{s:s,s:b},s:{s:I,s:I},s:O,s:{s:o,s:o,s:o},s:O}",
                            "version", PADDOCK_VERSION, "status", a->draining ? "draining" : "ok",
                            "started_ms", (json_int_t)a->started_ms, "uptime_ms",
                            (json_int_t)(clock_wall_ms() - a->started_ms), "user", "name",
                            s->c->who.user.name, "operator", (int)s->c->who.is_operator, "queue",
                            "waiting", (json_int_t)waiting, "place", (json_int_t)place, "roles",
                            s->roles, "jobs", "sandbox", counts(a->db, "sandbox"), "index",
                            counts(a->db, "index"), "image", counts(a->db, "image"), "docs",
                            s->docs));
        call_unref(s->c);
        json_decref(s->roles);
        json_decref(s->docs);
        free(s);
}

static void on_role(void *ctx, const struct peer_answer *a)
{
        struct status *s = ctx;
        if (a->status == 0) {
                const struct serve_status *r = a->rep;
                if (r->role[0])
                        json_array_append_new(
                                s->roles, json_pack("{s:s,s:s,s:I,s:I,s:I,s:s}", "role", r->role,
                                                    "state", r->state, "pid", (json_int_t)r->pid,
                                                    "restarts", (json_int_t)r->restarts, "since_ms",
                                                    (json_int_t)r->since_ms, "reason", r->reason));
        }
        if (!a->more)
                part_done(s);
}

static void on_docs(void *ctx, const struct peer_answer *a)
{
        struct status *s = ctx;
        if (a->status == 0) {
                const struct rag_count *n = a->rep;
                json_decref(s->docs);
                s->docs = json_pack("{s:I,s:I,s:I}", "docs", (json_int_t)n->docs, "passages",
                                    (json_int_t)n->passages, "failed", (json_int_t)n->failed);
        }
        if (!a->more)
                part_done(s);
}

void status_get(struct call *c)
{
        struct status *s = xcalloc(1, sizeof *s);
        *s = (struct status){call_ref(c), json_array(), json_null(), 1};
        struct peer *serve = api_peer(c->api, "serve"), *rag = api_peer(c->api, "rag");
        struct serve_empty nothing = {0};
        struct volume docs;
        if (serve) {
                s->waiting++;
                peer_call(serve, SERVE_STATUS, &nothing, NULL, 0, on_role, s);
        }
        bool has_docs = volumes_find(c->api->db, c->who.user.id, "docs", &docs, NULL) == 0;
        if (!has_docs) {
                json_decref(s->docs);
                s->docs = json_pack("{s:i,s:i,s:i}", "docs", 0, "passages", 0, "failed", 0);
        } else if (rag) {
                struct rag_list *req = xcalloc(1, sizeof *req);
                snprintf(req->space, sizeof req->space, "%s", docs.id);
                s->waiting++;
                peer_call(rag, RAG_STATUS, req, NULL, 0, on_docs, s);
                free(req);
        }
        part_done(s);
}
