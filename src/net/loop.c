#include "net/loop.h"
#include "base/clock.h"
#include "base/mem.h"
#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#define BATCH 64

struct loop_io {
        struct loop *loop;
        int fd; /* -1: removed, waiting to be freed after the batch */
        loop_io_fn fn;
        void *ctx;
        struct loop_io *next_dead;
};

struct loop_timer {
        struct loop *loop;
        uint64_t at_ms, seq; /* seq: equal deadlines fire in order of adding */
        size_t index;        /* in the heap */
        loop_fn fn;
        void *ctx;
};

struct child {
        struct loop *loop;
        struct loop_io *io;
        int pidfd;
        pid_t pid;
        loop_child_fn fn;
        void *ctx;
};

struct post {
        loop_fn fn;
        void *ctx;
        struct post *next;
};

struct signal_slot {
        loop_signal_fn fn;
        void *ctx;
};

struct loop {
        int epoll, event, signal;
        bool stopping;
        struct loop_io *dead;
        struct loop_timer **heap;
        size_t n_timers, cap_timers;
        uint64_t seq;
        struct loop_io *event_io, *signal_io;
        sigset_t taken;
        struct signal_slot slots[NSIG];
        pthread_mutex_t lock; /* guards the queue of posts, nothing else */
        struct post *posts, **last_post;
};

/* ---- descriptors ---- */

struct loop_io *loop_io_add(struct loop *l, int fd, uint32_t events, loop_io_fn fn, void *ctx)
{
        struct loop_io *io = xcalloc(1, sizeof *io);
        *io = (struct loop_io){.loop = l, .fd = fd, .fn = fn, .ctx = ctx};
        struct epoll_event ev = {.events = events, .data.ptr = io};
        int r = epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev);
        assert(r == 0); /* a closed descriptor, a regular file or one added twice: a bug of ours */
        return io;
}

void loop_io_events(struct loop_io *io, uint32_t events)
{
        struct epoll_event ev = {.events = events, .data.ptr = io};
        int r = epoll_ctl(io->loop->epoll, EPOLL_CTL_MOD, io->fd, &ev);
        assert(r == 0);
}

void loop_io_remove(struct loop_io *io)
{
        if (!io)
                return;
        struct loop *l = io->loop;
        epoll_ctl(l->epoll, EPOLL_CTL_DEL, io->fd, NULL);
        io->fd = -1;
        io->next_dead = l->dead; /* events already fetched may still point here */
        l->dead = io;
}

static void free_dead(struct loop *l)
{
        while (l->dead) {
                struct loop_io *io = l->dead;
                l->dead = io->next_dead;
                free(io);
        }
}

/* ---- timers: a binary heap, smallest deadline first ---- */

static bool earlier(const struct loop_timer *a, const struct loop_timer *b)
{
        return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->seq < b->seq;
}

static void heap_set(struct loop *l, size_t i, struct loop_timer *t)
{
        l->heap[i] = t;
        t->index = i;
}

static void heap_up(struct loop *l, size_t i)
{
        struct loop_timer *t = l->heap[i];
        for (; i > 0 && earlier(t, l->heap[(i - 1) / 2]); i = (i - 1) / 2)
                heap_set(l, i, l->heap[(i - 1) / 2]);
        heap_set(l, i, t);
}

static void heap_down(struct loop *l, size_t i)
{
        struct loop_timer *t = l->heap[i];
        for (;;) {
                size_t kid = 2 * i + 1;
                if (kid >= l->n_timers)
                        break;
                if (kid + 1 < l->n_timers && earlier(l->heap[kid + 1], l->heap[kid]))
                        kid++;
                if (!earlier(l->heap[kid], t))
                        break;
                heap_set(l, i, l->heap[kid]);
                i = kid;
        }
        heap_set(l, i, t);
}

struct loop_timer *loop_timer_add(struct loop *l, uint64_t delay_ms, loop_fn fn, void *ctx)
{
        struct loop_timer *t = xcalloc(1, sizeof *t);
        *t = (struct loop_timer){.loop = l, .seq = l->seq++, .fn = fn, .ctx = ctx};
        t->at_ms = clock_boot_ms() + delay_ms;
        if (l->n_timers == l->cap_timers) {
                l->cap_timers = l->cap_timers ? 2 * l->cap_timers : 16;
                l->heap = xrealloc(l->heap, l->cap_timers * sizeof(struct loop_timer *));
        }
        l->heap[l->n_timers] = t;
        heap_up(l, l->n_timers++);
        return t;
}

void loop_timer_remove(struct loop_timer *t)
{
        if (!t)
                return;
        struct loop *l = t->loop;
        size_t i = t->index;
        struct loop_timer *moved = l->heap[--l->n_timers];
        if (moved != t) {
                heap_set(l, i, moved);
                heap_up(l, i);
                heap_down(l, moved->index);
        }
        free(t);
}

static void run_timers(struct loop *l)
{
        uint64_t now = clock_boot_ms(), last = l->seq;
        /* Timers added by these callbacks wait for the next round, whatever their delay. */
        while (l->n_timers && l->heap[0]->at_ms <= now && l->heap[0]->seq < last) {
                loop_fn fn = l->heap[0]->fn;
                void *ctx = l->heap[0]->ctx;
                loop_timer_remove(l->heap[0]);
                fn(ctx);
        }
}

