/* The two ends of a link on one loop. The spec under test is keep's: small, with descriptors. */
#include "base/fd.h"
#include "link/keep.h"
#include "net/peer.h"
#include "test.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>

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

/* ---- a callback that ends what it is called by ---- */

static int after_free;
static bool freeing, freed;
static void free_client(void *ctx UNUSED, const struct peer_answer *a UNUSED)
{
        answers++;
        after_free += freed; /* the owner's state is gone by then */
        if (!freeing) {
                freeing = true;
                peer_free(client);
                freed = true;
        }
}

TEST(nothing_is_answered_after_a_free_from_inside_an_answer)
{
        connect_both();
        for (int i = 0; i < 3; i++)
                peer_call(client, KEEP_GET, &(struct keep_key){0}, NULL, 0, free_client, NULL);
        peer_free(server);
        for (int i = 0; i < 5; i++)
                CHECK_INT(loop_once(loop, 10, NULL), ==, 0);
        CHECK_INT(answers, ==, 3);
        CHECK_INT(after_free, ==, 0);
        loop_free(loop);
}

TEST(nothing_is_answered_after_a_free_from_inside_a_refusal)
{
        connect_both();
        peer_free(server);
        for (int i = 0; i < 3; i++)
                CHECK_INT(loop_once(loop, 0, NULL), ==, 0);
        CHECK(!peer_alive(client));
        for (int i = 0; i < 3; i++)
                peer_call(client, KEEP_GET, &(struct keep_key){0}, NULL, 0, free_client, NULL);
        for (int i = 0; i < 5; i++)
                CHECK_INT(loop_once(loop, 10, NULL), ==, 0);
        CHECK_INT(answers, ==, 3);
        CHECK_INT(after_free, ==, 0);
        loop_free(loop);
}

static void ask_again(void *ctx UNUSED, const struct peer_answer *a)
{
        last_status = a->status;
        if (++answers < 1000000)
                peer_call(client, KEEP_GET, &(struct keep_key){0}, NULL, 0, ask_again, NULL);
}

TEST(one_who_asks_again_when_refused_does_not_hold_the_loop)
{
        connect_both();
        for (int i = 0; i < LINK_FLIGHT_MAX; i++)
                ask(KEEP_GET, NULL, 0);
        peer_call(client, KEEP_GET, &(struct keep_key){0}, NULL, 0, ask_again, NULL);
        for (int i = 0; i < 5; i++)
                CHECK_INT(loop_once(loop, 10, NULL), ==, 0);
        CHECK_INT(last_status, ==, -EBUSY);
        CHECK_INT(answers, <=, 5);
        CHECK_INT(answers, >=, 2);
}

/* ---- answers that cannot be sent ---- */

static void parts_that_fail(void *ctx UNUSED, struct peer_request *rq, const void *req UNUSED,
                            int *fds UNUSED, uint32_t n UNUSED)
{
        struct keep_entry bad;
        memset(&bad, 'x', sizeof bad); /* breaks its own table: not terminated */
        peer_reply(rq, &(struct keep_entry){.id = "a"}, NULL, 0, true);
        peer_reply(rq, &bad, NULL, 0, true);
        CHECK(!peer_request_alive(rq));
        peer_reply(rq, &(struct keep_entry){.id = "b"}, NULL, 0, true);
        peer_reply(rq, &(struct keep_entry){0}, NULL, 0, false);
}

TEST(a_part_that_cannot_be_sent_ends_the_answer_and_the_asker_may_go_on)
{
        static const struct peer_handler h[] = {{KEEP_LIST, parts_that_fail}, {0, NULL}};
        static const struct peer_ops ops = {&keep_link, h, NULL};
        int fd[2];
        loop = loop_new();
        CHECK_INT(link_pair(fd), ==, 0);
        client = peer_new(loop, fd[0], &client_ops, NULL);
        server = peer_new(loop, fd[1], &ops, NULL);
        ask(KEEP_LIST, NULL, 0);
        run();
        CHECK_INT(answers, ==, 2);
        CHECK_INT(last_status, ==, -EINVAL);
        CHECK(peer_alive(client));
        peer_free(client);
        peer_free(server);
        loop_free(loop);
}

TEST(a_request_that_cannot_be_sent_says_why)
{
        connect_both();
        int closed_fd = dup(0);
        close(closed_fd);
        ask(KEEP_PUT, &closed_fd, 1);
        run();
        CHECK_INT(last_status, ==, -EBADF);
        CHECK_CONTAINS(last_text, "Bad file descriptor");
}

/* ---- a hostile other side ---- */

struct raw {
        uint32_t version, verb, flags;
        int32_t status;
        uint64_t id;
        char body[64];
};
static int hostile_peer(void)
{
        int fd[2];
        loop = loop_new();
        CHECK_INT(link_pair(fd), ==, 0);
        server = peer_new(loop, fd[1], &server_ops, NULL);
        return fd[0];
}

