#include "api/handlers.h"
#include "api/hits.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include <stdio.h>

#define LIMIT_DEFAULT 10

/* What its score is made of; a place of null: it was not found that way. */
static json_t *explain_object(const struct rag_hit *h)
{
        return json_pack("{s:o,s:f,s:o,s:f}", "word_rank",
                         h->word_rank ? json_integer(h->word_rank) : json_null(), "word_score",
                         (double)h->word_e6 / 1e6, "meaning_rank",
                         h->meaning_rank ? json_integer(h->meaning_rank) : json_null(), "cosine",
                         (double)h->cosine_e6 / 1e6);
}

json_t *hit_object(const struct rag_hit *h, bool explain)
{
        json_t *o = json_pack("{s:o,s:o,s:o,s:o,s:I,s:f,s:o}", "path",
                              json_str_lossy(h->path, strlen(h->path)), "title",
                              json_str_lossy(h->title, strlen(h->title)), "heading",
                              json_str_lossy(h->heading, strlen(h->heading)), "page",
                              h->page ? json_integer(h->page) : json_null(), "ordinal",
                              (json_int_t)h->ordinal, "score", (double)h->score_e6 / 1e6, "text",
                              json_str_lossy(h->text.data ? h->text.data : "", h->text.len));
        if (explain)
                json_object_set_new(o, "explain", explain_object(h));
        return o;
}

struct search {
        struct call *c;
        struct rag_query query;
        hits_fn fn;
        json_t *hits;
        bool explain;
        uint64_t start_us;
};

static void search_free(struct search *s)
{
        call_unref(s->c);
        json_decref(s->hits);
        free(s);
}

static void on_hit(void *ctx, const struct peer_answer *a)
{
        struct search *s = ctx;
        if (a->status < 0) {
                call_fail_err(s->c, a->err);
                search_free(s);
                return;
        }
        const struct rag_hit *h = a->rep;
        if (h->path[0])
                json_array_append_new(s->hits, hit_object(h, s->explain));
        if (a->more)
                return;
        struct found f = {s->hits, h->embedded > 0, h->embedded / 1e3,
                          clock_boot_us() - s->start_us};
        s->fn(s->c, &f);
        search_free(s);
}

static int read_query(const struct call *c, const char *key, struct rag_query *q, char *volume,
                      bool *explain, struct err *err)
{
        uint64_t limit = LIMIT_DEFAULT;
        int r = json_read_str(c->body, key, JSON_REQUIRED, q->text, sizeof q->text, err);
        if (r >= 0 && !q->text[strspn(q->text, " \t\r\n")])
                r = err_set(err, -EINVAL, "%s: is empty", key);
        if (r >= 0)
                r = json_read_u64(c->body, "limit", JSON_OPTIONAL, 1, SEARCH_HITS_MAX, &limit, err);
        if (r >= 0)
                r = json_read_str(c->body, "prefix", JSON_OPTIONAL, q->prefix, sizeof q->prefix,
                                  err);
        if (r >= 0)
                r = json_read_str(c->body, "volume", JSON_OPTIONAL, volume, NAME_TEXT_MAX + 1, err);
        if (r >= 0)
                r = json_read_bool(c->body, "explain", JSON_OPTIONAL, explain, err);
        q->limit = (uint32_t)limit;
        return r < 0 ? r : 0;
}

void hits_ask(struct call *c, const char *key, hits_fn fn)
{
        char volume[NAME_TEXT_MAX + 1] = "";
        struct volume v;
        struct err err = {0};
        struct search *s = xcalloc(1, sizeof *s);
        struct peer *rag = NULL;
        if (read_query(c, key, &s->query, volume, &s->explain, &err) < 0)
                call_fail_err(c, &err);
        else if (volume_need(c, volume, &v))
                rag = call_peer(c, "rag");
        if (!rag) { /* answered */
                free(s);
                return;
        }
        s->c = call_ref(c);
        s->fn = fn;
        s->hits = json_array();
        snprintf(s->query.space, sizeof s->query.space, "%s", v.id);
        s->start_us = clock_boot_us();
        peer_call(rag, RAG_SEARCH, &s->query, NULL, 0, on_hit, s);
}

static void answer(struct call *c, const struct found *f)
{
        call_json(c, 200,
                  json_pack("{s:O,s:s,s:f,s:I}", "hits", f->hits, "mode",
                            f->meaning ? "hybrid" : "lexical", "embedded", f->embedded, "took_us",
                            (json_int_t)f->took_us));
}

void search_post(struct call *c)
{
        hits_ask(c, "query", answer);
}
