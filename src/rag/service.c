#include "rag/service.h"
#include "rag/boxes.h"
#include "rag/jobs.h"
#include "rag/model_verbs.h"
#include "rag/reader.h"
#include "base/fd.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include <fcntl.h>

struct service {
        struct spaces *spaces;
        struct boxes *boxes;
        struct jobs *jobs;
        struct reader *reader;
        struct loop *loop;
        struct models *models;
        struct embedder *embedder;
        struct model_verbs *model_verbs;
        struct loop_timer *timer;
};
#define TIDY_MS 60000 /* between two looks for models that nobody uses */

/* A space names a directory: nothing but letters, digits and '-'. */
static bool valid(struct peer_request *rq, const char *space)
{
        if (str_is_name(space))
                return true;
        peer_fail(rq, -EINVAL, "the space is no name");
        return false;
}

static void on_index(void *ctx, struct peer_request *rq, const void *req, int *fds UNUSED,
                     uint32_t n_fds UNUSED)
{
        struct service *s = ctx;
        const struct rag_index *what = req;
        if (!valid(rq, what->space))
                return;
        if (!id_valid(what->volume) || (what->prefix[0] && !str_is_subpath(what->prefix)))
                peer_fail(rq, -EINVAL, "the volume or the prefix");
        else
                jobs_start(s->jobs, what, rq);
}

static void on_search(void *ctx, struct peer_request *rq, const void *req, int *fds UNUSED,
                      uint32_t n_fds UNUSED)
{
        struct service *s = ctx;
        const struct rag_query *q = req;
        if (valid(rq, q->space))
                reader_ask(s->reader, RAG_SEARCH, req, rq);
}

static void ask(void *ctx, uint32_t verb, struct peer_request *rq, const void *req)
{
        struct service *s = ctx;
        const struct rag_list *l = req;
        if (valid(rq, l->space))
                reader_ask(s->reader, verb, req, rq);
}

static void on_docs(void *ctx, struct peer_request *rq, const void *req, int *fds UNUSED,
                    uint32_t n_fds UNUSED)
{
        ask(ctx, RAG_DOCS, rq, req);
}

static void on_passages(void *ctx, struct peer_request *rq, const void *req, int *fds UNUSED,
                        uint32_t n_fds UNUSED)
{
        ask(ctx, RAG_PASSAGES, rq, req);
}

static void on_remove(void *ctx, struct peer_request *rq, const void *req, int *fds UNUSED,
                      uint32_t n_fds UNUSED)
{
        ask(ctx, RAG_REMOVE, rq, req);
}

static void on_status(void *ctx, struct peer_request *rq, const void *req, int *fds UNUSED,
                      uint32_t n_fds UNUSED)
{
        ask(ctx, RAG_STATUS, rq, req);
}

static void on_embed(void *ctx, struct peer_request *rq, const void *req, int *fds, uint32_t n_fds)
{
        struct service *s = ctx;
        if (n_fds == 1)
                model_verbs_ask(s->model_verbs, RAG_EMBED, req, &fds[0], rq);
        else
                peer_fail(rq, -EINVAL, "the texts are missing");
}

static void on_models(void *ctx, struct peer_request *rq, const void *req, int *fds UNUSED,
                      uint32_t n_fds UNUSED)
{
        struct service *s = ctx;
        model_verbs_ask(s->model_verbs, RAG_MODELS, req, NULL, rq);
}

static void on_model_add(void *ctx, struct peer_request *rq, const void *req, int *fds UNUSED,
                         uint32_t n_fds UNUSED)
{
        struct service *s = ctx;
        const struct rag_model_add *add = req;
        if (!id_valid(add->volume))
                peer_fail(rq, -EINVAL, "the volume");
        else
                model_verbs_ask(s->model_verbs, RAG_MODEL_ADD, req, NULL, rq);
}

