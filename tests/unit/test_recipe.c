#include "api/recipe.h"
#include "base/mem.h"
#include "base/str.h"
#include "test.h"

static struct recipe r;

static struct recipe_site site = {
        .usr = "one",
        .mirrors = "debian=http://mirror.test:8080/debian,pip=https://pypi.org/simple,"
                   "npm=https://npm.test/",
        .allow = "*.docker.test,git.test:8443"};

static int plan(const char *text, bool rootful, struct err *err)
{
        site.rootful = rootful;
        auto_json json_t *j = NULL;
        recipe_done(&r);
        r = (struct recipe){.n = 0};
        CHECK_INT(json_parse(text, strlen(text), &j, err), >=, 0);
        int e = recipe_from(j, &r, err);
        return e < 0 ? e : recipe_plan(j, &site, &r, err);
}

static void good(const char *text)
{
        struct err err = {0};
        if (plan(text, true, &err) < 0)
                test_failed(__FILE__, __LINE__, "%s: %s", text, err_text(&err));
}

#define REFUSED(text, why)                                                                         \
        do {                                                                                       \
                struct err err = {0};                                                              \
                CHECK_INT(plan(text, true, &err), ==, -EINVAL);                                    \
                CHECK_CONTAINS(err_text(&err), why);                                               \
        } while (0)

TEST(recipe_steps_in_their_order)
{
        good("{\"from\":\"debian:bookworm\",\"steps\":[{\"kind\":\"apt\",\"items\":[\"git\","
             "\"curl\"]},"
             "{\"kind\":\"pip\",\"items\":[\"numpy==1.26\"]},{\"kind\":\"run\",\"text\":\"true\"}]"
             "}");
        CHECK_INT(r.n, ==, 4);
        CHECK_STR(r.steps[0].title, "from debian bookworm");
        CHECK(r.steps[0].on_host);
        CHECK_STR(r.steps[0].from, "target");
        CHECK_CONTAINS(r.steps[0].script, "deb http://mirror.test:8080/debian bookworm main");
        CHECK_CONTAINS(r.steps[1].script, "install -y --no-install-recommends 'git' 'curl'");
        CHECK_CONTAINS(r.steps[2].script, "'numpy==1.26'");
        CHECK_STR(r.policy, "allow mirror.test:8080\nallow pypi.org\nallow files.pythonhosted.org\n"
                            "allow npm.test\nallow *.docker.test\nallow git.test:8443\n");
        CHECK_CONTAINS(json_string_value(json_object_get(r.env, "PATH")), "/opt/venv/bin:");
}

TEST(recipe_keys_are_of_the_inputs_and_of_what_is_below)
{
        char first[65], second[65];
        static const char text[] = "{\"steps\":[{\"kind\":\"run\",\"text\":\"a\"},"
                                   "{\"kind\":\"run\",\"text\":\"b\"}]}";
        good(text);
        memcpy(first, r.steps[0].key, 65);
        memcpy(second, r.steps[1].key, 65);
        good(text);
        CHECK_STR(r.steps[0].key, first);
        CHECK_STR(r.steps[1].key, second);
        good("{\"steps\":[{\"kind\":\"run\",\"text\":\"a\"},{\"kind\":\"run\",\"text\":\"c\"}]}");
        CHECK_STR(r.steps[0].key, first);
        CHECK(!str_eq(r.steps[1].key, second));
        good("{\"steps\":[{\"kind\":\"run\",\"text\":\"c\"},{\"kind\":\"run\",\"text\":\"b\"}]}");
        CHECK(!str_eq(r.steps[1].key, second));
        good("{\"env\":{\"A\":\"b\"},\"steps\":[{\"kind\":\"run\",\"text\":\"a\"}]}");
        CHECK(!str_eq(r.steps[0].key, first));
}

TEST(recipe_keys_on_the_host_are_of_its_usr)
{
        char first[65];
        static const char on_host[] = "{\"steps\":[{\"kind\":\"run\",\"text\":\"a\"}]}";
        static const char debian[] = "{\"from\":\"debian:bookworm\"}";
        good(on_host);
        memcpy(first, r.steps[0].key, 65);
        site.usr = "two";
        good(on_host);
        CHECK(!str_eq(r.steps[0].key, first));
        good(debian);
        memcpy(first, r.steps[0].key, 65);
        site.usr = "one";
        good(debian);
        CHECK_STR(r.steps[0].key, first);
}

