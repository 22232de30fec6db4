/* api_fixture.h - for tests: a whole api over socket pairs. The test is launch, keep, rag and
 * serve; their behaviour is set by flags, and what they were asked is counted. */
#pragma once
#include "api/api.h"
#include "base/id.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "http_client.h"
#include "link/keep.h"
#include "link/launch.h"
#include "link/rag.h"
#include "base/fd.h"
#include "link/serve.h"
#include "store/tokens.h"
#include "store/users.h"
#include <signal.h>

#define FAKE_BOXES 32

struct fake_box {
        char id[ID_TEXT_LEN + 1];
        struct launch_spec spec;
        int in, out, err; /* the sandbox's own ends */
        bool ended;
        struct launch_result result;
        char args[512]; /* argv joined by blanks */
};
struct fake_exec {
        struct launch_exec asked;
        int in, out, err; /* the command's own ends; of a terminal `in` alone, its other side */
        bool ended;
        struct launch_exec_result result;
};
struct fake_kept {
        struct keep_key key;
        int fds[LINK_FDS_MAX];
        uint32_t n;
};

struct fixture {
        struct loop *loop;
        struct api *api;
        struct db *unused;
        char dir[64], sock[64];
        uint16_t port;
        /* links: near = the api's end, far = the test's */
        struct peer *near_launch, *far_launch, *near_keep, *far_keep, *near_rag, *far_rag,
                *near_serve, *far_serve;
        char settings[16][2][128];
        size_t n_settings;
        struct fake_box boxes[FAKE_BOXES];
        size_t n_boxes;
        struct fake_exec execs[FAKE_BOXES];
        size_t n_execs;
        int exec_signals, exec_forgets, touches, freezes, thaws;
        uint32_t stop_reason;
        int exec_status; /* < 0: EXEC fails so */
        void (*on_exec)(struct fixture *f, struct fake_exec *e);
        struct fake_kept kept[FAKE_BOXES];
        size_t n_kept;
        int creates, queries, forgets, drops, signals, stops, volumes_made, volumes_removed;
        uint32_t last_signal;
        int create_status;               /* < 0: CREATE fails so */
        bool create_silent;              /* CREATE is never answered */
        struct peer_request *layer_list; /* LAYER_LIST is answered when the test says so */
        int layers_asked;                /* LAYER_HAVE */
        struct peer_request *silent[4];
        size_t n_silent;
        bool query_silent;
        /* a test may take over */
        void (*on_create)(struct fixture *f, struct fake_box *b);
        const char *out_from; /* what the outer end of stdout is; NULL: a pipe */
        const struct peer_handler *rag_handlers;
        void *rag_ctx;
};

static struct fixture *fx; /* one a test process */

static inline void fixture_set(struct fixture *f, const char *name, const char *value)
{
        for (size_t i = 0; i < f->n_settings; i++)
                if (str_eq(f->settings[i][0], name)) {
                        snprintf(f->settings[i][1], 128, "%s", value);
                        return;
                }
        CHECK_INT(f->n_settings, <, 16);
        snprintf(f->settings[f->n_settings][0], 128, "%s", name);
        snprintf(f->settings[f->n_settings++][1], 128, "%s", value);
}

static inline const char *fixture_setting(void *ctx, const char *name)
{
        struct fixture *f = ctx;
        for (size_t i = 0; i < f->n_settings; i++)
                if (str_eq(f->settings[i][0], name))
                        return f->settings[i][1];
        return "";
}

static inline struct peer *fixture_peer(void *ctx, const char *name)
{
        struct fixture *f = ctx;
        return str_eq(name, "launch")  ? f->near_launch
               : str_eq(name, "keep")  ? f->near_keep
               : str_eq(name, "rag")   ? f->near_rag
               : str_eq(name, "vault") ? NULL
                                       : f->near_serve;
}

/* ---- launch ---- */

static inline struct fake_box *fake_find(struct fixture *f, const char *id)
{
        for (size_t i = 0; i < f->n_boxes; i++)
                if (str_eq(f->boxes[i].id, id))
                        return &f->boxes[i];
        return NULL;
}

