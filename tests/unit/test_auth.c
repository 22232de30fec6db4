#include "api_fixture.h"
#include "base/clock.h"

static struct fixture *f;

static void up(void)
{
        f = fixture_new();
        fixture_api_up(f);
}

static int status_with(const char *extra)
{
        return ask_fd(f, connect_tcp(f->port), "GET", "/v1/health", extra, NULL, NULL);
}

TEST(auth_peer_on_the_unix_socket_is_its_uid)
{
        up();
        auto_json json_t *o = NULL;
        char name[32];
        snprintf(name, sizeof name, "u%u", getuid());
        CHECK_INT(ask(f, "GET", "/v1/status", NULL, &o), ==, 200);
        CHECK_STR(text_of(json_object_get(o, "user"), "name"), name);
        CHECK(json_is_true(json_object_get(json_object_get(o, "user"), "operator")) ==
              (getuid() == 0));
        fixture_free(f);
}

TEST(auth_tcp_needs_a_token)
{
        up();
        char token[80], line[200];
        user_token(f, "alice", "member", token);
        CHECK_INT(status_with(NULL), ==, 401);
        CHECK_INT(status_with("Authorization: Bearer nonsense\r\n"), ==, 401);
        CHECK_INT(status_with("Authorization: Basic YTpi\r\n"), ==, 401);
        snprintf(line, sizeof line, "Authorization: Bearer %s\r\n", token);
        CHECK_INT(status_with(line), ==, 200);
        snprintf(line, sizeof line, "X-API-Key: %s\r\n", token);
        CHECK_INT(status_with(line), ==, 200);
        snprintf(line, sizeof line, "X-API-Key: %sx\r\n", token);
        CHECK_INT(status_with(line), ==, 401);
        fixture_free(f);
}

TEST(auth_token_on_the_unix_socket_stands_for_its_owner)
{
        up();
        char token[80], line[200];
        auto_json json_t *o = NULL;
        user_token(f, "alice", "member", token);
        snprintf(line, sizeof line, "X-API-Key: %s\r\n", token);
        CHECK_INT(ask_fd(f, connect_unix(f->sock), "GET", "/v1/status", line, NULL, &o), ==, 200);
        CHECK_STR(text_of(json_object_get(o, "user"), "name"), "alice");
        CHECK_INT(ask_fd(f, connect_unix(f->sock), "GET", "/v1/status", "X-API-Key: bad\r\n", NULL,
                         NULL),
                  ==, 401);
        fixture_free(f);
}

TEST(auth_host_must_be_ours_over_tcp)
{
        up();
        char token[80], line[300];
        user_token(f, "alice", "member", token);
        static const struct {
                const char *host;
                int status;
        } cases[] = {{"localhost", 200},
                     {"127.0.0.1", 200},
                     {"[::1]", 200},
                     {"LOCALHOST:%u", 200},
                     {"127.0.0.1:%u", 200},
                     {"localhost:1", 403},
                     {"evil.example", 403},
                     {"evil.example:%u", 403},
                     {"localhost.evil.example", 403},
                     {"", 403},
                     {"localhost:", 403},
                     {"paddock.example.org", 403}};
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                char host[64];
                const char *mark = strstr(cases[i].host, "%u");
                snprintf(host, sizeof host, "%.*s", (int)(mark ? mark - cases[i].host : 60),
                         cases[i].host);
                if (mark)
                        snprintf(host + strlen(host), 8, "%u", f->port);
                snprintf(line, sizeof line, "Host: %s\r\nX-API-Key: %s\r\n", host, token);
                int status = status_with(line);
                if (status != cases[i].status)
                        test_failed(__FILE__, __LINE__, "Host '%s': %d", host, status);
        }
        fixture_set(f, "http.hosts", "other.example,paddock.example.org");
        snprintf(line, sizeof line, "Host: paddock.example.org\r\nX-API-Key: %s\r\n", token);
        CHECK_INT(status_with(line), ==, 200);
        fixture_free(f);
}

TEST(auth_origin_must_be_listed_everywhere)
{
        up();
        char token[80], line[300];
        user_token(f, "alice", "member", token);
        snprintf(line, sizeof line, "Origin: https://a.example\r\nX-API-Key: %s\r\n", token);
        CHECK_INT(status_with(line), ==, 403);
        CHECK_INT(ask_fd(f, connect_unix(f->sock), "GET", "/v1/health",
                         "Origin: https://a.example\r\n", NULL, NULL),
                  ==, 403);
        fixture_set(f, "http.origins", "https://a.example");
        CHECK_INT(status_with(line), ==, 200);
        snprintf(line, sizeof line, "Origin: https://a.example.evil\r\nX-API-Key: %s\r\n", token);
        CHECK_INT(status_with(line), ==, 403);
        snprintf(line, sizeof line, "Sec-Fetch-Site: cross-site\r\nX-API-Key: %s\r\n", token);
        CHECK_INT(status_with(line), ==, 403);
        snprintf(line, sizeof line, "Sec-Fetch-Site: same-origin\r\nX-API-Key: %s\r\n", token);
        CHECK_INT(status_with(line), ==, 200);
        fixture_free(f);
}