TEST(recipe_copy_is_decoded)
{
        good("{\"steps\":[{\"kind\":\"copy\",\"target\":\"/opt/a\",\"data\":\"aGVsbG8=\"}]}");
        CHECK_INT(r.steps[0].input_n, ==, 5);
        CHECK(memcmp(r.steps[0].input, "hello", 5) == 0);
        CHECK(!r.steps[0].script);
        CHECK(!r.steps[0].network);
}

TEST(recipe_words_cannot_become_shell)
{
        REFUSED("{\"from\":\"debian:bookworm\",\"steps\":[{\"kind\":\"apt\",\"items\":[\"a'; id; "
                "'\"]}]}",
                "not the name of a package");
        REFUSED("{\"from\":\"debian:bookworm\",\"steps\":[{\"kind\":\"apt\",\"items\":[\"-o "
                "x\"]}]}",
                "not the name of a package");
        REFUSED("{\"steps\":[{\"kind\":\"pip\",\"items\":[\"--index-url=x\"]}]}",
                "not the name of a package");
        REFUSED("{\"steps\":[{\"kind\":\"pip\",\"items\":[]}]}", "at least one");
        REFUSED("{\"from\":\"debian:$(id)\"}", "from:");
        REFUSED("{\"from\":\"oci:docker://a b\"}", "from:");
        REFUSED("{\"from\":\"image:../x\"}", "from:");
        REFUSED("{\"from\":\"debian:bookworm\",\"mirrors\":{\"debian\":\"http://a' id '\"}}",
                "not a URL");
        REFUSED("{\"mirrors\":{\"debian\":\"http://a\\nallow evil\"}}", "not a URL");
        REFUSED("{\"mirrors\":{\"pip\":\"http://user@host/\"}}", "not a URL");
}

#define FORBIDDEN(text, why)                                                                       \
        do {                                                                                       \
                struct err err = {0};                                                              \
                CHECK_INT(plan(text, true, &err), ==, -EPERM);                                     \
                CHECK_CONTAINS(err_text(&err), why);                                               \
        } while (0)

TEST(recipe_adds_no_host_to_what_builds_may_reach)
{
        FORBIDDEN("{\"mirrors\":{\"pip\":\"https://evil.test/simple\"}}",
                  "mirrors.pip: builds may");
        FORBIDDEN("{\"mirrors\":{\"pip\":\"https://pypi.org.evil.test/\"}}",
                  "mirrors.pip: builds may");
        FORBIDDEN("{\"mirrors\":{\"pip\":\"https://pypi.org:8443/\"}}", "mirrors.pip: builds may");
        FORBIDDEN("{\"mirrors\":{\"pip\":\"https://docker.test/\"}}", "mirrors.pip: builds may");
        FORBIDDEN("{\"mirrors\":{\"pip\":\"https://evildocker.test/\"}}",
                  "mirrors.pip: builds may");
        FORBIDDEN("{\"from\":\"oci:docker://evil.test/a\"}", "from: builds may not reach");
        FORBIDDEN("{\"reach\":[\"evil.test\"]}", "reach: builds may not reach");
        REFUSED("{\"reach\":[\"*\"]}", "not a host");
        REFUSED("{\"reach\":[\"*.test\"]}", "not a host");
        REFUSED("{\"reach\":[\"git.test:*\"]}", "not a host");
        REFUSED("{\"mirrors\":{\"cargo\":\"https://pypi.org/\"}}", "mirrors: 'cargo'");
        REFUSED("{\"reach\":[\"pypi.org\\nallow evil\"]}", "not a host");
}

TEST(recipe_takes_no_address_for_a_name)
{
        const char *allow = site.allow;
        site.allow = "*,192.0.2.9";
        good("{\"reach\":[\"any.test\",\"192.0.2.9\"]}");
        FORBIDDEN("{\"reach\":[\"10.0.0.5\"]}", "reach: builds may not reach");
        FORBIDDEN("{\"reach\":[\"10.0.0.5:443\"]}", "reach: builds may not reach");
        FORBIDDEN("{\"reach\":[\"[fd00::5]\"]}", "reach: builds may not reach");
        FORBIDDEN("{\"mirrors\":{\"pip\":\"http://10.0.0.5/\"}}", "mirrors.pip: builds may");
        site.allow = allow;
}