static inline void fake_args(struct fake_box *b, int fd)
{
        char bytes[4096];
        int64_t n = memfd_sealed_size(fd);
        CHECK(n >= 8 && n < (int64_t)sizeof bytes);
        CHECK_INT(pread(fd, bytes, (size_t)n, 0), ==, n);
        uint32_t argc = (unsigned char)bytes[0];
        const char *s = bytes + 8;
        for (uint32_t i = 0; i < argc; i++, s += strlen(s) + 1) {
                size_t at = strlen(b->args);
                snprintf(b->args + at, sizeof b->args - at, "%s%s", i ? " " : "", s);
        }
}

static inline void fake_create(void *ctx, struct peer_request *rq, const void *req, int *fds,
                               uint32_t n_fds)
{
        struct fixture *f = ctx;
        const struct launch_spec *s = req;
        struct launch_created made = {.start_us = 1234, .enforcement = {.driver = "ns"}};
        f->creates++;
        if (f->create_silent) {
                f->silent[f->n_silent++] = rq;
                return;
        }
        if (f->create_status < 0) {
                peer_fail(rq, f->create_status, "launch says no");
                return;
        }
        CHECK_INT(n_fds, ==, 1);
        CHECK_INT(f->n_boxes, <, FAKE_BOXES);
        struct fake_box *b = &f->boxes[f->n_boxes++];
        *b = (struct fake_box){.spec = *s};
        memcpy(b->id, s->id, sizeof b->id);
        fake_args(b, fds[0]);
        int in[2], out[2], err[2];
        CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0 &&
              pipe2(err, O_CLOEXEC) == 0);
        if (f->out_from) {
                auto_close int endless = open(f->out_from, O_RDONLY | O_CLOEXEC);
                CHECK_INT(dup3(endless, out[0], O_CLOEXEC), ==, out[0]);
        }
        b->in = in[0];
        b->out = out[1];
        b->err = err[1];
        int outer[3] = {in[1], out[0], err[0]};
        struct fake_kept *k = &f->kept[f->n_kept++];
        *k = (struct fake_kept){.key = {.name = "stdio"}, .n = 3};
        memcpy(k->key.id, s->id, sizeof k->key.id);
        for (int i = 0; i < 3; i++)
                k->fds[i] = fcntl(outer[i], F_DUPFD_CLOEXEC, 3);
        peer_reply(rq, &made, outer, 3, false);
        for (int i = 0; i < 3; i++)
                close(outer[i]);
        if (f->on_create)
                f->on_create(f, b);
}

static inline void fake_query(void *ctx, struct peer_request *rq, const void *req, int *fds UNUSED,
                              uint32_t n UNUSED)
{
        struct fixture *f = ctx;
        const struct launch_id *id = req;
        struct fake_box *b = fake_find(f, id->id);
        f->queries++;
        if (f->query_silent) {
                f->silent[f->n_silent++] = rq;
                return;
        }
        if (!b) {
                peer_fail(rq, -ENOENT, "no such sandbox");
                return;
        }
        struct launch_result r = b->result;
        memcpy(r.id, b->id, sizeof r.id);
        r.state = b->ended ? BOX_ENDED : BOX_RUNNING;
        r.profile = b->spec.profile;
        peer_reply(rq, &r, NULL, 0, false);
}

static inline void fake_list(void *ctx, struct peer_request *rq, const void *req UNUSED,
                             int *fds UNUSED, uint32_t n UNUSED)
{
        struct fixture *f = ctx;
        for (size_t i = 0; i < f->n_boxes; i++) {
                struct launch_result r = f->boxes[i].result;
                memcpy(r.id, f->boxes[i].id, sizeof r.id);
                r.state = f->boxes[i].ended ? BOX_ENDED : BOX_RUNNING;
                r.profile = f->boxes[i].spec.profile;
                if (r.id[0])
                        peer_reply(rq, &r, NULL, 0, true);
        }
        struct launch_result last = {0};
        peer_reply(rq, &last, NULL, 0, false);
}

