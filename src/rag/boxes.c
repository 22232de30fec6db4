#include "rag/boxes.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#define OPEN_MS       60000 /* a busy launch may queue */
#define ENDED_MS      1000  /* how long a closed sandbox may take to say how it ended */
#define PARSE_MEMORY  (1ull << 30)
#define PARSE_DISK    (64ull << 20)
#define PARSE_PIDS    64
#define PARSE_PROGRAM "/.paddock/parse"

struct box {
        struct boxes *all;
        struct box *next; /* in the list of what launch may know; the loop's thread only */
        char id[ID_TEXT_LEN + 1], volume[ID_TEXT_LEN + 1];
        int fds[3]; /* until the thread takes them */
        /* under the lock: */
        bool answered, ended;
        bool closing; /* the thread is done with it: the loop's thread frees it when it is over */
        int status;
        struct err err;
        struct launch_result result;
};
struct boxes {
        struct loop *loop;
        struct peer *(*launch)(void *ctx);
        void *ctx;
        pthread_mutex_t lock;
        pthread_cond_t change;
        struct box *first;
};

struct boxes *boxes_new(struct loop *loop, struct peer *(*launch)(void *ctx), void *ctx)
{
        struct boxes *b = xcalloc(1, sizeof *b);
        pthread_condattr_t monotonic;
        b->loop = loop;
        b->launch = launch;
        b->ctx = ctx;
        pthread_mutex_init(&b->lock, NULL);
        pthread_condattr_init(&monotonic);
        pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
        pthread_cond_init(&b->change, &monotonic);
        pthread_condattr_destroy(&monotonic);
        return b;
}

static void box_free(struct box *x)
{
        for (size_t i = 0; i < ARRAY_LEN(x->fds); i++)
                if (x->fds[i] >= 0)
                        close(x->fds[i]);
        free(x);
}

void boxes_free(struct boxes *b)
{
        if (!b)
                return;
        while (b->first) {
                struct box *x = b->first;
                b->first = x->next;
                box_free(x);
        }
        pthread_cond_destroy(&b->change);
        pthread_mutex_destroy(&b->lock);
        free(b);
}

static void forget_answer(void *ctx, const struct peer_answer *a)
{
        (void)ctx;
        (void)a; /* launch drops it by itself when it is told nothing */
}

/* Loop's thread: it is over and nobody waits for it. */
static void release(struct box *x)
{
        struct peer *launch = x->all->launch(x->all->ctx);
        struct launch_id id;
        memcpy(id.id, x->id, sizeof id.id);
        if (launch && x->ended)
                peer_call(launch, LAUNCH_FORGET, &id, NULL, 0, forget_answer, NULL);
        for (struct box **p = &x->all->first; *p; p = &(*p)->next)
                if (*p == x) {
                        *p = x->next;
                        break;
                }
        box_free(x);
}

static void stop(struct box *x)
{
        struct peer *launch = x->all->launch(x->all->ctx);
        struct launch_stop rq = {.grace_ms = 0};
        memcpy(rq.id, x->id, sizeof rq.id);
        if (launch)
                peer_call(launch, LAUNCH_STOP, &rq, NULL, 0, forget_answer, NULL);
}

/* Loop's thread. */
static void set_ended(struct box *x, const struct launch_result *r)
{
        pthread_mutex_lock(&x->all->lock);
        x->ended = true;
        x->result = *r;
        bool closing = x->closing;
        pthread_cond_broadcast(&x->all->change);
        pthread_mutex_unlock(&x->all->lock);
        if (closing)
                release(x);
}

void boxes_exited(struct boxes *b, const struct launch_result *r)
{
        for (struct box *x = b->first; x; x = x->next)
                if (str_eq(x->id, r->id)) {
                        set_ended(x, r);
                        return;
                }
}

static void answer(struct box *x, int status, const struct err *err)
{
        pthread_mutex_lock(&x->all->lock);
        x->answered = true;
        x->status = status;
        if (err)
                x->err = *err;
        bool closing = x->closing;
        pthread_cond_broadcast(&x->all->change);
        pthread_mutex_unlock(&x->all->lock);
        if (closing && status < 0)
                release(x);
        else if (closing)
                stop(x);
}

static void on_created(void *ctx, const struct peer_answer *a)
{
        struct box *x = ctx;
        struct err err = {0};
        if (a->status < 0) {
                answer(x, a->status, a->err);
                return;
        }
        if (a->n_fds != 3) {
                err_set(&err, -EPROTO, "launch gave %u descriptors", a->n_fds);
                stop(x);
                answer(x, -EPROTO, &err);
                return;
        }
        int r = 0;
        for (size_t i = 0; i < 3; i++) {
                x->fds[i] = TAKE_FD(a->fds[i]);
                if (r == 0) /* stdin: it may never be read */
                        r = fd_nonblock(x->fds[i], i == 0);
        }
        if (r < 0)
                err_sys(&err, r, "descriptors of the sandbox");
        answer(x, r, &err);
}

static int command(void)
{
        static const char bytes[] = "\1\0\0\0\0\0\0\0" PARSE_PROGRAM;
        return memfd_sealed("command", bytes, sizeof bytes);
}