TEST(auth_loopback_user_is_a_member_and_only_without_a_proxy)
{
        up();
        auto_json json_t *o = NULL;
        fixture_set(f, "http.loopback_user", "bob");
        CHECK_INT(ask_fd(f, connect_tcp(f->port), "GET", "/v1/status", NULL, NULL, &o), ==, 200);
        CHECK_STR(text_of(json_object_get(o, "user"), "name"), "bob");
        CHECK(json_is_false(json_object_get(json_object_get(o, "user"), "operator")));
        CHECK_INT(ask_fd(f, connect_tcp(f->port), "POST", "/v1/stop", NULL, "{}", NULL), ==, 403);
        fixture_set(f, "http.behind_proxy", "true");
        CHECK_INT(status_with(NULL), ==, 401);
        fixture_free(f);
}

TEST(auth_member_gives_no_more_than_he_has)
{
        up();
        char token[80];
        user_token(f, "alice", "member", token);
        auto_json json_t *o = NULL, *p = NULL;
        CHECK_INT(ask_as(f, token, "POST", "/v1/tokens",
                         "{\"name\":\"x\",\"scopes\":[\"operator\"]}", &o),
                  ==, 403);
        CHECK_INT(ask_as(f, token, "POST", "/v1/tokens", "{\"name\":\"x\",\"scopes\":[\"root\"]}",
                         NULL),
                  ==, 400);
        CHECK_INT(ask_as(f, token, "POST", "/v1/tokens", "{\"name\":\"x\",\"scopes\":[]}", NULL),
                  ==, 400);
        CHECK_INT(ask_as(f, token, "POST", "/v1/tokens",
                         "{\"name\":\"x\",\"scopes\":[\"member\"],\"expires_ms\":1}", NULL),
                  ==, 400);
        CHECK_INT(ask_as(f, token, "POST", "/v1/tokens", "{\"name\":\"x\",\"scopes\":[\"member\"]}",
                         &p),
                  ==, 201);
        CHECK_INT(ask_as(f, text_of(p, "token"), "GET", "/v1/health", NULL, NULL), ==, 200);
        CHECK_INT(ask_as(f, token, "DELETE", "/v1/tokens/x", NULL, NULL), ==, 200);
        CHECK_INT(ask_as(f, text_of(p, "token"), "GET", "/v1/health", NULL, NULL), ==, 401);
        fixture_free(f);
}

/* A token for an hour must not be good for a token for ever. */
TEST(auth_token_makes_none_that_lasts_longer)
{
        up();
        char token[80], body[160];
        auto_json json_t *o = NULL;
        struct token t = {.name = "short", .scopes = "member"};
        struct user u;
        CHECK_INT(users_of_name(f->api->db, "alice", &u, NULL), ==, 0);
        t.owner = u.id;
        t.expires_ms = clock_wall_ms() + 3600000;
        CHECK_INT(tokens_create(f->api->db, &t, token, NULL), ==, 0);
        static const char *const extra[] = {"", ",\"expires_ms\":0",
                                            ",\"expires_ms\":9999999999999"};
        for (size_t i = 0; i < ARRAY_LEN(extra); i++) {
                snprintf(body, sizeof body, "{\"name\":\"x\",\"scopes\":[\"member\"]%s}", extra[i]);
                CHECK_INT(ask_as(f, token, "POST", "/v1/tokens", body, NULL), ==, 403);
        }
        snprintf(body, sizeof body, "{\"name\":\"x\",\"scopes\":[\"member\"],\"expires_ms\":%llu}",
                 (unsigned long long)t.expires_ms);
        CHECK_INT(ask_as(f, token, "POST", "/v1/tokens", body, &o), ==, 201);
        fixture_free(f);
}

/* Everybody without a number in the server's user namespace seems to be nobody. */
TEST(auth_nobody_is_no_user)
{
        up();
        char token[80], extra[128];
        user_token(f, "alice", "member", token);
        if (seteuid(65534) < 0)
                SKIP("needs root");
        int fds[2] = {connect_unix(f->sock), connect_unix(f->sock)};
        CHECK_INT(seteuid(0), ==, 0);
        CHECK_INT(ask_fd(f, fds[0], "GET", "/v1/status", NULL, NULL, NULL), ==, 401);
        snprintf(extra, sizeof extra, "X-API-Key: %s\r\n", token);
        CHECK_INT(ask_fd(f, fds[1], "GET", "/v1/status", extra, NULL, NULL), ==, 200);
        fixture_free(f);
}

