/* Requests of roles through the vault: net/route_call.h against the vault itself and an upstream of the
 * test's own. */
#include "base/mem.h"
#include "link/vault.h"
#include "net/route_call.h"
#include "spawn.h"
#include "test.h"
#include "vault/safe.h"
#include "vault/vault.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

static struct fixture {
        struct loop *loop;
        struct vault *vault;
        struct peer *role, *there;
        char *dir;
        int state, up;
        char routes[512];
        /* of the last call */
        unsigned status;
        char body[4096];
        size_t n;
        int ended, done;
        char why[128], type[64];
} f;

static const char *setting(void *ctx UNUSED, const char *name)
{
        return strcmp(name, "egress.private") == 0  ? "127.0.0.1"
               : strcmp(name, "routes.define") == 0 ? f.routes
                                                    : "";
}

static int listen_here(uint32_t *ret_port)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t n = sizeof a;
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        CHECK(bind(fd, (struct sockaddr *)&a, n) == 0 && listen(fd, 8) == 0 &&
              getsockname(fd, (struct sockaddr *)&a, &n) == 0);
        *ret_port = ntohs(a.sin_port);
        return fd;
}

/* A secret, as the operator would have set it, before the vault opens its store. */
static void set_secret(const char *host)
{
        CLEANUP(safe_freep) struct safe *s = NULL;
        struct desk_secret d = {.kind = SECRET_ROUTE, .value = slice_of("k3y-value")};
        snprintf(d.name, sizeof d.name, "tei");
        snprintf(d.host, sizeof d.host, "%s", host);
        snprintf(d.form, sizeof d.form, "bearer");
        CHECK_INT(safe_open(f.state, SEAL_FILE, -1, &s, NULL), ==, 0);
        CHECK_INT(safe_set(s, &d, NULL), ==, 0);
}

