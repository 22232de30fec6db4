#include "net/loop.h"
#include "test.h"
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

static int order[8], n_order;
static void note(void *ctx)
{
        order[n_order++] = (int)(intptr_t)ctx;
}
static void stop(void *ctx)
{
        loop_stop(ctx);
}

TEST(timers_fire_by_deadline_then_by_order_of_adding)
{
        CLEANUP(loop_freep) struct loop *l = loop_new();
        loop_timer_add(l, 20, note, (void *)3);
        loop_timer_add(l, 0, note, (void *)1);
        loop_timer_add(l, 0, note, (void *)2);
        struct loop_timer *gone = loop_timer_add(l, 5, note, (void *)9);
        loop_timer_remove(gone);
        loop_timer_add(l, 40, stop, l);
        CHECK_INT(loop_run(l, NULL), ==, 0);
        CHECK_INT(n_order, ==, 3);
        CHECK(order[0] == 1 && order[1] == 2 && order[2] == 3);
}

TEST(many_timers_removed_in_any_order_keep_the_heap_whole)
{
        CLEANUP(loop_freep) struct loop *l = loop_new();
        struct loop_timer *t[100];
        for (int i = 0; i < 100; i++)
                t[i] = loop_timer_add(l, (uint64_t)((i * 37) % 11), note, (void *)9);
        for (int i = 0; i < 100; i++)
                loop_timer_remove(t[(i * 61) % 100]);
        loop_timer_add(l, 15, stop, l);
        CHECK_INT(loop_run(l, NULL), ==, 0);
        CHECK_INT(n_order, ==, 0);
}

struct pair {
        struct loop_io *a, *b;
        int calls;
};
static void remove_both(void *ctx, uint32_t events UNUSED)
{
        struct pair *p = ctx;
        p->calls++;
        loop_io_remove(p->a);
        loop_io_remove(p->b);
}

TEST(a_removed_registration_is_not_called_for_events_already_fetched)
{
        CLEANUP(loop_freep) struct loop *l = loop_new();
        int x[2], y[2];
        CHECK(pipe(x) == 0 && pipe(y) == 0);
        CHECK(write(x[1], "x", 1) == 1 && write(y[1], "y", 1) == 1);
        struct pair p = {0};
        p.a = loop_io_add(l, x[0], EPOLLIN, remove_both, &p);
        p.b = loop_io_add(l, y[0], EPOLLIN, remove_both, &p);
        CHECK_INT(loop_once(l, 100, NULL), ==, 0);
        CHECK_INT(p.calls, ==, 1);
}

static void *poster(void *l)
{
        for (int i = 1; i <= 3; i++)
                loop_post(l, note, (void *)(intptr_t)i);
        loop_post(l, stop, l);
        return NULL;
}

TEST(posts_from_another_thread_run_in_order)
{
        CLEANUP(loop_freep) struct loop *l = loop_new();
        pthread_t t;
        CHECK(pthread_create(&t, NULL, poster, l) == 0);
        CHECK_INT(loop_run(l, NULL), ==, 0);
        pthread_join(t, NULL);
        CHECK(n_order == 3 && order[0] == 1 && order[2] == 3);
}

static void child_done(void *ctx, pid_t pid UNUSED, int status)
{
        order[n_order++] = WEXITSTATUS(status);
        loop_stop(ctx);
}
static void got_signal(void *ctx, int signo)
{
        order[n_order++] = signo;
        loop_stop(ctx);
}

TEST(children_are_reaped_with_their_status)
{
        CLEANUP(loop_freep) struct loop *l = loop_new();
        pid_t pid = fork();
        if (pid == 0)
                _exit(7);
        CHECK_INT(loop_child(l, pid, child_done, l), ==, 0);
        CHECK_INT(loop_run(l, NULL), ==, 0);
        CHECK_INT(order[0], ==, 7);
}

TEST(signals_arrive_on_the_loop)
{
        CLEANUP(loop_freep) struct loop *l = loop_new();
        loop_signal(l, SIGUSR1, got_signal, l);
        kill(getpid(), SIGUSR1);
        CHECK_INT(loop_run(l, NULL), ==, 0);
        CHECK_INT(order[0], ==, SIGUSR1);
}
