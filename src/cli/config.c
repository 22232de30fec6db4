#include "cli/out.h"
#include "cli/command.h"
#include "cli/server.h"
#include "conf/config.h"
#include "base/limits.h"
#include "base/mem.h"

static int load(const struct invocation *inv, struct config **ret)
{
        CLEANUP(config_problems_done) struct config_problems p;
        config_problems_init(&p);
        auto_free char *path = inv->n_operands ? xstrdup(inv->operands[0]) : server_config_path();
        int r = config_load(path, ret, &p);
        if (r == -ENOENT && inv->n_operands)
                config_problem(&p, path, 0, "no such file");
        if (r == -ENOENT && !inv->n_operands) {
                *ret = config_new();
                return 0;
        }
        const char *text = buf_text(&p.text);
        out_text(stderr, text, strlen(text));
        if (p.count > CONFIG_PROBLEMS_MAX)
                fprintf(stderr, "%s: %u problems in all\n", path, p.count);
        return r;
}

static void print_json(const struct config *c)
{
        auto_json json_t *all = json_array();
        for (size_t i = 0; i < config_options_n; i++) {
                const struct option *o = &config_options[i];
                json_array_append_new(all, json_pack("{s:s,s:s,s:s,s:b,s:s}", "name", o->name,
                                                     "value", config_get(c, o->name), "origin",
                                                     config_origin(c, o->name), "reloadable",
                                                     o->reloadable, "doc", o->doc));
        }
        auto_json json_t *answer = json_pack("{s:O}", "options", all);
        out_json(answer);
}

static int show(struct invocation *inv)
{
        static const char *const titles[] = {"OPTION", "VALUE", "FROM", NULL};
        CLEANUP(config_freep) struct config *c = NULL;
        if (load(inv, &c) < 0)
                return EXIT_BAD_USAGE;
        if (inv->json) {
                print_json(c);
                return EXIT_DONE;
        }
        CLEANUP(table_freep) struct table *t = table_new(titles);
        for (size_t i = 0; i < config_options_n; i++) {
                const struct option *o = &config_options[i];
                CLEANUP(buf_done) struct buf b = {0};
                buf_init(&b, 8192);
                if (option_show(o, config_get(c, o->name), &b) < 0)
                        return EXIT_FAILED;
                table_cell(t, "%s", o->name);
                table_cell(t, "%s", b.len ? buf_text(&b) : "-");
                table_cell(t, "%s", config_origin(c, o->name));
        }
        table_print(t);
        return EXIT_DONE;
}

static int check(struct invocation *inv)
{
        CLEANUP(config_freep) struct config *c = NULL;
        if (load(inv, &c) < 0)
                return EXIT_BAD_USAGE;
        if (inv->json)
                puts("{\"ok\":true}");
        return EXIT_DONE;
}

static int example(struct invocation *inv)
{
        CLEANUP(buf_done) struct buf b = {0};
        buf_init(&b, 1 << 20);
        int r = config_example(&b);
        if (r < 0)
                return fail(r, NULL);
        if (inv->json) {
                auto_json json_t *answer = json_pack("{s:s}", "text", buf_text(&b));
                out_json(answer);
        } else {
                fputs(buf_text(&b), stdout);
        }
        return EXIT_DONE;
}

const struct command command_config_show = {
        .name = "config show",
        .operands = "[FILE]",
        .summary = "Show every option, its value and where that comes from.",
        .details =
                "Without FILE, the file that 'paddock serve' reads when none is named, or the "
                "defaults where it is not there. What a server that runs was given by --set is not "
                "shown.",
        .max_operands = 1,
        .run = show,
};

const struct command command_config_check = {
        .name = "config check",
        .operands = "[FILE]",
        .summary = "Check a configuration file and report every mistake with its line.",
        .max_operands = 1,
        .run = check,
};

const struct command command_config_example = {
        .name = "config example",
        .operands = "",
        .summary = "Print a configuration file with every option, commented, at its default.",
        .run = example,
};