static void begin(const char *who)
{
        static const struct peer_ops asker = {&vault_link, NULL, NULL};
        uint32_t port;
        int pair[2];
        f.dir = temp_dir();
        f.state = open(f.dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
        f.up = listen_here(&port);
        snprintf(f.routes, sizeof f.routes,
                 "tei upstream=http://127.0.0.1:%u/base secret=tei as=bearer "
                 "allow=POST:/v1/embeddings|GET:/info roles=rag owner_requests=3",
                 port);
        set_secret("127.0.0.1");
        f.loop = loop_new();
        struct vault_config c = {f.loop, f.state, setting, NULL};
        CHECK_INT(vault_new(&c, &f.vault, NULL), ==, 0);
        CHECK_INT(link_pair(pair), ==, 0);
        f.there = peer_new(f.loop, pair[1], vault_ops(who), f.vault);
        f.role = peer_new(f.loop, pair[0], &asker, NULL);
}

static void end(void)
{
        peer_free(f.role);
        peer_free(f.there);
        vault_free(f.vault);
        loop_free(f.loop);
        close(f.state);
        close(f.up);
        remove_temp(&f.dir);
}

static void on_head(void *ctx UNUSED, const struct h1_head *h)
{
        const char *type = h1_find(h, "content-type");
        f.status = h->status;
        snprintf(f.type, sizeof f.type, "%s", type ? type : "");
}

static void on_data(void *ctx UNUSED, struct slice data)
{
        size_t room = sizeof f.body - 1 - f.n, n = data.len < room ? data.len : room;
        memcpy(f.body + f.n, data.data, n);
        f.n += n;
        f.body[f.n] = 0;
}

static void on_done(void *ctx UNUSED, int status, const char *why)
{
        f.done++;
        f.ended = status;
        snprintf(f.why, sizeof f.why, "%s", why);
}

static const struct route_call_ops ops = {on_head, on_data, on_done};

static struct route_call *ask(const char *route, const char *method, const char *path,
                              const char *body)
{
        struct route_request q = {.route = route,
                                  .owner = "u1000",
                                  .method = method,
                                  .path = path,
                                  .fields = body ? "content-type: application/json\r\n" : NULL};
        if (body)
                q.body = slice_of(body);
        f.status = 0;
        f.n = 0;
        f.done = 0;
        f.body[0] = 0;
        return route_call_new(f.loop, f.role, &q, &ops, NULL);
}

static void turn(void)
{
        CHECK_INT(loop_once(f.loop, 5, NULL), ==, 0);
}

/* What the upstream is sent, up to the end of its head and `body` bytes. */
static int serve(char *seen, size_t size, size_t body)
{
        int fd = -1;
        size_t n = 0;
        seen[0] = 0;
        for (int i = 0; i < 1000; i++) {
                turn();
                if (fd < 0)
                        fd = accept4(f.up, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
                ssize_t r = fd < 0 ? -1 : recv(fd, seen + n, size - 1 - n, 0);
                n += r > 0 ? (size_t)r : 0;
                seen[n] = 0;
                const char *rest = strstr(seen, "\r\n\r\n");
                if (rest && strlen(rest + 4) >= body)
                        return fd;
        }
        test_failed(__FILE__, __LINE__, "the upstream was not asked");
        return fd;
}

static void reply(int fd, const char *text)
{
        CHECK_INT(send(fd, text, strlen(text), MSG_NOSIGNAL), ==, (ssize_t)strlen(text));
        for (int i = 0; i < 4; i++)
                turn();
}

static void until_done(void)
{
        for (int i = 0; i < 1000 && !f.done; i++)
                turn();
        CHECK_INT(f.done, ==, 1);
}

TEST(a_role_asks_an_upstream_with_a_key_that_it_does_not_have)
{
        char seen[4096];
        begin("rag");
        struct route_call *c = ask("tei", "POST", "/v1/embeddings?x=1", "{\"input\":\"a\"}");
        auto_close int fd = serve(seen, sizeof seen, 13);
        CHECK_CONTAINS(seen, "POST /base/v1/embeddings?x=1 HTTP/1.1\r\n");
        CHECK_CONTAINS(seen, "authorization: Bearer k3y-value\r\n");
        CHECK_CONTAINS(seen, "\r\n\r\n{\"input\":\"a\"}");
        reply(fd, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                  "transfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n");
        CHECK_INT(f.status, ==, 200); /* as it comes */
        CHECK_STR(f.type, "text/event-stream");
        CHECK_STR(f.body, "first");
        CHECK_INT(f.done, ==, 0);
        reply(fd, "4\r\nlast\r\n0\r\n\r\n");
        until_done();
        CHECK_INT(f.ended, ==, 0);
        CHECK_STR(f.body, "firstlast");
        route_call_free(c);
        end();
}

TEST(an_answer_that_is_cut_is_no_answer)
{
        char seen[4096];
        begin("rag");
        struct route_call *c = ask("tei", "GET", "/info", NULL);
        int fd = serve(seen, sizeof seen, 0);
        reply(fd, "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf");
        close(fd);
        until_done();
        CHECK_INT(f.ended, <, 0);
        route_call_free(c);
        end();
}

TEST(a_call_that_is_freed_ends_upstream)
{
        char seen[4096], c;
        begin("rag");
        struct route_call *call = ask("tei", "GET", "/info", NULL);
        auto_close int fd = serve(seen, sizeof seen, 0);
        route_call_free(call);
        ssize_t r = -1;
        for (int i = 0; i < 200 && r < 0; i++) {
                turn();
                r = recv(fd, &c, 1, MSG_DONTWAIT);
        }
        CHECK_INT(r, ==, 0);
        CHECK_INT(f.done, ==, 0);
        end();
}

TEST(a_role_has_the_routes_that_name_it_and_no_more_of_them_than_they_allow)
{
        char seen[4096];
        begin("rag");
        struct route_call *c = ask("anthropic", "GET", "/v1/models", NULL);
        until_done();
        CHECK_INT(f.ended, ==, -ENOENT);
        CHECK_CONTAINS(f.why, "no route 'anthropic' for rag");
        route_call_free(c);
        c = ask("tei", "GET", "/metrics", NULL);
        until_done();
        CHECK_INT(f.ended, ==, 0);
        CHECK_INT(f.status, ==, 404);
        CHECK_CONTAINS(f.body, "does not lead there");
        route_call_free(c);
        c = ask("tei", "GET", "/v1/../info", NULL);
        until_done();
        CHECK_INT(f.status, ==, 400);
        route_call_free(c);
        /* The owner on whose behalf it asks has three a day. */
        for (int i = 0; i < 3; i++) {
                c = ask("tei", "GET", "/info", NULL);
                int fd = serve(seen, sizeof seen, 0);
                reply(fd, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                until_done();
                CHECK_INT(f.status, ==, 200);
                route_call_free(c);
                close(fd);
        }
        c = ask("tei", "GET", "/info", NULL);
        until_done();
        CHECK_INT(f.status, ==, 429);
        route_call_free(c);
        end();
}

TEST(another_role_has_not)
{
        begin("api");
        struct route_call *c = ask("tei", "GET", "/info", NULL);
        until_done();
        CHECK_INT(f.ended, ==, -ENOENT);
        route_call_free(c);
        end();
}

TEST(a_call_without_a_vault_or_with_nonsense_ends_once)
{
        begin("rag");
        struct route_request q = {.route = "tei", .method = "GET", .path = "/"};
        f.done = 0;
        struct route_call *c = route_call_new(f.loop, NULL, &q, &ops, NULL);
        CHECK_INT(f.done, ==, 0); /* never from inside */
        until_done();
        CHECK_INT(f.ended, ==, -EPIPE);
        route_call_free(c);
        c = ask("tei", "G ET", "/", NULL);
        until_done();
        CHECK_INT(f.ended, ==, -EINVAL);
        route_call_free(c);
        c = ask("tei", "GET", "/info", NULL);
        peer_free(f.there); /* the vault dies with the question */
        f.there = NULL;
        until_done();
        CHECK_INT(f.ended, ==, -EPIPE);
        route_call_free(c);
        end();
}
