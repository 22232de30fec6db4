#include "cli/command.h"
#include "cli/result.h"
#include "cli/walk.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "test.h"
#include <fcntl.h>

static const struct command *find(const char *name)
{
        for (size_t i = 0; i < commands_n; i++)
                if (str_eq(commands[i]->name, name))
                        return commands[i];
        return NULL;
}

struct parsed {
        struct invocation inv;
        struct err err;
        int r;
};

static void parsed_done(struct parsed *p)
{
        invocation_done(&p->inv);
}

#define PARSE(name, ...)                                                                           \
        const char *words[] = {__VA_ARGS__, NULL};                                                 \
        CLEANUP(parsed_done) struct parsed p = {0};                                                \
        p.r = invocation_parse(find(name), (char *const *)words, &p.inv, &p.err)

TEST(command_flags_in_every_form)
{
        PARSE("run", "-m", "64M", "--cpu=1.5", "-eA=1", "--env", "B=2=3", "-d", "--timeout", "2s",
              "echo", "--name", "x");
        CHECK_INT(p.r, ==, 0);
        CHECK_INT(flag_u64(&p.inv, "memory", 0), ==, 64 << 20);
        CHECK_INT(flag_u64(&p.inv, "cpu", 0), ==, 1500);
        CHECK_INT(flag_u64(&p.inv, "timeout", 0), ==, 2000);
        CHECK_INT(flag_u64(&p.inv, "pids", 7), ==, 7);
        CHECK_STR(flag_nth(&p.inv, "env", 0), "A=1");
        CHECK_STR(flag_nth(&p.inv, "env", 1), "B=2=3");
        CHECK(!flag_nth(&p.inv, "env", 2));
        CHECK(flag_given(&p.inv, "detach"));
        CHECK(!flag_given(&p.inv, "name")); /* behind the first operand: the command's own */
        CHECK_INT(p.inv.n_operands, ==, 3);
        CHECK_STR(p.inv.operands[0], "echo");
        CHECK_STR(p.inv.operands[1], "--name");
        CHECK(!p.inv.operands[3]);
}

TEST(command_flags_end_at_two_dashes)
{
        PARSE("search", "--limit", "3", "--", "--limit", "-x");
        CHECK_INT(p.r, ==, 0);
        CHECK_INT(p.inv.n_operands, ==, 2);
        CHECK_STR(p.inv.operands[0], "--limit");
        CHECK_STR(p.inv.operands[1], "-x");
}

TEST(command_flags_behind_operands_where_allowed)
{
        PARSE("search", "two", "words", "--json", "-");
        CHECK_INT(p.r, ==, 0);
        CHECK(p.inv.json);
        CHECK_INT(p.inv.n_operands, ==, 3);
        CHECK_STR(p.inv.operands[2], "-");
}

TEST(command_refuses_and_says_why)
{
        static const struct {
                const char *name, *words[4], *says;
        } rows[] = {
                {"run", {"--memroy", "1", "x"}, "unknown flag '--memroy', did you mean --memory?"},
                {"run", {"-q", "x"}, "unknown flag '-q'; see 'paddock run --help'"},
                {"run", {"--memory"}, "--memory: needs a value, SIZE"},
                {"run", {"--memory", "x", "y"}, "--memory: 'x' is not valid, expected a size"},
                {"run", {"--memory=16M", "-m32M", "y"}, "--memory: given twice"},
                {"run", {"--detach=yes", "y"}, "--detach: takes no value"},
                {"run", {"--pids", "0", "y"}, "--pids: '0' is not valid"},
                {"run", {"--stdin", "maybe", "y"}, "expected one of auto, yes, no"},
                {"run", {"--json"}, "usage: paddock run [--] COMMAND"},
                {"wait", {"a", "b"}, "unexpected 'b'; usage: paddock wait ID"},
                {"wait", {NULL}, "usage: paddock wait ID"},
                {"search", {"--limit", "101", "x"}, "--limit: '101' is not valid"},
                {"index", {"--volume", "A_B"}, "--volume: 'A_B' is not valid, expected a name"},
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                CLEANUP(parsed_done) struct parsed p = {0};
                p.r = invocation_parse(find(rows[i].name), (char *const *)rows[i].words, &p.inv,
                                       &p.err);
                CHECK_INT(p.r, ==, -EINVAL);
                CHECK_CONTAINS(p.err.text, rows[i].says);
        }
}

