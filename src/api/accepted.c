#include "api/accepted.h"
#include "api/flush.h"
#include "api/handlers.h"
#include "base/mem.h"

struct accepted {
        struct call *c;
        const struct accepted_calls *calls;
        char id[ID_TEXT_LEN + 1];
        struct live_watch watch; /* until it is answered */
        bool made, stored, ended, answered;
        int status; /* 0 so far */
        struct err err;
};

static void go_on(struct accepted *m)
{
        if (m->made && (m->stored || m->ended) && !m->answered) {
                m->answered = true;
                live_unwatch(&m->watch);
                m->calls->tell(m->c, m->id, m->status, &m->err);
        }
        if (m->made && m->stored) { /* nothing comes any more */
                call_unref(m->c);
                free(m);
        }
}

static void on_news(void *ctx, enum live_event ev)
{
        struct accepted *m = ctx;
        if (ev != LIVE_ENDED)
                return;
        m->ended = true;
        go_on(m);
}

/* What cannot be stored was never accepted; whatever runs by now is ended. */
static void on_stored(void *ctx, int status)
{
        struct accepted *m = ctx;
        m->stored = true;
        if (status < 0 && m->status == 0 && !m->answered) {
                m->status = err_set(&m->err, -EIO, "the job could not be put on the disk: %s",
                                    errno_text(-status));
                if (status != -ECANCELED)
                        box_kill(m->c->api, m->id);
        }
        go_on(m);
}

void accepted_made(void *ctx, int status, const struct err *err)
{
        struct accepted *m = ctx;
        m->made = true;
        if (status < 0 && status != -EPIPE) {
                /* Refused, and nobody was told the id: it was never accepted. */
                (void)!jobs_delete(m->c->api->db, m->id, NULL);
                (void)!outlog_remove(m->c->api->logs_fd, m->id);
                m->status = status;
                m->err = *err;
        } else if (m->calls->made) {
                m->calls->made(m->c, m->id);
        }
        go_on(m);
}

struct accepted *accepted_new(struct call *c, struct box *b, const struct accepted_calls *calls)
{
        struct accepted *m = xcalloc(1, sizeof *m);
        m->c = call_ref(c);
        m->calls = calls;
        memcpy(m->id, b->live.id, sizeof m->id);
        m->watch = (struct live_watch){.fn = on_news, .ctx = m};
        live_watch(&b->live, &m->watch);
        flush_then(c->api->flush, on_stored, m);
        return m;
}

void accepted_answer(struct call *c, const char *id, const char *flag)
{
        json_t *o = c->rq ? job_load(c->api, id) : NULL;
        if (o && flag)
                json_object_set_new(o, flag, json_false());
        call_json(c, 201, o ? o : json_pack("{s:s}", "id", id));
}
