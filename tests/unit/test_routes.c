/* Routes as data, and the one reading of a path. */
#include "base/mem.h"
#include "base/str.h"
#include "role/routes.h"
#include "test.h"
#include "vault/path.h"

static struct routes all;

static const struct route *the(const char *name)
{
        routes_init(&all);
        const struct route *r = routes_find(&all, name);
        CHECK(r != NULL);
        return r;
}

TEST(built_in_routes_are_there)
{
        static const char *const names[] = {"anthropic",   "openai", "github", "github-api",
                                            "huggingface", "pypi",   "npm",    "debian"};
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
                CHECK(the(names[i])->host[0] != 0);
        CHECK_STR(the("anthropic")->form, "header:x-api-key");
        CHECK(!the("debian")->tls && the("debian")->port == 80);
}

TEST(a_route_allows_its_methods_and_paths)
{
        const struct route *r = the("anthropic");
        CHECK_INT(route_allows(r, "POST", "/v1/messages"), ==, 0);
        CHECK_INT(route_allows(r, "GET", "/v1/messages"), ==, -EPERM);
        CHECK_INT(route_allows(r, "POST", "/v1/messages/batches"), ==, -ENOENT);
        CHECK_INT(route_allows(r, "POST", "/v1/messagesx"), ==, -ENOENT);
        CHECK_INT(route_allows(r, "GET", "/v1/models/claude"), ==, 0);
        CHECK_INT(route_allows(r, "OST", "/v1/messages"), ==, -EPERM);
}

TEST(repositories_by_list)
{
        routes_init(&all);
        CHECK_INT(routes_define(&all, "github repos=Me/One|org/*", NULL), ==, 0);
        CHECK_INT(routes_define(&all, "github-api repos=me/one", NULL), ==, 0);
        const struct route *r = routes_find(&all, "github");
        CHECK_INT(route_allows(r, "GET", "/me/one.git/info/refs"), ==, 0);
        CHECK_INT(route_allows(r, "GET", "/me/one/info/refs"), ==, 0);
        CHECK_INT(route_allows(r, "POST", "/org/any.git/git-receive-pack"), ==, 0);
        CHECK_INT(route_allows(r, "GET", "/me/two.git/info/refs"), ==, -ENOENT);
        CHECK_INT(route_allows(r, "GET", "/me/onetwo/info/refs"), ==, -ENOENT);
        CHECK_INT(route_allows(r, "GET", "/organ/x/info/refs"), ==, -ENOENT);
        CHECK_INT(route_allows(r, "GET", "/me/one.git"), ==, -ENOENT);
        r = routes_find(&all, "github-api");
        CHECK_INT(route_allows(r, "GET", "/repos/me/one/pulls"), ==, 0);
        CHECK_INT(route_allows(r, "GET", "/repos/me/other/pulls"), ==, -ENOENT);
        CHECK_INT(route_allows(r, "POST", "/graphql"), ==, -ENOENT);
        CHECK_INT(route_allows(the("github"), "GET", "/me/one/info/refs"), ==, -ENOENT);
}

TEST(an_operator_changes_and_adds)
{
        struct err err = {0};
        routes_init(&all);
        size_t n = all.n;
        CHECK_INT(routes_define_list(&all,
                                     "anthropic upstream=https://Proxy.example:8443/base/,"
                                     "mine upstream=http://a.b allow=GET:/x rate=5 owner_usd=1.5",
                                     &err),
                  ==, 0);
        const struct route *r = routes_find(&all, "anthropic");
        CHECK_STR(r->host, "proxy.example");
        CHECK_STR(r->base, "/base");
        CHECK_INT(r->port, ==, 8443);
        CHECK_STR(r->secret, "anthropic");
        CHECK_INT(all.n, ==, n + 1);
        r = routes_find(&all, "mine");
        CHECK_INT(r->rate, ==, 5);
        CHECK_INT(r->owner.micro_usd, ==, 1500000);
}