TEST(a_request_with_a_status_is_never_handled)
{
        static const int32_t statuses[] = {-1, 1, INT32_MIN};
        for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
                int fd = hostile_peer();
                struct raw m = {1, KEEP_GET, LINK_REQUEST, statuses[i], 7, "garbage"};
                CHECK(write(fd, &m, sizeof m) == (ssize_t)sizeof m);
                CHECK_INT(loop_once(loop, 100, NULL), ==, 0);
                CHECK_INT(handled, ==, 0);
                CHECK(!peer_alive(server));
                close(fd);
                peer_free(server);
                loop_free(loop);
        }
}

TEST(an_answer_with_an_impossible_status_ends_the_link)
{
        int fd[2];
        loop = loop_new();
        CHECK_INT(link_pair(fd), ==, 0);
        client = peer_new(loop, fd[0], &client_ops, NULL);
        ask(KEEP_GET, NULL, 0);
        struct raw m = {1, KEEP_GET, LINK_ANSWER, INT32_MIN, 1, ""};
        CHECK(write(fd[1], &m, 24) == 24);
        CHECK_INT(loop_once(loop, 100, NULL), ==, 0);
        CHECK_INT(last_status, ==, -EPIPE);
}

TEST(a_failure_is_the_last_part)
{
        int fd[2];
        loop = loop_new();
        CHECK_INT(link_pair(fd), ==, 0);
        client = peer_new(loop, fd[0], &client_ops, NULL);
        ask(KEEP_LIST, NULL, 0);
        struct raw m = {1, KEEP_LIST, LINK_ANSWER | LINK_MORE, -EIO, 1, ""};
        CHECK(write(fd[1], &m, 24) == 24);
        CHECK_INT(loop_once(loop, 100, NULL), ==, 0);
        CHECK_INT(last_status, ==, -EPIPE);
        CHECK(!last_more);
}

/* An honest asker stops by itself; one that does not is cut off before it fills our memory. */
TEST(more_requests_than_may_be_open_end_the_link)
{
        int fd = hostile_peer();
        struct raw m = {1, KEEP_GET, LINK_REQUEST, 0, 0, ""};
        for (int i = 0; i < 3 * LINK_FLIGHT_MAX && peer_alive(server); i++) {
                m.id = (uint64_t)i + 1;
                CHECK(write(fd, &m, 24 + 8) == 32);
                CHECK_INT(loop_once(loop, 0, NULL), ==, 0);
        }
        CHECK(!peer_alive(server));
        CHECK_INT(handled, ==, LINK_FLIGHT_MAX);
}

TEST(an_asker_that_never_reads_its_answers_is_cut_off)
{
        int fd = hostile_peer();
        struct raw m = {1, KEEP_LIST, LINK_REQUEST, 0, 0, ""};
        int i = 0;
        for (; i < 20000 && peer_alive(server); i++) {
                m.id = (uint64_t)i + 1;
                CHECK(write(fd, &m, 24 + 8) == 32);
                CHECK_INT(loop_once(loop, 0, NULL), ==, 0);
        }
        CHECK(!peer_alive(server));
}

TEST(an_empty_message_leaves_no_descriptor_behind)
{
        int fd = hostile_peer();
        int gift = dup(0);
        union {
                struct cmsghdr align;
                char bytes[CMSG_SPACE(sizeof(int))];
        } space = {0};
        struct msghdr msg = {.msg_control = space.bytes, .msg_controllen = sizeof space.bytes};
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof gift);
        memcpy(CMSG_DATA(c), &gift, sizeof gift);
        CHECK(sendmsg(fd, &msg, 0) == 0);
        int next = dup(0); /* what the received one would get */
        close(next);
        CHECK_INT(loop_once(loop, 100, NULL), ==, 0);
        CHECK(!peer_alive(server));
        CHECK(fcntl(next, F_GETFD) < 0);
}

/* The kernel refuses more descriptors in flight than RLIMIT_NOFILE to anybody but root. */
TEST(a_link_recovers_when_the_kernel_takes_no_more_descriptors)
{
        enum { LIMIT = 32, CALLS = LIMIT + 10 };
        if (geteuid() == 0)
                CHECK(setresuid(12345, 12345, 12345) == 0);
        connect_both();
        int p[2];
        CHECK(pipe(p) == 0);
        CHECK(setrlimit(RLIMIT_NOFILE, &(struct rlimit){LIMIT, LIMIT}) == 0);
        for (int i = 0; i < CALLS; i++)
                ask(KEEP_PUT, &p[1], 1);
        for (int i = 0; i < 200 && answers < CALLS; i++) {
                CHECK_INT(loop_once(loop, 100, NULL), ==, 0);
                CHECK_INT(last_status, ==, 0);
        }
        CHECK_INT(answers, ==, CALLS);
}
