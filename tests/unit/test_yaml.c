#include "conf/config.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/mem.h"
#include "test.h"
#include <fcntl.h>

struct reading {
        struct config *c;
        struct config_problems p;
        int r;
};

static void reading_done(struct reading *rd)
{
        config_free(rd->c);
        config_problems_done(&rd->p);
}

static struct reading read_text(const char *text, size_t n)
{
        struct reading rd = {0};
        config_problems_init(&rd.p);
        rd.r = config_read("f.yaml", text, n, &rd.c, &rd.p);
        return rd;
}

#define READ(text) CLEANUP(reading_done) struct reading rd = read_text(text, strlen(text))

TEST(yaml_nested_and_dotted_names_are_the_same)
{
        READ("log:\n  level: debug\nsandbox.memory_default: 64M\nhttp:\n  hosts: [a.example, b]\n");
        CHECK_STR(buf_text(&rd.p.text), "");
        CHECK_INT(rd.r, ==, 0);
        CHECK_STR(config_get(rd.c, "log.level"), "debug");
        CHECK_INT(config_get_u64(rd.c, "sandbox.memory_default"), ==, 64 << 20);
        CHECK_STR(config_get(rd.c, "http.hosts"), "a.example,b");
        CHECK_STR(config_origin(rd.c, "log.level"), "f.yaml:2");
        CHECK_STR(config_origin(rd.c, "log.format"), "default");
}

TEST(yaml_every_mistake_is_reported_and_nothing_taken)
{
        READ("log.level: loud\n"
             "sandbox:\n"
             "  memory_default: lots\n"
             "  memory_defualt: 64M\n"
             "http.behind_proxy: yes\n"
             "log.format: json\n"
             "http.hosts: one\n"
             "serve.socket: [a]\n"
             "sandbox.pids_default:\n");
        CHECK_INT(rd.r, ==, -EINVAL);
        CHECK(!rd.c);
        const char *t = buf_text(&rd.p.text);
        CHECK_CONTAINS(t, "f.yaml:1: log.level: 'loud' is not valid, expected one of debug, info, "
                          "warn, error\n");
        CHECK_CONTAINS(t, "f.yaml:3: sandbox.memory_default: 'lots' is not valid, expected a size");
        CHECK_CONTAINS(t, "f.yaml:4: sandbox.memory_defualt: unknown option, did you mean "
                          "sandbox.memory_default?\n");
        CHECK_CONTAINS(t,
                       "f.yaml:5: http.behind_proxy: 'yes' is not valid, expected true or false");
        CHECK_CONTAINS(t, "f.yaml:7: http.hosts: one value, expected a list");
        CHECK_CONTAINS(t, "f.yaml:8: serve.socket: a list, expected one value");
        CHECK_CONTAINS(t, "f.yaml:9: sandbox.pids_default: no value");
        CHECK_INT(rd.p.count, ==, 7);
}

TEST(yaml_duplicate_in_either_form_is_refused)
{
        READ("log:\n  level: info\nlog.level: debug\n");
        CHECK_INT(rd.r, ==, -EINVAL);
        CHECK_STR(buf_text(&rd.p.text), "f.yaml:3: log.level: given twice, first on line 2\n");
}

TEST(yaml_what_is_not_plain_data_is_refused)
{
        static const char *const bad[] = {
                "log.level: &a info\n",
                "log.level: *a\n",
                "log.level: !!str info\n",
                "log.level: info\n---\nlog.level: info\n",
                "- log.level\n",
                "just text\n",
                "? [a, b]\n: c\n",
                "log.level: \"in\\0fo\"\n",
                "log.level: {info: debug}\n",
                "a: {b: {c: {d: {e: {f: g}}}}}\n",
                "http.hosts: [[a], {b: c}]\n",
                "log.level: \"info\n",
                "log.level: [info\n",
                "\tlog.level: info\n",
                "log.level: \xff\xfe\n",
                "\"\": info\n",
        };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                READ(bad[i]);
                if (rd.r != -EINVAL || rd.p.count == 0)
                        test_failed(__FILE__, __LINE__, "accepted: %s", bad[i]);
                CHECK_CONTAINS(buf_text(&rd.p.text), "f.yaml");
        }
}