TEST(auth_tokens_of_others_are_not_there)
{
        up();
        char alice[80], bob[80];
        user_token(f, "alice", "member", alice);
        user_token(f, "bob", "member", bob);
        auto_json json_t *made = NULL, *list = NULL;
        CHECK_INT(ask_as(f, alice, "POST", "/v1/tokens",
                         "{\"name\":\"mine\",\"scopes\":[\"member\"]}", &made),
                  ==, 201);
        CHECK_INT(ask_as(f, bob, "DELETE", "/v1/tokens/mine", NULL, NULL), ==, 404);
        CHECK_INT(ask_as(f, bob, "GET", "/v1/tokens", NULL, &list), ==, 200);
        CHECK_INT(json_array_size(json_object_get(list, "tokens")), ==, 1);
        CHECK(strstr(text_of(made, "token"), TOKEN_PREFIX) != NULL);
        fixture_free(f);
}

TEST(auth_token_for_one_sandbox_reaches_that_one_only)
{
        up();
        char token[80], alice[80];
        auto_json json_t *a = NULL, *b = NULL, *o = NULL;
        user_token(f, "alice", "member", alice);
        user_token(f, "alice", "sandbox:web", token);
        CHECK_INT(ask_as(f, alice, "POST", "/v1/sandboxes", "{\"argv\":[\"a\"],\"name\":\"web\"}",
                         &a),
                  ==, 201);
        CHECK_INT(
                ask_as(f, alice, "POST", "/v1/sandboxes", "{\"argv\":[\"a\"],\"name\":\"db\"}", &b),
                ==, 201);
        CHECK_INT(ask_as(f, token, "GET", "/v1/sandboxes/web", NULL, &o), ==, 200);
        CHECK_STR(text_of(o, "id"), text_of(a, "id"));
        CHECK_INT(ask_as(f, token, "GET", "/v1/sandboxes/db", NULL, NULL), ==, 404);
        CHECK_INT(ask_as(f, token, "GET", "/v1/sandboxes", NULL, NULL), ==, 403);
        CHECK_INT(ask_as(f, token, "POST", "/v1/sandboxes", "{\"argv\":[\"a\"]}", NULL), ==, 403);
        CHECK_INT(ask_as(f, token, "GET", "/v1/tokens", NULL, NULL), ==, 403);
        CHECK_INT(ask_as(f, token, "POST", "/v1/sandboxes/web/signal", "{\"signal\":15}", NULL), ==,
                  200);
        fixture_free(f);
}

TEST(auth_listener_on_another_address_needs_a_proxy)
{
        up();
        struct err err = {0};
        struct sockaddr_in a = {.sin_family = AF_INET};
        for (int proxy = 0; proxy < 2; proxy++) {
                int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
                CHECK(bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 1) == 0);
                fixture_set(f, "http.behind_proxy", proxy ? "true" : "false");
                CHECK_INT(api_listen(f->api, fd, &err), ==, proxy ? 0 : -EACCES);
        }
        CHECK_CONTAINS(err.text, "behind_proxy");
        fixture_free(f);
}

static int give_pem(bool is_key, const char *path)
{
        struct err err = {0};
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        CHECK_INT(fd, >=, 0);
        return api_tls(f->api, is_key, fd, &err);
}

/* A pair made for this test; no other machine trusts it. */
TEST(auth_tls_listener_speaks_nothing_else)
{
        up();
        struct err err = {0};
        CHECK_INT(give_pem(false, "tests/data/tls.crt"), ==, 0);
        CHECK_INT(api_listen(f->api, listen_tcp(&f->port), &err), ==, -EINVAL);
        CHECK_CONTAINS(err.text, "tls_key");
        CHECK_INT(give_pem(true, "tests/data/tls.crt"), ==, 0); /* no key */
        CHECK_INT(api_listen(f->api, listen_tcp(&f->port), &err), ==, -EINVAL);
        CHECK_INT(give_pem(true, "tests/data/tls.key"), ==, 0);
        CHECK_INT(api_listen(f->api, listen_tcp(&f->port), &err), ==, 0);
        struct client c;
        struct response r;
        client_init(&c, f->loop, connect_tcp(f->port));
        const char *text = "GET /v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n";
        client_send(&c, text, strlen(text));
        CHECK_INT(client_head(&c, &r), ==, 0); /* closed, in no language of HTTP */
        client_done(&c);
        /* the Unix socket is plain as before */
        CHECK_INT(ask(f, "GET", "/v1/health", NULL, NULL), ==, 200);
        fixture_free(f);
}
