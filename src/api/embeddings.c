/* POST /v1/embeddings as OpenAI's clients send it, POST /embed as those of text-embeddings-inference
 * do. Vectors have length 1; a text that the model cannot read whole is refused, never cut. */
#include "api/handlers.h"
#include "link/rag.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include <stdio.h>

struct embedding {
        struct call *c;
        struct rag_embed req;
        bool tei, base64;
};

static void embedding_free(struct embedding *e)
{
        call_unref(e->c);
        free(e);
}

/* u32 length, bytes. */
static int add_text(struct buf *b, const json_t *v, const char *key, struct err *err)
{
        if (!json_is_string(v))
                return err_set(err, -EINVAL, "%s: expected a string or a list of strings", key);
        uint32_t n = (uint32_t)json_string_length(v);
        int r = buf_add(b, &n, sizeof n);
        if (r == 0 && n)
                r = buf_add(b, json_string_value(v), n);
        return r < 0 ? err_set(err, r, "%s: more than %u bytes of text", key, EMBED_BYTES_MAX) : 0;
}

static int read_texts(const struct call *c, const char *key, struct buf *b, uint32_t *ret_n,
                      struct err *err)
{
        const json_t *v = json_object_get(c->body, key);
        size_t n = json_is_array(v) ? json_array_size(v) : 1;
        int r = 0;
        if (n < 1 || n > EMBED_TEXTS_MAX)
                return err_set(err, -EINVAL, "%s: between 1 and %d texts", key, EMBED_TEXTS_MAX);
        for (size_t i = 0; i < n && r == 0; i++)
                r = add_text(b, json_is_array(v) ? json_array_get(v, i) : v, key, err);
        *ret_n = (uint32_t)n;
        return r;
}

static json_t *floats(const float *v, uint32_t n)
{
        json_t *list = json_array();
        for (uint32_t i = 0; i < n; i++)
                json_array_append_new(list, json_real((double)v[i]));
        return list;
}

static json_t *base64(const float *v, uint32_t n)
{
        static const char alphabet[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const unsigned char *p = (const unsigned char *)v;
        size_t bytes = n * sizeof *v, at = 0;
        auto_free char *text = xmalloc(bytes / 3 * 4 + 8);
        for (size_t i = 0; i < bytes; i += 3) {
                size_t left = bytes - i;
                uint32_t w = (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
                             (left > 2 ? p[i + 2] : 0);
                text[at++] = alphabet[w >> 18];
                text[at++] = alphabet[w >> 12 & 63];
                text[at++] = left > 1 ? alphabet[w >> 6 & 63] : '=';
                text[at++] = left > 2 ? alphabet[w & 63] : '=';
        }
        return json_stringn(text, at);
}

static json_t *answer_of(const struct embedding *e, const struct rag_embedded *got, const float *v)
{
        json_t *list = json_array();
        for (uint32_t i = 0; i < e->req.n; i++) {
                const float *one = v + (size_t)i * got->dims;
                if (e->tei)
                        json_array_append_new(list, floats(one, got->dims));
                else
                        json_array_append_new(list,
                                              json_pack("{s:s,s:i,s:o}", "object", "embedding",
                                                        "index", (int)i, "embedding",
                                                        e->base64 ? base64(one, got->dims)
                                                                  : floats(one, got->dims)));
        }
        if (e->tei)
                return list;
        return json_pack("{s:s,s:o,s:s,s:{s:I,s:I}}", "object", "list", "data", list, "model",
                         got->model, "usage", "prompt_tokens", (json_int_t)got->tokens,
                         "total_tokens", (json_int_t)got->tokens);
}

static void on_embedded(void *ctx, const struct peer_answer *a)
{
        struct embedding *e = ctx;
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 512u << 20);
        if (a->status < 0) {
                call_fail_err(e->c, a->err);
                embedding_free(e);
                return;
        }
        const struct rag_embedded *got = a->rep;
        size_t want = (size_t)e->req.n * got->dims * sizeof(float);
        int r = a->n_fds == 1 && memfd_sealed_size(a->fds[0]) == (int64_t)want
                        ? fd_slurp(a->fds[0], &b)
                        : -EPROTO;
        if (r < 0)
                call_fail(e->c, r, "the vectors did not come");
        else if (e->c->rq)
                call_json(e->c, 200, answer_of(e, got, (const float *)(const void *)b.data));
        embedding_free(e);
}

static void ask(struct call *c, struct embedding *e, const struct buf *texts)
{
        struct peer *rag = call_peer(c, "rag");
        auto_close int fd = rag ? memfd_sealed("texts", texts->data, texts->len) : -1;
        if (rag && fd < 0)
                call_fail(c, fd, "no memory for the texts");
        if (fd < 0) {
                free(e);
                return;
        }
        e->c = call_ref(c);
        peer_call(rag, RAG_EMBED, &e->req, &fd, 1, on_embedded, e);
}

static int read_kind(const struct call *c, const char *key, struct embedding *e, struct err *err)
{
        char kind[16] = "passage";
        int r = json_read_str(c->body, key, JSON_OPTIONAL, kind, sizeof kind, err);
        if (r < 0)
                return r;
        e->req.query = str_eq(kind, "query");
        if (!e->req.query && !str_eq(kind, "passage") && !str_eq(kind, "document"))
                return err_set(err, -EINVAL, "%s: query or passage", key);
        return 0;
}

void embeddings_post(struct call *c)
{
        char format[16] = "float";
        uint64_t dimensions = 0;
        struct err err = {0};
        CLEANUP(buf_done) struct buf texts;
        struct embedding *e = xcalloc(1, sizeof *e);
        buf_init(&texts, EMBED_BYTES_MAX);
        int r = json_read_str(c->body, "model", JSON_OPTIONAL, e->req.model, sizeof e->req.model,
                              &err);
        if (r >= 0)
                r = json_read_str(c->body, "encoding_format", JSON_OPTIONAL, format, sizeof format,
                                  &err);
        e->base64 = str_eq(format, "base64");
        if (r >= 0 && !e->base64 && !str_eq(format, "float"))
                r = err_set(&err, -EINVAL, "encoding_format: float or base64");
        if (r >= 0)
                r = json_read_u64(c->body, "dimensions", JSON_OPTIONAL, 1, 65536, &dimensions,
                                  &err);
        if (r > 0) /* a cut vector is another model's */
                r = err_set(&err, -EINVAL, "dimensions: a model has its own");
        if (r >= 0)
                r = read_kind(c, "input_type", e, &err);
        if (r >= 0)
                r = read_texts(c, "input", &texts, &e->req.n, &err);
        if (r >= 0) {
                ask(c, e, &texts);
                return;
        }
        call_fail_err(c, &err);
        free(e);
}

void embed_post(struct call *c)
{
        bool normalize = true;
        struct err err = {0};
        CLEANUP(buf_done) struct buf texts;
        struct embedding *e = xcalloc(1, sizeof *e);
        buf_init(&texts, EMBED_BYTES_MAX);
        e->tei = true;
        int r = json_read_bool(c->body, "normalize", JSON_OPTIONAL, &normalize, &err);
        if (r >= 0 && !normalize)
                r = err_set(&err, -EINVAL, "normalize: vectors here have length 1");
        if (r >= 0)
                r = read_kind(c, "prompt_name", e, &err);
        if (r >= 0)
                r = read_texts(c, "inputs", &texts, &e->req.n, &err);
        if (r >= 0) {
                ask(c, e, &texts);
                return;
        }
        call_fail_err(c, &err);
        free(e);
}