TEST(yaml_nothing_is_fine)
{
        static const char *const empty[] = {"",           "# only this\n", "---\n",
                                            "---\n...\n", "~\n",           "{}"};
        for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
                READ(empty[i]);
                CHECK_INT(rd.r, ==, 0);
        }
}

TEST(yaml_size_and_number_of_problems_are_bounded)
{
        auto_free char *big = xmalloc(CONFIG_FILE_MAX + 1);
        memset(big, '#', CONFIG_FILE_MAX + 1);
        CLEANUP(reading_done) struct reading rd = read_text(big, CONFIG_FILE_MAX + 1);
        CHECK_INT(rd.r, ==, -EINVAL);
        for (size_t i = 0; i + 4 <= CONFIG_FILE_MAX; i += 4)
                memcpy(big + i, "a: \n", 4);
        CLEANUP(reading_done) struct reading many = read_text(big, CONFIG_FILE_MAX);
        CHECK_INT(many.p.count, ==, CONFIG_FILE_MAX / 4);
        size_t lines = 0;
        for (const char *s = buf_text(&many.p.text); (s = strchr(s, '\n')); s++)
                lines++;
        CHECK_INT(lines, ==, CONFIG_PROBLEMS_MAX);
}

TEST(yaml_a_key_cannot_forge_a_line_of_the_report)
{
        READ("\"x\\nf.yaml:9: hidden\": 1\n");
        CHECK_STR(buf_text(&rd.p.text), "f.yaml:1: x?f.yaml:9: hidden: unknown option\n");
}

TEST(config_rules_between_options)
{
        static const struct {
                const char *text, *says; /* NULL: fine */
        } rows[] = {
                {"http.listen: 127.0.0.1:8000\n", NULL},
                {"http.listen: '[::1]:8000'\n", NULL},
                {"http.listen: 0.0.0.0:8000\n", "f.yaml:1: http.listen: 0.0.0.0:8000 is not"},
                {"http.listen: 0.0.0.0:8000\nhttp.behind_proxy: true\n", NULL},
                {"http.listen: 0.0.0.0:8000\nhttp.tls_cert: /c\nhttp.tls_key: /k\n", NULL},
                {"log.level: info\nhttp.tls_key: /k\n",
                 "f.yaml:2: http.tls_key: needs http.tls_cert"},
                {"http.listen: localhost:80\n", "expected an address and a port"},
                {"http.listen: 127.0.0.1:0\n", "expected an address and a port"},
                {"http.listen: 127.0.0.1:65536\n", "expected an address and a port"},
                {"http.listen: ':80'\n", "expected an address and a port"},
                {"http.origins: [ftp://x]\n", "expected an origin"},
                {"http.origins: ['https://x', 'http://y:8']\n", NULL},
                {"sandbox.memory_max: 64M\n",
                 "sandbox.memory_default: more than sandbox.memory_max"},
                {"sandbox.timeout_max: 10m\nsandbox.timeout_default: 0\n",
                 "f.yaml:2: sandbox.timeout_default"},
                {"sandbox.memory_max: 64M\nsandbox.memory_default: 64M\n", NULL},
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                READ(rows[i].text);
                CHECK_INT(rd.r, ==, rows[i].says ? -EINVAL : 0);
                if (rows[i].says)
                        CHECK_CONTAINS(buf_text(&rd.p.text), rows[i].says);
        }
}

TEST(config_socket_path_must_fit_an_address)
{
        CLEANUP(config_freep) struct config *c = config_new();
        char path[SOCKET_PATH_MAX + 2];
        struct err err;
        memset(path, 'a', sizeof path);
        path[0] = '/';
        path[SOCKET_PATH_MAX] = '\0';
        CHECK_INT(config_set(c, "serve.socket", path, &err), ==, 0);
        path[SOCKET_PATH_MAX] = 'a';
        path[SOCKET_PATH_MAX + 1] = '\0';
        CHECK_INT(config_set(c, "serve.socket", path, &err), ==, -EINVAL);
        CHECK_CONTAINS(err.text, "serve.socket: the path has 101 bytes");
}