static int wait_ms(const struct loop *l, int limit_ms)
{
        if (!l->n_timers)
                return limit_ms;
        uint64_t now = clock_boot_ms(), at = l->heap[0]->at_ms;
        uint64_t left = at > now ? at - now : 0;
        if (left > 3600000)
                left = 3600000;
        return limit_ms >= 0 && (uint64_t)limit_ms < left ? limit_ms : (int)left;
}

/* ---- signals, children, posts ---- */

static void signal_ready(void *ctx, uint32_t events UNUSED)
{
        struct loop *l = ctx;
        struct signalfd_siginfo si;
        while (read(l->signal, &si, sizeof si) == (ssize_t)sizeof si)
                if (si.ssi_signo < NSIG && l->slots[si.ssi_signo].fn)
                        l->slots[si.ssi_signo].fn(l->slots[si.ssi_signo].ctx, (int)si.ssi_signo);
}

void loop_signal(struct loop *l, int signo, loop_signal_fn fn, void *ctx)
{
        sigaddset(&l->taken, signo);
        l->slots[signo] = (struct signal_slot){fn, ctx};
        pthread_sigmask(SIG_BLOCK, &l->taken, NULL);
        int fd = signalfd(l->signal, &l->taken, SFD_CLOEXEC | SFD_NONBLOCK);
        assert(fd >= 0);
        if (l->signal < 0) {
                l->signal = fd;
                l->signal_io = loop_io_add(l, fd, EPOLLIN, signal_ready, l);
        }
}

static void child_ready(void *ctx, uint32_t events UNUSED)
{
        struct child c = *(struct child *)ctx;
        int status;
        pid_t r = waitpid(c.pid, &status, WNOHANG);
        if (r == 0)
                return;
        loop_io_remove(c.io);
        close(c.pidfd);
        free(ctx);
        c.fn(c.ctx, c.pid, r == c.pid ? status : -1);
}

int loop_child(struct loop *l, pid_t pid, loop_child_fn fn, void *ctx)
{
        int fd = pidfd_open(pid, 0);
        if (fd < 0)
                return -errno;
        struct child *c = xcalloc(1, sizeof *c);
        *c = (struct child){.loop = l, .pidfd = fd, .pid = pid, .fn = fn, .ctx = ctx};
        c->io = loop_io_add(l, fd, EPOLLIN, child_ready, c);
        return 0;
}

static void posts_ready(void *ctx, uint32_t events UNUSED)
{
        struct loop *l = ctx;
        uint64_t n;
        if (read(l->event, &n, sizeof n) < 0 && errno != EAGAIN)
                return;
        pthread_mutex_lock(&l->lock);
        struct post *p = l->posts;
        l->posts = NULL;
        l->last_post = &l->posts;
        pthread_mutex_unlock(&l->lock);
        while (p) {
                struct post *next = p->next;
                p->fn(p->ctx);
                free(p);
                p = next;
        }
}

void loop_post(struct loop *l, loop_fn fn, void *ctx)
{
        struct post *p = xcalloc(1, sizeof *p);
        *p = (struct post){.fn = fn, .ctx = ctx};
        pthread_mutex_lock(&l->lock);
        *l->last_post = p;
        l->last_post = &p->next;
        pthread_mutex_unlock(&l->lock);
        uint64_t one = 1;
        if (write(l->event, &one, sizeof one) < 0)
                return; /* the counter is full: the loop is woken already */
}

/* ---- life ---- */

struct loop *loop_new(void)
{
        struct loop *l = xcalloc(1, sizeof *l);
        l->signal = -1;
        l->last_post = &l->posts;
        sigemptyset(&l->taken);
        pthread_mutex_init(&l->lock, NULL);
        l->epoll = epoll_create1(EPOLL_CLOEXEC);
        l->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        assert(l->epoll >= 0 && l->event >= 0);
        l->event_io = loop_io_add(l, l->event, EPOLLIN, posts_ready, l);
        return l;
}

void loop_free(struct loop *l)
{
        if (!l)
                return;
        loop_io_remove(l->event_io);
        loop_io_remove(l->signal_io);
        free_dead(l);
        while (l->n_timers)
                loop_timer_remove(l->heap[0]);
        free(l->heap);
        for (struct post *p = l->posts, *next; p; p = next) {
                next = p->next;
                free(p);
        }
        close(l->epoll);
        close(l->event);
        if (l->signal >= 0)
                close(l->signal);
        pthread_mutex_destroy(&l->lock);
        free(l);
}

int loop_once(struct loop *l, int timeout_ms, struct err *err)
{
        struct epoll_event ev[BATCH];
        int n = epoll_wait(l->epoll, ev, BATCH, wait_ms(l, timeout_ms));
        if (n < 0 && errno != EINTR)
                return err_sys(err, -errno, "epoll_wait");
        for (int i = 0; i < n; i++) {
                struct loop_io *io = ev[i].data.ptr;
                if (io->fd >= 0)
                        io->fn(io->ctx, ev[i].events);
        }
        run_timers(l);
        free_dead(l);
        return 0;
}

int loop_run(struct loop *l, struct err *err)
{
        int r = 0;
        while (!l->stopping && r == 0)
                r = loop_once(l, -1, err);
        l->stopping = false;
        return r;
}

void loop_stop(struct loop *l)
{
        l->stopping = true;
}
