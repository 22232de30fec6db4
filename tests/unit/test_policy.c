/* What a sandbox may reach: names, rules, the ranges that nobody reaches. */
#include "base/mem.h"
#include "base/str.h"
#include "test.h"
#include "vault/address.h"
#include "vault/policy.h"

static bool allows(const char *text, const char *host, uint32_t port)
{
        CLEANUP(policy_freep) struct policy *p = NULL;
        char name[HOST_TEXT_MAX + 1];
        bool literal;
        struct err err = {0};
        if (policy_parse(text, strlen(text), &p, &err) < 0)
                test_failed(__FILE__, __LINE__, "%s", err_text(&err));
        return host_canonical(host, name, &literal) == 0 && policy_allows(p, name, literal, port);
}

TEST(an_empty_policy_allows_nothing)
{
        CHECK(!allows("", "example.org", 443));
        CHECK(!allows("route anthropic\nlabel a=b\n", "example.org", 443));
}

TEST(a_name_is_that_name_at_the_web_ports)
{
        CHECK(allows("allow example.org\n", "example.org", 443));
        CHECK(allows("allow example.org\n", "EXAMPLE.org.", 80));
        CHECK(!allows("allow example.org\n", "example.org", 22));
        CHECK(!allows("allow example.org\n", "a.example.org", 443));
        CHECK(!allows("allow example.org\n", "notexample.org", 443));
        CHECK(!allows("allow example.org\n", "example.org.evil.com", 443));
        CHECK(allows("allow example.org:22\n", "example.org", 22));
        CHECK(!allows("allow example.org:22\n", "example.org", 443));
        CHECK(allows("allow example.org:*\n", "example.org", 9));
}

TEST(a_wildcard_is_what_lies_below)
{
        CHECK(allows("allow *.example.org\n", "a.example.org", 443));
        CHECK(allows("allow *.example.org\n", "a.b.example.org", 443));
        CHECK(!allows("allow *.example.org\n", "example.org", 443));
        CHECK(!allows("allow *.example.org\n", "aexample.org", 443));
        CHECK(!allows("allow *.example.org\n", "example.org.evil.com", 443));
        CHECK(allows("allow *\n", "anything.net", 443));
        CHECK(!allows("allow *\n", "1.2.3.4", 443)); /* every name, no address */
}

TEST(an_address_only_by_itself)
{
        CHECK(allows("allow 1.2.3.4:8080\n", "1.2.3.4", 8080));
        CHECK(!allows("allow 1.2.3.4\n", "1.2.3.5", 80));
        CHECK(allows("allow [2001:db8::1]\n", "2001:0DB8:0::1", 443));
}

TEST(other_ways_to_write_an_address_are_no_names)
{
        static const char *const bad[] = {
                "0x7f000001", "2130706433", "127.1", "0177.0.0.1", "127.0.0.0x1", "1.2.3.4.5",
                "a..b",       ".a",         "-a.b",  "a-.b",       "a b",         "a/b",
                "a@b",        "",           ".",     "a%2eb",      "[::1]",       "xn--a.0x1"};
        char name[HOST_TEXT_MAX + 1];
        bool literal;
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                if (host_canonical(bad[i], name, &literal) == 0)
                        test_failed(__FILE__, __LINE__, "'%s' passed as %s", bad[i], name);
        CHECK_INT(host_canonical("a_b.example", name, &literal), ==, 0);
}

TEST(a_line_that_is_not_understood_refuses_all)
{
        static const char *const bad[] = {"allow",
                                          "allow ",
                                          "deny a.b\n",
                                          "allow a.b:0\n",
                                          "allow a.b:99999\n",
                                          "allow a b\n",
                                          "allow *a.b\n",
                                          "allow *.1.2.3.4\n",
                                          "route A\n",
                                          "label x\n",
                                          "allow a.*.b\n",
                                          "allow [1.2.3.4]\n",
                                          "allow ::1\n"};
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                struct policy *p = NULL;
                struct err err = {0};
                if (policy_parse(bad[i], strlen(bad[i]), &p, &err) == 0)
                        test_failed(__FILE__, __LINE__, "'%s' passed", bad[i]);
                CHECK(err.text[0] != 0);
        }
}

TEST(routes_and_labels)
{
        CLEANUP(policy_freep) struct policy *p = NULL;
        static const char text[] = "route anthropic\nroute pypi\nlabel team=a\nlabel job=7\n";
        CHECK_INT(policy_parse(text, sizeof text - 1, &p, NULL), ==, 0);
        CHECK(policy_has_route(p, "pypi") && !policy_has_route(p, "github"));
        CHECK_STR(policy_labels(p), "team=a job=7");
}

TEST(internal_addresses_in_every_notation)
{
        static const char *const internal[] = {"0.0.0.0",
                                               "10.1.2.3",
                                               "100.64.0.1",
                                               "127.0.0.1",
                                               "127.255.255.255",
                                               "169.254.169.254",
                                               "172.16.0.1",
                                               "172.31.255.255",
                                               "192.168.0.1",
                                               "198.18.0.1",
                                               "224.0.0.1",
                                               "255.255.255.255",
                                               "::",
                                               "::1",
                                               "::ffff:10.0.0.1",
                                               "::10.0.0.1",
                                               "64:ff9b::a00:1",
                                               "2002:7f00:1::",
                                               "fc00::1",
                                               "fd12::1",
                                               "fe80::1",
                                               "ff02::1",
                                               "::ffff:0:7f00:1",
                                               "2001::1",
                                               "64:ff9b:1::a00:1"};
        static const char *const open[] = {"1.1.1.1",       "172.32.0.1",      "100.128.0.1",
                                           "203.0.113.80",  "2606:4700::1111", "64:ff9b::101:101",
                                           "2002:101:101::"};
        struct address a;
        for (size_t i = 0; i < ARRAY_LEN(internal); i++) {
                CHECK_INT(address_parse(internal[i], 80, &a), ==, 0);
                if (!address_is_internal(&a))
                        test_failed(__FILE__, __LINE__, "%s passed", internal[i]);
        }
        for (size_t i = 0; i < ARRAY_LEN(open); i++) {
                CHECK_INT(address_parse(open[i], 80, &a), ==, 0);
                if (address_is_internal(&a))
                        test_failed(__FILE__, __LINE__, "%s was refused", open[i]);
        }
}

TEST(networks_of_the_operator)
{
        struct networks n;
        struct address a;
        CHECK_INT(networks_parse("10.0.0.0/8,127.0.0.1,fd00::/9", &n, NULL), ==, 0);
        CHECK_INT((int)n.n, ==, 3);
        static const struct {
                const char *text;
                bool in;
        } cases[] = {{"10.255.0.1", true}, {"11.0.0.1", false},       {"127.0.0.1", true},
                     {"127.0.0.2", false}, {"::ffff:10.0.0.1", true}, {"fd7f::1", true},
                     {"fd80::1", false}};
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                CHECK_INT(address_parse(cases[i].text, 1, &a), ==, 0);
                CHECK_INT(networks_have(&n, &a), ==, cases[i].in);
        }
        CHECK_INT(networks_parse("10.0.0.0/33", &n, NULL), ==, -EINVAL);
        CHECK_INT(networks_parse("host", &n, NULL), ==, -EINVAL);
        CHECK_INT(networks_parse("", &n, NULL), ==, 0);
}
