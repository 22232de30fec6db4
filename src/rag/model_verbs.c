#include "rag/model_verbs.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "rag/embed/model.h"
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>

struct model_verbs {
        struct loop *loop;
        struct models *models;
        struct embedder *embedder;
        size_t waiting;
};
struct asked {
        struct model_verbs *all;
        struct peer_request *rq;
        uint32_t verb;
        union {
                struct rag_embed embed;
                struct rag_model_add add;
                struct rag_named named;
        } req;
        int fd;
        int status;
        struct err err;
        struct rag_embedded embedded;
        int vectors; /* a memfd */
        struct rag_model *list;
        size_t n;
};

struct model_verbs *model_verbs_new(struct loop *loop, struct models *models, struct embedder *e)
{
        struct model_verbs *v = xcalloc(1, sizeof *v);
        v->loop = loop;
        v->models = models;
        v->embedder = e;
        return v;
}

void model_verbs_free(struct model_verbs *v)
{
        free(v);
}

size_t model_verbs_waiting(const struct model_verbs *v)
{
        return v->waiting;
}

static void asked_free(struct asked *a)
{
        if (a->fd >= 0)
                close(a->fd);
        if (a->vectors >= 0)
                close(a->vectors);
        free(a->list);
        free(a);
}

/* --- RAG_EMBED */

/* The texts of a sealed memfd: u32 length, bytes. They point into *all. */
static int read_texts(const struct asked *a, struct buf *all, struct slice *texts, struct err *err)
{
        int64_t size = memfd_sealed_size(a->fd);
        size_t at = 0;
        if (size < 0 || size > EMBED_BYTES_MAX + 4 * EMBED_TEXTS_MAX)
                return err_set(err, -EINVAL, "the texts are too large, or not sealed");
        int r = fd_slurp(a->fd, all);
        if (r < 0)
                return err_sys(err, r, "reading the texts");
        for (uint32_t i = 0; i < a->req.embed.n; i++) {
                uint32_t n;
                if (all->len - at < sizeof n)
                        return err_set(err, -EINVAL, "there are fewer texts than were said");
                memcpy(&n, all->data + at, sizeof n);
                at += sizeof n;
                if (n > all->len - at)
                        return err_set(err, -EINVAL, "the length of text %u", i + 1);
                texts[i] = (struct slice){all->data + at, n};
                at += n;
        }
        return at == all->len ? 0 : err_set(err, -EINVAL, "bytes behind the last text");
}

static int count_tokens(struct asked *a, const struct models_lent *lent, const struct slice *texts,
                        enum embed_kind kind, struct err *err)
{
        uint32_t around = embed_info(lent->model)->max_tokens - embed_room(lent->model, kind);
        for (uint32_t i = 0; i < a->req.embed.n; i++) {
                int64_t n = embed_count(lent->model, texts[i], err);
                if (n < 0)
                        return err_wrap(err, (int)n, "text %u", i + 1);
                a->embedded.tokens += (uint64_t)n + around;
        }
        return 0;
}

static int embed_with(struct asked *a, const struct models_lent *lent, const struct slice *texts,
                      struct err *err)
{
        const struct embed_info *info = embed_info(lent->model);
        enum embed_kind kind = a->req.embed.query ? EMBED_QUERY : EMBED_PASSAGE;
        size_t bytes = (size_t)a->req.embed.n * info->dims * sizeof(float);
        auto_free float *v = mem_try(bytes);
        if (!v)
                return err_set(err, -ENOMEM, "no memory for the vectors");
        int r = count_tokens(a, lent, texts, kind, err);
        if (r == 0)
                r = embedder_run(a->all->embedder, lent->model, kind, texts, a->req.embed.n, v,
                                 err);
        if (r < 0)
                return r;
        a->vectors = memfd_sealed("vectors", v, bytes);
        a->embedded.dims = info->dims;
        memcpy(a->embedded.model, lent->name, strlen(lent->name) + 1);
        return a->vectors < 0 ? err_sys(err, a->vectors, "a file for the vectors") : 0;
}

static int run_embed(struct asked *a, struct err *err)
{
        CLEANUP(buf_done) struct buf all;
        struct models_lent *lent = NULL;
        buf_init(&all, EMBED_BYTES_MAX + 4 * EMBED_TEXTS_MAX);
        if (a->req.embed.n < 1 || a->req.embed.n > EMBED_TEXTS_MAX)
                return err_set(err, -EINVAL, "between 1 and %d texts", EMBED_TEXTS_MAX);
        auto_free struct slice *texts = xcalloc(a->req.embed.n, sizeof *texts);
        int r = read_texts(a, &all, texts, err);
        if (r == 0)
                r = models_take(a->all->models, a->req.embed.model, &lent, err);
        if (r == 0)
                r = embed_with(a, lent, texts, err);
        models_give(a->all->models, lent);
        return r;
}

/* --- all of them */

static int run(struct asked *a, struct err *err)
{
        struct models *m = a->all->models;
        if (a->verb == RAG_EMBED)
                return run_embed(a, err);
        if (a->verb == RAG_MODELS)
                return models_list(m, &a->list, &a->n, err);
        a->list = xcalloc(1, sizeof *a->list);
        a->n = 1;
        switch (a->verb) {
        case RAG_MODEL_ADD:
                return models_add(m, &a->req.add, a->list, err);
        case RAG_MODEL_USE:
                return models_use(m, a->req.named.name, a->list, err);
        default:
                return models_remove(m, a->req.named.name, a->list, err);
        }
}

/* The loop's thread. */
static void deliver(void *ctx)
{
        struct asked *a = ctx;
        static const struct rag_model last;
        a->all->waiting--;
        if (a->status < 0)
                peer_fail_err(a->rq, &a->err);
        else if (a->verb == RAG_EMBED)
                peer_reply(a->rq, &a->embedded, &a->vectors, 1, false);
        else
                for (size_t i = 0; i < a->n; i++)
                        peer_reply(a->rq, &a->list[i], NULL, 0, a->verb == RAG_MODELS);
        if (a->status == 0 && a->verb == RAG_MODELS)
                peer_reply(a->rq, &last, NULL, 0, false);
        asked_free(a);
}

static void *work(void *ctx)
{
        struct asked *a = ctx;
        a->status = run(a, &a->err);
        loop_post(a->all->loop, deliver, a);
        return NULL;
}

void model_verbs_ask(struct model_verbs *v, uint32_t verb, const void *req, int *fd,
                     struct peer_request *rq)
{
        pthread_t thread;
        if (v->waiting >= MODEL_VERBS_MAX) {
                peer_fail(rq, -EBUSY, "%d requests about models are at work", MODEL_VERBS_MAX);
                return;
        }
        struct asked *a = xcalloc(1, sizeof *a);
        a->all = v;
        a->rq = rq;
        a->verb = verb;
        a->vectors = -1;
        a->fd = fd ? TAKE_FD(*fd) : -1;
        if (verb == RAG_EMBED)
                a->req.embed = *(const struct rag_embed *)req;
        else if (verb == RAG_MODEL_ADD)
                a->req.add = *(const struct rag_model_add *)req;
        else
                a->req.named = *(const struct rag_named *)req;
        int r = pthread_create(&thread, NULL, work, a);
        if (r != 0) {
                peer_fail(rq, -r, "starting a thread");
                asked_free(a);
                return;
        }
        pthread_detach(thread);
        v->waiting++;
}
