/* /v1/models: the models for embeddings of this server. */
#include "api/handlers.h"
#include "link/rag.h"
#include "base/mem.h"
#include "base/str.h"

/* enum embed_precision of rag, by its names. */
static const char *const precisions[] = {"", "int8", "bf16", "fp32"};

static json_t *model_object(const struct rag_model *m)
{
        return json_pack("{s:s,s:s,s:s,s:s,s:s,s:b,s:I,s:I,s:I,s:I,s:o}", "name", m->name, "id",
                         m->id, "precision", m->precision, "kernel", m->kernel, "languages",
                         m->languages, "in_use", (int)m->in_use, "dims", (json_int_t)m->dims,
                         "max_tokens", (json_int_t)m->max_tokens, "layers", (json_int_t)m->layers,
                         "bytes", (json_int_t)m->bytes, "problem",
                         m->problem[0] ? json_str_lossy(m->problem, strlen(m->problem))
                                       : json_null());
}

struct listing {
        struct call *c;
        json_t *list;
};

static void on_model(void *ctx, const struct peer_answer *a)
{
        struct listing *l = ctx;
        if (a->status < 0) {
                call_fail_err(l->c, a->err);
        } else {
                const struct rag_model *m = a->rep;
                if (m->name[0])
                        json_array_append_new(l->list, model_object(m));
                if (a->more)
                        return;
                call_json(l->c, 200, json_pack("{s:O}", "models", l->list));
        }
        json_decref(l->list);
        call_unref(l->c);
        free(l);
}

void models_get(struct call *c)
{
        struct rag_named all = {0};
        struct peer *rag = call_peer(c, "rag");
        if (!rag)
                return;
        struct listing *l = xcalloc(1, sizeof *l);
        l->c = call_ref(c);
        l->list = json_array();
        peer_call(rag, RAG_MODELS, &all, NULL, 0, on_model, l);
}

static void on_one(void *ctx, const struct peer_answer *a)
{
        struct call *c = ctx;
        if (a->status < 0)
                call_fail_err(c, a->err);
        else
                call_json(c, 200, model_object(a->rep));
        call_unref(c);
}

static int read_prefix(const json_t *body, const char *key, uint32_t bit, char *ret, size_t size,
                       uint32_t *given, struct err *err)
{
        int r = json_read_str(body, key, JSON_OPTIONAL, ret, size, err);
        if (r > 0)
                *given |= bit;
        return r;
}

static int read_add(const struct call *c, struct rag_model_add *add, char *volume, struct err *err)
{
        char precision[8] = "int8";
        int r = json_read_str(c->body, "name", JSON_REQUIRED, add->name, sizeof add->name, err);
        if (r >= 0 && !str_is_name(add->name))
                r = err_set(err, -EINVAL, "name: small letters, digits and '-'");
        if (r >= 0)
                r = json_read_str(c->body, "volume", JSON_REQUIRED, volume, NAME_TEXT_MAX + 1, err);
        if (r >= 0)
                r = json_read_str(c->body, "folder", JSON_OPTIONAL, add->folder, sizeof add->folder,
                                  err);
        if (r >= 0 && add->folder[0] && !str_is_subpath(add->folder))
                r = err_set(err, -EINVAL, "folder: no path inside a volume");
        if (r >= 0)
                r = json_read_str(c->body, "languages", JSON_OPTIONAL, add->languages,
                                  sizeof add->languages, err);
        if (r >= 0)
                r = json_read_str(c->body, "precision", JSON_OPTIONAL, precision, sizeof precision,
                                  err);
        if (r >= 0)
                r = read_prefix(c->body, "passage_prefix", 1, add->passage, sizeof add->passage,
                                &add->given, err);
        if (r >= 0)
                r = read_prefix(c->body, "query_prefix", 2, add->query, sizeof add->query,
                                &add->given, err);
        for (uint32_t i = 1; i < ARRAY_LEN(precisions) && r >= 0; i++)
                if (str_eq(precision, precisions[i]))
                        add->precision = i;
        if (r >= 0 && !add->precision)
                r = err_set(err, -EINVAL, "precision: int8, bf16 or fp32");
        return r < 0 ? r : 0;
}

void models_post(struct call *c)
{
        char volume[NAME_TEXT_MAX + 1] = "";
        struct err err = {0};
        struct volume v;
        struct peer *rag = NULL;
        auto_free struct rag_model_add *add = xcalloc(1, sizeof *add);
        if (read_add(c, add, volume, &err) < 0)
                call_fail_err(c, &err);
        else if (volume_of_call(c, volume, &v))
                rag = call_peer(c, "rag");
        if (!rag) /* answered */
                return;
        memcpy(add->volume, v.id, sizeof add->volume);
        peer_call(rag, RAG_MODEL_ADD, add, NULL, 0, on_one, call_ref(c));
}

static void ask_named(struct call *c, uint32_t verb)
{
        struct rag_named named = {0};
        struct peer *rag = NULL;
        if (str_copy(named.name, sizeof named.name, call_param(c, "name")) < 0)
                call_fail(c, -ENOENT, "there is no such model");
        else
                rag = call_peer(c, "rag");
        if (rag)
                peer_call(rag, verb, &named, NULL, 0, on_one, call_ref(c));
}

void model_use(struct call *c)
{
        ask_named(c, RAG_MODEL_USE);
}

void model_delete(struct call *c)
{
        ask_named(c, RAG_MODEL_REMOVE);
}
