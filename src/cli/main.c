/* The `paddock` executable: finds the command, parses its flags, runs it. */
#include "cli/command.h"
#include "cli/out.h"
#include "base/str.h"
#include <signal.h>

static int print_help(const struct command *c)
{
        CLEANUP(buf_done) struct buf b = {0};
        buf_init(&b, 1 << 20);
        int r = c ? help_command(c, &b) : help_overview(&b);
        if (r < 0)
                return fail(r, NULL);
        fputs(buf_text(&b), stdout);
        return EXIT_DONE;
}

static int run(char **words)
{
        CLEANUP(invocation_done) struct invocation inv = {0};
        struct err err = {0};
        unsigned used = 0;
        const struct command *c = command_find(words, &used, &err);
        if (!c)
                return fail(-EINVAL, &err);
        int r = invocation_parse(c, words + used, &inv, &err);
        if (r < 0)
                return fail(r, &err);
        return flag_given(&inv, "help") ? print_help(c) : c->run(&inv);
}

int main(int argc, char **argv)
{
        signal(SIGPIPE, SIG_IGN);
        if (argc < 2 || str_eq(argv[1], "--help") || str_eq(argv[1], "-h")) {
                print_help(NULL);
                return argc < 2 ? EXIT_BAD_USAGE : EXIT_DONE;
        }
        if (str_eq(argv[1], "--version")) {
                puts("paddock " PADDOCK_VERSION);
                return EXIT_DONE;
        }
        int status = run(argv + 1);
        /* What could not be written was not delivered: a full disk is not success. */
        if (fflush(stdout) != 0 && errno != EPIPE && status == EXIT_DONE)
                status = fail(-errno, NULL);
        return status;
}