/* The sandbox ends: its pipes close, launch tells. */
static inline void fake_end(struct fixture *f, struct fake_box *b, uint32_t reason, uint32_t code)
{
        int *ends[] = {&b->in, &b->out, &b->err};
        for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
                if (*ends[i] >= 0)
                        close(*ends[i]);
                *ends[i] = -1;
        }
        b->ended = true;
        b->result = (struct launch_result){.state = BOX_ENDED,
                                           .reason = reason,
                                           .exit_code = reason == BOX_EXITED ? code : 0,
                                           .signal = reason == BOX_EXITED ? 0 : code,
                                           .profile = b->spec.profile,
                                           .run_ms = 5};
        memcpy(b->result.id, b->id, sizeof b->id);
        peer_event(f->far_launch, LAUNCH_EXITED, &b->result, NULL, 0);
}

/* A template's imports are done. */
static inline void fake_ready(struct fixture *f, struct fake_box *b)
{
        struct launch_id id;
        memcpy(id.id, b->id, sizeof id.id);
        b->result.ready = 1;
        peer_event(f->far_launch, LAUNCH_READY, &id, NULL, 0);
}

static inline void fake_signal(void *ctx, struct peer_request *rq, const void *req, int *fds UNUSED,
                               uint32_t n UNUSED)
{
        struct fixture *f = ctx;
        struct launch_empty nothing = {0};
        f->signals++;
        f->last_signal = ((const struct launch_signal *)req)->signal;
        peer_reply(rq, &nothing, NULL, 0, false);
}

static inline void fake_stop(void *ctx, struct peer_request *rq, const void *req, int *fds UNUSED,
                             uint32_t n UNUSED)
{
        struct fixture *f = ctx;
        struct launch_empty nothing = {0};
        struct fake_box *b = fake_find(f, ((const struct launch_stop *)req)->id);
        f->stops++;
        f->stop_reason = ((const struct launch_stop *)req)->reason;
        for (size_t i = 0; b && i < f->n_boxes; i++)
                if (!f->boxes[i].ended && str_eq(f->boxes[i].spec.template, b->id)) {
                        peer_fail(rq, -EBUSY, "the template is in use by a sandbox");
                        return;
                }
        peer_reply(rq, &nothing, NULL, 0, false);
        if (b && !b->ended)
                fake_end(f, b, f->stop_reason ? f->stop_reason : BOX_KILLED, SIGKILL);
}

static inline void fake_forget(void *ctx, struct peer_request *rq, const void *req UNUSED,
                               int *fds UNUSED, uint32_t n UNUSED)
{
        struct launch_empty nothing = {0};
        struct fixture *f = ctx;
        struct fake_box *b = fake_find(f, ((const struct launch_id *)req)->id);
        if (b)
                b->id[0] = '\0';
        f->forgets++;
        peer_reply(rq, &nothing, NULL, 0, false);
}

/* ---- launch: commands in a sandbox ---- */

static inline void fake_keep_fds(struct fixture *f, const struct launch_exec *e, const int *fds,
                                 uint32_t n)
{
        struct fake_kept *k = &f->kept[f->n_kept++];
        *k = (struct fake_kept){.key = {.name = "stdio"}, .n = n};
        memcpy(k->key.id, e->exec, sizeof k->key.id);
        for (uint32_t i = 0; i < n; i++)
                k->fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
}

static inline void fake_exec(void *ctx, struct peer_request *rq, const void *req, int *fds UNUSED,
                             uint32_t n_fds)
{
        struct fixture *f = ctx;
        struct launch_exec_made made = {.start_us = 77};
        if (f->exec_status < 0) {
                peer_fail(rq, f->exec_status, "launch says no");
                return;
        }
        CHECK_INT(n_fds, ==, 1);
        CHECK_INT(f->n_execs, <, FAKE_BOXES);
        struct fake_exec *e = &f->execs[f->n_execs++];
        *e = (struct fake_exec){.asked = *(const struct launch_exec *)req, -1, -1, -1};
        int pair[2], in[2], out[2], err[2];
        if (e->asked.tty) {
                CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
                e->in = pair[1];
                fake_keep_fds(f, req, pair, 1);
                peer_reply(rq, &made, pair, 1, false);
                close(pair[0]);
        } else {
                CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0 &&
                      pipe2(err, O_CLOEXEC) == 0);
                e->in = in[0];
                e->out = out[1];
                e->err = err[1];
                int outer[3] = {in[1], out[0], err[0]};
                fake_keep_fds(f, req, outer, 3);
                peer_reply(rq, &made, outer, 3, false);
                for (int i = 0; i < 3; i++)
                        close(outer[i]);
        }
        if (f->on_exec)
                f->on_exec(f, e);
}

