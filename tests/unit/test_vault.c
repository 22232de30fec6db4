/* The vault with a gate and a launch of the test's own: what a hostile gate can get out of it. */
#include "base/mem.h"
#include "link/vault.h"
#include "test.h"
#include "vault/vault.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define BOX_A "01m7z2cyx93pzws3xd26sm41pa"
#define BOX_B "01m7z2cyygnrbarf2865z2ea2d"

static struct fixture {
        struct loop *loop;
        struct vault *vault;
        struct peer *gate, *launch, *at_gate, *at_launch;
        bool answered;
        int status, fd;
        char text[ERR_TEXT_MAX];
} f;

static const char *setting(void *ctx UNUSED, const char *name)
{
        return strcmp(name, "egress.private") == 0 ? "127.0.0.1"
               : strcmp(name, "routes.define") == 0
                       ? "narrow upstream=http://127.0.0.1:9 allow=GET:/* users=ann|u7*"
                       : "";
}

static const struct peer_ops asker = {&vault_link, NULL, NULL};

static struct peer *join(const char *who, struct peer **ret_there)
{
        int pair[2];
        CHECK_INT(link_pair(pair), ==, 0);
        *ret_there = peer_new(f.loop, pair[1], vault_ops(who), f.vault);
        return peer_new(f.loop, pair[0], &asker, NULL);
}

static void begin(void)
{
        f.loop = loop_new();
        struct vault_config c = {f.loop, -1, setting, NULL};
        CHECK_INT(vault_new(&c, &f.vault, NULL), ==, 0);
        f.gate = join("gate", &f.at_gate);
        f.launch = join("launch", &f.at_launch);
        f.fd = -1;
}

static void end(void)
{
        peer_free(f.gate);
        peer_free(f.launch);
        peer_free(f.at_gate);
        peer_free(f.at_launch);
        vault_free(f.vault);
        loop_free(f.loop);
        closep(&f.fd);
}

static void on_answer(void *ctx UNUSED, const struct peer_answer *a)
{
        f.answered = true;
        f.status = a->status;
        if (a->n_fds)
                f.fd = TAKE_FD(a->fds[0]);
        snprintf(f.text, sizeof f.text, "%s", a->status < 0 ? err_text(a->err) : "");
}

static int wait_answer(void)
{
        for (int i = 0; i < 2000 && !f.answered; i++)
                CHECK_INT(loop_once(f.loop, 10, NULL), ==, 0);
        CHECK(f.answered);
        return f.status;
}

static int add_of(const char *owner, const char *id, const char *policy)
{
        struct vault_sandbox s = {.policy = slice_of(policy)};
        snprintf(s.id, sizeof s.id, "%s", id);
        snprintf(s.owner, sizeof s.owner, "%s", owner);
        f.answered = false;
        peer_call(f.launch, VAULT_SANDBOX_ADD, &s, NULL, 0, on_answer, NULL);
        return wait_answer();
}

static int add(const char *id, const char *policy)
{
        return add_of("", id, policy);
}

static void ask(const char *id, const char *host, uint32_t port)
{
        struct vault_dial d = {.port = port};
        snprintf(d.sandbox, sizeof d.sandbox, "%s", id);
        snprintf(d.host, sizeof d.host, "%s", host);
        f.answered = false;
        closep(&f.fd);
        f.fd = -1;
        peer_call(f.gate, VAULT_DIAL, &d, NULL, 0, on_answer, NULL);
}

static int dial(const char *id, const char *host, uint32_t port)
{
        ask(id, host, port);
        return wait_answer();
}

static void synced(void)
{
        CHECK(peer_event(f.launch, VAULT_SYNCED, &(struct vault_empty){0}, NULL, 0));
}

static int upstream(uint32_t *ret_port)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t n = sizeof a;
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK(bind(fd, (struct sockaddr *)&a, n) == 0 && listen(fd, 8) == 0 &&
              getsockname(fd, (struct sockaddr *)&a, &n) == 0);
        *ret_port = ntohs(a.sin_port);
        return fd;
}

static char rule[64];
static const char *allow_port(uint32_t port)
{
        snprintf(rule, sizeof rule, "allow 127.0.0.1:%u\n", port);
        return rule;
}