TEST(command_help_needs_no_operands)
{
        PARSE("wait", "--help");
        CHECK_INT(p.r, ==, 0);
        CHECK(flag_given(&p.inv, "help"));
}

TEST(command_find_knows_nouns_and_suggests)
{
        struct err err;
        unsigned used = 0;
        const char *const volume_put[] = {"volume", "put", "x", NULL};
        CHECK(command_find((char *const *)volume_put, &used, &err) == find("volume put"));
        CHECK_INT(used, ==, 2);
        const char *const run[] = {"run", "x", NULL};
        CHECK(command_find((char *const *)run, &used, &err) == find("run"));
        CHECK_INT(used, ==, 1);
        const char *const typo[] = {"indxe", NULL};
        CHECK(!command_find((char *const *)typo, &used, &err));
        CHECK_CONTAINS(err.text, "did you mean 'index'?");
        const char *const verb[] = {"docs", "lits", NULL};
        CHECK(!command_find((char *const *)verb, &used, &err));
        CHECK_CONTAINS(err.text, "did you mean 'docs list'?");
        const char *const noun[] = {"docs", NULL};
        CHECK(!command_find((char *const *)noun, &used, &err));
        CHECK_CONTAINS(err.text, "needs one of: list, show, remove, status");
        const char *const far[] = {"zzzzzzzz", NULL};
        CHECK(!command_find((char *const *)far, &used, &err));
        CHECK(!strstr(err.text, "did you mean"));
}

static void check_flags(const struct command *c, const struct flag *rows)
{
        for (const struct flag *f = rows; f && f->o.name; f++) {
                CHECK(f->o.doc && f->o.doc[strlen(f->o.doc) - 1] == '.');
                CHECK(f->arg || f->o.type == OPTION_BOOL);
                for (const struct flag *g = rows; g != f; g++) {
                        CHECK(!str_eq(g->o.name, f->o.name));
                        CHECK(!f->letter || g->letter != f->letter);
                }
                for (const struct flag *g = common_flags; rows != common_flags && g->o.name; g++)
                        if (str_eq(g->o.name, f->o.name) || (f->letter && g->letter == f->letter))
                                test_failed(__FILE__, __LINE__, "%s hides --%s", c->name,
                                            g->o.name);
        }
}

TEST(command_rows_are_well_formed)
{
        for (size_t i = 0; i < commands_n; i++) {
                const struct command *c = commands[i];
                CHECK(c->run && c->summary && c->operands);
                CHECK_INT(c->summary[strlen(c->summary) - 1], ==, '.');
                CHECK(c->min_operands <= c->max_operands);
                CHECK((*c->operands == '\0') == (c->max_operands == 0));
                check_flags(c, c->flags);
                CHECK(find(c->name) == c); /* no name twice */
        }
        check_flags(commands[0], common_flags);
}

TEST(command_help_and_manuals_name_every_flag)
{
        for (size_t i = 0; i < commands_n; i++) {
                const struct command *c = commands[i];
                CLEANUP(buf_done) struct buf help;
                CLEANUP(buf_done) struct buf man;
                buf_init(&help, 1 << 16);
                buf_init(&man, 1 << 16);
                CHECK_INT(help_command(c, &help), ==, 0);
                CHECK_INT(help_man(c, &man), ==, 0);
                for (const struct flag *f = c->flags; f && f->o.name; f++) {
                        CHECK_CONTAINS(buf_text(&help), f->o.name);
                        CHECK_CONTAINS(buf_text(&man), f->o.doc[0] == '-' ? f->o.name : ".TP");
                }
        }
}

