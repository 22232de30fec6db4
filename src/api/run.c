#include "api/run.h"
#include "api/job_json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include <stdio.h>

struct run *run_new(struct api *a, const char *id, int64_t owner, const char *volume,
                    const char *prefix, bool force)
{
        struct run *x = xcalloc(1, sizeof *x);
        x->live.kind = LIVE_RUN;
        x->live.owner = owner;
        x->force = force;
        snprintf(x->live.id, sizeof x->live.id, "%s", id);
        snprintf(x->volume, sizeof x->volume, "%s", volume);
        snprintf(x->prefix, sizeof x->prefix, "%s", prefix);
        live_add(a, &x->live);
        return x;
}

void run_free(struct run *x)
{
        live_remove(&x->live);
        for (size_t i = 0; i < x->n_notes; i++)
                free(x->notes[i].text);
        free(x->notes);
        free(x->latest);
        free(x);
}

static struct run *find(struct api *a, const char *id)
{
        return (struct run *)live_find(a, id, LIVE_RUN);
}

struct run *run_find_waiting(struct api *a, const char *volume, const char *prefix, bool force)
{
        for (struct live *j = a->jobs; j; j = j->next) {
                struct run *x = (struct run *)j;
                if (j->kind == LIVE_RUN && !x->asked && str_eq(x->volume, volume) &&
                    str_eq(x->prefix, prefix) && x->force == force)
                        return x;
        }
        return NULL;
}

void run_restore(struct api *a, const struct job_row *row)
{
        json_t *spec = json_or_null(row->spec);
        const char *volume = json_string_value(json_object_get(spec, "volume_id"));
        const char *prefix = json_string_value(json_object_get(spec, "prefix"));
        run_new(a, row->id, row->owner, volume ? volume : "", prefix ? prefix : "",
                json_is_true(json_object_get(spec, "force")));
        json_decref(spec);
}

static json_t *progress_object(const struct rag_progress *p)
{
        static const char *const states[] = {
                [0] = "accepted",          [RAG_SCANNING] = "scanning",
                [RAG_PARSING] = "parsing", [RAG_EMBEDDING] = "embedding",
                [RAG_DONE] = "done",       [RAG_FAILED] = "failed"};
        return json_pack("{s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o}", "state",
                         p->state < ARRAY_LEN(states) ? states[p->state] : "unknown", "total",
                         (json_int_t)p->total, "done", (json_int_t)p->done, "changed",
                         (json_int_t)p->changed, "removed", (json_int_t)p->removed, "failed",
                         (json_int_t)p->failed, "passages", (json_int_t)p->passages, "embedded",
                         (json_int_t)p->embedded, "to_embed", (json_int_t)p->to_embed, "path",
                         json_str_lossy(p->path, strlen(p->path)), "reason",
                         json_str_lossy(p->reason, strlen(p->reason)));
}

static void note_progress(struct run *x, const struct rag_progress *p)
{
        json_t *o = progress_object(p);
        free(x->latest);
        x->latest = json_text(o);
        json_decref(o);
        x->event++;
        if (p->path[0] && x->n_notes < RUN_NOTES_MAX) {
                x->notes = xrealloc(x->notes, (x->n_notes + 1) * sizeof *x->notes);
                x->notes[x->n_notes++] = (struct run_note){x->event, xstrdup(x->latest)};
        }
        live_tell(&x->live, LIVE_PROGRESS);
}

#define STORE_MS 3000 /* until the next try when a result could not be stored */

struct ending {
        struct api *api;
        char id[ID_TEXT_LEN + 1];
        char *result;
};

static void end_with(void *ctx)
{
        struct ending *e = ctx;
        struct api *a = e->api;
        struct run *x = find(a, e->id);
        struct err err = {0};
        if (x && jobs_end(a->db, e->id, e->result, &err) < 0) {
                log_error("job.store", kv("id", (const char *)e->id), kv("error", err_text(&err)));
                loop_timer_add(a->env.loop, STORE_MS, end_with, e);
                return;
        }
        free(e->result);
        free(e);
        if (!x)
                return;
        log_info("job.ended", kv("id", (const char *)x->live.id));
        live_end(&x->live);
        run_free(x);
        run_start_waiting(a);
}

static void ends(struct run *x, const struct rag_progress *p)
{
        struct ending *e = xcalloc(1, sizeof *e);
        json_t *o = progress_object(p);
        e->api = x->live.api;
        memcpy(e->id, x->live.id, sizeof e->id);
        e->result = json_text(o);
        json_decref(o);
        end_with(e);
}

struct about {
        struct api *api;
        char id[ID_TEXT_LEN + 1];
        bool began;
};

static void on_progress(void *ctx, const struct peer_answer *a)
{
        struct about *q = ctx;
        struct run *x = find(q->api, q->id);
        struct rag_progress failed = {.state = RAG_FAILED};
        bool link_gone = a->status == -EPIPE || a->status == -ECANCELED;
        if (x && a->status == 0) {
                const struct rag_progress *p = a->rep;
                if (!q->began && jobs_running(q->api->db, q->id, NULL, NULL) < 0)
                        log_warn("job.store", kv("id", (const char *)q->id));
                q->began = true;
                if (a->more)
                        note_progress(x, p);
                else
                        ends(x, p);
        } else if (x && link_gone) {
                x->asked = false; /* once more when rag is back: it is work without side effect */
        } else if (x) {
                snprintf(failed.reason, sizeof failed.reason, "%s", err_text(a->err));
                ends(x, &failed);
        }
        if (!a->more)
                free(q);
}

static bool volume_is_busy(const struct api *a, const struct run *x)
{
        for (const struct live *j = a->jobs; j; j = j->next) {
                const struct run *other = (const struct run *)j;
                if (j->kind == LIVE_RUN && other->asked && str_eq(other->volume, x->volume))
                        return true;
        }
        return false;
}

/* The oldest of those that may start now: the list has the newest first. */
static struct run *next_to_start(struct api *a)
{
        struct run *found = NULL;
        for (struct live *j = a->jobs; j; j = j->next)
                if (j->kind == LIVE_RUN && !((struct run *)j)->asked &&
                    !volume_is_busy(a, (struct run *)j))
                        found = (struct run *)j;
        return found;
}

void run_start_waiting(struct api *a)
{
        struct peer *rag = api_peer(a, "rag");
        struct run *x;
        while (rag && (x = next_to_start(a))) {
                auto_free struct rag_index *req = xcalloc(1, sizeof *req);
                struct about *q = xcalloc(1, sizeof *q);
                q->api = a;
                memcpy(q->id, x->live.id, sizeof q->id);
                memcpy(req->job, x->live.id, sizeof req->job);
                snprintf(req->space, sizeof req->space, "%s", x->volume);
                memcpy(req->volume, x->volume, sizeof req->volume);
                memcpy(req->prefix, x->prefix, sizeof req->prefix);
                req->force = x->force;
                x->asked = true;
                peer_call(rag, RAG_INDEX, req, NULL, 0, on_progress, q);
        }
}