TEST(config_table_is_well_formed)
{
        CLEANUP(config_freep) struct config *c = config_new();
        CLEANUP(buf_done) struct buf flat;
        buf_init(&flat, 65536);
        CHECK_INT(config_flatten(c, &flat), ==, 0);
        const char *p = flat.data;
        for (size_t i = 0; i < config_options_n; i++) {
                const struct option *o = &config_options[i];
                CHECK(strlen(o->name) < 64); /* link/serve.h, struct serve_change */
                CHECK(strchr(o->name, '.') && o->doc && o->def);
                CHECK(*o->def || o->example || o->type == OPTION_LIST);
                CHECK_INT(o->doc[strlen(o->doc) - 1], ==, '.');
                CHECK(config_find(o->name) == o);
                CHECK_STR(p, o->name);
                p += strlen(p) + 1;
                CHECK_STR(p, config_get(c, o->name));
                p += strlen(p) + 1;
        }
        CHECK(p == flat.data + flat.len);
}

TEST(config_diff_names_what_changed)
{
        CLEANUP(config_freep) struct config *a = config_new();
        CLEANUP(config_freep) struct config *b = config_new();
        auto_free const struct option **changed = xcalloc(config_options_n, sizeof *changed);
        CHECK_INT(config_diff(a, b, changed), ==, 0);
        CHECK_INT(config_set(b, "log.level", "warn", NULL), ==, 0);
        CHECK_INT(config_set(b, "roles.uid_base", "70000", NULL), ==, 0);
        CHECK_INT(config_set(b, "http.hosts", "a,b", NULL), ==, 0);
        CHECK_INT(config_diff(a, b, changed), ==, 3);
        CHECK_STR(changed[0]->name, "log.level");
        CHECK(changed[0]->reloadable);
        CHECK_STR(changed[1]->name, "roles.uid_base");
        CHECK(!changed[1]->reloadable);
        CHECK_INT(config_set(b, "http.hosts", "", NULL), ==, 0);
        CHECK_INT(config_diff(a, b, changed), ==, 2);
        CHECK_INT(config_set(b, "nonsense", "x", NULL), ==, -ENOENT);
}

TEST(config_example_file_is_not_stale)
{
        CLEANUP(buf_done) struct buf made;
        CLEANUP(buf_done) struct buf stored;
        buf_init(&made, CONFIG_FILE_MAX);
        buf_init(&stored, CONFIG_FILE_MAX);
        CHECK_INT(config_example(&made), ==, 0);
        CHECK_INT(file_read_at(AT_FDCWD, "etc/paddock.yaml", &stored), ==, 0);
        if (strcmp(buf_text(&made), buf_text(&stored)) != 0)
                test_failed(__FILE__, __LINE__,
                            "etc/paddock.yaml is stale: paddock config example >etc/paddock.yaml");
}

/* Every commented example line must be accepted when the comment sign is taken away. */
TEST(config_example_lines_are_valid)
{
        CLEANUP(buf_done) struct buf made;
        CLEANUP(buf_done) struct buf live;
        buf_init(&made, CONFIG_FILE_MAX);
        buf_init(&live, CONFIG_FILE_MAX);
        CHECK_INT(config_example(&made), ==, 0);
        size_t options = 0;
        for (char *line = made.data, *end; (end = strchr(line, '\n')); line = end + 1) {
                *end = '\0';
                size_t n = strcspn(line, ":");
                auto_free char *name = xstrndup(line, n);
                if (n < 3 || !config_find(name + 2))
                        continue;
                options++;
                CHECK_INT(buf_addf(&live, "%s\n", line + 2), ==, 0);
        }
        CHECK_INT(options, ==, config_options_n);
        READ(buf_text(&live));
        CHECK_STR(buf_text(&rd.p.text), "");
        CHECK_INT(rd.r, ==, 0);
}