static inline void fake_exec_close(struct fake_exec *e)
{
        int *ends[] = {&e->in, &e->out, &e->err};
        for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
                if (*ends[i] >= 0)
                        close(*ends[i]);
                *ends[i] = -1;
        }
}

static inline void fake_exec_end(struct fixture *f, struct fake_exec *e, uint32_t reason,
                                 uint32_t code)
{
        fake_exec_close(e);
        e->ended = true;
        e->result = (struct launch_exec_result){.state = BOX_ENDED,
                                                .reason = reason,
                                                .exit_code = reason == BOX_EXITED ? code : 0,
                                                .signal = reason == BOX_EXITED ? 0 : code,
                                                .run_ms = 3};
        memcpy(e->result.id, e->asked.id, sizeof e->result.id);
        memcpy(e->result.exec, e->asked.exec, sizeof e->result.exec);
        peer_event(f->far_launch, LAUNCH_EXEC_EXITED, &e->result, NULL, 0);
}

static inline struct fake_exec *fake_exec_find(struct fixture *f, const char *exec)
{
        for (size_t i = 0; i < f->n_execs; i++)
                if (str_eq(f->execs[i].asked.exec, exec))
                        return &f->execs[i];
        return NULL;
}

static inline void fake_exec_signal(void *ctx, struct peer_request *rq, const void *req,
                                    int *fds UNUSED, uint32_t n UNUSED)
{
        struct fixture *f = ctx;
        const struct launch_exec_signal *s = req;
        struct launch_empty nothing = {0};
        struct fake_exec *e = fake_exec_find(f, s->exec);
        f->exec_signals++;
        f->last_signal = s->signal;
        peer_reply(rq, &nothing, NULL, 0, false);
        if (e && !e->ended && s->signal == SIGKILL)
                fake_exec_end(f, e, BOX_KILLED, SIGKILL);
}

static inline void fake_exec_forget(void *ctx, struct peer_request *rq, const void *req,
                                    int *fds UNUSED, uint32_t n UNUSED)
{
        struct fixture *f = ctx;
        struct launch_empty nothing = {0};
        struct fake_exec *e = fake_exec_find(f, ((const struct launch_exec_id *)req)->exec);
        f->exec_forgets++;
        if (e)
                e->asked.exec[0] = '\0';
        peer_reply(rq, &nothing, NULL, 0, false);
}

static inline void fake_exec_list(void *ctx, struct peer_request *rq, const void *req UNUSED,
                                  int *fds UNUSED, uint32_t n UNUSED)
{
        struct fixture *f = ctx;
        struct launch_exec_result last = {0};
        for (size_t i = 0; i < f->n_execs; i++) {
                struct fake_exec *e = &f->execs[i];
                struct launch_exec_result r = e->result;
                memcpy(r.id, e->asked.id, sizeof r.id);
                memcpy(r.exec, e->asked.exec, sizeof r.exec);
                r.state = e->ended ? BOX_ENDED : BOX_RUNNING;
                if (r.exec[0])
                        peer_reply(rq, &r, NULL, 0, true);
        }
        peer_reply(rq, &last, NULL, 0, false);
}

static inline void fake_stats(void *ctx UNUSED, struct peer_request *rq, const void *req UNUSED,
                              int *fds UNUSED, uint32_t n UNUSED)
{
        struct launch_stats s = {.cpu_us = 42, .memory_bytes = 1 << 20, .pids = 2};
        peer_reply(rq, &s, NULL, 0, false);
}

