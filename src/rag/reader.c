#include "rag/reader.h"
#include "rag/question.h"
#include "base/mem.h"
#include <pthread.h>

struct item {
        struct item *next;
        struct reader *reader;
        struct question q;
        struct peer_request *rq;
};
struct reader {
        struct loop *loop;
        pthread_t thread;
        pthread_mutex_t lock; /* over first, last, stop */
        pthread_cond_t more;
        struct item *first, **last;
        bool stop;
        size_t waiting;      /* the loop's thread only */
        struct reading with; /* the reading thread only */
};

static void deliver(void *ctx)
{
        struct item *it = ctx;
        it->reader->waiting--;
        question_answer(&it->q, it->rq);
        question_done(&it->q);
        free(it);
}

static void *run(void *ctx)
{
        struct reader *r = ctx;
        pthread_mutex_lock(&r->lock);
        while (!r->stop) {
                struct item *it = r->first;
                if (!it) {
                        pthread_cond_wait(&r->more, &r->lock);
                        continue;
                }
                r->first = it->next;
                if (!r->first)
                        r->last = &r->first;
                pthread_mutex_unlock(&r->lock);
                question_run(&it->q, &r->with);
                loop_post(r->loop, deliver, it);
                pthread_mutex_lock(&r->lock);
        }
        pthread_mutex_unlock(&r->lock);
        return NULL;
}

struct reader *reader_new(struct loop *loop, const struct reading *with, struct err *err)
{
        struct reader *r = xcalloc(1, sizeof *r);
        r->loop = loop;
        r->with = *with;
        r->with.words = words_new();
        r->last = &r->first;
        pthread_mutex_init(&r->lock, NULL);
        pthread_cond_init(&r->more, NULL);
        int e = pthread_create(&r->thread, NULL, run, r);
        if (e == 0)
                return r;
        err_sys(err, -e, "starting a thread");
        words_free(r->with.words);
        free(r);
        return NULL;
}

void reader_free(struct reader *r)
{
        if (!r)
                return;
        pthread_mutex_lock(&r->lock);
        r->stop = true;
        pthread_cond_signal(&r->more);
        pthread_mutex_unlock(&r->lock);
        pthread_join(r->thread, NULL);
        while (r->first) {
                struct item *it = r->first;
                r->first = it->next;
                question_done(&it->q);
                free(it);
        }
        words_free(r->with.words);
        pthread_cond_destroy(&r->more);
        pthread_mutex_destroy(&r->lock);
        free(r);
}

size_t reader_waiting(const struct reader *r)
{
        return r->waiting;
}

void reader_ask(struct reader *r, uint32_t verb, const void *request, struct peer_request *rq)
{
        struct item *it = xcalloc(1, sizeof *it);
        it->reader = r;
        it->rq = rq;
        question_init(&it->q, verb, request);
        r->waiting++;
        pthread_mutex_lock(&r->lock);
        *r->last = it;
        r->last = &it->next;
        pthread_cond_signal(&r->more);
        pthread_mutex_unlock(&r->lock);
}
