#include "base/fd.h"
#include "serve/mirrors.h"
#include "cli/recipe_file.h"
#include "cli/tar.h"
#include "test.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

static char dir[] = "/tmp/paddock-recipe-XXXXXX";
static struct err err;

static void put(const char *name, const char *text)
{
        auto_close int d = dir_open_at(AT_FDCWD, dir);
        CHECK_INT(file_replace_at(d, name, text, strlen(text), 0644), ==, 0);
}

static json_t *read_recipe(const char *text)
{
        char path[64];
        json_t *j = NULL;
        err = (struct err){0};
        put("r.yaml", text);
        snprintf(path, sizeof path, "%s/r.yaml", dir);
        return recipe_file_read(path, &j, &err) < 0 ? NULL : j;
}

static const char *step(json_t *j, size_t i, const char *key)
{
        const json_t *s = json_array_get(json_object_get(j, "steps"), i);
        const char *v = json_string_value(json_object_get(s, key));
        return v ? v : "";
}

TEST(recipe_file_keeps_the_order)
{
        CHECK(mkdtemp(dir));
        put("f", "content");
        auto_json json_t *j =
                read_recipe("from: debian:bookworm\nrun:\n  - one\n  - two\napt: [a, b]\n"
                            "copy:\n  - f:/opt/g\nenv:\n  A: b\nworkdir: /x\n"
                            "entrypoint: [a, -b]\nmirrors:\n  pip: https://p.test/simple\n"
                            "reach: [p.test]\n");
        if (!j)
                test_failed(__FILE__, __LINE__, "%s", err_text(&err));
        CHECK_STR(step(j, 0, "text"), "one");
        CHECK_STR(step(j, 1, "text"), "two");
        CHECK_STR(step(j, 2, "kind"), "apt");
        CHECK_STR(step(j, 3, "target"), "/opt");
        CHECK_STR(json_string_value(json_object_get(j, "workdir")), "/x");
        CHECK_STR(json_string_value(json_object_get(json_object_get(j, "env"), "A")), "b");
        CHECK_INT(json_array_size(json_object_get(j, "entrypoint")), ==, 2);
        CHECK_STR(json_string_value(json_object_get(json_object_get(j, "mirrors"), "pip")),
                  "https://p.test/simple");
        CHECK_INT(json_array_size(json_object_get(j, "reach")), ==, 1);
        CHECK_INT(tree_remove_at(AT_FDCWD, dir), ==, 0);
}

TEST(recipe_file_problems_have_a_line)
{
        static const struct {
                const char *text, *why;
        } bad[] = {{"from: host\nfoo: x\n", "r.yaml:2: foo: unknown"},
                   {"copy: [x]\n", "SOURCE:/TARGET"},
                   {"copy: [none:/x]\n", "No such file"},
                   {"apt:\n", "nothing is written"},
                   {"from: [a, b]\n", "expected one text"},
                   {"from: {\n", "r.yaml:"}};
        CHECK(mkdtemp(dir));
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                CHECK(!read_recipe(bad[i].text));
                CHECK_CONTAINS(err_text(&err), bad[i].why);
        }
        CHECK_INT(tree_remove_at(AT_FDCWD, dir), ==, 0);
}

/* The system's own tar reads what we write. */
TEST(tar_is_one)
{
        CLEANUP(buf_done) struct buf b;
        char command[400], long_name[160], listed[2000];
        CHECK(mkdtemp(dir));
        memset(long_name, 'n', 120);
        snprintf(long_name + 120, sizeof long_name - 120, "/f");
        auto_close int d = dir_open_at(AT_FDCWD, dir);
        CHECK_INT(mkdirat(d, "t", 0755), ==, 0);
        CHECK_INT(mkdirat(d, "t/sub", 0755), ==, 0);
        char sub[200];
        snprintf(sub, sizeof sub, "t/%.120s", long_name);
        CHECK_INT(mkdirat(d, sub, 0755), ==, 0);
        put("t/a", "12345");
        put("t/sub/b", "");
        CHECK_INT(symlinkat("a", d, "t/l"), ==, 0);
        CHECK_INT(mkfifoat(d, "t/p", 0600), ==, 0);
        buf_init(&b, 1 << 20);
        snprintf(command, sizeof command, "%s/t", dir);
        CHECK_INT(tar_add(&b, command, "", &err), ==, -ENAMETOOLONG);
        buf_clear(&b);
        CHECK_INT(unlinkat(d, sub, AT_REMOVEDIR), ==, 0);
        if (tar_add(&b, command, "", &err) < 0 || tar_end(&b, &err) < 0)
                test_failed(__FILE__, __LINE__, "%s", err_text(&err));
        CHECK_INT(b.len % 512, ==, 0);
        CHECK_INT(file_replace_at(d, "x.tar", b.data, b.len, 0600), ==, 0);
        snprintf(command, sizeof command, "tar -tf %s/x.tar && tar -xOf %s/x.tar a", dir, dir);
        FILE *f = popen(command, "r");
        size_t n = fread(listed, 1, sizeof listed - 1, f);
        listed[n] = 0;
        CHECK_INT(pclose(f), ==, 0);
        CHECK_STR(listed, "a\nl\nsub\nsub/b\n12345");
        CHECK_INT(tree_remove_at(AT_FDCWD, dir), ==, 0);
}

TEST(tar_is_bounded)
{
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 4096);
        CHECK_INT(tar_add(&b, "/usr/bin/env", "env", &err), <, 0);
}

TEST(mirrors_are_those_of_the_host)
{
        struct mirrors m = {.debian = ""}, *to = &m;
        char value[100], text[MIRRORS_TEXT_MAX];
        mirrors_read_apt(to, "deb http://me:secret@own.test/debian x main\n");
        CHECK_STR(m.debian, "");
        mirrors_read_apt(to,
                         "# deb http://no/debian x main\n"
                         "deb [arch=amd64 signed-by=/x] http://one.test/debian/ bookworm main\n"
                         "deb http://vendor.test/apt x main\ndeb http://two.test/debian x main\n");
        mirrors_read_apt(to, "Types: deb\nURIs: http://sec.test/debian-security\nSuites: x\n");
        CHECK_STR(m.debian, "http://one.test/debian");
        CHECK_STR(m.security, "http://sec.test/debian-security");
        mirrors_read_ini("[global]\n# index-url = no\nindex-url = https://p.test/simple \n",
                         "index-url", value, sizeof value);
        CHECK_STR(value, "https://p.test/simple");
        mirrors_read_ini("registry=https://n.test/\n", "registry", value, sizeof value);
        CHECK_STR(value, "https://n.test/");
        mirrors_read_ini("", "registry", value, sizeof value);
        CHECK_STR(value, "");
        setenv("PIP_INDEX_URL", "https://me:secret@p.test/simple", 1);
        setenv("npm_config_registry", "https://n.test/", 1);
        mirrors_of_host(to);
        mirrors_text(to, text, sizeof text);
        CHECK_CONTAINS(text, "pip=https://pypi.org/simple,npm=https://n.test/");
        CHECK(!strstr(text, "secret"));
}