static void create(void *ctx)
{
        struct box *x = ctx;
        struct err err = {0};
        struct peer *launch = x->all->launch(x->all->ctx);
        auto_free struct launch_spec *s = xcalloc(1, sizeof *s);
        auto_close int argv = command();
        if (!launch || argv < 0) {
                err_set(&err, -EAGAIN, "%s", launch ? "no memory for a command" : "launch is away");
                answer(x, -EAGAIN, &err);
                return;
        }
        memcpy(s->id, x->id, sizeof s->id);
        memcpy(s->mounts[0].volume, x->volume, sizeof s->mounts[0].volume);
        snprintf(s->image, sizeof s->image, "host");
        snprintf(s->hostname, sizeof s->hostname, "parse");
        snprintf(s->mounts[0].target, sizeof s->mounts[0].target, "/docs");
        s->mounts[0].read_only = 1;
        s->n_mounts = 1;
        s->profile = BOX_PARSE;
        s->pids = PARSE_PIDS;
        s->memory_bytes = PARSE_MEMORY;
        s->disk_bytes = PARSE_DISK;
        peer_call(launch, LAUNCH_CREATE, s, &argv, 1, on_created, x);
}

static void enlist(void *ctx)
{
        struct box *x = ctx;
        x->next = x->all->first;
        x->all->first = x;
        create(x);
}

/* With the lock: until *flag, at most ms. */
static void wait_for(struct boxes *b, const bool *flag, uint64_t ms)
{
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += (time_t)(ms / 1000);
        while (!*flag && pthread_cond_timedwait(&b->change, &b->lock, &until) == 0)
                ;
}

/* Loop's thread: the job has no more use for it. */
static void finish(void *ctx)
{
        struct box *x = ctx;
        pthread_mutex_lock(&x->all->lock);
        x->closing = true;
        bool over = x->ended || (x->answered && x->status < 0);
        bool running = x->answered && !over;
        pthread_mutex_unlock(&x->all->lock);
        if (over)
                release(x);
        else if (running)
                stop(x);
}

static int host_open(void *ctx, const char *volume, struct index_box *ret, struct err *err)
{
        struct boxes *b = ctx;
        struct box *x = xcalloc(1, sizeof *x);
        struct id id = id_new();
        x->all = b;
        memcpy(x->id, id.s, sizeof x->id);
        x->fds[0] = x->fds[1] = x->fds[2] = -1;
        int r = str_copy(x->volume, sizeof x->volume, volume);
        if (r < 0) {
                box_free(x);
                return err_set(err, -EINVAL, "the volume's id");
        }
        loop_post(b->loop, enlist, x);
        pthread_mutex_lock(&b->lock);
        wait_for(b, &x->answered, OPEN_MS);
        r = x->answered ? x->status : -ETIME;
        if (r == 0)
                *ret = (struct index_box){TAKE_FD(x->fds[0]), TAKE_FD(x->fds[1]), x};
        else
                err_set(err, r, "%s", x->answered ? err_text(&x->err) : "launch did not answer");
        pthread_mutex_unlock(&b->lock);
        if (r < 0)
                loop_post(b->loop, finish, x);
        return r;
}

static void say_how(const struct launch_result *e, char reason[128])
{
        if (e->reason == BOX_SIGNAL)
                snprintf(reason, 128, "ended by signal %u", e->signal);
        else if (e->reason == BOX_OOM)
                snprintf(reason, 128, "it needed more than %llu MiB of memory", PARSE_MEMORY >> 20);
        else if (e->reason == BOX_LOST)
                snprintf(reason, 128, "%.100s", e->cause);
        else if (e->reason == BOX_EXITED && e->exit_code)
                snprintf(reason, 128, "exit code %u", e->exit_code);
}

static void host_close(void *ctx, struct index_box *box, char reason[128])
{
        struct boxes *b = ctx;
        struct box *x = box->handle;
        pthread_mutex_lock(&b->lock);
        wait_for(b, &x->ended, ENDED_MS);
        if (x->ended)
                say_how(&x->result, reason);
        pthread_mutex_unlock(&b->lock);
        loop_post(b->loop, finish, x);
}

struct index_host boxes_host(struct boxes *b)
{
        return (struct index_host){b, host_open, host_close};
}

struct asked {
        struct boxes *boxes;
        char id[ID_TEXT_LEN + 1];
};

static void on_query(void *ctx, const struct peer_answer *a)
{
        auto_free struct asked *q = ctx;
        struct launch_result lost = {.state = BOX_ENDED, .reason = BOX_LOST};
        const struct launch_result *r = a->status == 0 ? a->rep : &lost;
        memcpy(lost.id, q->id, sizeof lost.id);
        snprintf(lost.cause, sizeof lost.cause, "launch does not know it any more");
        if ((a->status == 0 || a->status == -ENOENT) && r->state == BOX_ENDED)
                boxes_exited(q->boxes, r);
}

void boxes_launch_up(struct boxes *b)
{
        struct peer *launch = b->launch(b->ctx);
        for (struct box *x = b->first; x && launch; x = x->next) {
                struct launch_id id;
                memcpy(id.id, x->id, sizeof id.id);
                struct asked *q = xmalloc(sizeof *q);
                q->boxes = b;
                memcpy(q->id, x->id, sizeof q->id);
                peer_call(launch, LAUNCH_QUERY, &id, NULL, 0, on_query, q);
                if (x->closing)
                        stop(x);
        }
}