static inline void fake_layer_list(void *ctx, struct peer_request *rq, const void *req UNUSED,
                                   int *fds UNUSED, uint32_t n UNUSED)
{
        ((struct fixture *)ctx)->layer_list = rq;
}

static inline void fake_layer_have(void *ctx, struct peer_request *rq, const void *req,
                                   int *fds UNUSED, uint32_t n UNUSED)
{
        ((struct fixture *)ctx)->layers_asked++;
        peer_reply(rq, req, NULL, 0, false); /* it is there */
}

static inline void fake_freeze(void *ctx, struct peer_request *rq, const void *req UNUSED,
                               int *fds UNUSED, uint32_t n UNUSED)
{
        struct launch_empty nothing = {0};
        ((struct fixture *)ctx)->freezes++;
        peer_reply(rq, &nothing, NULL, 0, false);
}

static inline void fake_thaw(void *ctx, struct peer_request *rq, const void *req UNUSED,
                             int *fds UNUSED, uint32_t n UNUSED)
{
        struct launch_empty nothing = {0};
        ((struct fixture *)ctx)->thaws++;
        peer_reply(rq, &nothing, NULL, 0, false);
}

static inline void fake_touch(void *ctx, struct peer_request *rq UNUSED, const void *req UNUSED,
                              int *fds UNUSED, uint32_t n UNUSED)
{
        ((struct fixture *)ctx)->touches++;
}

static inline void fake_volume(void *ctx, struct peer_request *rq, const void *req UNUSED,
                               int *fds UNUSED, uint32_t n UNUSED)
{
        struct launch_empty nothing = {0};
        ((struct fixture *)ctx)->volumes_made++;
        peer_reply(rq, &nothing, NULL, 0, false);
}

static inline void fake_unvolume(void *ctx, struct peer_request *rq, const void *req UNUSED,
                                 int *fds UNUSED, uint32_t n UNUSED)
{
        struct launch_empty nothing = {0};
        ((struct fixture *)ctx)->volumes_removed++;
        peer_reply(rq, &nothing, NULL, 0, false);
}

/* ---- keep ---- */

static inline struct fake_kept *fake_kept_find(struct fixture *f, const struct keep_key *k)
{
        for (size_t i = 0; i < f->n_kept; i++)
                if (f->kept[i].n && str_eq(f->kept[i].key.id, k->id) &&
                    (!k->name[0] || str_eq(f->kept[i].key.name, k->name)))
                        return &f->kept[i];
        return NULL;
}

static inline void fake_keep_drop(struct fixture *f, const struct keep_key *k)
{
        struct fake_kept *e;
        while ((e = fake_kept_find(f, k))) {
                for (uint32_t i = 0; i < e->n; i++)
                        close(e->fds[i]);
                e->n = 0;
        }
}

static inline void fake_put(void *ctx, struct peer_request *rq, const void *req, int *fds,
                            uint32_t n)
{
        struct fixture *f = ctx;
        struct keep_done done = {n};
        fake_keep_drop(f, req);
        struct fake_kept *e = &f->kept[f->n_kept++];
        *e = (struct fake_kept){.key = *(const struct keep_key *)req, .n = n};
        for (uint32_t i = 0; i < n; i++)
                e->fds[i] = TAKE_FD(fds[i]);
        peer_reply(rq, &done, NULL, 0, false);
}

static inline void fake_get(void *ctx, struct peer_request *rq, const void *req, int *fds UNUSED,
                            uint32_t n UNUSED)
{
        struct fake_kept *e = fake_kept_find(ctx, req);
        if (!e) {
                peer_fail(rq, -ENOENT, "nothing kept");
                return;
        }
        struct keep_done done = {e->n};
        peer_reply(rq, &done, e->fds, e->n, false);
}

static inline void fake_drop(void *ctx, struct peer_request *rq, const void *req, int *fds UNUSED,
                             uint32_t n UNUSED)
{
        struct keep_done done = {0};
        ((struct fixture *)ctx)->drops++;
        fake_keep_drop(ctx, req);
        peer_reply(rq, &done, NULL, 0, false);
}

/* ---- serve ---- */

