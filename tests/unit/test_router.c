#include "files_fake.h"
#include "api/router.h"

static struct fixture *f;

static void up(void)
{
        f = fixture_new();
        f->on_create = fake_program_start;
        fixture_api_up(f);
}

TEST(router_matches_whole_segments)
{
        struct call c = {0};
        CHECK(router_match("/v1/a", "/v1/a", NULL));
        CHECK(!router_match("/v1/a", "/v1/ab", NULL) && !router_match("/v1/a", "/v1/", NULL));
        CHECK(router_match("/v1/{id}/logs", "/v1/x/logs", &c));
        CHECK_STR(c.params[0].name, "id");
        CHECK_STR(c.params[0].value, "x");
        CHECK(!router_match("/v1/{id}", "/v1/", NULL) &&
              !router_match("/v1/{id}", "/v1/a/b", NULL));
        CHECK(!router_match("/v1/{id}/logs", "/v1//logs", NULL));
        memset(&c, 0, sizeof c);
        CHECK(router_match("/v/{name}/files/{path...}", "/v/n/files/a/b c", &c));
        CHECK_STR(c.params[0].value, "n");
        CHECK_STR(c.params[1].name, "path");
        CHECK_STR(c.params[1].value, "a/b c");
        CHECK(!router_match("/v/{path...}", "/v/", NULL));
}

TEST(router_path_longer_than_any_of_ours_is_none)
{
        struct call c = {0};
        char path[PATH_TEXT_MAX + 40] = "/v/";
        memset(path + 3, 'a', PATH_TEXT_MAX + 1);
        CHECK(!router_match("/v/{path...}", path, &c));
        path[3 + PATH_TEXT_MAX] = '\0';
        CHECK(router_match("/v/{path...}", path, &c));
}

/* "/v1/x/{id}" of the document -> "/v1/x/some-id". */
static void concrete(char *dst, size_t size, const char *path)
{
        size_t n = 0;
        for (const char *s = path; *s && n + 20 < size; s++) {
                if (*s != '{') {
                        dst[n++] = *s;
                        continue;
                }
                n += (size_t)snprintf(dst + n, size - n, "%s", "no-such-thing");
                s = strchr(s, '}');
        }
        dst[n] = '\0';
}

typedef void (*visit_fn)(const char *method, const char *path, const json_t *op);

static int walk(visit_fn fn)
{
        auto_json json_t *doc = NULL;
        CHECK_INT(ask(f, "GET", "/v1/openapi.json", NULL, &doc), ==, 200);
        CHECK_STR(text_of(doc, "openapi"), "3.0.3");
        const char *path, *method;
        json_t *item, *op;
        int n = 0;
        json_object_foreach(json_object_get(doc, "paths"), path, item)
        {
                json_object_foreach(item, method, op)
                {
                        char upper[16] = "", target[256];
                        for (size_t i = 0; method[i] && i + 1 < sizeof upper; i++)
                                upper[i] = (char)(method[i] - 32);
                        concrete(target, sizeof target, path);
                        fn(upper, target, op);
                        n++;
                }
        }
        return n;
}

static void without_token(const char *method, const char *path, const json_t *op UNUSED)
{
        auto_json json_t *o = NULL;
        int status = ask_fd(f, connect_tcp(f->port), method, path, NULL, NULL, &o);
        if (status != 401)
                test_failed(__FILE__, __LINE__, "%s %s: %d", method, path, status);
        CHECK_STR(text_of(json_object_get(o, "error"), "code"), "unauthenticated");
        CHECK(id_valid(text_of(json_object_get(o, "error"), "request_id")));
}

TEST(openapi_every_route_needs_a_token_over_tcp)
{
        up();
        CHECK_INT(walk(without_token), ==, (int)routes_n);
        fixture_free(f);
}

static json_t *body_schema(const json_t *op)
{
        const json_t *c = json_object_get(json_object_get(op, "requestBody"), "content");
        return json_object_get(json_object_get(c, "application/json"), "schema");
}

static void with_unknown_field(const char *method, const char *path, const json_t *op)
{
        if (!body_schema(op))
                return;
        auto_json json_t *o = NULL;
        CHECK_INT(ask(f, method, path, "{\"surprise\":1}", &o), ==, 400);
        CHECK_CONTAINS(error_of(o), "surprise");
}

TEST(openapi_every_body_refuses_an_unknown_field_by_name)
{
        up();
        walk(with_unknown_field);
        fixture_free(f);
}

