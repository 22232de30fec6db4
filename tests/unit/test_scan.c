/* JSON as it passes: what a request asks for, what a response has used. */
#include "test.h"
#include "vault/request.h"
#include "vault/usage.h"

static struct route route;
static struct request q;

/* The status of the refusal, 0: passes. In one piece and byte by byte. */
static int status_of(const char *text)
{
        request_init(&q, &route);
        (void)!request_feed(&q, text, strlen(text));
        int whole = q.status;
        request_init(&q, &route);
        for (const char *p = text; *p && !q.status; p++)
                (void)!request_feed(&q, p, 1);
        CHECK_INT(q.status, ==, whole);
        return whole;
}

TEST(an_ordinary_request_passes)
{
        route = (struct route){.meter = ROUTE_ANTHROPIC};
        CHECK_INT(status_of("{\"model\":\"claude-opus-5-5\",\"max_tokens\":1024,\"stream\":true,"
                            "\"tools\":[{\"name\":\"x\",\"input_schema\":{\"type\":\"object\"}},"
                            "{\"type\":\"custom\",\"name\":\"y\"},{\"type\":\"bash_20250124\"}],"
                            "\"mcp_servers\":[],\"messages\":[{\"role\":\"user\",\"content\":"
                            "[{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"data\":\"\"}},"
                            "{\"type\":\"text\",\"text\":\"\\u00e9 \\\"model\\\":\\\"x\\\"\"}]}]}"),
                  ==, 0);
        CHECK_STR(q.model, "claude-opus-5-5");
        CHECK_INT(q.max_tokens, ==, 1024);
        CHECK(q.stream);
}

TEST(what_is_refused)
{
        route = (struct route){.meter = ROUTE_ANTHROPIC, .models = "claude-haiku*|mock"};
        static const struct {
                const char *text;
                int status;
        } cases[] = {
                {"{\"model\":\"claude-haiku-5-5\"}", 0},
                {"{\"model\":\"claude-opus-5-5\"}", 403},
                {"{\"model\":\"mock\",\"model\":\"mock\"}", 400},
                {"{\"mod\\u0065l\":\"mock\"}", 400},
                {"{\"max_tokens\":1e9}", 400},
                {"{\"max_tokens\":-1}", 400},
                {"{\"tools\":[{\"type\":\"web_search_20250305\"}]}", 403},
                {"{\"tools\":[{\"type\":\"custom\",\"type\":\"web_fetch_20250910\"}]}", 403},
                {"{\"tools\":[{\"typ\\u0065\":\"code_execution_20250522\"}]}", 403},
                {"{\"mcp_servers\":[{\"url\":\"https://x\"}]}", 403},
                {"{\"messages\":[{\"content\":[{\"source\":{\"type\":\"url\"}}]}]}", 403},
                {"{\"messages\":[{\"content\":[{\"source\":{\"typ\\u0065\":\"u\\u0072l\"}}]}]}",
                 403},
                {"{\"a\":tru}", 400},
                {"{\"a\" 1}", 400},
                {"{,}", 400},
                {"[1,]", 400},
                {"{\"a\":1}}", 400},
                {"{\"a\":\"\n\"}", 400},
                {"model=x", 400},
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                int got = status_of(cases[i].text);
                if (got != cases[i].status)
                        test_failed(__FILE__, __LINE__, "%s: %d", cases[i].text, got);
        }
}

TEST(an_operator_may_allow_each)
{
        route = (struct route){.server_tools = "web_search*|mcp_servers|url"};
        CHECK_INT(status_of("{\"tools\":[{\"type\":\"web_search_20250305\"}]}"), ==, 0);
        CHECK_INT(status_of("{\"tools\":[{\"type\":\"web_fetch_20250910\"}]}"), ==, 403);
        CHECK_INT(status_of("{\"mcp_servers\":[{\"url\":\"https://x\"}]}"), ==, 0);
        CHECK_INT(status_of("{\"messages\":[{\"source\":{\"type\":\"url\"}}]}"), ==, 0);
}

TEST(depth_has_an_end)
{
        char deep[SCAN_DEPTH + 8];
        route = (struct route){.meter = ROUTE_ANTHROPIC};
        memset(deep, '[', sizeof deep - 1);
        deep[sizeof deep - 1] = 0;
        CHECK_INT(status_of(deep), ==, 400);
}

TEST(usage_of_json_and_of_events)
{
        static const char json[] =
                "{\"content\":[{\"text\":\"usage\"}],\"usage\":{\"input_tokens\":100,"
                "\"cache_read_input_tokens\":300,\"cache_creation_input_tokens\":20,"
                "\"output_tokens\":77,\"cache_creation\":{\"ephemeral_5m_input_tokens\":20}}}";
        static const char events[] =
                "event: message_start\ndata: {\"message\":{\"usage\":{\"input_tokens\":100,"
                "\"output_tokens\":1}}}\n\n: {\"usage\":{\"input_tokens\":9}}\r\n"
                "data: not json {\"usage\":{\"output_tokens\":5}}\n\n"
                "data: {\"usage\":{\"output_tokens\":77}}\n\ndata: [DONE]\n\n";
        struct usage u;
        usage_init(&u, false);
        usage_feed(&u, slice_of(json));
        CHECK_INT(u.input, ==, 100);
        CHECK_INT(u.output, ==, 77);
        CHECK_INT(u.cache_read, ==, 300);
        CHECK_INT(u.cache_write, ==, 20);
        for (size_t step = 1; step < 50; step += 7) {
                usage_init(&u, true);
                for (size_t i = 0; i < sizeof events - 1; i += step) {
                        size_t n = sizeof events - 1 - i;
                        usage_feed(&u, (struct slice){events + i, n < step ? n : step});
                }
                CHECK_INT(u.input, ==, 100);
                CHECK_INT(u.output, ==, 77);
        }
}