TEST(result_becomes_an_exit_code)
{
        static const struct {
                const char *json;
                int code;
        } rows[] = {
                {"{\"reason\":\"exited\",\"exit_code\":0}", 0},
                {"{\"reason\":\"exited\",\"exit_code\":7}", 7},
                {"{\"reason\":\"signal\",\"signal\":11}", 139},
                {"{\"reason\":\"killed\",\"signal\":15}", 143},
                {"{\"reason\":\"killed\"}", 137},
                {"{\"reason\":\"wall\"}", EXIT_TIME_LIMIT},
                {"{\"reason\":\"oom\",\"signal\":9}", EXIT_MEMORY},
                {"{\"reason\":\"lost\",\"exit_code\":0}", EXIT_LOST},
                {"{}", EXIT_LOST},
                {"{\"state\":\"done\",\"reason\":\"\"}", 0},
                {"{\"state\":\"failed\",\"reason\":\"no memory\"}", EXIT_FAILED},
        };
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                auto_json json_t *j = NULL;
                CHECK_INT(json_parse(rows[i].json, strlen(rows[i].json), &j, NULL), ==, 0);
                CHECK_INT(result_exit_code(j), ==, rows[i].code);
        }
}

/* --- the walk --- */

static int note_file(void *ctx, int dirfd, const char *name, const char *path,
                     const struct stat *st, struct err *err)
{
        (void)err;
        auto_close int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        CHECK(fd >= 0 && S_ISREG(st->st_mode));
        return buf_addf(ctx, "%s;", path);
}

static void note_problem(void *ctx, const char *path, const char *reason)
{
        CHECK_INT(buf_addf(ctx, "!%s: %s;", path, reason), ==, 0);
}

static void touch(const char *path)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        CHECK(fd >= 0);
        close(fd);
}

TEST(walk_follows_nothing_and_skips_what_is_no_file)
{
        char dir[] = "/tmp/paddock-walk-XXXXXX";
        struct err err;
        CLEANUP(buf_done) struct buf b;
        buf_init(&b, 4096);
        struct walk w = {.file = note_file, .problem = note_problem, .ctx = &b};
        CHECK(mkdtemp(dir) && chdir(dir) == 0);
        CHECK(mkdir("d", 0700) == 0 && mkdir("d/sub", 0700) == 0 && mkdir("d/.hidden", 0700) == 0);
        touch("d/b.txt");
        touch("d/a.txt");
        touch("d/sub/c.txt");
        touch("d/.hidden/x");
        touch("d/bad\nname");
        CHECK(symlink("/etc/passwd", "d/out") == 0 && symlink("..", "d/up") == 0);
        CHECK(mkfifo("d/fifo", 0600) == 0 && symlink("d", "named") == 0);
        CHECK_INT(walk_path(&w, "d", "", &err), ==, 0);
        CHECK_STR(buf_text(&b), "d/a.txt;d/b.txt;!d/bad\nname: its name cannot be used in a "
                                "volume;d/sub/c.txt;");
        buf_clear(&b);
        CHECK_INT(walk_path(&w, "d/a.txt", "pre/fix", &err), ==, 0);
        CHECK_STR(buf_text(&b), "pre/fix/a.txt;");
        buf_clear(&b);
        CHECK_INT(walk_path(&w, "named", "", &err), ==, 0); /* a link that was named is meant */
        CHECK_CONTAINS(buf_text(&b), "d/sub/c.txt;");
        CHECK_INT(walk_path(&w, "d/fifo", "", &err), ==, -EINVAL);
        CHECK_INT(walk_path(&w, "d/none", "", &err), ==, -ENOENT);
        CHECK_CONTAINS(err.text, "d/none: ");
}