/* A value of another type than the document says. */
static const char *wrong_value(const char *type)
{
        return str_eq(type, "string") || !*type ? "7" : "\"text\"";
}

static void with_wrong_types(const char *method, const char *path, const json_t *op)
{
        const char *key;
        json_t *schema;
        json_object_foreach(json_object_get(body_schema(op), "properties"), key, schema)
        {
                char body[200];
                auto_json json_t *o = NULL;
                snprintf(body, sizeof body, "{\"%s\":%s}", key,
                         wrong_value(text_of(schema, "type")));
                CHECK_INT(ask(f, method, path, body, &o), ==, 400);
                CHECK_CONTAINS(error_of(o), key);
        }
}

TEST(openapi_every_field_has_the_type_that_the_document_says)
{
        up();
        walk(with_wrong_types);
        CHECK_INT(f->creates, ==, 0);
        fixture_free(f);
}

static void with_unknown_parameter(const char *method, const char *path, const json_t *op UNUSED)
{
        char target[300];
        auto_json json_t *o = NULL;
        snprintf(target, sizeof target, "%s?surprise=1", path);
        CHECK_INT(ask(f, method, target, NULL, &o), ==, 400);
        CHECK_CONTAINS(error_of(o), "surprise");
}

TEST(openapi_every_route_refuses_an_unknown_parameter_by_name)
{
        up();
        walk(with_unknown_parameter);
        fixture_free(f);
}

static char mallory[80];

/* As a member who owns nothing: an object that is not there, or not his, is 404; what only
 * operators may do is 403. */
static void as_stranger(const char *method, const char *path, const json_t *op)
{
        bool about_object = strstr(path, "no-such-thing") != NULL;
        bool operators = str_eq(text_of(op, "x-scope"), "operator");
        const char *body = body_schema(op) ? "{\"signal\":15}" : NULL;
        if (!about_object && !operators)
                return;
        if (strstr(path, "/stop") || strstr(path, "/freeze") || strstr(path, "/thaw") ||
            strstr(path, "/policy"))
                body = "{}";
        if (str_eq(path, "/v1/sandboxes/no-such-thing/exec") && body)
                body = "{\"argv\":[\"a\"]}";
        if (str_eq(path, "/v1/volumes/no-such-thing/snapshot"))
                body = "{\"name\":\"a\"}";
        if (str_eq(path, "/v1/volumes/no-such-thing/restore"))
                body = "{\"from\":\"a\"}";
        if (str_eq(path, "/v1/sandboxes/no-such-thing/snapshot"))
                body = "{\"image\":\"a\"}";
        auto_json json_t *o = NULL;
        int status = ask_as(f, mallory, method, path, body, &o);
        if (status != (operators ? 403 : 404))
                test_failed(__FILE__, __LINE__, "%s %s: %d %s", method, path, status, error_of(o));
}

TEST(openapi_a_stranger_finds_nothing_and_may_not_command)
{
        up();
        user_token(f, "mallory", "member", mallory);
        walk(as_stranger);
        fixture_api_down(f);
        fake_programs_done();
        fixture_free(f);
}

/* The same with the id of an object that is really there and belongs to somebody else. */
TEST(router_object_of_another_is_404_on_every_route)
{
        static const struct {
                const char *method, *before, *after, *body;
        } cases[] = {{"GET", "/v1/sandboxes/", "", NULL},
                     {"DELETE", "/v1/sandboxes/", "", NULL},
                     {"POST", "/v1/sandboxes/", "/signal", "{\"signal\":9}"},
                     {"POST", "/v1/sandboxes/", "/stop", "{}"},
                     {"GET", "/v1/sandboxes/", "/stream", NULL},
                     {"GET", "/v1/sandboxes/", "/stats", NULL},
                     {"GET", "/v1/sandboxes/", "/events", NULL},
                     {"POST", "/v1/sandboxes/", "/freeze", "{}"},
                     {"POST", "/v1/sandboxes/", "/thaw", "{}"},
                     {"GET", "/v1/sandboxes/", "/policy", NULL},
                     {"PUT", "/v1/sandboxes/", "/policy", "{\"allow\":[\"*\"]}"},
                     {"GET", "/v1/sandboxes/", "/exec", NULL},
                     {"POST", "/v1/sandboxes/", "/exec", "{\"argv\":[\"a\"]}"},
                     {"GET", "/v1/sandboxes/", "/files", NULL},
                     {"GET", "/v1/sandboxes/", "/files/etc/hostname", NULL},
                     {"DELETE", "/v1/sandboxes/", "/files/work/x", NULL},
                     {"GET", "/v1/jobs/", "", NULL},
                     {"GET", "/v1/jobs/", "/wait", NULL},
                     {"GET", "/v1/jobs/", "/logs", NULL}};
        up();
        char alice[80], path[128];
        user_token(f, "alice", "member", alice);
        user_token(f, "mallory", "member", mallory);
        auto_json json_t *o = NULL;
        CHECK_INT(ask_as(f, alice, "POST", "/v1/sandboxes", "{\"argv\":[\"a\"],\"name\":\"web\"}",
                         &o),
                  ==, 201);
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                const char *names[] = {text_of(o, "id"), "web"};
                for (size_t k = 0; k < 2; k++) {
                        snprintf(path, sizeof path, "%s%s%s", cases[i].before, names[k],
                                 cases[i].after);
                        int status = ask_as(f, mallory, cases[i].method, path, cases[i].body, NULL);
                        if (status != 404)
                                test_failed(__FILE__, __LINE__, "%s %s: %d", cases[i].method, path,
                                            status);
                }
        }
        CHECK_INT(f->stops + f->signals, ==, 0);
        fixture_free(f);
}