TEST(a_line_that_is_wrong_is_left_out)
{
        static const char *const bad[] = {"",
                                          "Mine upstream=https://a.b",
                                          "mine",
                                          "mine upstream=ftp://a.b",
                                          "mine upstream=https://user@a.b",
                                          "mine upstream=https://a.b:0",
                                          "mine upstream=https://a.b colour=red",
                                          "mine upstream=https://a.b redirect=maybe",
                                          "mine upstream=https://a.b rate=fast",
                                          "mine upstream=https://a.b box_usd=-1",
                                          "mine upstream=https://a.b as"};
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                struct err err = {0};
                routes_init(&all);
                size_t n = all.n;
                if (routes_define(&all, bad[i], &err) == 0)
                        test_failed(__FILE__, __LINE__, "'%s' passed", bad[i]);
                CHECK_INT(all.n, ==, n);
                CHECK(err.text[0] != 0);
        }
}

static int canonical(const char *path, bool slash_ok, char *dst)
{
        return path_canonical(path, strlen(path), slash_ok, dst);
}

TEST(paths_have_one_reading)
{
        char p[TARGET_PATH_MAX];
        static const char *const bad[] = {"",        "a",      "//",    "/a//b",       "/a/./b",
                                          "/a/../b", "/..",    "/.",    "/a/%2e%2e/b", "/%2E",
                                          "/a%2fb",  "/a%5cb", "/a\\b", "/a%00b",      "/a%0ab",
                                          "/a%",     "/a%2",   "/a%zz", "/a/.%2e/b"};
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                if (canonical(bad[i], false, p) == 0)
                        test_failed(__FILE__, __LINE__, "'%s' passed as '%s'", bad[i], p);
        CHECK_INT(canonical("/v1/m%6fdels", false, p), ==, 0);
        CHECK_STR(p, "/v1/models");
        CHECK_INT(canonical("/a/", false, p), ==, 0);
        CHECK_STR(p, "/a/");
        CHECK_INT(canonical("/@scope%2fname", true, p), ==, 0);
        CHECK_STR(p, "/@scope%2Fname");
        CHECK_INT(canonical("/a%2f..%2fb", true, p), ==, -EINVAL);
        CHECK_INT(canonical("/a/...", false, p), ==, 0);
        CHECK_INT(canonical("/", false, p), ==, 0);
}

TEST(targets_are_cut_at_the_routes_name)
{
        char name[64];
        const char *rest, *query;
        size_t n;
        CHECK_INT(target_split("/pypi/simple/six/?a=/b", name, &rest, &n, &query), ==, 0);
        CHECK_STR(name, "pypi");
        CHECK(n == 12 && strncmp(rest, "/simple/six/", 12) == 0);
        CHECK_STR(query, "a=/b");
        CHECK_INT(target_split("/pypi", name, &rest, &n, &query), ==, 0);
        CHECK(n == 0 && !query);
        CHECK_INT(target_split("/PyPI/x", name, &rest, &n, &query), ==, -EINVAL);
        CHECK_INT(target_split("//x", name, &rest, &n, &query), ==, -EINVAL);
        CHECK_INT(target_split("/p%79pi/x", name, &rest, &n, &query), ==, -EINVAL);
        CHECK_INT(target_split("/pypi/x#y", name, &rest, &n, &query), ==, -EINVAL);
}

TEST(a_route_is_for_its_users)
{
        struct err err = {0};
        CHECK(route_is_for(the("anthropic"), "u1000"));
        CHECK_INT(routes_define(&all, "anthropic users=u1000|ann*", &err), ==, 0);
        const struct route *r = routes_find(&all, "anthropic");
        CHECK(route_is_for(r, "u1000") && route_is_for(r, "anna"));
        CHECK(!route_is_for(r, "u10000") && !route_is_for(r, "bob") && !route_is_for(r, ""));
        CHECK_INT(routes_define(&all, "anthropic users=", &err), ==, 0);
        CHECK(!route_is_for(routes_find(&all, "anthropic"), "u1000"));
}