static inline void fake_status(void *ctx UNUSED, struct peer_request *rq, const void *req UNUSED,
                               int *fds UNUSED, uint32_t n UNUSED)
{
        struct serve_status a = {.role = "keep", .state = "ready", .pid = 7};
        peer_reply(rq, &a, NULL, 0, true);
        snprintf(a.role, sizeof a.role, "launch");
        snprintf(a.state, sizeof a.state, "failed");
        a.restarts = 3;
        peer_reply(rq, &a, NULL, 0, false);
}

static inline void fake_serve_stop(void *ctx UNUSED, struct peer_request *rq,
                                   const void *req UNUSED, int *fds UNUSED, uint32_t n UNUSED)
{
        struct serve_empty nothing = {0};
        peer_reply(rq, &nothing, NULL, 0, false);
}

static inline void fake_reload(void *ctx UNUSED, struct peer_request *rq, const void *req UNUSED,
                               int *fds UNUSED, uint32_t n UNUSED)
{
        struct serve_change c = {.option = "log.level", .applied = 1};
        peer_reply(rq, &c, NULL, 0, false);
}

/* ---- rag: an empty index, unless the test brings its own ---- */

static inline void fake_no_docs(void *ctx UNUSED, struct peer_request *rq, const void *req UNUSED,
                                int *fds UNUSED, uint32_t n UNUSED)
{
        struct rag_doc last = {0};
        peer_reply(rq, &last, NULL, 0, false);
}

static inline void fake_no_hits(void *ctx UNUSED, struct peer_request *rq, const void *req UNUSED,
                                int *fds UNUSED, uint32_t n UNUSED)
{
        struct rag_hit last = {.text = {"", 0}};
        peer_reply(rq, &last, NULL, 0, false);
}

static inline void fake_no_count(void *ctx UNUSED, struct peer_request *rq, const void *req UNUSED,
                                 int *fds UNUSED, uint32_t n UNUSED)
{
        struct rag_count none = {0};
        peer_reply(rq, &none, NULL, 0, false);
}

static inline void fake_no_index(void *ctx UNUSED, struct peer_request *rq, const void *req UNUSED,
                                 int *fds UNUSED, uint32_t n UNUSED)
{
        peer_fail(rq, -EIO, "the fake indexes nothing");
}

static const struct peer_handler fake_rag_handlers[] = {{RAG_INDEX, fake_no_index},
                                                        {RAG_SEARCH, fake_no_hits},
                                                        {RAG_DOCS, fake_no_docs},
                                                        {RAG_PASSAGES, fake_no_hits},
                                                        {RAG_REMOVE, fake_no_count},
                                                        {RAG_STATUS, fake_no_count},
                                                        {0, NULL}};

/* ---- the whole ---- */

static inline void fixture_link(struct fixture *f, const struct peer_ops *near_ops,
                                const struct peer_ops *far_ops, struct peer **near,
                                struct peer **far, void *far_ctx)
{
        int pair[2];
        CHECK_INT(link_pair(pair), ==, 0);
        *near = peer_new(f->loop, pair[0], near_ops, f->api);
        *far = peer_new(f->loop, pair[1], far_ops, far_ctx);
}

static inline void fixture_launch_up(struct fixture *f)
{
        static const struct peer_handler handlers[] = {{LAUNCH_CREATE, fake_create},
                                                       {LAUNCH_LAYER_LIST, fake_layer_list},
                                                       {LAUNCH_LAYER_HAVE, fake_layer_have},
                                                       {LAUNCH_QUERY, fake_query},
                                                       {LAUNCH_LIST, fake_list},
                                                       {LAUNCH_SIGNAL, fake_signal},
                                                       {LAUNCH_STOP, fake_stop},
                                                       {LAUNCH_FORGET, fake_forget},
                                                       {LAUNCH_EXEC, fake_exec},
                                                       {LAUNCH_EXEC_SIGNAL, fake_exec_signal},
                                                       {LAUNCH_EXEC_FORGET, fake_exec_forget},
                                                       {LAUNCH_EXEC_LIST, fake_exec_list},
                                                       {LAUNCH_STATS, fake_stats},
                                                       {LAUNCH_FREEZE, fake_freeze},
                                                       {LAUNCH_THAW, fake_thaw},
                                                       {LAUNCH_TOUCH, fake_touch},
                                                       {LAUNCH_VOLUME_CREATE, fake_volume},
                                                       {LAUNCH_VOLUME_REMOVE, fake_unvolume},
                                                       {0, NULL}};
        static const struct peer_ops far = {&launch_link, handlers, NULL};
        fixture_link(f, &api_launch_ops, &far, &f->near_launch, &f->far_launch, f);
        api_peer_up(f->api, "launch");
}