TEST(a_hostile_gate_reaches_what_its_sandboxes_may_and_nothing_else)
{
        uint32_t port;
        begin();
        auto_close int up = upstream(&port);
        synced();
        CHECK_INT(add(BOX_A, allow_port(port)), ==, 0);
        CHECK_INT(add(BOX_B, "allow example.org\nallow *.internal\nallow 10.0.0.1\n"), ==, 0);
        CHECK_INT(dial(BOX_A, "127.0.0.1", port), ==, 0);
        CHECK(f.fd >= 0);
        CHECK_INT(dial(BOX_B, "127.0.0.1", port), ==, -EACCES);
        CHECK_INT(dial(BOX_A, "127.0.0.1", port + 1), ==, -EACCES);
        CHECK_INT(dial(BOX_A, "example.org", 443), ==, -EACCES);
        CHECK_INT(dial("01m7z2cyygnrbarf2865z2ea2e", "127.0.0.1", port), ==, -ENOENT);
        CHECK_INT(dial(BOX_A, "2130706433", port), ==, -EINVAL);
        CHECK_INT(dial(BOX_A, "127.0.0.1", 0), ==, -EINVAL);
        CHECK_INT(dial(BOX_A, "127.0.0.1", port + 65536), ==, -EINVAL);
        /* Allowed by its policy, yet internal: nobody may. */
        CHECK_INT(dial(BOX_B, "10.0.0.1", 80), ==, -EACCES);
        CHECK_CONTAINS(f.text, "internal");
        end();
}

TEST(a_name_that_leads_inside_is_refused_after_it_was_resolved)
{
        begin();
        synced();
        CHECK_INT(add(BOX_A, "allow localhost:*\n"), ==, 0);
        int r = dial(BOX_A, "localhost", 9); /* 127.0.0.1 is listed, so it is tried; ::1 is not */
        CHECK(r == -ECONNREFUSED || r == -EACCES);
        end();
}

TEST(the_gate_cannot_speak_for_launch)
{
        begin();
        struct vault_sandbox s = {.id = BOX_A, .policy = slice_of("allow *:*\n")};
        f.answered = false;
        peer_call(f.gate, VAULT_SANDBOX_ADD, &s, NULL, 0, on_answer, NULL);
        CHECK_INT(wait_answer(), ==, -EPIPE); /* the link is gone */
        CHECK(!peer_alive(f.gate));
        end();
}

TEST(a_question_waits_until_launch_has_named_its_sandboxes)
{
        uint32_t port;
        begin();
        auto_close int up = upstream(&port);
        ask(BOX_A, "127.0.0.1", port);
        for (int i = 0; i < 5; i++)
                CHECK_INT(loop_once(f.loop, 10, NULL), ==, 0);
        CHECK(!f.answered);
        struct vault_sandbox s = {.id = BOX_A, .policy = slice_of(allow_port(port))};
        struct peer *launch = f.launch;
        peer_call(launch, VAULT_SANDBOX_ADD, &s, NULL, 0, on_answer, NULL);
        for (int i = 0; i < 200 && f.fd < 0; i++)
                CHECK_INT(loop_once(f.loop, 10, NULL), ==, 0);
        CHECK(f.fd >= 0);
        end();
}

static bool is_cut(int fd)
{
        char c;
        for (int i = 0; i < 100; i++) {
                CHECK_INT(loop_once(f.loop, 10, NULL), ==, 0);
                if (recv(fd, &c, 1, MSG_DONTWAIT) == 0)
                        return true;
        }
        return false;
}

TEST(what_is_no_longer_allowed_is_cut)
{
        uint32_t port;
        begin();
        auto_close int up = upstream(&port);
        synced();
        CHECK_INT(add(BOX_A, allow_port(port)), ==, 0);
        CHECK_INT(dial(BOX_A, "127.0.0.1", port), ==, 0);
        auto_close int there = accept4(up, NULL, NULL, SOCK_CLOEXEC);
        CHECK_INT(add(BOX_A, allow_port(port)), ==, 0);
        char c;
        CHECK_INT(recv(there, &c, 1, MSG_DONTWAIT), ==, -1); /* still allowed: still open */
        CHECK_INT(add(BOX_A, "allow example.org\n"), ==, 0);
        CHECK(is_cut(there));
        end();
}

TEST(the_end_of_a_sandbox_and_of_gate_cuts)
{
        uint32_t port;
        begin();
        auto_close int up = upstream(&port);
        synced();
        CHECK_INT(add(BOX_A, allow_port(port)), ==, 0);
        CHECK_INT(dial(BOX_A, "127.0.0.1", port), ==, 0);
        auto_close int one = accept4(up, NULL, NULL, SOCK_CLOEXEC);
        CHECK(peer_event(f.launch, VAULT_SANDBOX_REMOVE, &(struct vault_id){BOX_A}, NULL, 0));
        CHECK(is_cut(one));
        CHECK_INT(add(BOX_A, allow_port(port)), ==, 0);
        CHECK_INT(dial(BOX_A, "127.0.0.1", port), ==, 0);
        auto_close int two = accept4(up, NULL, NULL, SOCK_CLOEXEC);
        peer_free(f.gate);
        f.gate = NULL;
        CHECK(is_cut(two));
        end();
}