static void on_model_use(void *ctx, struct peer_request *rq, const void *req, int *fds UNUSED,
                         uint32_t n_fds UNUSED)
{
        struct service *s = ctx;
        model_verbs_ask(s->model_verbs, RAG_MODEL_USE, req, NULL, rq);
}

static void on_model_remove(void *ctx, struct peer_request *rq, const void *req, int *fds UNUSED,
                            uint32_t n_fds UNUSED)
{
        struct service *s = ctx;
        model_verbs_ask(s->model_verbs, RAG_MODEL_REMOVE, req, NULL, rq);
}

static void on_exited(void *ctx, struct peer_request *rq UNUSED, const void *req, int *fds UNUSED,
                      uint32_t n_fds UNUSED)
{
        struct service *s = ctx;
        boxes_exited(s->boxes, req);
}

static const struct peer_handler for_api[] = {{RAG_INDEX, on_index},
                                              {RAG_SEARCH, on_search},
                                              {RAG_DOCS, on_docs},
                                              {RAG_PASSAGES, on_passages},
                                              {RAG_REMOVE, on_remove},
                                              {RAG_STATUS, on_status},
                                              {RAG_EMBED, on_embed},
                                              {RAG_MODELS, on_models},
                                              {RAG_MODEL_ADD, on_model_add},
                                              {RAG_MODEL_USE, on_model_use},
                                              {RAG_MODEL_REMOVE, on_model_remove},
                                              {0, NULL}};
static const struct peer_handler for_launch[] = {{LAUNCH_EXITED, on_exited}, {0, NULL}};
const struct peer_ops service_api = {&rag_link, for_api, NULL};
const struct peer_ops service_launch = {&launch_link, for_launch, NULL};

static void tidy(void *ctx)
{
        struct service *s = ctx;
        models_tidy(s->models, clock_boot_ms());
        s->timer = loop_timer_add(s->loop, TIDY_MS, tidy, s);
}

struct service *service_new(struct loop *loop, struct peer *(*launch)(void *ctx), void *ctx,
                            struct err *err)
{
        int dir = dir_open_at(AT_FDCWD, ".");
        if (dir < 0) {
                err_sys(err, dir, "the directory of the indexes");
                return NULL;
        }
        struct boxes *boxes = boxes_new(loop, launch, ctx);
        struct index_host host = boxes_host(boxes);
        struct models *models = models_new(host, err);
        if (!models) {
                boxes_free(boxes);
                closep(&dir);
                return NULL;
        }
        struct service *s = xcalloc(1, sizeof *s);
        *s = (struct service){.loop = loop,
                              .spaces = spaces_new(dir),
                              .boxes = boxes,
                              .models = models,
                              .embedder = embedder_new()};
        s->reader = reader_new(loop, &(struct reading){s->spaces, NULL, models, s->embedder}, err);
        s->jobs = jobs_new(loop, &(struct index_job){.host = &host,
                                                     .spaces = s->spaces,
                                                     .models = models,
                                                     .embedder = s->embedder});
        s->model_verbs = model_verbs_new(loop, models, s->embedder);
        if (!s->reader) {
                service_free(s);
                return NULL;
        }
        s->timer = loop_timer_add(loop, TIDY_MS, tidy, s);
        return s;
}

void service_free(struct service *s)
{
        if (!s)
                return;
        loop_timer_remove(s->timer);
        reader_free(s->reader);
        jobs_free(s->jobs);
        embedder_free(s->embedder);
        model_verbs_free(s->model_verbs);
        models_free(s->models);
        boxes_free(s->boxes);
        spaces_free(s->spaces);
        free(s);
}

void service_launch_up(struct service *s)
{
        boxes_launch_up(s->boxes);
}

void service_stop(struct service *s)
{
        jobs_stop(s->jobs);
        embedder_stop(s->embedder);
}

bool service_idle(const struct service *s)
{
        return jobs_count(s->jobs) == 0 && reader_waiting(s->reader) == 0 &&
               model_verbs_waiting(s->model_verbs) == 0;
}