static inline void fixture_keep_up(struct fixture *f)
{
        static const struct peer_handler handlers[] = {
                {KEEP_PUT, fake_put}, {KEEP_GET, fake_get}, {KEEP_DROP, fake_drop}, {0, NULL}};
        static const struct peer_ops far = {&keep_link, handlers, NULL};
        fixture_link(f, &api_keep_ops, &far, &f->near_keep, &f->far_keep, f);
        api_peer_up(f->api, "keep");
}

static inline void fixture_serve_up(struct fixture *f)
{
        static const struct peer_handler handlers[] = {{SERVE_STATUS, fake_status},
                                                       {SERVE_STOP, fake_serve_stop},
                                                       {SERVE_RELOAD, fake_reload},
                                                       {0, NULL}};
        static const struct peer_ops near = {&serve_link, NULL, NULL};
        static const struct peer_ops far = {&serve_link, handlers, NULL};
        fixture_link(f, &near, &far, &f->near_serve, &f->far_serve, f);
}

static inline void fixture_rag_up(struct fixture *f)
{
        static struct peer_ops far;
        far = (struct peer_ops){&rag_link, f->rag_handlers ? f->rag_handlers : fake_rag_handlers,
                                NULL};
        fixture_link(f, &api_rag_ops, &far, &f->near_rag, &f->far_rag, f->rag_ctx);
        api_peer_up(f->api, "rag");
}

static inline void fixture_down(struct peer **near, struct peer **far)
{
        peer_free(*far);
        peer_free(*near);
        *far = *near = NULL;
}

/* The api alone, over the state in f->dir. */
static inline void fixture_api_up(struct fixture *f)
{
        static int state_fd;
        struct err err = {0};
        state_fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct api_env env = {.loop = f->loop,
                              .state_fd = state_fd,
                              .state_path = f->dir,
                              .serve_uid = UINT32_MAX - 1,
                              .setting = fixture_setting,
                              .peer = fixture_peer,
                              .ctx = f};
        if (api_new(&env, &f->api, &err) < 0)
                test_failed(__FILE__, __LINE__, "%s", err_text(&err));
        CHECK_INT(api_listen(f->api, listen_unix(f->sock), &err), ==, 0);
        CHECK_INT(api_listen(f->api, listen_tcp(&f->port), &err), ==, 0);
        fixture_launch_up(f);
        fixture_keep_up(f);
        fixture_serve_up(f);
        fixture_rag_up(f);
}

/* As kill -9: nothing is said to anybody, the descriptors close. Links first, see api_free. */
static inline void fixture_api_down(struct fixture *f)
{
        peer_free(f->far_launch);
        peer_free(f->far_keep);
        peer_free(f->far_serve);
        peer_free(f->far_rag);
        f->far_launch = f->far_keep = f->far_serve = f->far_rag = NULL;
        struct api *a = f->api;
        struct peer *near[] = {f->near_launch, f->near_keep, f->near_serve, f->near_rag};
        f->near_launch = f->near_keep = f->near_serve = f->near_rag = NULL;
        for (size_t i = 0; i < ARRAY_LEN(near); i++)
                peer_free(near[i]);
        api_free(a);
        f->api = NULL;
}

