/* `paddock help`, and what the build asks of it; help.c makes the texts. */
#include "cli/command.h"
#include "cli/out.h"
#include "base/str.h"

static int print(int r, const struct buf *b)
{
        if (r < 0)
                return fail(r, NULL);
        fputs(buf_text(b), stdout);
        return EXIT_DONE;
}

static int exit_man(const struct invocation *inv, struct buf *b, struct err *err)
{
        const char *name = flag_text(inv, "man");
        if (str_eq(name, "paddock"))
                return help_man_main(b);
        for (size_t i = 0; i < commands_n; i++)
                if (str_eq(commands[i]->name, name))
                        return help_man(commands[i], b);
        return err_set(err, -EINVAL, "there is no command '%.64s'", name);
}

static int run(struct invocation *inv)
{
        struct err err = {0};
        unsigned used;
        CLEANUP(buf_done) struct buf b = {0};
        buf_init(&b, 1 << 20);
        if (flag_given(inv, "completion"))
                return print(help_completion(&b), &b);
        if (flag_given(inv, "man")) {
                int r = exit_man(inv, &b, &err);
                return r < 0 ? fail(r, &err) : print(r, &b);
        }
        if (flag_given(inv, "names")) {
                for (size_t i = 0; i < commands_n; i++)
                        puts(commands[i]->name);
                return EXIT_DONE;
        }
        if (inv->n_operands == 0)
                return print(help_overview(&b), &b);
        const struct command *c = command_find(inv->operands, &used, &err);
        return c ? print(help_command(c, &b), &b) : fail(-EINVAL, &err);
}

static const struct flag flags[] = {
        {.o = {.name = "man",
               .type = OPTION_STR,
               .doc = "Print a manual page: of a command, or of paddock."},
         .arg = "NAME"},
        {.o = {.name = "completion", .doc = "Print the completion for bash."}},
        {.o = {.name = "names", .doc = "Print the names of all commands, one a line."}},
        FLAGS_END,
};

const struct command command_help = {
        .name = "help",
        .operands = "[COMMAND]",
        .summary = "Say what Paddock does, or what one command does.",
        .flags = flags,
        .max_operands = 2,
        .run = run,
};
