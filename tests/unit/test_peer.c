/* The two ends of a link on one loop. The spec under test is keep's: small, with descriptors. */
#include "base/fd.h"
#include "link/keep.h"
#include "net/peer.h"
#include "test.h"
#include <stdio.h>

static struct loop *loop;
static int answers, last_status, handled, closed;
static bool last_more;
static char last_text[600];
static struct peer_request *held;

static void on_answer(void *ctx UNUSED, const struct peer_answer *a)
{
        answers++;
        last_status = a->status;
        last_more = a->more;
        snprintf(last_text, sizeof last_text, "%s", a->status < 0 ? err_text(a->err) : "");
        if (!a->more)
                loop_stop(loop);
}
static void on_get(void *ctx UNUSED, struct peer_request *rq, const void *req UNUSED,
                   int *fds UNUSED, uint32_t n UNUSED)
{
        handled++;
        held = rq;
}
static void on_put(void *ctx UNUSED, struct peer_request *rq, const void *req, int *fds, uint32_t n)
{
        const struct keep_key *k = req;
        CHECK_STR(k->name, "init");
        CHECK_INT(n, ==, 1);
        CHECK_INT(fd_write_all(fds[0], "hello", 5), ==, 0);
        peer_reply(rq, &(struct keep_done){n}, NULL, 0, false);
}
static void on_list(void *ctx UNUSED, struct peer_request *rq, const void *req UNUSED,
                    int *fds UNUSED, uint32_t n UNUSED)
{
        peer_reply(rq, &(struct keep_entry){.id = "a"}, NULL, 0, true);
        peer_reply(rq, &(struct keep_entry){0}, NULL, 0, false);
}
static void on_closed(void *ctx UNUSED)
{
        closed++;
        loop_stop(loop);
}
static const struct peer_handler handlers[] = {
        {KEEP_GET, on_get}, {KEEP_PUT, on_put}, {KEEP_LIST, on_list}, {0, NULL}};
static const struct peer_ops server_ops = {&keep_link, handlers, NULL};
static const struct peer_ops client_ops = {&keep_link, NULL, on_closed};

static struct peer *client, *server;
static void connect_both(void)
{
        int fd[2];
        loop = loop_new();
        CHECK_INT(link_pair(fd), ==, 0);
        client = peer_new(loop, fd[0], &client_ops, NULL);
        server = peer_new(loop, fd[1], &server_ops, NULL);
}
static void ask(uint32_t verb, const int *fds, uint32_t n)
{
        peer_call(client, verb, &(struct keep_key){.id = "", .name = "init"}, fds, n, on_answer,
                  NULL);
}
static void run(void)
{
        CHECK_INT(loop_run(loop, NULL), ==, 0);
}

TEST(a_request_with_a_descriptor_is_answered)
{
        connect_both();
        int p[2];
        CHECK(pipe(p) == 0);
        ask(KEEP_PUT, &p[1], 1);
        CHECK_INT(answers, ==, 0); /* never from inside the call */
        run();
        CHECK_INT(last_status, ==, 0);
        char got[5];
        CHECK_INT(fd_read_all(p[0], got, 5), ==, 0);
        CHECK(memcmp(got, "hello", 5) == 0);
        peer_free(client);
        peer_free(server);
        loop_free(loop);
}

TEST(parts_end_with_the_last_one)
{
        connect_both();
        ask(KEEP_LIST, NULL, 0);
        run();
        CHECK_INT(answers, ==, 2);
        CHECK(!last_more);
}

TEST(a_dead_link_answers_every_call_once_then_says_closed)
{
        connect_both();
        ask(KEEP_GET, NULL, 0);
        ask(KEEP_GET, NULL, 0);
        while (handled < 2)
                CHECK_INT(loop_once(loop, 100, NULL), ==, 0);
        peer_free(server);
        run(); /* stopped by an answer or by closed, both in one turn */
        CHECK_INT(answers, ==, 2);
        CHECK_INT(last_status, ==, -EPIPE);
        CHECK_INT(closed, ==, 1);
        CHECK(!peer_alive(client));
        ask(KEEP_GET, NULL, 0);
        CHECK_INT(answers, ==, 2);
        run();
        CHECK_INT(answers, ==, 3);
        CHECK_INT(last_status, ==, -EPIPE);
}

TEST(freeing_cancels_what_is_in_flight)
{
        connect_both();
        ask(KEEP_GET, NULL, 0);
        peer_free(client);
        CHECK_INT(answers, ==, 1);
        CHECK_INT(last_status, ==, -ECANCELED);
}

TEST(a_failure_carries_its_sentence)
{
        connect_both();
        ask(KEEP_GET, NULL, 0);
        while (!handled)
                CHECK_INT(loop_once(loop, 100, NULL), ==, 0);
        peer_fail(held, -ENOENT, "no %s", "such thing");
        run();
        CHECK_INT(last_status, ==, -ENOENT);
        CHECK_STR(last_text, "no such thing");
}

TEST(a_verb_of_the_wrong_direction_ends_the_link)
{
        connect_both();
        peer_call(server, KEEP_GET, &(struct keep_key){0}, NULL, 0, on_answer, NULL);
        while (!answers)
                CHECK_INT(loop_once(loop, 1000, NULL), ==, 0);
        CHECK_INT(last_status, ==, -EPIPE);
}

TEST(garbage_ends_the_link)
{
        int fd[2];
        loop = loop_new();
        CHECK_INT(link_pair(fd), ==, 0);
        client = peer_new(loop, fd[0], &client_ops, NULL);
        CHECK(write(fd[1], "garbage that is long enough to be a head", 40) == 40);
        run();
        CHECK_INT(closed, ==, 1);
}

TEST(more_calls_than_the_socket_holds_are_all_answered)
{
        connect_both();
        for (int i = 0; i < 900; i++)
                ask(KEEP_LIST, NULL, 0);
        while (answers < 1800)
                CHECK_INT(loop_once(loop, 1000, NULL), ==, 0);
        CHECK_INT(last_status, ==, 0);
}

TEST(too_many_calls_in_flight_are_refused_busy)
{
        connect_both();
        for (int i = 0; i < LINK_FLIGHT_MAX + 1; i++)
                ask(KEEP_GET, NULL, 0);
        while (!answers)
                CHECK_INT(loop_once(loop, 1000, NULL), ==, 0);
        CHECK_INT(last_status, ==, -EBUSY);
}