static inline struct fixture *fixture_new(void)
{
        struct fixture *f = calloc(1, sizeof *f);
        signal(SIGPIPE, SIG_IGN);
        log_setup("api", LOG_WARN, LOG_LOGFMT);
        fx = f;
        f->loop = loop_new();
        snprintf(f->dir, sizeof f->dir, "/tmp/test-api-XXXXXX");
        CHECK(mkdtemp(f->dir) != NULL);
        fixture_set(f, "sandbox.memory_default", "536870912");
        fixture_set(f, "sandbox.pids_default", "256");
        fixture_set(f, "sandbox.disk_default", "268435456");
        fixture_set(f, "sandbox.timeout_default", "3600000");
        return f;
}

static inline void fixture_free(struct fixture *f)
{
        if (f->api)
                fixture_api_down(f);
        for (size_t i = 0; i < f->n_boxes; i++) {
                int ends[] = {f->boxes[i].in, f->boxes[i].out, f->boxes[i].err};
                for (size_t k = 0; k < ARRAY_LEN(ends); k++)
                        if (ends[k] >= 0)
                                close(ends[k]);
        }
        for (size_t i = 0; i < f->n_kept; i++)
                for (uint32_t k = 0; k < f->kept[i].n; k++)
                        close(f->kept[i].fds[k]);
        for (size_t i = 0; i < f->n_execs; i++)
                fake_exec_close(&f->execs[i]);
        loop_free(f->loop);
        CHECK_INT(tree_remove_at(AT_FDCWD, f->dir), ==, 0);
        free(f);
}

/* ---- asking ---- */

static inline void fixture_turns(struct fixture *f, int n)
{
        struct err err = {0};
        for (int i = 0; i < n; i++)
                CHECK_INT(loop_once(f->loop, 1, &err), ==, 0);
}

/* One request over a new connection; *ret_json is the answer or NULL. extra: header lines. */
static inline int ask_fd(struct fixture *f, int fd, const char *method, const char *path,
                         const char *extra, const char *body, json_t **ret_json)
{
        struct client c;
        struct response r;
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 16u << 20);
        client_init(&c, f->loop, fd);
        CHECK_INT(buf_addf(&b, "%s %s HTTP/1.1\r\n%s%s", method, path,
                           extra && strstr(extra, "Host:") ? "" : "Host: localhost\r\n",
                           extra ? extra : ""),
                  ==, 0);
        if (body)
                CHECK_INT(buf_addf(&b, "Content-Length: %zu\r\n\r\n%s", strlen(body), body), ==, 0);
        else
                CHECK_INT(buf_adds(&b, "\r\n"), ==, 0);
        client_send(&c, b.data, b.len);
        int status = client_response(&c, &r);
        if (ret_json)
                *ret_json = status ? json_loads(buf_text(&r.body), 0, NULL) : NULL;
        if (status)
                response_done(&r);
        client_done(&c);
        return status;
}

/* As root or whoever runs the tests, over the Unix socket. */
static inline int ask(struct fixture *f, const char *method, const char *path, const char *body,
                      json_t **ret_json)
{
        return ask_fd(f, connect_unix(f->sock), method, path, NULL, body, ret_json);
}

static inline int ask_as(struct fixture *f, const char *token, const char *method, const char *path,
                         const char *body, json_t **ret_json)
{
        char extra[128];
        snprintf(extra, sizeof extra, "Authorization: Bearer %s\r\n", token);
        return ask_fd(f, connect_tcp(f->port), method, path, extra, body, ret_json);
}

static inline const char *text_of(const json_t *o, const char *key)
{
        const char *s = json_string_value(json_object_get(o, key));
        return s ? s : "";
}

static inline const char *error_of(const json_t *o)
{
        return text_of(json_object_get(o, "error"), "message");
}

/* A token of a user of that name. */
static inline void user_token(struct fixture *f, const char *name, const char *scope, char ret[80])
{
        struct user u;
        struct token t = {0};
        CHECK_INT(users_of_name(f->api->db, name, &u, NULL), ==, 0);
        t.owner = u.id;
        struct id id = id_new();
        snprintf(t.name, sizeof t.name, "%s", id.s);
        snprintf(t.scopes, sizeof t.scopes, "%s", scope);
        CHECK_INT(tokens_create(f->api->db, &t, ret, NULL), ==, 0);
}