TEST(recipe_that_reaches_less_makes_layers_of_its_own)
{
        char all[65], none[65];
        const char *steps = "\"steps\":[{\"kind\":\"run\",\"text\":\"fetch || true\"}]}";
        auto_free char *plain = xasprintf("{%s", steps);
        auto_free char *less = xasprintf("{\"reach\":[],%s", steps);
        auto_free char *one = xasprintf("{\"reach\":[\"pypi.org\"],%s", steps);
        good(plain);
        snprintf(all, sizeof all, "%s", r.steps[r.n - 1].key);
        good(less);
        snprintf(none, sizeof none, "%s", r.steps[r.n - 1].key);
        CHECK(!str_eq(all, none));
        good(one);
        CHECK(!str_eq(all, r.steps[r.n - 1].key));
        CHECK(!str_eq(none, r.steps[r.n - 1].key));
        good(plain);
        CHECK_STR(r.steps[r.n - 1].key, all);
}

TEST(recipe_chooses_among_the_hosts_that_builds_may_reach)
{
        good("{\"from\":\"oci:docker://r.docker.test/a\",\"mirrors\":{\"pip\":"
             "\"https://git.test:8443/simple\"},\"reach\":[\"R.docker.test\",\"git.test:8443\"],"
             "\"steps\":[{\"kind\":\"pip\",\"items\":[\"x\"]}]}");
        CHECK_STR(r.policy, "allow R.docker.test\nallow git.test:8443\n");
        CHECK_CONTAINS(r.steps[r.n - 1].script, "--index-url 'https://git.test:8443/simple'");
        good("{\"reach\":[]}");
        CHECK_STR(r.policy, "");
        site.mirrors = "";
        FORBIDDEN("{\"steps\":[{\"kind\":\"pip\",\"items\":[\"x\"]}]}", "no mirror of it");
        FORBIDDEN("{\"from\":\"debian:bookworm\"}", "no mirror of Debian");
}

TEST(recipe_bad_ones_are_named)
{
        REFUSED("{\"steps\":[{\"kind\":\"apt\",\"items\":[\"git\"]}]}", "steps[0]: apt");
        REFUSED("{\"steps\":[{\"kind\":\"boot\"}]}", "steps[0]: kind");
        REFUSED("{\"steps\":[{\"kind\":\"run\",\"text\":\"\"}]}", "run:");
        REFUSED("{\"steps\":[{\"kind\":\"copy\",\"target\":\"a\",\"data\":\"\"}]}", "copy.target");
        REFUSED("{\"steps\":[{\"kind\":\"copy\",\"target\":\"/../a\",\"data\":\"\"}]}",
                "copy.target");
        REFUSED("{\"steps\":[{\"kind\":\"copy\",\"target\":\"/usr/x\",\"data\":\"\"}]}",
                "the host's");
        REFUSED("{\"steps\":[{\"kind\":\"copy\",\"target\":\"/a\",\"data\":\"a b\"}]}", "base 64");
        REFUSED("{\"env\":{\"A=B\":\"x\"}}", "no variable");
        REFUSED("{\"workdir\":\"work\"}", "workdir");
}

TEST(recipe_of_many_steps_is_refused)
{
        struct err err = {0};
        auto_free char *text = xstrdup("{\"steps\":[");
        for (int i = 0; i < RECIPE_STEPS_MAX; i++) {
                char *more = xasprintf("%s%s{\"kind\":\"run\",\"text\":\"x\"}", text, i ? "," : "");
                free(text);
                text = more;
        }
        auto_free char *whole = xasprintf("%s]}", text);
        CHECK_INT(plan(whole, true, &err), ==, -EINVAL);
        CHECK_CONTAINS(err_text(&err), "steps: more than");
}

TEST(recipe_that_needs_many_ids_is_refused_with_the_reason)
{
        struct err err = {0};
        CHECK_INT(plan("{\"from\":\"debian:bookworm\"}", false, &err), ==, -ENOTSUP);
        CHECK_CONTAINS(err_text(&err), "range of ids");
        CHECK_INT(plan("{\"from\":\"image:x\",\"steps\":[{\"kind\":\"apt\",\"items\":[\"git\"]}]}",
                       false, &err),
                  ==, -ENOTSUP);
        CHECK_INT(plan("{\"steps\":[{\"kind\":\"pip\",\"items\":[\"numpy\"]},{\"kind\":\"npm\","
                       "\"items\":[\"@a/b\"]}]}",
                       false, &err),
                  ==, 0);
}