TEST(router_unknown_path_and_wrong_method)
{
        up();
        CHECK_INT(ask(f, "GET", "/v1/nothing", NULL, NULL), ==, 404);
        CHECK_INT(ask(f, "GET", "/", NULL, NULL), ==, 404);
        CHECK_INT(ask(f, "DELETE", "/v1/health", NULL, NULL), ==, 405);
        CHECK_INT(ask(f, "GET", "/v1/health/", NULL, NULL), ==, 404);
        CHECK_INT(ask(f, "GET", "/v1/../v1/health", NULL, NULL), ==, 404);
        fixture_free(f);
}

TEST(router_metrics_count_by_route_and_status)
{
        up();
        for (int i = 0; i < 3; i++)
                CHECK_INT(ask(f, "GET", "/v1/health", NULL, NULL), ==, 200);
        CHECK_INT(ask(f, "GET", "/v1/nothing", NULL, NULL), ==, 404);
        struct client c;
        struct response r;
        client_init(&c, f->loop, connect_unix(f->sock));
        client_send(&c, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 35);
        CHECK_INT(client_response(&c, &r), ==, 200);
        const char *t = buf_text(&r.body);
        CHECK_CONTAINS(t, "paddock_http_requests_total{method=\"GET\",route=\"/v1/health\","
                          "status=\"200\"} 3\n");
        CHECK_CONTAINS(t, "route=\"\",status=\"404\"} 1\n");
        CHECK_CONTAINS(t, "paddock_role_up{role=\"keep\"} 1\n");
        CHECK_CONTAINS(t, "paddock_role_up{role=\"launch\"} 0\n");
        CHECK_CONTAINS(t, "paddock_jobs{kind=\"sandbox\",state=\"running\"} 0\n");
        CHECK_CONTAINS(t, "paddock_uptime_seconds ");
        response_done(&r);
        client_done(&c);
        fixture_free(f);
}

TEST(router_status_and_control)
{
        up();
        auto_json json_t *o = NULL, *p = NULL;
        CHECK_INT(ask(f, "GET", "/v1/status", NULL, &o), ==, 200);
        CHECK_INT(json_array_size(json_object_get(o, "roles")), ==, 2);
        CHECK_STR(text_of(o, "version"), PADDOCK_VERSION);
        if (getuid() == 0) {
                CHECK_INT(ask(f, "POST", "/v1/reload", "{}", &p), ==, 200);
                CHECK_STR(text_of(json_array_get(json_object_get(p, "changes"), 0), "option"),
                          "log.level");
                CHECK_INT(ask(f, "POST", "/v1/stop", "{\"all\":true}", NULL), ==, 200);
        }
        fixture_free(f);
}

static bool drained;

static void on_drained(void *ctx UNUSED)
{
        drained = true;
}

TEST(router_drain_answers_what_is_short_and_leaves_sandboxes)
{
        up();
        auto_json json_t *o = NULL;
        CHECK_INT(ask(f, "POST", "/v1/sandboxes", "{\"argv\":[\"a\"]}", &o), ==, 201);
        api_drain(f->api, on_drained, NULL);
        for (int i = 0; i < 500 && !drained; i++)
                fixture_turns(f, 1);
        CHECK(drained);
        CHECK_INT(f->stops, ==, 0);
        CHECK_INT(socket(AF_UNIX, SOCK_STREAM, 0), >=, 0);
        fixture_free(f);
}