/* The first line of the answer to raw bytes, on a stream for that sandbox. */
static const char *say(const char *id, const char *bytes)
{
        static char answer[4096];
        struct vault_id q = {.id = ""};
        snprintf(q.id, sizeof q.id, "%s", id);
        f.answered = false;
        closep(&f.fd);
        f.fd = -1;
        peer_call(f.gate, VAULT_ROUTE, &q, NULL, 0, on_answer, NULL);
        if (wait_answer() < 0)
                return "no stream";
        CHECK(send(f.fd, bytes, strlen(bytes), MSG_NOSIGNAL) == (ssize_t)strlen(bytes));
        size_t n = 0;
        for (int i = 0; i < 200 && !memchr(answer, '\n', n); i++) {
                CHECK_INT(loop_once(f.loop, 10, NULL), ==, 0);
                ssize_t r = recv(f.fd, answer + n, sizeof answer - 1 - n, MSG_DONTWAIT);
                n += r > 0 ? (size_t)r : 0;
        }
        answer[n] = 0;
        answer[strcspn(answer, "\r\n")] = 0;
        return answer;
}

#define GET(target) "GET " target " HTTP/1.1\r\nhost: x\r\n\r\n"

TEST(a_hostile_gate_uses_no_route_that_its_sandbox_was_not_given)
{
        begin();
        synced();
        CHECK_INT(add(BOX_A, "route anthropic\n"), ==, 0);
        CHECK_INT(add(BOX_B, "allow example.org\n"), ==, 0);
        /* So far as the key, which is not there. */
        CHECK_CONTAINS(say(BOX_A, GET("/anthropic/v1/models")), " 503 ");
        CHECK_CONTAINS(say(BOX_B, GET("/anthropic/v1/models")), " 404 ");
        CHECK_CONTAINS(say(BOX_A, GET("/openai/v1/models")), " 404 ");
        CHECK_CONTAINS(say(BOX_A, GET("/anthropic/v1/files")), " 404 ");
        CHECK_CONTAINS(say(BOX_A, GET("/anthropic/v1/messages")), " 405 ");
        CHECK_STR(say("01m7z2cyygnrbarf2865z2ea2e", GET("/anthropic/v1/models")), "no stream");
        end();
}

/* Whatever launch says of its policy. */
TEST(a_route_for_some_users_does_not_exist_for_others)
{
        static const struct {
                const char *owner, *status;
        } cases[] = {{"ann", " 503 "},
                     {"u71", " 503 "},
                     {"bob", " 404 "},
                     {"", " 404 "},
                     {"annette", " 404 "}};
        begin();
        synced();
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CHECK_INT(add_of(cases[i].owner, BOX_A, "route narrow\n"), ==, 0);
                /* 503: allowed, but this vault has no audit log. */
                CHECK_CONTAINS(say(BOX_A, GET("/narrow/x")), cases[i].status);
        }
        end();
}

TEST(a_hostile_gate_is_parsed_as_strictly_as_a_sandbox)
{
        static const char *const bad[] = {
                GET("/anthropic/v1/../v1/models"),
                GET("/anthropic//v1/models"),
                GET("/anthropic/v1%2fmodels"),
                "GET /anthropic/v1/models HTTP/1.1\r\n\r\n",
                "GET /anthropic/v1/models HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
                "POST /anthropic/v1/messages HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n"
                "transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
                "POST /anthropic/v1/messages HTTP/1.1\r\nhost: a\r\n"
                "transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
                "POST /anthropic/v1/messages HTTP/1.1\r\nhost: a\r\ncontent-length: +1\r\n\r\nx",
                "GET /anthropic/v1/models HTTP/1.1\r\nhost: a\r\n x: folded\r\n\r\n",
                "GET /anthropic/v1/models HTTP/1.1\nhost: a\n\n",
        };
        begin();
        synced();
        CHECK_INT(add(BOX_A, "route anthropic\n"), ==, 0);
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                if (!strstr(say(BOX_A, bad[i]), " 400 "))
                        test_failed(__FILE__, __LINE__, "case %zu was not refused", i);
        CHECK_CONTAINS(say(BOX_A, "\x16\x03\x01\x02\r\n"), " 400 ");
        end();
}
